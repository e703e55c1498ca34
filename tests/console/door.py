"""A console that asks who somebody is, for tests.

Knows: who may sign in to it, and with what.
Must not know: what is tested.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from argon2 import PasswordHasher

from relayproxy.console.app import build
from relayproxy.passwords import token_digest
from relayproxy.settings.loading import load
from relayproxy.settings.model import Settings
from relayproxy.store.engine import open_engine, open_reader
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.annotation_writer import AnnotationWriter

Client = TestClient[web.Request, web.Application]

PASSWORD = "correct horse battery staple"
OTHER = "an admin's own password"
TOKEN = "rp_" + "t" * 43
_CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
HASH, OTHER_HASH = _CHEAP.hash(PASSWORD), _CHEAP.hash(OTHER)
USERS: dict[str, Any] = {
    "users": {"alice": {"password": HASH}, "root": {"password": OTHER_HASH, "role": "admin"}},
    "tokens": {"ci": {"sha256": token_digest(TOKEN)}},
}
BEARER = {"Authorization": f"Bearer {TOKEN}"}
PAGE = {"Accept": "text/html,application/xhtml+xml", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none"}
"""What a browser sends with a visit to a page."""


def settings_in(folder: Path, **values: Any) -> Settings:
    """Settings with alice, root and a token for ci; `values` come on top."""
    return load(None, {"data_dir": folder, "backend": "wss://agent.example.com/ws", **USERS, **values}, {})


@asynccontextmanager
async def console_on(settings: Settings, writer: AnnotationWriter | None = None) -> AsyncIterator[Client]:
    """A client of a console with these settings; it follows no redirects by itself unless asked to."""
    engine, writer = open_reader(settings.database), writer or AnnotationWriter(open_engine(settings.database))
    async with TestClient(TestServer(build(settings, Queries(engine), writer))) as client:
        yield client
    writer.close()
    engine.dispose()


async def sign_in(
    client: Client,
    name: str = "alice",
    password: str = PASSWORD,
    onward: str = "/sessions",
    headers: Mapping[str, str] | None = None,
) -> int:
    """Fills in the form; the status of the answer. The client keeps the cookie."""
    form = {"name": name, "password": password, "next": onward}
    async with client.post("/signin", data=form, allow_redirects=False, headers=headers) as response:
        return response.status


async def status_of(client: Client, path: str, method: str = "GET", **headers: str) -> int:
    """Of a request; `_` in a header's name stands for `-`."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.request(method, path, headers=sent, allow_redirects=False) as response:
        return response.status


async def cookie_of(client: Client, **headers: str) -> str:
    """The Set-Cookie header with which alice is signed in."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    form = {"name": "alice", "password": PASSWORD}
    async with client.post("/signin", data=form, allow_redirects=False, headers=sent) as response:
        assert response.status == 303
        return response.headers["Set-Cookie"]


def pair(set_cookie: str) -> str:
    """What a Cookie header sends back of it."""
    return set_cookie.partition(";")[0]


def behind_a_proxy(folder: Path, **values: Any) -> Settings:
    """Settings that believe what a proxy tells in `X-User`."""
    proxied = {"console_user_header": "X-User", "console_url": "https://console.example.com", **values}
    return settings_in(folder, **proxied)
