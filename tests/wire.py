"""Raw sockets at both ends: conversations in bytes, in one thread, without a WebSocket library in sight."""

import os
import socket
import ssl
import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Literal

from tests.patience import PATIENCE

FIN = "fin"
RST = "rst"
Step = tuple[Literal["twilio", "backend"], bytes | str]

REQUEST = (
    b"GET /relay/fixture?b=2&a=%7e1 HTTP/1.1\r\n"
    b"Host: phone.example.net\r\n"
    b"Upgrade: websocket\r\n"
    b"Connection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"User-Agent: Jetty/11.0.24\r\n"
    b"Cache-Control: no-cache\r\n"
    b"pragma: no-cache\r\n"
    b"X-Twilio-Signature: c2lnbmF0dXJl\r\n"
    b"x-repeated: one\r\n"
    b"x-repeated: two\r\n"
    b"X-Accent: caf\xc3\xa9\r\n"
    b"\r\n"
)

ANSWER = (
    b"HTTP/1.1 101 Web Socket Protocol Handshake\r\n"
    b"upgrade: WebSocket\r\n"
    b"Connection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
    b"Server: some/1.0\r\n"
    b"Set-Cookie: a=b\r\n"
    b"Set-Cookie: c=d\r\n"
    b"\r\n"
)


def frame(
    opcode: int, payload: bytes = b"", *, mask: bool = False, fin: bool = True, rsv: int = 0, length_bytes: int = 0
) -> bytes:
    """One WebSocket frame. `length_bytes` 2 or 8 forces a longer length form than the payload needs."""
    length_bytes = max(length_bytes, 0 if len(payload) < 126 else 2 if len(payload) < 65536 else 8)
    short = {0: len(payload), 2: 126, 8: 127}[length_bytes]
    extended = len(payload).to_bytes(length_bytes, "big") if length_bytes else b""
    head = bytes([fin << 7 | rsv << 4 | opcode, mask << 7 | short]) + extended
    if not mask:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))


@dataclass
class Observed:
    """What each end got to see: all bytes, and how the stream ended."""

    twilio: bytearray = field(default_factory=bytearray)
    backend: bytearray = field(default_factory=bytearray)
    twilio_end: str | None = None
    backend_end: str | None = None

    def bytes_at(self, side: str) -> bytearray:
        return self.twilio if side == "twilio" else self.backend


def receive(sock: socket.socket, size: int) -> bytes:
    """Exactly `size` bytes, or fewer when the stream ends before."""
    got = bytearray()
    while len(got) < size and (part := sock.recv(size - len(got))):
        got += part
    return bytes(got)


def receive_head(sock: socket.socket) -> bytes:
    """A request or response head, up to and including the empty line."""
    got = bytearray()
    while not got.endswith(b"\r\n\r\n") and (part := sock.recv(1)):
        got += part
    return bytes(got)


def how_it_ends(sock: socket.socket) -> str:
    """`eof` or `reset`; any byte that still comes is an error of the test's own bookkeeping."""
    try:
        left = sock.recv(65536)
    except (ConnectionResetError, ssl.SSLEOFError):
        return "reset"
    assert left == b"", f"unexpected {left!r}"
    return "eof"


@contextmanager
def listening(context: ssl.SSLContext | None = None) -> Iterator[tuple[socket.socket, int]]:
    """A listening socket on a free port; TLS, if any, is started by `accept`."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        yield server, server.getsockname()[1]


def connect(port: int, context: ssl.SSLContext | None = None) -> socket.socket:
    # With a port of its own: left to itself, Linux may give one port to connections to several servers at once, and the
    # record tells connections apart by it.
    sock = socket.create_connection(("127.0.0.1", port), PATIENCE, source_address=("127.0.0.1", 0))
    return context.wrap_socket(sock, server_hostname="localhost") if context else sock


def converse(twilio: socket.socket, backend: socket.socket, steps: Sequence[Step], seen: Observed) -> None:
    """Plays the steps one by one; each is complete when the other end has seen it."""
    ends = {"twilio": twilio, "backend": backend}
    for side, what in steps:
        here, there = ends[side], ends["backend" if side == "twilio" else "twilio"]
        other = "backend" if side == "twilio" else "twilio"
        if isinstance(what, bytes):
            here.sendall(what)
            seen.bytes_at(other).extend(receive(there, len(what)))
            continue
        if what == FIN:
            here.shutdown(socket.SHUT_WR)
        else:
            here.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            socket.socket.close(here)
        setattr(seen, f"{other}_end", how_it_ends(there))


def close_all(*sockets: socket.socket) -> None:
    with ExitStack() as stack:
        for sock in sockets:
            stack.callback(sock.close)
