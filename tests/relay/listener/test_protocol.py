"""How long a head may be, and that nothing of one that is longer is ever repeated."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from relayproxy.connection import Opening
from relayproxy.journal.refused import read_refused
from relayproxy.journal.segments import journal_paths
from relayproxy.relay.answers import Answer
from relayproxy.relay.listener import protocol
from relayproxy.relay.listener.protocol import HeadProtocol, Request, Unreadable
from tests import wire
from tests.patience import PATIENCE
from tests.relay.raw import ask, journal, refusing_backend
from tests.running import relay, running

SECRET = b"Bearer-aaa"
KIB = 1024


def with_header(name: bytes, size: int) -> bytes:
    return wire.REQUEST[:-2] + name + b": " + SECRET + b"x" * (size - len(SECRET)) + b"\r\n\r\n"


def with_query(size: int) -> bytes:
    return wire.REQUEST.replace(b"?b=2&a=%7e1", b"?token=" + SECRET + b"x" * (size - len(SECRET)))


@pytest.mark.parametrize("request_head", [with_query(60 * KIB), with_header(b"Cookie", 60 * KIB)])
def test_a_long_query_or_cookie_reaches_the_backend(request_head: bytes) -> None:
    with (
        wire.listening() as (server, port),
        relay(f"ws://127.0.0.1:{port}") as process,
        wire.connect(process.port) as twilio,
    ):
        twilio.sendall(request_head)
        with server.accept()[0] as backend:
            head = wire.receive_head(backend)
            assert (SECRET + b"x" * 59 * KIB) in head
            answer = wire.ANSWER[:-2] + b"Set-Cookie: " + b"y" * 60 * KIB + b"\r\n\r\n"
            backend.sendall(answer)
            assert wire.receive_head(twilio) == answer


def test_many_headers_reach_the_backend() -> None:
    many = b"".join(b"x-%d: %d\r\n" % (number, number) for number in range(240))
    with (
        wire.listening() as (server, port),
        relay(f"ws://127.0.0.1:{port}") as process,
        wire.connect(process.port) as twilio,
    ):
        twilio.sendall(wire.REQUEST[:-2] + many + b"\r\n")
        with server.accept()[0] as backend:
            assert many in wire.receive_head(backend)


@pytest.mark.parametrize(
    ("request_head", "status", "words"),
    [
        (with_query(65 * KIB), b"414 ", b"a line of more than 64 KiB"),
        (with_header(b"Authorization", 65 * KIB), b"431 ", b"a line of more than 64 KiB"),
        (with_header(b"Authorization", 300 * KIB), b"431 ", b"a line of more than 64 KiB"),
        (wire.REQUEST[:-2] + b"x: Bearer-aaa\r\n" * 257 + b"\r\n", b"431 ", b"more than 256 headers"),
        (wire.REQUEST[:-2] + (b"x: " + SECRET + b"x" * 60 * KIB + b"\r\n") * 18, b"431 ", b"more than 1024 KiB"),
        (b"Bearer-aaa\r\n\r\n", b"400 ", b"no HTTP request that can be read"),
        (wire.REQUEST[:-2] + b"Bearer-aaa\r\n\r\n", b"400 ", b"no HTTP request that can be read"),
        (wire.REQUEST.replace(b"Host: ", b"Host: a\r\nHost: "), b"400 ", b"Duplicate 'Host' header found"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03Bearer-aaa\r\n\r\n", b"400 ", b"TLS came"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nBearer-aaa", b"400 ", b"HTTP/2 came"),
    ],
)
def test_what_is_too_long_or_no_http_is_answered_in_our_words_and_counted(
    request_head: bytes, status: bytes, words: bytes, tmp_path: Path
) -> None:
    with running("relay", data_dir=tmp_path, listen="127.0.0.1:0", backend="ws://127.0.0.1:1") as process:
        head, body = ask(process.port, request_head)
        process.stop()
    (tally,) = read_refused(journal_paths(tmp_path / "journal")[0])
    assert head.startswith(b"HTTP/1.1 " + status)
    assert words in body
    log = process.log.read_text()
    assert (tally.count, tally.last.words) == (1, body.decode().removeprefix("relayproxy: ").strip())
    assert tally.last.words in log
    assert tally.last.signed == (b"X-Twilio-Signature" in request_head)
    for text in (head.decode(), body.decode(), log, msgspec.json.encode(tally).decode()):
        assert SECRET.decode() not in text
        assert "aaa" not in text


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (wire.ANSWER[:-2] + b"Set-Cookie: " + SECRET * 7 * KIB + b"\r\n\r\n", "has a line of more than 64 KiB"),
        (wire.ANSWER[:-2] + b"Set-Cookie: Bearer-aaa\r\n" * 257 + b"\r\n", "has more than 256 headers"),
        (b"Bearer-aaa\r\n\r\n", "was not HTTP: it begins with no status line"),
        (wire.ANSWER[:-2] + b"Bearer-aaa\r\n\r\n", "was not HTTP: its head is malformed"),
    ],
)
async def test_a_backends_answer_that_is_too_long_is_named(answer: bytes, words: str, tmp_path: Path) -> None:
    with (
        wire.listening() as (server, port),
        running("relay", data_dir=tmp_path, listen="127.0.0.1:0", backend=f"ws://127.0.0.1:{port}") as process,
    ):
        serving = asyncio.create_task(asyncio.to_thread(refusing_backend(answer), server))
        head, body = await asyncio.to_thread(ask, process.port, wire.REQUEST)
        await serving
        process.stop()
    assert head.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert words in body.decode()
    opening = msgspec.json.decode(journal(tmp_path)[0].body, type=Opening)
    assert words in (opening.error or "")
    assert "Bearer" not in body.decode() + process.log.read_text() + (opening.error or "")


@pytest.mark.parametrize(
    ("request_head", "status", "has_body"),
    [
        (b"HEAD /.relayproxy/healthz HTTP/1.1\r\nHost: h\r\n\r\n", b"200 ", False),
        (b"GET /.relayproxy/healthz HTTP/1.1\r\nHost: h\r\n\r\nbehind it", b"200 ", True),
        (b"\r\n\r\nGET /.relayproxy/healthz HTTP/1.1\r\nHost: h\r\n\r\n", b"200 ", True),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000, b"426 ", True),
    ],
)
def test_an_answer_is_whole_whatever_follows_the_request(request_head: bytes, status: bytes, has_body: bool) -> None:
    with relay("ws://127.0.0.1:1") as process:
        head, body = ask(process.port, request_head)
    assert head.startswith(b"HTTP/1.1 " + status)
    length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
    assert (len(body), length > 0) == (length if has_body else 0, True)


def test_a_refusal_is_read_by_who_is_still_sending() -> None:
    with relay("ws://127.0.0.1:1") as process, wire.connect(process.port) as sock:
        sock.sendall(with_header(b"Cookie", 70 * KIB)[:-4])
        for _ in range(16):
            sock.sendall(b"x" * 64 * KIB)
        assert wire.receive_head(sock).startswith(b"HTTP/1.1 431 ")


class Refusing:
    """Answers every request with more than the system's own buffers have room for."""

    def __init__(self) -> None:
        self.is_closed = asyncio.Event()

    def opened(self, connection: HeadProtocol) -> None:
        pass

    def grew(self, connection: HeadProtocol, size: int) -> None:
        pass

    def requested(self, connection: HeadProtocol, request: Request) -> None:
        connection.answer(Answer(b"HTTP/1.1 403 Forbidden\r\n\r\n", b"x" * 32 * KIB * KIB))

    def unreadable(self, connection: HeadProtocol, found: Unreadable) -> None:
        raise AssertionError(found)

    def closed(self, connection: HeadProtocol) -> None:
        self.is_closed.set()


async def test_a_caller_that_does_not_take_its_refusal_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "TAKEN", 0.1)
    owner = Refusing()
    server = await asyncio.get_running_loop().create_server(lambda: HeadProtocol(owner), "127.0.0.1", 0)
    with wire.connect(server.sockets[0].getsockname()[1]) as caller:
        caller.sendall(wire.REQUEST)
        async with asyncio.timeout(PATIENCE):
            await owner.is_closed.wait()
    server.close()
