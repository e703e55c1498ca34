"""What a backend that takes no call answers, and what is said of one that does not answer."""

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import InvalidStatus
from websockets.http11 import Request

from relayproxy.relay.handshake.stopwatch import Stopwatch
from relayproxy.relay.handshake.upstream import Refused, Upstream, own_host
from tests import wire
from tests.patience import PATIENCE
from tests.relay.raw import ask, echo, is_not_dialled, refusing_backend
from tests.running import Running, relay

LAST_HEADER = b"Connection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "head", "body"),
    [
        (
            b"HTTP/1.1 401 Who Are You\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 5\r\n\r\nnope\n",
            b"HTTP/1.1 401 Who Are You\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 5\r\n" + LAST_HEADER,
            b"nope\n",
        ),
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/elsewhere\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/elsewhere\r\nContent-Length: 0\r\n" + LAST_HEADER,
            b"",
        ),
        (
            b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nlat\r\n2\r\ner\r\n0\r\n\r\n",
            b"HTTP/1.1 503 Busy\r\nConnection: close\r\n\r\n",
            b"later",
        ),
        (
            b"HTTP/1.1 403 Keine Zufl\xfcsterer\r\n\r\nno length, ended by closing",
            b"HTTP/1.1 403 Keine Zufl\xfcsterer\r\n" + LAST_HEADER,
            b"no length, ended by closing",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Encoding: gzip\r\n\r\nhi",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n",
            b"hi",
        ),
    ],
)
async def test_a_refusal_is_passed_on_as_it_is(
    answer: bytes, head: bytes, body: bytes, relayed: tuple[socket.socket, Running]
) -> None:
    server, process = relayed
    serving = asyncio.create_task(asyncio.to_thread(refusing_backend(answer), server))
    assert await asyncio.to_thread(ask, process.port, wire.REQUEST) == (head, body)
    await serving
    is_not_dialled(server)


async def test_a_long_reason_phrase_is_passed_on_whole_and_told_in_short_and_once(
    relayed: tuple[socket.socket, Running],
) -> None:
    server, process = relayed
    phrase = b"p" * 60_000
    answer = b"HTTP/1.1 418 " + phrase + b"\r\nContent-Length: 0\r\n\r\n"
    for _ in range(2):
        serving = asyncio.create_task(asyncio.to_thread(refusing_backend(answer), server))
        head, _ = await asyncio.to_thread(ask, process.port, wire.REQUEST)
        await serving
        assert head.startswith(b"HTTP/1.1 418 " + phrase + b"\r\n")
    (line,) = (line for line in process.log.read_text().splitlines() if "answered 418 p" in line)
    assert line.endswith("the backend answered 418 " + "p" * 200)


async def test_nobody_there_is_502_and_silence_is_504() -> None:
    with wire.listening() as (_, silent), wire.listening() as (gone, port):
        gone.close()
        with relay(
            connect_timeout=0.5,
            routes={
                "gone": {"backend": f"ws://127.0.0.1:{port}"},
                "silent": {"backend": f"ws://127.0.0.1:{silent}"},
                "nowhere": {"backend": "ws://nowhere.invalid"},
            },
        ) as process:
            expected = {
                "gone": "HTTP 502: no connection with the backend (Connection refused)",
                "silent": "HTTP 504: the backend did not answer within 0.5 s (the setting connect_timeout)",
                "nowhere": "HTTP 502: the backend's host name could not be resolved",
            }
            for route, words in expected.items():
                with pytest.raises(InvalidStatus) as refused:
                    await connect(f"ws://127.0.0.1:{process.port}/r/{route}", proxy=None)
                response = refused.value.response
                assert f"HTTP {response.status_code}: {response.body.decode()[12:].strip()}" == words


@pytest.mark.parametrize("answer", [b"\x00\x01garbage\r\n\r\n", b"", b"HTTP/1.1 101 Switching Protocols\r\n\r\n"])
async def test_what_is_no_answer_is_502(answer: bytes, relayed: tuple[socket.socket, Running]) -> None:
    server, process = relayed
    serving = asyncio.create_task(asyncio.to_thread(refusing_backend(answer), server))
    head, _ = await asyncio.to_thread(ask, process.port, wire.REQUEST)
    assert head.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    await serving


async def test_a_certificate_nobody_vouches_for_is_502_and_never_tried_without(tmp_path: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    requests = 0

    def count(connection: ServerConnection, request: Request) -> None:
        nonlocal requests
        requests += 1

    async with serve(echo, "127.0.0.1", 0, ssl=context, process_request=count) as server:
        port = server.sockets[0].getsockname()[1]
        with relay(f"wss://localhost:{port}") as process:
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"ws://127.0.0.1:{process.port}/", proxy=None)
            assert refused.value.response.status_code == 502
            assert b"certificate was not accepted" in refused.value.response.body
    assert requests == 0


async def test_a_backend_without_the_tls_that_its_url_promises_is_told_in_words_of_tls() -> None:
    upstream = Upstream(connect_timeout=PATIENCE, tls=True)
    with wire.listening() as (server, port):

        def answer_in_plain(answer: bytes) -> None:
            with server.accept()[0] as backend:
                backend.recv(65536)
                backend.sendall(answer)
                backend.recv(65536)

        found = []
        for answer in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x03\x00\x02\x02\x28"):  # 40: handshake_failure
            serving = asyncio.create_task(asyncio.to_thread(answer_in_plain, answer))
            refused = await upstream.dial(f"wss://127.0.0.1:{port}", [], own_host=True, stopwatch=Stopwatch())
            assert isinstance(refused, Refused)
            found.append(refused.error)
            await serving
    assert [one.partition(" (")[0] for one in found] == ["no TLS connection with the backend"] * 2
    assert "wrong version number" in found[0]
    assert "handshake failure" in found[1]


async def test_addresses_that_fail_in_different_ways_are_not_told_to_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    async def look_up(_: str, port: int, **__: Any) -> list[tuple[Any, ...]]:
        # Nobody listens at the first, and the second is nobody to connect with.
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in ("127.0.0.1", "255.255.255.255")]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
    with wire.listening() as (gone, port):
        gone.close()
        upstream = Upstream(connect_timeout=PATIENCE, tls=False)
        refused = await upstream.dial(f"ws://a.example.com:{port}", [], own_host=True, stopwatch=Stopwatch())
    assert isinstance(refused, Refused)
    assert refused.error == "no connection with the backend (each of its addresses fails in its own way)"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("wss://agent.example.com/ws?a=1", "agent.example.com"),
        ("wss://agent.example.com:443/ws", "agent.example.com"),
        ("ws://agent.example.com:80", "agent.example.com"),
        ("ws://agent.example.com:443?a", "agent.example.com:443"),
        ("wss://[2001:db8::1]:9000/ws", "[2001:db8::1]:9000"),
    ],
)
def test_the_host_that_a_backend_is_told_is_known_before_it_is_dialled(url: str, host: str) -> None:
    assert own_host(url) == host


async def test_no_proxy_of_the_environment_gets_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    with wire.listening() as (server, port), wire.listening() as (elsewhere, proxy):
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "WS_PROXY", "WSS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
            monkeypatch.setenv(name.lower(), f"http://127.0.0.1:{proxy}")
        upstream = Upstream(connect_timeout=5, tls=False)
        serving = asyncio.create_task(asyncio.to_thread(refusing_backend(b"HTTP/1.1 403 Forbidden\r\n\r\n"), server))
        refused = await upstream.dial(f"ws://127.0.0.1:{port}/x", [], own_host=True, stopwatch=Stopwatch())
        assert (await serving).startswith(b"GET /x HTTP/1.1\r\n")
        is_not_dialled(elsewhere)
    assert isinstance(refused, Refused)
    assert refused.status == 403
