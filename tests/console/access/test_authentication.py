"""Who sent a request: by password, token, trusted proxy or cookie, or nobody that is known."""

import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from relayproxy.console.access import cookies
from relayproxy.console.access.signin import SIGN_IN
from tests.console.door import (
    HASH,
    PAGE,
    PASSWORD,
    TOKEN,
    Client,
    behind_a_proxy,
    console_on,
    cookie_of,
    pair,
    settings_in,
    sign_in,
    status_of,
)
from tests.databases import migrated


@pytest.mark.parametrize("authorization", [f"Bearer {TOKEN}x", "Bearer ", "Bearer t\u00f6ken"])
async def test_a_wrong_token_is_refused_even_with_a_cookie(client: Client, authorization: str) -> None:
    await sign_in(client)
    async with client.get("/api/sessions", headers={"Authorization": authorization}) as response:
        assert response.status == 401
        assert (await response.json())["error"]["code"] == "wrong_token"


async def test_an_unknown_name_takes_as_long_as_a_known_one(folder: Path) -> None:
    # Costly enough that the difference to no check at all is plain.
    from argon2 import PasswordHasher

    slow = PasswordHasher(time_cost=2, memory_cost=16 * 1024, parallelism=1).hash(PASSWORD)
    async with console_on(settings_in(folder, users={"alice": {"password": slow}})) as client:
        assert client.app is not None
        authenticator = client.app[SIGN_IN].authenticator
        await authenticator.check("nobody", "x")  # makes the decoy

        async def seconds(name: str) -> float:
            began = time.process_time()
            assert not await authenticator.check(name, "x")
            return time.process_time() - began

        known = min([await seconds("alice") for _ in range(5)])
        unknown = min([await seconds("nobody") for _ in range(5)])
    assert unknown > known / 2


async def test_the_cookie_is_for_our_pages_alone(client: Client) -> None:
    plain = await cookie_of(client)
    assert {part.strip() for part in plain.split(";")[1:]} == {"HttpOnly", "Path=/", "SameSite=Strict"}

    secure = await cookie_of(client, X_Forwarded_Proto="https")
    assert secure.startswith("__Host-relayproxy=")
    assert {part.strip() for part in secure.split(";")[1:]} == {"HttpOnly", "Path=/", "SameSite=Strict", "Secure"}


async def test_over_https_only_a_cookie_that_was_made_there_counts(client: Client) -> None:
    secure = pair(await cookie_of(client, X_Forwarded_Proto="https"))
    client.session.cookie_jar.clear()
    planted = secure.removeprefix("__Host-")

    assert await status_of(client, "/api/sessions", X_Forwarded_Proto="https", Cookie=secure) == 200
    assert await status_of(client, "/api/sessions", X_Forwarded_Proto="https", Cookie=planted) == 401


async def test_a_cookie_that_was_changed_is_none(client: Client) -> None:
    cookie = pair(await cookie_of(client))
    client.session.cookie_jar.clear()

    assert await status_of(client, "/api/sessions", Cookie=cookie) == 200
    for spoilt in (
        cookie[:-2] + ("A" if cookie[-2] != "A" else "B") + cookie[-1],
        cookie + "x" * 5000,
        "relayproxy=",
        "relayproxy=.",
    ):
        assert await status_of(client, "/api/sessions", Cookie=spoilt) == 401


async def test_a_cookie_runs_out(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    await sign_in(client)
    now = time.time()

    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now + cookies.LIFETIME - 60)
    assert await status_of(client, "/api/sessions") == 200
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now + cookies.LIFETIME + 60)
    assert await status_of(client, "/api/sessions") == 401


async def test_a_cookie_survives_a_restart_unless_its_user_changed(folder: Path) -> None:
    async with console_on(settings_in(folder)) as client:
        cookie = pair(await cookie_of(client))

    for users, status in (
        ({"alice": {"password": HASH, "role": "admin"}}, 200),
        ({"alice": {"password": settings_in(folder).users["root"].password}}, 401),
        ({"alice": {}}, 401),
        ({"bob": {"password": HASH}}, 401),
    ):
        values: dict[str, Any] = {"users": users}
        async with console_on(settings_in(folder, **values)) as client:
            assert await status_of(client, "/api/sessions", Cookie=cookie) == status


async def test_consoles_on_several_hosts_can_share_a_key(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        clients = []
        for host, key in (("a", "k" * 32), ("b", "k" * 32), ("c", "x" * 32)):
            settings = settings_in(tmp_path / host, console_key=key)
            migrated(settings.database)
            clients.append(await stack.enter_async_context(console_on(settings)))
        cookie = pair(await cookie_of(clients[0]))
        assert [await status_of(one, "/api/sessions", Cookie=cookie) for one in clients[1:]] == [200, 401]
    assert not list(tmp_path.glob("*/console.key"))


async def test_without_passwords_no_key_is_made(folder: Path) -> None:
    async with console_on(settings_in(folder, users={})) as client:
        assert await status_of(client, "/signin") == 303
        async with client.get("/sessions", headers=PAGE, allow_redirects=False) as response:
            assert response.status == 401
    assert not (folder / "console.key").exists()


async def test_this_machine_needs_no_password_until_somebody_may_sign_in(folder: Path) -> None:
    async with console_on(settings_in(folder, users={}, tokens={})) as client:
        assert await status_of(client, "/sessions") == 200
        assert await status_of(client, "/audit") == 200
        assert await status_of(client, "/signin") == 303


async def test_a_trusted_proxy_says_who_it_is(folder: Path) -> None:
    async with console_on(behind_a_proxy(folder, users={"root": {"role": "admin"}})) as client:
        assert await status_of(client, "/api/sessions", X_User="anybody@example.com") == 200
        assert await status_of(client, "/api/audit", X_User="anybody@example.com") == 403
        assert await status_of(client, "/api/audit", X_User="root") == 200
        for nobody in ("", " ", "token:ci", "x" * 101):
            assert await status_of(client, "/api/sessions", X_User=nobody) == 401
        async with client.get("/api/sessions", headers=[("X-User", "a"), ("X-User", "root")]) as response:
            assert response.status == 401


async def test_the_header_counts_from_the_proxy_alone(folder: Path) -> None:
    async with console_on(behind_a_proxy(folder, console_proxies="10.0.0.0/8")) as client:
        assert await status_of(client, "/api/sessions", X_User="root") == 401
