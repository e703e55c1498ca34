"""Byte for byte: each conversation is held twice, straight and through the relay, and must look the same."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from tests.relay.tls import Tls
from tests.running import Running, relay
from tests.wire import (
    ANSWER,
    FIN,
    REQUEST,
    RST,
    Observed,
    Step,
    close_all,
    connect,
    converse,
    frame,
    how_it_ends,
    listening,
    receive,
    receive_head,
)

TEXT, BINARY, CLOSE, PING, PONG, MORE = 1, 2, 8, 9, 10, 0


def both_ways(payloads: list[bytes]) -> list[Step]:
    steps: list[Step] = []
    for payload in payloads:
        steps += [("twilio", payload), ("backend", payload)]
    return steps


def close_frame(code: int | None, reason: bytes = b"", mask: bool = False) -> bytes:
    return frame(CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason, mask=mask)


FRAMES: dict[str, list[Step]] = {
    "text": [("twilio", frame(TEXT, b'{"type":"setup"}', mask=True)), ("backend", frame(TEXT, b'{"type":"text"}'))],
    "binary": [("twilio", frame(BINARY, bytes(range(256)), mask=True)), ("backend", frame(BINARY, bytes(range(256))))],
    "empty": [("twilio", frame(TEXT, mask=True)), ("backend", frame(TEXT)), ("backend", frame(BINARY))],
    "70 KiB": both_ways([frame(TEXT, b"x" * 71680, mask=True), frame(BINARY, b"y" * 71680)]),
    "fragments with a ping between": [
        ("twilio", frame(TEXT, b"one ", mask=True, fin=False)),
        ("twilio", frame(PING, b"still there?", mask=True)),
        ("backend", frame(PONG, b"still there?")),
        ("twilio", frame(MORE, b"two ", mask=True, fin=False)),
        ("twilio", frame(MORE, b"three", mask=True)),
        ("backend", frame(TEXT, b"", fin=False) + frame(PING) + frame(MORE, b"late")),
    ],
    "unsolicited pong": both_ways([frame(PONG, b"hello")]),
    "ping over 125 bytes": both_ways([frame(PING, b"p" * 200)]),
    "non-minimal lengths": both_ways([frame(TEXT, b"short", length_bytes=2), frame(TEXT, b"short", length_bytes=8)]),
    "RSV1": both_ways([frame(TEXT, b"\xaa\x56\x2a\x2d\x4e\xcc\x4b\x07\x00", rsv=4), frame(TEXT, b"?", rsv=7)]),
    "reserved opcodes": both_ways([frame(3, b"?"), frame(11, b"?")]),
    "masked the wrong way round": [("twilio", frame(TEXT, b"bare")), ("backend", frame(TEXT, b"masked", mask=True))],
    "orphan continuation": both_ways([frame(MORE, b"of nothing")]),
    "invalid UTF-8": both_ways([frame(TEXT, b"\xff\xfe\xc3")]),
    "not WebSocket at all": both_ways([b"\x00\xff\x00\xff" * 50, b"GET / HTTP/1.1\r\n\r\n"]),
    "half a frame": both_ways([b"\x81", b"\x85", b"\x00\x00", b"\x00\x00h", b"ello"]),
    "close without code": [("twilio", close_frame(None, mask=True)), ("backend", close_frame(None))],
    "close 1000": [
        ("twilio", close_frame(1000, b"Closing websocket session", mask=True)),
        ("backend", close_frame(1000)),
    ],
    "close 1001": [("backend", close_frame(1001, b"going away")), ("twilio", close_frame(1001, mask=True))],
    "close 1011": [("backend", close_frame(1011, b"boom")), ("twilio", close_frame(1011, mask=True))],
    "close 1007": [("twilio", close_frame(1007, b"Too many", mask=True)), ("backend", close_frame(1007))],
    "unassigned close codes": both_ways(
        [close_frame(999), close_frame(1016), close_frame(5000), frame(CLOSE, b"\x03")]
    ),
    "invalid UTF-8 in a close reason": both_ways([close_frame(1000, b"\xff\xff")]),
    "frames after a close": both_ways([close_frame(1000), frame(TEXT, b"and another thing")]),
}
PLAIN_ENDS: dict[str, list[Step]] = {
    "FIN from Twilio, an answer, FIN": [("twilio", FIN), ("backend", frame(TEXT, b"late")), ("backend", FIN)],
    "FIN from the backend, an answer, FIN": [("backend", FIN), ("twilio", frame(TEXT, b"late")), ("twilio", FIN)],
    "RST from Twilio": [("twilio", frame(TEXT, b"half", mask=True)[:4]), ("twilio", RST)],
    "RST from the backend": [("backend", frame(TEXT, b"half")[:3]), ("backend", RST)],
    "FIN, then RST from the other side": [("twilio", FIN), ("backend", RST)],
    "close frames, then FIN": [
        ("backend", close_frame(1000)),
        ("twilio", close_frame(1000, mask=True)),
        ("backend", FIN),
        ("twilio", FIN),
    ],
}
TLS_ENDS: dict[str, list[Step]] = {
    "RST from Twilio": [("twilio", b"\x81"), ("twilio", RST)],
    "RST from the backend": [("backend", b"\x81"), ("backend", RST)],
}


def straight(steps: list[Step], glue: tuple[bytes, bytes] = (b"", b"")) -> tuple[bytes, bytes, Observed]:
    """The conversation without anything between; returns the request head, the answer's head and what was seen."""
    with listening() as (server, port):
        twilio = connect(port)
        twilio.sendall(REQUEST + glue[0])
        backend = server.accept()[0]
        return _after_connect(twilio, backend, steps, glue)


def through(
    process: Running, server: socket.socket, steps: list[Step], glue: tuple[bytes, bytes] = (b"", b"")
) -> tuple[bytes, bytes, Observed]:
    twilio = connect(process.port)
    twilio.sendall(REQUEST + glue[0])
    backend = server.accept()[0]
    return _after_connect(twilio, backend, steps, glue)


def _after_connect(
    twilio: socket.socket, backend: socket.socket, steps: list[Step], glue: tuple[bytes, bytes]
) -> tuple[bytes, bytes, Observed]:
    try:
        backend.settimeout(PATIENCE)
        request = receive_head(backend)
        backend.sendall(ANSWER + glue[1])
        answer = receive_head(twilio)
        seen = Observed()
        seen.backend.extend(receive(backend, len(glue[0])))
        seen.twilio.extend(receive(twilio, len(glue[1])))
        converse(twilio, backend, steps, seen)
        return request, answer, seen
    finally:
        close_all(twilio, backend)


@pytest.fixture(scope="module")
def plain() -> Iterator[tuple[Running, socket.socket]]:
    with listening() as (server, port), relay(f"ws://127.0.0.1:{port}") as process:
        yield process, server


@pytest.mark.parametrize("name", [*FRAMES, *PLAIN_ENDS])
def test_a_conversation_looks_the_same_with_and_without_the_relay(
    name: str, plain: tuple[Running, socket.socket]
) -> None:
    steps = (FRAMES | PLAIN_ENDS)[name]
    _, answer, seen = through(*plain, steps)
    _, _, expected = straight(steps)
    assert seen == expected
    assert answer == ANSWER


def test_the_request_head_differs_only_by_what_the_relay_says_it_adds(plain: tuple[Running, socket.socket]) -> None:
    request, answer, _ = through(*plain, [])
    lines = request.split(b"\r\n")
    added = lines[len(REQUEST.split(b"\r\n")) - 2 : -2]
    assert b"\r\n".join([*lines[: -2 - len(added)], b"", b""]) == REQUEST
    names = [line.partition(b": ")[0] for line in added]
    assert names == [
        b"X-Forwarded-For", b"X-Forwarded-Host", b"X-Forwarded-Proto", b"X-Forwarded-Uri", b"Via", b"traceparent",
    ]  # fmt: skip
    assert added[:3] == [
        b"X-Forwarded-For: 127.0.0.1",
        b"X-Forwarded-Host: phone.example.net",
        b"X-Forwarded-Proto: http",
    ]
    assert answer == ANSWER


@pytest.mark.parametrize("size", [5, 300_000])
def test_bytes_glued_to_either_handshake_arrive(size: int, plain: tuple[Running, socket.socket]) -> None:
    glue = (frame(TEXT, b"s" * size, mask=True), frame(TEXT, b"g" * size) + frame(PING))
    late = frame(TEXT, b"later")
    _, answer, seen = through(*plain, both_ways([late]), glue)
    assert answer == ANSWER
    assert seen == Observed(twilio=bytearray(glue[1] + late), backend=bytearray(glue[0] + late))


def test_a_backend_that_answers_and_leaves_in_one_breath(plain: tuple[Running, socket.socket]) -> None:
    process, server = plain
    last_words = frame(TEXT, b"bye") + close_frame(1000)
    with connect(process.port) as twilio:
        twilio.sendall(REQUEST)
        backend = server.accept()[0]
        receive_head(backend)
        backend.sendall(ANSWER + last_words)
        backend.shutdown(socket.SHUT_WR)
        assert receive_head(twilio) == ANSWER
        assert receive(twilio, len(last_words)) == last_words
        assert how_it_ends(twilio) == "eof"
        backend.close()


def test_a_stalled_reader_stops_the_sender_and_costs_no_memory(plain: tuple[Running, socket.socket]) -> None:
    process, server = plain
    with connect(process.port) as twilio:
        twilio.sendall(REQUEST)
        backend = server.accept()[0]
        receive_head(backend)
        backend.sendall(ANSWER)
        receive_head(twilio)
        before = _resident(process)
        backend.settimeout(1.0)
        block, sent = b"f" * 65536, 0
        try:
            while sent < 200 * 1024 * 1024:
                sent += backend.send(block)
        except TimeoutError:
            pass
        assert sent < 64 * 1024 * 1024, "the sender was never stopped"
        assert _resident(process) - before < 24 * 1024 * 1024
        got = 0
        while got < sent:
            part = twilio.recv(1 << 20)
            assert part.count(b"f") == len(part) > 0
            got += len(part)
        backend.settimeout(PATIENCE)
        converse(twilio, backend, both_ways([frame(TEXT, b"and on it goes")]), Observed())
        backend.close()


def test_the_last_words_of_someone_who_hangs_up_on_a_stream_arrive(plain: tuple[Running, socket.socket]) -> None:
    process, server = plain
    last_words = frame(TEXT, b"goodbye", mask=True) * 20
    for _ in range(40):
        twilio = connect(process.port)
        twilio.sendall(REQUEST)
        backend = server.accept()[0]
        backend.settimeout(PATIENCE)
        receive_head(backend)
        backend.sendall(ANSWER)
        receive_head(twilio)
        streaming = threading.Thread(target=_stream, args=(backend,))
        streaming.start()
        receive(twilio, 100_000)
        twilio.sendall(last_words)
        twilio.close()
        assert receive(backend, len(last_words)) == last_words
        backend.close()
        streaming.join()


def _stream(sock: socket.socket) -> None:
    try:
        while True:
            sock.sendall(b"s" * 1000)
    except OSError:
        return


def _resident(process: Running) -> int:
    fields = Path(f"/proc/{process.process.pid}/statm").read_text().split()
    return int(fields[1]) * 4096


# -- TLS -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return Tls(tmp_path_factory.mktemp("tls"))


@contextmanager
def accepting(server: socket.socket, context: ssl.SSLContext) -> Iterator[list[ssl.SSLSocket]]:
    """Accepts one TLS connection in the background, as its handshake needs both ends at work."""
    got: list[ssl.SSLSocket] = []

    def accept() -> None:
        sock = server.accept()[0]
        sock.settimeout(PATIENCE)
        got.append(context.wrap_socket(sock, server_side=True))

    thread = threading.Thread(target=accept)
    thread.start()
    yield got
    thread.join()


@pytest.fixture(scope="module")
def encrypted(tls: Tls) -> Iterator[tuple[Running, socket.socket]]:
    with (
        listening() as (server, port),
        relay(
            f"wss://localhost:{port}",
            tls_cert=str(tls.cert),
            tls_key=str(tls.key),
            env={"SSL_CERT_FILE": str(tls.ca)},
            cold=True,
        ) as process,
    ):
        yield process, server


@pytest.mark.parametrize("name", [*FRAMES, *TLS_ENDS])
def test_the_same_over_tls(name: str, tls: Tls, encrypted: tuple[Running, socket.socket]) -> None:
    steps = (FRAMES | TLS_ENDS)[name]
    process, server = encrypted

    def hold(port: int, server: socket.socket) -> tuple[bytes, bytes, Observed]:
        with accepting(server, tls.server) as accepted:
            twilio = connect(port, tls.client)
            twilio.sendall(REQUEST)
        return _after_connect(twilio, accepted[0], steps, (b"", b""))

    request, answer, seen = hold(process.port, server)
    with listening() as (direct, port):
        _, _, expected = hold(port, direct)
    assert seen == expected
    assert answer == ANSWER
    assert b"X-Forwarded-Proto: https\r\n" in request
    assert b"Host: phone.example.net\r\n" in request


def test_glued_bytes_over_tls(tls: Tls, encrypted: tuple[Running, socket.socket]) -> None:
    process, server = encrypted
    glue = (frame(TEXT, b"s" * 70_000, mask=True), frame(TEXT, b"g" * 70_000))
    with accepting(server, tls.server) as accepted:
        twilio = connect(process.port, tls.client)
        twilio.sendall(REQUEST + glue[0])
    _, answer, seen = _after_connect(twilio, accepted[0], [], glue)
    assert answer == ANSWER
    assert seen == Observed(twilio=bytearray(glue[1]), backend=bytearray(glue[0]))
