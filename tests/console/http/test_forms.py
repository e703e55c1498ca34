"""What is sent along with a request is read or refused, and never makes the console fail."""

import asyncio
import gzip
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from relayproxy.assets import web_dir
from relayproxy.console.http import forms
from relayproxy.console.http.forms import MAX_FORM_BYTES, form_of
from relayproxy.console.http.middleware import bad_request, error_middleware
from relayproxy.console.http.render import set_up_templates
from relayproxy.console.http.static_files import StaticFiles
from relayproxy.console.sessions.annotations import note_of
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client
from tests.console.door import PASSWORD, console_on, settings_in
from tests.databases import migrated
from tests.patience import PATIENCE

FORM = "application/x-www-form-urlencoded"
MULTIPART = b'--x\r\nContent-Disposition: form-data; name="text"; filename="a.txt"\r\n\r\nHello\r\n--x--\r\n'
REFUSED = [
    (415, {"Content-Type": f"{FORM}; charset=zz"}, b"text=a"),
    (415, {"Content-Type": f"{FORM}; charset=rot13"}, b"text=a"),
    (415, {"Content-Type": f"{FORM}; charset=utf-7"}, b"text=a"),
    (415, {"Content-Type": "multipart/form-data"}, b"text=a"),
    (415, {"Content-Type": "multipart/form-data; boundary=x"}, b"garbage"),
    (415, {"Content-Type": "multipart/form-data; boundary=x"}, MULTIPART),
    (415, {"Content-Type": "application/json"}, b'{"text": "a"}'),
    (415, {"Content-Type": ";;;"}, b"text=a"),
    (415, {"Content-Type": FORM, "Content-Encoding": "gzip"}, b"text=a"),
    (415, {"Content-Type": FORM, "Content-Encoding": "gzip"}, gzip.compress(b"text=a", mtime=0)),
    (415, {"Content-Type": FORM, "Content-Encoding": "zz"}, b"text=a"),
    (413, {"Content-Type": FORM}, b"text=" + b"a" * MAX_FORM_BYTES),
    (400, {"Content-Type": FORM}, b"&".join(b"text=%d" % number for number in range(30))),
]


@pytest.mark.parametrize(("status", "headers", "body"), REFUSED)
async def test_before_signing_in_odd_forms_are_refused(
    status: int, headers: dict[str, str], body: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_in(tmp_path / "data")
    migrated(settings.database)
    async with console_on(settings) as client, client.post("/signin", data=body, headers=headers) as answer:
        assert answer.status == status
        assert answer.content_type == "text/html"
    assert not [one for one in caplog.records if one.levelno >= logging.ERROR and one.name.startswith("relayproxy")]


async def test_bytes_that_are_no_text_are_a_wrong_name(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "data")
    migrated(settings.database)
    async with console_on(settings) as client:
        for name in (b"\xff", b"%ff", b"%00", b"%ed%a0%80", b"\0"):
            sent = b"name=" + name + b"&password=x&next=%ff"
            async with client.post("/signin", data=sent, headers={"Content-Type": FORM}) as answer:
                assert answer.status == 401
        sent = f"name=alice&password={PASSWORD}".encode()
        headers = {"Content-Type": f"{FORM}; charset=UTF-8"}
        async with client.post("/signin", data=sent, headers=headers, allow_redirects=False) as answer:
            assert answer.status == 303


@pytest.mark.parametrize("form", ["notes", "tags"])
async def test_odd_notes_and_tags_are_refused(client: Client, archive: Archive, form: str) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    for status, headers, body in REFUSED:
        # The console hangs up on who sends what cannot be unpacked.
        alone = {**headers, "Connection": "close"}
        async with client.post(f"/sessions/{call.id}/{form}", data=body, headers=alone) as answer:
            assert answer.status == status, (headers, body[:50])


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (400, {}, b""),
        (400, {}, b"\xff"),
        (400, {}, b'{"text": "\xff"}'),
        (400, {}, rb'{"text": "\ud800"}'),
        (400, {}, b"[" * 100_000),
        (400, {}, b'{"text": "a", "more": %b%b}' % (b"[" * 60_000, b"]" * 60_000)),
        (400, {}, b'{"text": 1}'),
        (415, {"Content-Encoding": "gzip"}, b'{"text": "a"}'),
    ],
)
async def test_odd_json_is_refused(
    client: Client, archive: Archive, status: int, headers: dict[str, str], body: bytes
) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    async with client.post(f"/api/sessions/{call.id}/notes", data=body, headers=headers) as answer:
        assert answer.status == status, await answer.text()
        code = (await answer.json())["error"]["code"]
    assert code == {400: "bad_request", 415: "unsupported_media_type"}[status]


async def test_what_no_database_takes_is_replaced(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    assert note_of("a\0b\ud800") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"
    async with client.post(f"/api/sessions/{call.id}/notes", data=rb'{"text": "a\u0000b"}') as answer:
        assert answer.status == 201
        assert (await answer.json())["text"] == "a\N{REPLACEMENT CHARACTER}b"


@pytest.fixture
async def echo() -> AsyncIterator[Client]:
    """Answers with an error that quotes half a character."""

    async def refuse(request: web.Request) -> web.Response:
        if request.can_read_body:
            return web.json_response(await form_of(request))
        raise bad_request("\ud800 is no text")

    app = web.Application(middlewares=[error_middleware])
    set_up_templates(app, StaticFiles(web_dir() / "static"))
    app.add_routes([web.get("/api/odd", refuse), web.get("/odd", refuse), web.post("/form", refuse)])
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_an_error_that_quotes_half_a_character_is_told(echo: Client) -> None:
    async with echo.get("/api/odd") as answer:
        assert (answer.status, (await answer.json())["error"]["message"]) == (400, "\ufffd is no text")
    async with echo.get("/odd") as answer:
        assert answer.status == 400
        assert "\ufffd is no text" in await answer.text()


async def test_of_fields_with_one_name_the_first_counts(echo: Client) -> None:
    async with echo.post("/form", data=b"a=1&a=2&b=&c", headers={"Content-Type": FORM}) as answer:
        assert await answer.json() == {"a": "1", "b": "", "c": ""}


async def test_a_body_that_does_not_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "BODY_TIMEOUT", 0.1)

    async def answer(request: web.Request) -> web.Response:
        return web.json_response(await form_of(request))

    app = web.Application(middlewares=[error_middleware])
    app.router.add_post("/api/form", answer)
    async with TestServer(app) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(
            f"POST /api/form HTTP/1.1\r\nHost: a\r\nContent-Type: {FORM}\r\nContent-Length: 3\r\n\r\na=".encode()
        )
        async with asyncio.timeout(PATIENCE):
            assert await reader.readline() == b"HTTP/1.1 408 Request Timeout\r\n"
        writer.close()
