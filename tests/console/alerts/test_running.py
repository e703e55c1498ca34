"""The console's process runs alerts, and answers meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from relayproxy.console.app import build
from relayproxy.settings.model import Settings
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.archive import Archive
from tests.patience import PATIENCE


class Hook:
    """A webhook's end that hangs."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self.gate = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        await request.read()
        self.arrived.set()
        await self.gate.wait()
        return web.Response()


@pytest.fixture
async def hook() -> AsyncIterator[tuple[str, Hook]]:
    hook = Hook()
    app = web.Application()
    app.router.add_post("/", hook.take)
    async with TestServer(app) as server:
        yield str(server.make_url("/")), hook
        hook.gate.set()


async def test_an_alert_is_told_by_a_console_that_goes_on_answering(
    hook: tuple[str, Hook], tmp_path: Path, archive: Archive, queries: Queries, writer: AnnotationWriter
) -> None:
    url, end = hook
    settings = Settings.model_validate(
        {
            "data_dir": tmp_path / "data",
            "alerts": {"full": {"kind": "disk", "above": 0}},
            "webhooks": {"ops": {"url": url}},
        }
    )
    async with asyncio.timeout(PATIENCE):
        async with TestClient(TestServer(build(settings, queries, writer))) as client:
            await end.arrived.wait()
            async with client.get("/api/sessions") as response:
                assert response.status == 200
        # It stopped although the webhook still hangs.
        assert not end.gate.is_set()
