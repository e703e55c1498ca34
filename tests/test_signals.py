"""However many signals come, and however close together, every process stops in order."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.databases import migrated
from tests.patience import PATIENCE
from tests.running import Running

PROCESSES: dict[str, dict[str, Any]] = {
    "relay": {"backend": "ws://127.0.0.1:9", "listen": "127.0.0.1:0"},
    "recorder": {},
    "console": {"console": "127.0.0.1:0"},
    "serve": {"backend": "ws://127.0.0.1:9", "listen": "127.0.0.1:0", "console": "127.0.0.1:0"},
}
ROUNDS = 3


@pytest.mark.parametrize("name", PROCESSES)
def test_signals_close_together_stop_a_process_in_order_and_a_hangup_does_not(name: str, tmp_path: Path) -> None:
    migrated(f"sqlite:///{tmp_path}/relayproxy.db")
    for number in range(ROUNDS):
        process = Running(name, data_dir=tmp_path, env={"WHOLE_END": "1"}, **PROCESSES[name])
        try:
            if number == 0:
                process.signal(signal.SIGHUP)
                deadline = time.monotonic() + PATIENCE
                # `serve` was told before it was ready, and is stopped before it replaces anything.
                while name != "serve" and "SIGHUP is ignored: settings are read" not in process.log.read_text():
                    assert process.process.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.01)
            with suppress(ProcessLookupError):  # it is gone already
                for _ in range(200):
                    for stop in (signal.SIGTERM, signal.SIGINT):
                        os.kill(process.process.pid, stop)
            assert process.wait() == 0
        finally:
            process.process.kill()
            process.stop()


SIGNALLED_AT_EVERY_LINE = """
import signal, sys, threading
from pathlib import Path
from relayproxy.settings.model import Settings
from relayproxy.recorder.process import run

def trace(frame, what, argument):
    here = frame.f_code is threading.Event.wait.__code__
    if not here or not frame.f_back.f_globals["__name__"].startswith("relayproxy.recorder"):
        return None
    signal.raise_signal(signal.SIGTERM)
    return trace

sys.settrace(trace)
run(Settings(data_dir=Path(sys.argv[1])))
"""


def test_signals_at_every_line_of_its_waiting_do_not_hang_the_recorder(tmp_path: Path) -> None:
    migrated(f"sqlite:///{tmp_path}/relayproxy.db")
    done = subprocess.run([sys.executable, "-c", SIGNALLED_AT_EVERY_LINE, str(tmp_path)], timeout=PATIENCE, check=False)
    assert done.returncode == 0


IN_THE_BACKGROUND = ("sh", "-c", 'trap "" INT; exec "$@"', "sh")
"""What `command &` does in a script: SIGINT is ignored, by whatever that starts too."""


@pytest.mark.parametrize("name", ["serve", "demo-agent"])
def test_what_a_script_has_put_in_the_background_stops_at_sigint(name: str, tmp_path: Path) -> None:
    migrated(f"sqlite:///{tmp_path}/relayproxy.db")
    process = Running(
        *(name, *(() if name == "serve" else ("--listen", "127.0.0.1:0"))),
        data_dir=tmp_path,
        wrapper=IN_THE_BACKGROUND,
        **PROCESSES.get(name, {}),
    )
    assert process.stop(signal.SIGINT) == 0


def test_tests_that_a_script_has_put_in_the_background_start_processes_that_heed_sigint() -> None:
    code = """
import subprocess, sys, tests.conftest
child = "import signal; signal.raise_signal(signal.SIGINT)"
sys.exit(-subprocess.run([sys.executable, "-c", child], stderr=subprocess.DEVNULL).returncode)
"""
    done = subprocess.run([*IN_THE_BACKGROUND, sys.executable, "-c", code], timeout=PATIENCE, check=False)
    assert done.returncode == signal.SIGINT
