"""Processes of relayproxy for tests: real ones, forked off one that has imported all of it already.

Knows: how the fork server is asked; how a process that is nobody's child is waited for.
Must not know: what the processes do.
"""

import atexit
import fcntl
import io
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from signal import SIGKILL

from tests.patience import PATIENCE


class Forked:
    """One process, as much of subprocess.Popen as tests use."""

    def __init__(self, pid: int, output: int, code: int) -> None:
        self.pid = pid
        self.stdout = os.fdopen(output, "r", encoding="utf-8")
        self.returncode: int | None = None
        self._code: io.FileIO | None = io.FileIO(code)

    def poll(self) -> int | None:
        """The exit code once it has ended; a signal's is negative."""
        return self._wait(0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code. Raises subprocess.TimeoutExpired after `timeout` seconds."""
        code = self._wait(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """To a process that has not ended."""
        if self.poll() is None:
            # Its end may be known to the fork server before it is told.
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Ends it at once."""
        self.send_signal(SIGKILL)

    def _wait(self, timeout: float | None) -> int | None:
        if self._code is not None and self._ended(timeout):
            told = self._code.read()
            self._code.close()
            self._code = None
            assert told, "the fork server is gone"
            self.returncode = int(told)
        return self.returncode

    def _ended(self, timeout: float | None) -> bool:
        poll = select.poll()
        poll.register(self._code or 0, select.POLLIN)
        return bool(poll.poll(None if timeout is None else timeout * 1000))


def fork(
    arguments: Sequence[str], environment: Mapping[str, str], errors: int | None = None, *, family: bool = False
) -> Forked:
    """Starts `relayproxy` with these arguments, or the module whose name follows `-m`. Its standard error goes to the
    descriptor `errors`, without one to where its output goes. One of a `family` has a session of its own, and what it
    starts is forked too."""
    asked = {
        "arguments": list(arguments),
        "environment": dict(environment),
        "family": family,
        "folder": str(Path.cwd()),
    }
    output, written = os.pipe()
    code, told = os.pipe()
    nothing = os.open(os.devnull, os.O_RDONLY)
    with _ASKING:
        server = _server()
        streams = [nothing, written, written if errors is None else errors, told]
        socket.send_fds(server, [json.dumps(asked).encode()], streams)
        pid = int(server.recv(64))
    for descriptor in (nothing, written, told):
        os.close(descriptor)
    return Forked(pid, output, code)


def run(*arguments: str, timeout: float = PATIENCE) -> "subprocess.CompletedProcess[str]":
    """What `relayproxy` says with these arguments, and its exit code."""
    with tempfile.TemporaryFile("w+") as errors:
        process = fork(arguments, os.environ, errors.fileno())
        with process.stdout:
            code = process.wait(timeout)
            errors.seek(0)
            return subprocess.CompletedProcess(arguments, code, process.stdout.read(), errors.read())


_ASKING = threading.Lock()


@cache
def _server() -> socket.socket:
    """A connection to the fork server of this run of the tests: that of another process, else one that is started,
    which forks for others while this process lives."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or os.getpid()
    path = Path(tempfile.gettempdir(), f"relayproxy-tests-{run}")
    folder = os.open(Path(__file__).parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        found = _connected(path) or _started(path)
    finally:
        os.close(folder)
    atexit.register(found.close)
    return found


def _connected(path: Path) -> socket.socket | None:
    """A connection to the server that listens there, when there is one."""
    ours = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(PATIENCE)
    try:
        ours.connect(str(path))
        if ours.recv(64):
            return ours
    except (FileNotFoundError, ConnectionError):
        pass
    ours.close()
    return None


def _started(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(path))
        listener.listen()
        command = [sys.executable, "-m", "tests.forkserver", str(listener.fileno())]
        process = subprocess.Popen(command, pass_fds=[listener.fileno()], stdin=subprocess.PIPE)

    def end() -> None:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(PATIENCE)
        path.unlink()

    atexit.register(end)
    found = _connected(path)
    assert found, "the fork server did not start"
    return found
