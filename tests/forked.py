"""Recorders for tests that kill one again and again: real processes, forked off one that has imported the recorder.

Knows: that starting Python and importing takes far longer than a recorder's first commit, which a kill is to meet.
Must not know: what is recorded.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL, SIGTERM

_PARENT = """
import os, sys
from pathlib import Path
from relayproxy.config import Settings
from relayproxy.logs import log_to_stderr
from relayproxy.recorder.process import run
from relayproxy.telemetry import otlp

child = 0
for line in sys.stdin:
    if line == "start\\n":
        child = os.fork()
        if child == 0:
            log_to_stderr("recorder")
            run(Settings(data_dir=Path(sys.argv[1])))
            sys.stdout.flush()
            os._exit(0)
        print(child, flush=True)
    else:
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Recorders:
    """One recorder at a time on a data folder."""

    def __init__(self, data_dir: Path, log: Path) -> None:
        with log.open("ab") as errors:
            self._parent = subprocess.Popen(
                [sys.executable, "-c", _PARENT, str(data_dir)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self._running: int | None = None

    def start(self) -> None:
        """Returns when it follows the journals."""
        assert self._running is None
        first, second = self._say("start"), self._line()
        # Parent and child write to the same pipe, in either order.
        self._running = int(first if first.isdigit() else second)
        assert "recorder following" in first + second, first + second

    def stop(self, number: int = SIGTERM) -> int:
        """Signals it, waits for it and returns its exit code; a signal's is negative."""
        assert self._running is not None
        os.kill(self._running, number)
        code = int(self._say("wait"))
        self._running = None
        return code

    def close(self) -> None:
        """Ends all."""
        if self._running is not None:
            self.stop(SIGKILL)
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.close()
        self._parent.wait(60)
        self._parent.stdout.close()

    def _say(self, word: str) -> str:
        assert self._parent.stdin is not None
        self._parent.stdin.write(word + "\n")
        self._parent.stdin.flush()
        return self._line()

    def _line(self) -> str:
        assert self._parent.stdout is not None
        return self._parent.stdout.readline().strip()


@contextmanager
def recorders(data_dir: Path) -> Iterator[Recorders]:
    """Recorders on a data folder, for as long as the block lasts."""
    made = Recorders(data_dir, data_dir / "recorder.log")
    try:
        yield made
    finally:
        made.close()
