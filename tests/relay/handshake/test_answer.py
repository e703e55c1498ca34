"""What a backend may do on the way to its answer, and the request as it comes to it."""

import asyncio
import socket

import pytest

from relayproxy.journal.tape import NoTape
from relayproxy.relay.handshake.answer import Answer, AnswerProtocol
from relayproxy.relay.handshake.stopwatch import Stopwatch
from relayproxy.relay.handshake.upstream import REFUSAL_LIMIT, Accepted, Refused, Upstream
from relayproxy.relay.headers import Headers, decode
from relayproxy.relay.splice import Splice
from tests import wire
from tests.patience import PATIENCE
from tests.relay.raw import refusing_backend

EARLY = b"\x81\x02hi"
KIB = 1024
LONG_BODY = b"".join(b"%7d\n" % number for number in range(3 * REFUSAL_LIMIT // 8))
LONG: Headers = [("X", "x" * KIB * KIB)] * 32
"""Headers of a request that the system's own buffers have no room for."""


async def dial(server: socket.socket, port: int, answer: bytes, headers: Headers) -> tuple[bytes, Accepted | Refused]:
    """The head of the request, and what comes of it when that is the answer."""
    upstream = Upstream(connect_timeout=30, tls=False)
    serving = asyncio.create_task(asyncio.to_thread(refusing_backend(answer), server))
    found = await upstream.dial(f"ws://127.0.0.1:{port}/x", headers, own_host=False, stopwatch=Stopwatch())
    return await serving, found


async def test_headers_reach_the_backend_as_they_came() -> None:
    lines = [
        (b"X-One", b"1"),
        (b"Host", b"h"),
        (b"x-two", b"a"),
        (b"X-TWO", b"b"),
        (b"X-Raw", b"caf\xe9 \xff"),
        (b"e", b""),
    ]
    with wire.listening() as (server, port):
        head, _ = await dial(server, port, wire.ANSWER, decode(lines))
    expected = b"".join(name + b": " + value + b"\r\n" for name, value in lines)
    assert head == b"GET /x HTTP/1.1\r\n" + expected + b"\r\n"


async def test_an_answer_of_single_bytes_is_one() -> None:
    upstream = Upstream(connect_timeout=30, tls=False)
    with wire.listening() as (server, port):
        dialling = asyncio.create_task(
            upstream.dial(f"ws://127.0.0.1:{port}", [], own_host=True, stopwatch=Stopwatch())
        )
        backend = (await asyncio.to_thread(server.accept))[0]
        with backend:
            backend.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.to_thread(wire.receive_head, backend)
            for byte in wire.ANSWER:
                backend.send(bytes([byte]))
                await asyncio.sleep(0)
            found = await dialling
    assert isinstance(found, Accepted)
    assert found.head == wire.ANSWER
    found.close()


@pytest.mark.parametrize(
    "interim", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 2]
)
async def test_an_interim_answer_is_not_the_answer(interim: bytes) -> None:
    with wire.listening() as (server, port):
        _, found = await dial(server, port, interim + wire.ANSWER + EARLY, [("Host", "h")])
        assert isinstance(found, Accepted)
        assert found.head == wire.ANSWER
        assert found.protocol.take_early() == EARLY
        found.close()


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 403 No\r\nContent-Length: 10\r\n\r\nhalf", b"half"),
        (b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n6\r\n", b"half"),
        (b"HTTP/1.1 403 No\r\nContent-Length: 4\r\n\r\nhalf of it", b"half"),
        (
            b"HTTP/1.1 103 So\r\n\r\nHTTP/1.1 403 No\r\nContent-Length: 4\r\nConnection: close\r\n\r\nhalf of it",
            b"half",
        ),
        (b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\nnone\r\n", b""),
        (b"HTTP/1.1 403 No\r\n\r\n" + LONG_BODY, LONG_BODY[:REFUSAL_LIMIT]),
    ],
)
async def test_what_there_is_of_a_refusal_is_passed_on(answer: bytes, body: bytes) -> None:
    upstream = Upstream(connect_timeout=30, tls=False)
    with wire.listening() as (server, port):

        def serve() -> None:
            with server.accept()[0] as backend:
                wire.receive_head(backend)
                try:
                    backend.sendall(answer)
                except ConnectionError:
                    assert len(answer) > REFUSAL_LIMIT

        serving = asyncio.create_task(asyncio.to_thread(serve))
        found = await upstream.dial(f"ws://127.0.0.1:{port}", [], own_host=True, stopwatch=Stopwatch())
        await serving
    assert isinstance(found, Refused)
    assert (found.status, found.body == body) == (403, True)


async def test_a_body_of_which_more_comes_at_once_than_is_read_ahead_is_whole() -> None:
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[Answer] = loop.create_future()
    body = LONG_BODY[: 256 * KIB]
    chunks = b"".join(b"400\r\n%b\r\n" % body[at : at + KIB] for at in range(0, len(body), KIB))
    with wire.listening() as (_, port):
        _, protocol = await loop.create_connection(
            lambda: AnswerProtocol(b"", answered, Stopwatch()), "127.0.0.1", port
        )
        protocol.data_received(b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
        _, content = await answered
        async with asyncio.timeout(PATIENCE):
            assert await content.read() == body
        protocol.close()


async def test_a_caller_waits_for_a_backend_that_answers_before_it_has_read_the_request() -> None:
    upstream = Upstream(connect_timeout=PATIENCE, tls=False)
    with wire.listening() as (server, port):
        answering = asyncio.create_task(asyncio.to_thread(_answer_at_once, server, wire.ANSWER))
        found = await upstream.dial(f"ws://127.0.0.1:{port}", LONG, own_host=True, stopwatch=Stopwatch())
        assert isinstance(found, Accepted)
        ours, caller = socket.socketpair()
        with caller, await answering as backend:
            twilio, _ = await asyncio.get_running_loop().connect_accepted_socket(asyncio.Protocol, ours)
            splice = Splice(
                number=1,
                tape=NoTape(),
                opened=0,
                limit=0,
                twilio=twilio,
                backend=found.transport,
                on_end=lambda _: None,
            )
            splice.start(found.head, b"", found.protocol.take_early())
            found.protocol.leave()
            assert not twilio.is_reading()
            caller.sendall(EARLY)
            end = b"\r\n\r\n" + EARLY
            assert await asyncio.to_thread(_read_to, backend, end) == end
            assert twilio.is_reading()
            caller.close()
            await splice.finished


async def test_a_backend_that_refuses_a_request_before_it_has_read_it_is_not_sent_the_rest() -> None:
    upstream = Upstream(connect_timeout=PATIENCE, tls=False)
    with wire.listening() as (server, port):
        answer = b"HTTP/1.1 431 Too Long\r\nContent-Length: 0\r\n\r\n"
        answering = asyncio.create_task(asyncio.to_thread(_answer_at_once, server, answer))
        found = await upstream.dial(f"ws://127.0.0.1:{port}", LONG, own_host=True, stopwatch=Stopwatch())
        assert isinstance(found, Refused)
        with await answering as backend:
            assert await asyncio.to_thread(_read_to, backend, b"\r\n\r\n") != b"\r\n\r\n"


def _answer_at_once(server: socket.socket, answer: bytes) -> socket.socket:
    backend = server.accept()[0]
    backend.settimeout(PATIENCE)
    backend.sendall(answer)
    return backend


def _read_to(sock: socket.socket, end: bytes) -> bytes:
    """The last bytes of what comes, up to this end of it or that of the stream."""
    got = b""
    while not got.endswith(end) and (part := sock.recv(1 << 20)):
        got = (got + part)[-len(end) :]
    return got


async def test_when_the_request_goes_connecting_has_ended() -> None:
    stopwatch = Stopwatch()
    stopwatch.connect_begins()
    told: list[bool] = []

    class Sent(asyncio.Transport):
        """As the request wakes the backend, this process may have to wait for a processor."""

        def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
            pass

        def write(self, data: bytes | bytearray | memoryview) -> None:
            told.append(stopwatch.dial() is not None)

    protocol = AnswerProtocol(b"GET / HTTP/1.1\r\n\r\n", asyncio.get_running_loop().create_future(), stopwatch)
    protocol.connection_made(Sent())
    assert told == [True]
