"""Relays on sockets that were open before them, passed on as systemd does it."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import wire
from tests.patience import PATIENCE

HEALTH = b"GET /.relayproxy/healthz HTTP/1.1\r\nHost: h\r\n\r\n"
COMMAND = 'LISTEN_PID=$$ LISTEN_FDS=1; export LISTEN_PID LISTEN_FDS; exec "$@"'


@contextmanager
def activated(descriptor: int, folder: Path, *command: str) -> Iterator[subprocess.Popen[str]]:
    """The process, which finds that descriptor as number 3."""
    options = ["--data-dir", str(folder), "--backend", "ws://127.0.0.1:1", "--listen", "127.0.0.1:9"]
    with subprocess.Popen(
        ["bash", "-c", f"exec 3<&{descriptor}; {COMMAND}", "-", sys.executable, "-m", "relayproxy", *command, *options],
        pass_fds=(descriptor,),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"RELAYPROXY_CONSOLE": "127.0.0.1:0"},
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)


@pytest.mark.parametrize(("command", "runs"), [(["relay"], 2), (["serve", "--relays", "2"], 1)])
def test_who_connects_while_no_relay_runs_is_answered(command: list[str], runs: int, tmp_path: Path) -> None:
    with wire.listening() as (server, port):
        for _ in range(runs):
            with wire.connect(port) as caller:  # systemd listens, nobody runs
                caller.sendall(HEALTH)
                with activated(server.fileno(), tmp_path, *command):
                    assert wire.receive_head(caller).startswith(b"HTTP/1.1 200 ")


def test_what_is_no_listening_socket_is_refused(tmp_path: Path) -> None:
    with socket.socket() as idle, activated(idle.fileno(), tmp_path, "relay") as process:
        _, log = process.communicate(timeout=PATIENCE)
    assert process.returncode
    assert "LISTEN_FDS: descriptor 3 is no listening TCP socket: ListenStream= of the systemd socket unit must" in log


def test_sockets_of_another_process_are_left_alone(tmp_path: Path) -> None:
    environment = os.environ | {"LISTEN_PID": "1", "LISTEN_FDS": "1"}
    command = [sys.executable, "-m", "relayproxy", "relay", "--data-dir", str(tmp_path)]
    command += ["--backend", "ws://127.0.0.1:1", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("relay listening on http://127.0.0.1:")
        process.terminate()
        process.communicate(timeout=PATIENCE)
