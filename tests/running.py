"""Starts the real processes for tests and tells where they listen."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGTERM
from typing import Any

from tests.forked import Forked, fork
from tests.patience import PATIENCE


class Running:
    """One process of relayproxy, with settings as environment variables. Unless told otherwise it records everything,
    as nearly all tests compare what is stored with what was sent.

    It is forked off one that has imported all, unless a `wrapper` is to start it, or it must be `cold` because its
    `env` says something to what is imported.
    """

    def __init__(
        self,
        *command: str,
        data_dir: Path,
        env: dict[str, str] | None = None,
        cold: bool = False,
        wrapper: tuple[str, ...] = (),
        **settings: Any,
    ) -> None:
        self.data_dir = data_dir
        self.log = data_dir / f"{command[0]}.log"
        data_dir.mkdir(parents=True, exist_ok=True)
        variables = {
            f"RELAYPROXY_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
            for name, value in {"data_dir": str(data_dir), "record": "full", **settings}.items()
        }
        environment = {**os.environ, **variables, **(env or {})}
        self.process: subprocess.Popen[str] | Forked
        with self.log.open("ab") as log:
            if wrapper or cold:
                self.process = subprocess.Popen(
                    [*wrapper, sys.executable, "-m", "relayproxy", *command],
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                )
            else:
                self.process = fork(command, environment, log.fileno(), family=command[0] == "serve")
        assert self.process.stdout is not None
        self.ready = self.process.stdout.readline().strip()
        assert self.ready, f"{command} did not start: {self.log.read_text()}"
        self.url = self.ready.rpartition(" ")[2]
        self.host, _, port = self.url.rpartition("://")[2].partition(":")
        self.port = int(port) if port.isdigit() else 0

    def signal(self, number: int = SIGTERM) -> None:
        self.process.send_signal(number)

    def wait(self, timeout: float = PATIENCE) -> int:
        return self.process.wait(timeout)

    def stop(self, number: int = SIGTERM) -> int:
        """Signals the process, waits for it and returns its exit code."""
        if self.process.poll() is None:
            self.signal(number)
        code = self.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@contextmanager
def running(*command: str, data_dir: Path | None = None, **settings: Any) -> Iterator[Running]:
    """The process, until the block ends; then it gets SIGTERM twice and must go."""
    with tempfile.TemporaryDirectory() as folder:
        process = Running(*command, data_dir=data_dir or Path(folder), **settings)
        try:
            yield process
        finally:
            if process.process.poll() is None:
                process.signal()
                try:
                    process.wait(0.6)
                except subprocess.TimeoutExpired:
                    process.signal()
            try:
                process.stop()
            except subprocess.TimeoutExpired:
                process.process.kill()
                raise


@contextmanager
def relay(backend: str | None = None, **settings: Any) -> Iterator[Running]:
    """A relay on a free port of 127.0.0.1."""
    if backend is not None:
        settings["backend"] = backend
    with running("relay", **{"listen": "127.0.0.1:0", **settings}) as process:
        yield process
