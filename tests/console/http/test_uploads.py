"""Files in bodies and forms: read whole, bounded, and refused in words."""

import asyncio
import io
from collections.abc import AsyncIterator

import pytest
from aiohttp import FormData, web
from aiohttp.test_utils import TestClient, TestServer

from relayproxy.console.http import uploads
from relayproxy.console.http.middleware import Problem
from relayproxy.console.http.uploads import MIB, Upload, file_of, files_of

Client = TestClient[web.Request, web.Application]
LIMIT = 2 * MIB
seen: list[Upload] = []


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async def one(request: web.Request) -> web.Response:
        return web.json_response({"bytes": len(await file_of(request, LIMIT))})

    async def several(request: web.Request) -> web.Response:
        seen[:] = [upload async for upload in files_of(request, LIMIT)]
        return web.Response()

    async def told(request: web.Request, handler: object) -> web.StreamResponse:
        try:
            return await handler(request)  # type: ignore[operator,no-any-return]
        except Problem as problem:
            return web.json_response({"message": problem.message}, status=problem.status)

    app = web.Application(middlewares=[web.middleware(told)])
    app.add_routes([web.post("/api/one", one), web.post("/several", several)])
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_a_body_is_a_file_of_any_length_up_to_the_bound(client: Client) -> None:
    async with client.post("/api/one", data=io.BytesIO(bytes(LIMIT))) as answer:
        assert await answer.json() == {"bytes": LIMIT}
    async with client.post("/api/one", data=b"") as answer:
        assert await answer.json() == {"bytes": 0}


async def test_a_longer_one_is_refused_whether_or_not_it_says_so(client: Client) -> None:
    async def unannounced() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield bytes(MIB)

    for body in (io.BytesIO(bytes(LIMIT + 1)), unannounced()):
        async with client.post("/api/one", data=body) as answer:
            assert answer.status == 413
            assert (await answer.json())["message"] == "A file of at most 2 MiB is expected."


async def test_a_compressed_body_is_refused(client: Client) -> None:
    async with client.post("/api/one", data=b"x", headers={"Content-Encoding": "gzip"}) as answer:
        assert answer.status == 415


async def test_a_body_that_does_not_arrive_is_not_waited_for(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "SILENCE", 0.05)
    never = asyncio.Event()

    async def stalls() -> AsyncIterator[bytes]:
        yield b"x"
        await never.wait()

    async with client.post("/api/one", data=stalls()) as answer:
        assert answer.status == 408


@pytest.mark.parametrize("path", ["/api/one", "/several"])
async def test_a_body_that_trickles_is_given_up(client: Client, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(uploads, "SILENCE", 0.2)

    async def trickles() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\n'
        while True:
            yield b"x"
            await asyncio.sleep(0.01)

    kind = {"Content-Type": "multipart/form-data; boundary=x"} if path == "/several" else {}
    async with client.post(path, data=trickles(), headers=kind) as answer:
        assert answer.status == 408
        assert "64 KiB a second are expected" in (await answer.json())["message"]


async def test_a_form_may_have_several_files(client: Client) -> None:
    form = FormData({"other": "field"}, quote_fields=False)
    form.add_field("files", b"one", filename="a.gz")
    form.add_field("files", io.BytesIO(bytes(LIMIT + 1)), filename="large.gz")
    form.add_field("files", b"", filename="b\N{RIGHT-TO-LEFT OVERRIDE}.gz")
    async with client.post("/several", data=form) as answer:
        assert answer.status == 200

    assert seen == [Upload("a.gz", b"one"), Upload("large.gz", None), Upload("b\N{RIGHT-TO-LEFT OVERRIDE}.gz", b"")]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"a=b", "application/x-www-form-urlencoded", 415),
        (b"nothing of a form", "multipart/form-data; boundary=x", 400),
        (b"nothing", "multipart/form-data", 400),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\ncut',
            "multipart/form-data; boundary=x",
            400,
        ),
    ],
    ids=range(4),
)
async def test_what_is_no_form_with_files_is_refused(client: Client, body: bytes, kind: str, status: int) -> None:
    async with client.post("/several", data=body, headers={"Content-Type": kind}) as answer:
        assert answer.status == status
