"""Requests to the console that cannot be read: what they are answered, and what the log says of them."""

import socket
from pathlib import Path

import pytest

from tests.running import running

SECRET = b"SECRETTOKEN"
LONG = b"A" * 9000


@pytest.fixture
def _database(tmp_path: Path) -> None:
    with running("migrate", data_dir=tmp_path):
        pass


def answer(host: str, port: int, request: bytes) -> bytes:
    with socket.create_connection((host, port), timeout=30) as peer:
        peer.sendall(request)
        received = b""
        while chunk := peer.recv(65536):
            received += chunk
        return received


HEAD = b" HTTP/1.1\r\nHost: 127.0.0.1\r\n"
POST = b"POST /sign-in" + HEAD + b"Content-Type: application/x-www-form-urlencoded\r\n"
REQUESTS = {
    "a long search": b"GET /?q=" + LONG + SECRET + HEAD + b"\r\n",
    "a long token": b"GET /" + HEAD + b"Authorization: Bearer " + SECRET + LONG + b"\r\n\r\n",
    "a broken header": b"GET /" + HEAD + b"Bad Header " + SECRET + b": 1\r\n\r\n",
    "a control character in a cookie": b"GET /" + HEAD + b"Cookie: a=" + SECRET + b"\x01\r\n\r\n",
    "a method with ESC": b"G\x1bET /" + SECRET + HEAD + b"\r\n",
    "another version": b"GET /" + SECRET + b" HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n",
    "an address that is none": b"GET http://[" + SECRET + b"/" + HEAD + b"\r\n",
    "a length that is none": POST + b"Content-Length: abc" + SECRET + b"\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00" + SECRET + b"\r\n\r\n",
}


@pytest.mark.usefixtures("_database")
def test_neither_the_answer_nor_the_log_holds_anything_of_them(tmp_path: Path) -> None:
    with running("console", data_dir=tmp_path, console="127.0.0.1:0") as console:
        for name, request in REQUESTS.items():
            for _ in range(3):
                said = answer(console.host, console.port, request)
                assert said.startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 ")), name
                assert b"relayproxy: this request cannot be read" in said, name
                assert SECRET not in said, name
    lines = console.log.read_text().splitlines()
    assert lines
    assert not any(SECRET.decode() in line or "Traceback" in line for line in lines)
    kinds = [line.rpartition("(")[2] for line in lines if "cannot be read as HTTP" in line]
    assert len(kinds) == len(lines) == len(set(kinds)), "one line stands for all of its kind"
