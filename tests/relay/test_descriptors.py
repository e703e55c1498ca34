"""A relay that runs out of file descriptors says so, and blames nobody else."""

import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from relayproxy.relay.descriptors import RESERVE
from tests.patience import PATIENCE
from tests.running import Running, relay
from tests.wire import ANSWER, REQUEST, connect, listening, receive_head

CALLS = 4


def allow(process: Running, soft: int) -> None:
    pid = process.process.pid
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]))


def used(process: Running) -> int:
    return max(map(int, os.listdir(f"/proc/{process.process.pid}/fd"))) + 1


def said(port: int, request: bytes) -> bytes:
    with connect(port) as twilio:
        twilio.sendall(request)
        answer = b""
        while part := twilio.recv(65536):
            answer += part
        return answer


@pytest.fixture
def backend() -> Iterator[tuple[socket.socket, int]]:
    with listening() as found:
        yield found


def test_a_call_too_many_gets_503_in_our_own_name_while_the_others_go_on(backend: tuple[socket.socket, int]) -> None:
    server, port = backend
    with relay(f"ws://127.0.0.1:{port}") as process, ExitStack() as calls:
        allow(process, used(process) + 2 * CALLS + RESERVE)
        ends = []
        for _ in range(CALLS):
            twilio = calls.enter_context(connect(process.port))
            twilio.sendall(REQUEST)
            there = calls.enter_context(server.accept()[0])
            receive_head(there)
            there.sendall(ANSWER)
            receive_head(twilio)
            ends.append((twilio, there))
        refused = b""
        for _ in range(2 * CALLS):  # how many fit depends on what else is open
            calls.enter_context(held := connect(process.port))
            held.sendall(REQUEST)
            server.settimeout(0.5)
            try:
                there = calls.enter_context(server.accept()[0])
            except TimeoutError:
                refused = held.recv(65536)
                break
            receive_head(there)
            there.sendall(ANSWER)
            receive_head(held)
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"relayproxy has no file descriptors left for another call" in refused
        ready = said(process.port, b"GET /.relayproxy/readyz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert ready.startswith(b"HTTP/1.1 503 ")
        assert json.loads(ready.partition(b"\r\n\r\n")[2])["status"] == "full"
        for twilio, there in ends:
            twilio.sendall(b"still here")
            assert there.recv(100) == b"still here"
        assert "no file descriptors left" in process.log.read_text()


def test_a_low_limit_is_raised_as_far_as_it_goes_and_told() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
    try:
        with relay("ws://127.0.0.1:9") as process:
            assert resource.prlimit(process.process.pid, resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_limit_that_cannot_be_raised_is_warned_of(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "relayproxy", "relay", "--data-dir", str(tmp_path)]
    command += ["--backend", "ws://127.0.0.1:9", "--listen", "127.0.0.1:0"]
    limited = ["sh", "-c", 'ulimit -n 256; exec "$@"', "sh", *command]
    with subprocess.Popen(limited, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.terminate()
        _, log = process.communicate(timeout=PATIENCE)
    assert "only 256 file descriptors are allowed, enough for about 96 calls at once" in log
