"""`python -m tests.bench.retention`: what erasing a call and deleting everything old do to a recorder that is at work,
on a database of very many sessions.

Knows: the database that is made, the calls that go on meanwhile, what is timed.
Must not know: how anything is deleted; which times are good.

The same calls go through a real relay and recorder again and again: with nothing else, while one call is erased, while
retention deletes every old session, and while what that has freed leaves the files. What holds
others up is told by the wall, without the time for which its thread was ready to run while other programs had the
processors, and in processor time.
"""

import argparse
import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM
from tempfile import TemporaryDirectory
from typing import Any

from relayproxy.lab.agent.server import serving
from relayproxy.lab.simulation.simulate import simulate
from relayproxy.store.engine import open_engine, writing
from relayproxy.store.read.erasures import read_erasure, sought_session
from relayproxy.store.write.deletion.erasures import order
from tests.bench.big import DAY, make
from tests.bench.timed_recorder import FILE
from tests.running import running

OLD = 500
"""Days for which the newest of the old calls are over."""
SPAN = 30
"""Days over which they are spread."""
RECORDING = 4000
"""Bytes of the recording of an old call, compressed."""
DELETION, RECORDER = "deletion", "MainThread"
PATIENCE = 3600.0


@dataclass(frozen=True, slots=True)
class Held:
    """One transaction of a thread: milliseconds that it waited for others, that it held them up, of which it was at
    work itself, and of which it waited for a processor that other programs had."""

    thread: str
    waited: float
    wall: float
    cpu: float
    queued: float


HEAD = "what | commits | steps | hold up others | without waiting for a processor | processor time"


def table(name: str, held: list[Held]) -> str:
    """A row: how long the recorder waits for its commits, and how long steps of deletion hold it up."""
    commits = [one.waited + one.wall for one in held if one.thread == RECORDER]
    steps = [one for one in held if one.thread == DELETION]
    return " | ".join(
        [
            name,
            f"{_shares(commits)} ({len(commits):,})",
            f"{len(steps):,}",
            _shares([one.wall for one in steps]),
            _shares([max(0.0, one.wall - one.queued) for one in steps]),
            _shares([one.cpu for one in steps]),
        ]
    )


def _shares(times: list[float]) -> str:
    """Median, 99th percentile and the longest."""
    ordered = sorted(times) or [0.0]
    return " / ".join(f"{ordered[min(len(ordered) - 1, int(len(ordered) * share))]:.1f}" for share in (0.5, 0.99, 1.0))


def fill(path: Path, sessions: int) -> None:
    """A database of so many old sessions, with recordings."""
    make(path, sessions, now=time.time_ns() - OLD * DAY)
    db = sqlite3.connect(path)
    try:
        # Those that live would be waited for.
        ended = "UPDATE {} SET ended_at = {} + 1000000000 WHERE ended_at IS NULL"
        db.execute(ended.format("sessions", "started_at"))
        db.execute(ended.format("connections", "opened_at"))
        db.execute(
            "INSERT INTO recordings (connection, part, first_seq, n, lines) SELECT id, 0, 0, 40, randomblob(?) "
            "FROM connections",
            (RECORDING,),
        )
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        db.close()


@contextmanager
def recorder(folder: Path, times: Path, keep: float) -> Iterator["subprocess.Popen[bytes]"]:
    """A recorder at work on the folder, whose transactions are timed."""
    settings = {"DATA_DIR": str(folder), "KEEP_CONTENT": str(keep), "KEEP_NUMBERS": str(keep)}
    variables = {f"RELAYPROXY_{name}": value for name, value in settings.items()}
    with (folder / "recorder.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.timed_recorder"],
            env={**os.environ, **variables, FILE: str(times)},
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.send_signal(SIGTERM)
        process.wait()


class Bench:
    """One run, on a folder whose database is full."""

    def __init__(self, folder: Path, relay: str, calls: int) -> None:
        self.folder = folder
        self.database = folder / "relayproxy.db"
        self._relay = relay
        self._calls = calls

    async def phase(self, name: str, keep: float, until: "asyncio.Task[Any]") -> list[Held]:
        """What was timed while calls went on, until that is done."""
        times = self.folder / f"{name}.times"
        with recorder(self.folder, times, keep) as process:
            phones = asyncio.create_task(self._phones())
            try:
                while not until.done():
                    assert process.poll() is None, (self.folder / "recorder.log").read_text()
                    await asyncio.wait({until, phones}, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
                    assert not phones.done(), phones.exception()
                await until
            finally:
                phones.cancel()
                await asyncio.gather(phones, return_exceptions=True)
        return [
            Held(told["thread"], *(told[clock] * 1000 for clock in ("waited", "wall", "cpu", "queued")))
            for told in map(json.loads, times.read_text().splitlines())
        ]

    async def _phones(self) -> None:
        while True:
            await simulate(self._relay, times=self._calls, at_once=self._calls, speed=4)

    async def erased(self, word: str) -> float:
        """Erases one call; seconds until it was done and in no file any more."""
        engine = open_engine(f"sqlite:///{self.database}")
        try:
            with writing(engine).begin() as db:
                id = order(db, sought_session(word), 1, "bench", "", time.time_ns())
            began = time.monotonic()
            while time.monotonic() - began < PATIENCE:
                with engine.connect() as db:
                    receipt = read_erasure(db, id)
                if receipt is not None and receipt.done_at is not None:
                    return time.monotonic() - began
                await asyncio.sleep(0.1)
            raise TimeoutError
        finally:
            engine.dispose()

    async def emptied(self, keep: float, seconds: float) -> tuple[int, float]:
        """Waits until no session is left that is over for longer than that, or for so long; how many went, and in how
        many seconds."""
        before, began, first = self._older(keep), time.monotonic(), 0.0
        left = before
        while left and time.monotonic() - began < seconds:
            await asyncio.sleep(0.5)
            left = await asyncio.to_thread(self._older, keep)
            first = first or (time.monotonic() if left < before else 0.0)
        return before - left, time.monotonic() - (first or began)

    def _older(self, days: float) -> int:
        db = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        try:
            limit = time.time_ns() - round(days * DAY) - 3600 * 10**9
            return int(db.execute("SELECT count(*) FROM sessions WHERE started_at < ?", (limit,)).fetchone()[0])
        finally:
            db.close()

    def sizes(self) -> str:
        files = [self.database.with_name(self.database.name + end) for end in ("", "-wal")]
        return " + ".join(f"{file.stat().st_size / 1e6:,.1f}" for file in files if file.exists()) + " MB"


async def run(folder: Path, sessions: int, due: float, calls: int, seconds: float, longest: float) -> None:
    database, keep = folder / "relayproxy.db", OLD + SPAN * (1 - due)
    fill(database, sessions)
    async with serving(speed=4) as agent:
        with running("relay", data_dir=folder, listen="127.0.0.1:0", backend=agent) as relay:
            bench = Bench(folder, f"ws://127.0.0.1:{relay.port}/", calls)
            print(f"{sessions:,} sessions, {calls} calls at a time; disk {bench.sizes()}")
            print(f"| {HEAD} | milliseconds: median / 99th percentile / longest")

            async def timed(name: str, keep: float, work: "asyncio.Task[Any]") -> None:
                held = await bench.phase(name, keep, work)
                print(f"| {table(name, held)} | load {os.getloadavg()[0]:.1f}", flush=True)

            await timed("calls alone", 0, asyncio.create_task(asyncio.sleep(seconds)))
            erasing = asyncio.create_task(bench.erased(bench_session(database)))
            await timed("an erasure", 0, erasing)
            print(f"erased in {erasing.result():.1f} s; disk {bench.sizes()}")
            emptying = asyncio.create_task(bench.emptied(keep, longest))
            await timed("retention", keep, emptying)
            gone, took = emptying.result()
            print(f"{gone:,} sessions deleted, {gone / took:.0f} a second; disk {bench.sizes()}")
            purging = asyncio.create_task(bench.erased("nothing"))
            await timed("what was freed", 0, purging)
            print(f"in {purging.result():.1f} s; disk {bench.sizes()}")


def bench_session(database: Path) -> str:
    """An old session in the middle."""
    db = sqlite3.connect(database)
    try:
        query = "SELECT id FROM sessions ORDER BY started_at LIMIT 1 OFFSET (SELECT count(*) / 2 FROM sessions)"
        return str(db.execute(query).fetchone()[0])
    finally:
        db.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.retention", description=__doc__)
    parser.add_argument("--sessions", type=int, default=100_000)
    parser.add_argument("--due", type=float, default=0.08, help="share of them that is older than is kept")
    parser.add_argument("--calls", type=int, default=20, help="calls at a time")
    parser.add_argument("--seconds", type=float, default=60.0, help="of calls alone")
    parser.add_argument("--longest", type=float, default=PATIENCE, help="seconds of retention at most")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="relayproxy-retention-") as folder:
        asyncio.run(run(Path(folder), options.sessions, options.due, options.calls, options.seconds, options.longest))


if __name__ == "__main__":
    main()
