"""What every response has in common, and the static files."""

import asyncio
import logging
import posixpath
import re
from collections.abc import AsyncGenerator

import pytest
from aiohttp import ClientError, web
from aiohttp.test_utils import TestClient, TestServer

from relayproxy.assets import web_dir
from relayproxy.console.http.event_stream import stream
from relayproxy.console.http.middleware import CSP, error_middleware
from relayproxy.console.http.static_files import StaticFiles
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client


@pytest.mark.parametrize("path", ["/sessions", "/api/sessions", "/nowhere", "/api/nowhere", "/healthz", "/"])
async def test_every_response_is_protected(client: Client, archive: Archive, path: str) -> None:
    async with client.get(path, allow_redirects=False) as response:
        headers = response.headers
    assert headers["Content-Security-Policy"] == CSP
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in headers


async def test_no_page_has_a_script_or_a_style_within(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(50)).commit()
    for path in ("/sessions", f"/sessions/{call.id}", "/nowhere"):
        async with client.get(path) as response:
            text = await response.text()
        assert re.findall(r"<style|\sstyle=|\son\w+=", text) == []
        assert re.findall(r"<script[^>]*>(?!</script>)", text) == []
        assert re.findall(r'(?:src|href)="(?!/|#|\?)[^"]*"', text) == []


async def test_static_files_are_kept_while_their_url_stays(client: Client) -> None:
    static_files = StaticFiles(web_dir() / "static")
    url = static_files.url("http/console.css")
    async with client.get(url) as response:
        assert response.status == 200
        assert response.content_type == "text/css"
        assert "immutable" in response.headers["Cache-Control"]
        tag = response.headers["ETag"]
    async with client.get(url, headers={"If-None-Match": tag}) as response:
        assert (response.status, await response.read()) == (304, b"")
    async with client.get(url.replace(static_files.version, "0ld")) as response:
        assert response.status == 200
        assert response.headers["Cache-Control"] == "no-cache"


async def test_a_reader_who_leaves_before_a_stream_begins_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    done = asyncio.Event()

    async def events(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        try:
            return await stream(request, _nothing())
        finally:
            done.set()

    app = web.Application(middlewares=[error_middleware])
    app.router.add_get("/live", events)
    async with TestClient(TestServer(app)) as client:
        with pytest.raises(ClientError):
            await client.get("/live")
        await done.wait()
    assert [record.getMessage() for record in caplog.records if record.levelno > logging.INFO] == []


async def _nothing() -> AsyncGenerator[str, None]:
    for event in list[str]():
        yield event


@pytest.mark.parametrize("name", ["nothing.css", "..%2ftemplates%2fbase.html", "%2e%2e%2ftemplates%2fbase.html"])
async def test_nothing_but_the_fixed_files_is_served(client: Client, name: str) -> None:
    async with client.get(f"/static/x/{name}") as response:
        assert response.status == 404


def test_every_file_that_is_asked_for_is_there() -> None:
    static_files = StaticFiles(web_dir() / "static")
    for template in (web_dir() / "templates").rglob("*.html"):
        for name in re.findall(r"static\('([^']+)'\)", template.read_text()):
            static_files.url(name)
    for script in (web_dir() / "static").rglob("*.js"):
        for name in re.findall(r'(?:from|import) "(\.[^"]+)"', script.read_text()):
            static_files.url(posixpath.normpath(posixpath.join(script.parent.name, name)))
    with pytest.raises(KeyError):
        static_files.url("nothing.css")
