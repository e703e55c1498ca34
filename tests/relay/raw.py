"""A relay asked over raw sockets, and backends that refuse or say everything back."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection

from relayproxy.journal.format import EntryKind, JournalEntry
from relayproxy.journal.reader import Block, JournalReader
from relayproxy.journal.segments import journal_paths
from tests import wire
from tests.patience import PATIENCE


def ask(port: int, request: bytes) -> tuple[bytes, bytes]:
    """Sends raw bytes; the answer's head and everything after it until the stream ends."""
    with wire.connect(port) as sock:
        sock.sendall(request)
        head = wire.receive_head(sock)
        body = bytearray()
        while part := sock.recv(65536):
            body += part
        return head, bytes(body)


def is_not_dialled(server: socket.socket) -> None:
    server.settimeout(0.1)
    with pytest.raises(TimeoutError):
        server.accept()
    server.settimeout(PATIENCE)


def refusing_backend(answer: bytes) -> Callable[[socket.socket], bytes]:
    def serve_once(server: socket.socket) -> bytes:
        backend = server.accept()[0]
        head = wire.receive_head(backend)
        backend.sendall(answer)
        backend.close()
        return head

    return serve_once


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


def journal(folder: Path) -> list[JournalEntry]:
    """The entries of the only journal, save those of requests, which say what openings say again, and those of no
    connection."""
    (path,) = journal_paths(folder / "journal")
    blocks = (block for block in JournalReader(path).read(1 << 30) if isinstance(block, Block))
    left_out = (EntryKind.REQUEST, EntryKind.OPEN_CONNECTIONS)
    return [entry for block in blocks for entry in block.entries if entry.kind not in left_out]
