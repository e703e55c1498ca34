"""The recorder, with every transaction that writes to its SQLite database timed: `python -m tests.bench.timed_recorder`
takes the settings of `relayproxy recorder`, and writes a line for each to the file that `TIMES` names.

Knows: where a transaction begins and ends on SQLite; what else holds up writers: giving pages back, checkpoints.
Must not know: what transactions are for; the thread that has them says it.
"""

import json
import os
import sqlite3
import threading
import time
from typing import Any, NamedTuple

from relayproxy.logs import log_to_stderr
from relayproxy.recorder import process
from relayproxy.settings.loading import load

FILE = "TIMES"
"""The variable that names the file."""
BEGIN = "BEGIN IMMEDIATE"
ALONE = ("PRAGMA incremental_vacuum", "PRAGMA wal_checkpoint(TRUNCATE)")
"""Statements that hold up writers without a transaction."""
_out = os.open(os.environ.get(FILE, os.devnull), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


class Clocks(NamedTuple):
    """Seconds of three clocks of a thread."""

    wall: float
    cpu: float
    queued: float
    """How long it was ready to run, and all processors were busy with others."""

    @classmethod
    def read(cls) -> "Clocks":
        with open("/proc/thread-self/schedstat") as file:  # noqa: PTH123 (Linux)
            queued = int(file.read().split()[1]) / 1e9
        return cls(time.monotonic(), time.thread_time(), queued)


def note(waited: float, began: Clocks) -> None:
    """Writes down that others could not write since `began`, for which this waited itself for so many seconds."""
    wall, cpu, queued = (now - then for now, then in zip(Clocks.read(), began, strict=True))
    told = {"thread": threading.current_thread().name, "waited": waited, "wall": wall, "cpu": cpu, "queued": queued}
    os.write(_out, json.dumps(told).encode() + b"\n")


class TimedCursor(sqlite3.Cursor):
    def execute(self, statement: str, *arguments: Any) -> "TimedCursor":
        if not statement.startswith((BEGIN, *ALONE)):
            return super().execute(statement, *arguments)
        began = Clocks.read()
        super().execute(statement, *arguments)
        if statement.startswith(BEGIN):
            timed: Any = self.connection
            timed.begun = time.monotonic() - began.wall, Clocks.read()
        else:
            note(0.0, began)
        return self

    def executescript(self, script: str) -> "TimedCursor":
        began = Clocks.read()
        super().executescript(script)
        note(0.0, began)
        return self


class TimedConnection(sqlite3.Connection):
    begun: tuple[float, Clocks] | None = None
    """How long the transaction waited for others, and when it had begun."""

    def cursor(self, factory: type[sqlite3.Cursor] = TimedCursor) -> Any:  # type: ignore[override]
        return super().cursor(factory)

    def commit(self) -> None:
        super().commit()
        begun, self.begun = self.begun, None
        if begun is not None:
            note(*begun)

    def rollback(self) -> None:
        super().rollback()
        self.begun = None


def main() -> None:
    log_to_stderr("recorder")
    connect: Any = sqlite3.connect
    sqlite3.connect = lambda *a, **more: connect(*a, **{"factory": TimedConnection, **more})
    process.run(load(None, {}))


if __name__ == "__main__":
    main()
