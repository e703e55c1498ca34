"""Backends: real servers are dialled, and what they answer is told."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.utils import accept_key

from relayproxy.doctor import backends
from relayproxy.doctor.backends import backend, shadow
from relayproxy.doctor.check import Result
from relayproxy.doctor.clock import Clocks
from relayproxy.settings.model import Settings
from relayproxy.settings.shadow import Shadow
from relayproxy.settings.tables import Route
from tests.patience import PATIENCE
from tests.relay.tls import Tls

TOKEN = "0123456789abcdef0123456789abcdef"


class Backend:
    """A server by `websockets`: the requests that came, and what was received of each WebSocket until it ended."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.received: list[Any] = []
        self.closes: asyncio.Queue[int | None] = asyncio.Queue()
        self.status: HTTPStatus | None = None
        self.url = ""

    async def process(self, connection: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        return connection.respond(self.status, "no") if self.status else None

    async def talk(self, connection: ServerConnection) -> None:
        await connection.send("x" * 70_000)
        try:
            self.received += [message async for message in connection]
        except ConnectionClosed as closed:
            self.received.append(closed)
        self.closes.put_nowait(connection.close_code)


@asynccontextmanager
async def started(tls: ssl.SSLContext | None = None) -> AsyncIterator[Backend]:
    found = Backend()
    async with serve(
        found.talk, "localhost", 0, process_request=found.process, ssl=tls, family=socket.AF_INET
    ) as server:
        port = server.sockets[0].getsockname()[1]
        found.url = f"{'wss' if tls else 'ws'}://localhost:{port}"
        yield found


@asynccontextmanager
async def raw(answer: Callable[[str], str | None]) -> AsyncIterator[str]:
    """A server that answers a request's key as it is told, and then nothing any more, until its peer leaves."""
    handled: asyncio.Queue[None] = asyncio.Queue()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        accept = answer(head.partition("Sec-WebSocket-Key: ")[2].partition("\r\n")[0])
        if accept is not None:
            lines = ("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade")
            writer.write("\r\n".join((*lines, f"Sec-WebSocket-Accept: {accept}", "", "")).encode())
        with suppress(ConnectionError):
            await reader.read()
        writer.close()
        handled.put_nowait(None)

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await asyncio.wait_for(handled.get(), PATIENCE)


async def dialled(
    settings: Settings, target: str = "/", route: str = "default", clocks: Clocks | None = None
) -> Result:
    (result,) = await backend(settings, route, target, clocks or Clocks())
    assert TOKEN not in repr(result)
    return result


async def test_a_websocket_opens_and_closes_without_a_message() -> None:
    async with started() as found:
        clocks = Clocks()
        (result,) = await backend(Settings(backend=f"{found.url}?key=canary"), "default", "/ws?a=1", clocks)

        assert await asyncio.wait_for(found.closes.get(), PATIENCE) == 1000
    assert result.state == "ok"
    assert result.text.startswith(f"{found.url}/ws?key=***&a=*** takes calls: 101 after ")
    assert found.received == []
    (request,) = found.requests
    assert (request.path, request.headers["x-relayproxy-doctor"]) == ("/ws?key=canary&a=1", "1")
    assert "X-Twilio-Signature" not in request.headers
    assert [one.state for one in clocks.results()] == ["ok"]


async def test_a_named_route_is_dialled_as_its_calls_are() -> None:
    async with started() as found:
        settings = Settings(routes={"sales": Route(backend=f"{found.url}/voice")}, public_url="wss://relay.example.com")
        result = await dialled(settings, "/r/sales/ws", "sales")

    assert (result.name, result.state) == ("sales", "ok")
    (request,) = found.requests
    assert request.path == "/voice/ws"
    assert request.headers["Host"] == "relay.example.com"
    assert request.headers["X-Forwarded-Host"] == "relay.example.com"


async def test_the_second_backend_of_a_shadow_is_dialled_as_a_copied_call_is() -> None:
    async with started() as first, started() as second:
        route = Route(backend=f"{first.url}/voice", shadow=Shadow(backend=f"{second.url}/next"))
        settings = Settings(routes={"sales": route})
        (good,) = await shadow(settings, "sales", "/r/sales/ws", Clocks())
        second.status = HTTPStatus.NOT_FOUND
        (bad,) = await shadow(settings, "sales", "/r/sales/ws", Clocks())
        (climbing,) = await shadow(settings, "sales", "/r/sales/../ws", Clocks())

    assert first.requests == []
    assert [request.path for request in second.requests] == ["/next/ws"] * 2
    assert second.requests[0].headers["x-relayproxy-shadow"] == second.requests[0].headers["x-relayproxy-doctor"] == "1"
    assert {one.name for one in (good, bad, climbing)} == {"shadow of sales"}
    assert (good.state, good.text.partition(" takes calls")[0]) == ("ok", f"{second.url}/next/ws")
    assert (bad.state, "404" in bad.text) == ("failed", True)
    assert (climbing.state, climbing.action) == ("failed", "choose another --path")


@pytest.mark.parametrize("mode", ["preserve", "resign"])
async def test_a_backend_that_checks_signatures_gets_a_good_one(mode: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_HERE", TOKEN)
    async with started() as found:
        settings = Settings(
            backend=found.url,
            public_url="wss://relay.example.com",
            auth_tokens="env:TOKEN_HERE",
            signature=mode,
            host_header="backend",
        )
        await dialled(settings, "/ws")

    (request,) = found.requests
    signed = {"preserve": "wss://relay.example.com/ws", "resign": f"{found.url}/ws"}[mode]
    assert RequestValidator(TOKEN).validate(signed, {}, request.headers["X-Twilio-Signature"])
    assert ("X-Forwarded-Host" in request.headers) == (mode == "preserve")


@pytest.mark.parametrize(
    ("status", "state", "action"),
    [
        (403, "warning", "set auth_tokens and public_url, and it is asked with a signature"),
        (401, "failed", "it asks for credentials"),
        (404, "failed", "name the path that Twilio gets with --path"),
        (503, "failed", "it takes no calls now"),
        (302, "failed", "no redirect is followed"),
        (418, "failed", "see its log"),
    ],
)
async def test_a_refusal_is_explained(status: int, state: str, action: str) -> None:
    async with started() as found:
        found.status = HTTPStatus(status)
        result = await dialled(Settings(backend=found.url))

    assert result.state == state
    assert str(status) in result.text
    assert action in result.action
    assert len(found.requests) == 1


async def test_a_signed_request_that_is_refused_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_HERE", TOKEN)
    async with started() as found:
        found.status = HTTPStatus.FORBIDDEN
        settings = Settings(backend=found.url, public_url="wss://relay.example.com", auth_tokens="env:TOKEN_HERE")
        result = await dialled(settings)

    assert result.state == "failed"
    assert "which URL its signature check builds" in result.action


async def test_tls_is_checked_as_the_relay_checks_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls = Tls(tmp_path)
    async with started(tls.server) as found:
        settings = Settings(backend=found.url)
        refused = await dialled(settings)
        assert (refused.state, found.requests) == ("failed", [])
        assert "the backend's certificate was not accepted" in refused.text

        monkeypatch.setenv("SSL_CERT_FILE", str(tls.ca))
        result = await dialled(settings)
        assert result.state == "ok"
        assert "101 over TLS after" in result.text
        other = await dialled(Settings(backend=found.url.replace("localhost", "127.0.0.2")))
        assert other.state == "failed"


async def test_nobody_is_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        result = await dialled(Settings(backend=f"ws://127.0.0.1:{unused.getsockname()[1]}"))

    assert result.state == "failed"
    assert "no connection with the backend (Connection refused)" in result.text
    assert "start it, or correct its URL" in result.action


async def test_a_backend_that_says_nothing_is_waited_for_as_long_as_a_call_waits() -> None:
    async with raw(lambda _: None) as url:
        result = await dialled(Settings(backend=url, connect_timeout=0.1))

    assert result.state == "failed"
    assert "did not answer within 0.1 s" in result.text


async def test_a_101_that_twilio_would_not_take() -> None:
    async with raw(lambda _: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") as url:
        result = await dialled(Settings(backend=url))

    assert result.state == "failed"
    assert "wrong Sec-WebSocket-Accept" in result.text


async def test_a_backend_that_does_not_hang_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "GOODBYE", 0.2)

    async with raw(accept_key) as url:
        result = await dialled(Settings(backend=url))

    assert result.state == "warning"
    assert "no answer to a close frame within 0.2 s" in result.text


async def test_a_path_that_climbs_out() -> None:
    result = await dialled(Settings(backend="ws://127.0.0.1:9/voice"), "/../x")

    assert (result.state, result.action) == ("failed", "choose another --path")
