"""`make soak`: traffic with faults for an hour, before one `relayproxy serve`.

Knows: which faults come when, what is measured of each process, and the bounds.
Must not know: how a call goes; how what is stored is read.
"""

import argparse
import asyncio
import os
import re
import signal
import sqlite3
import sys
import tempfile
import time
from contextlib import suppress
from itertools import combinations
from pathlib import Path
from statistics import median

import aiohttp
from websockets.asyncio.server import serve

from tests.soak.calls import Traffic
from tests.soak.stored import NOT_OVER, NOT_THERE, Stored
from tests.supervisor.serving import COLD, Serving, serving

ROLES = ("relay", "recorder", "console")
SAMPLE = 5.0
"""Seconds between two looks at memory and descriptors."""
KILLS = 0.3
"""Share of the time in which the recorder is killed: its memory begins anew with it."""
MEMORY_GROWTH, DESCRIPTOR_GROWTH = 4.0, 4.0
"""Bounds of how much a process may grow over the second half of the time: MiB of memory of its own, and descriptors.
The pages of the database that its connections keep are there by then."""
QUOTA = 1 << 20
"""Of the journal, so that a recorder that stands still costs something."""


Samples = list[tuple[float, float]]
"""Seconds, and what was measured then."""


def growth(samples: Samples) -> float:
    """How much the second half of these rises: the median of the slopes between any two (Theil and Sen), so that a peak
    or a step back does not count for more than it is."""
    half = samples[len(samples) // 2 :]
    slopes = [(y - x) / (b - a) for (a, x), (b, y) in combinations(half, 2)]
    return median(slopes) * (half[-1][0] - half[0][0]) if slopes else 0.0


def tenths(samples: Samples) -> Samples:
    """Eleven of them, from the first to the last."""
    return [samples[(len(samples) - 1) * at // 10] for at in range(11)]


class Processes:
    """Memory and descriptors of the three processes, and the size of the database, over time."""

    def __init__(self, serve: Serving) -> None:
        self._serve = serve
        self.memory: dict[str, Samples] = {role: [] for role in ROLES}
        self.descriptors: dict[str, Samples] = {role: [] for role in ROLES}
        self.database: Samples = []

    async def watch(self, over: asyncio.Event) -> None:
        """Looks every `SAMPLE` seconds."""
        while not over.is_set():
            now = time.monotonic()
            for role in ROLES:
                pid = self._serve.child(role)
                with suppress(OSError):
                    own = re.search(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text("utf-8"))
                    descriptors = len(os.listdir(f"/proc/{pid}/fd"))
                    if own is not None:
                        self.memory[role].append((now, int(own[1]) / 1024))
                        self.descriptors[role].append((now, descriptors))
            self.database.append((now, (self._serve.data_dir / "relayproxy.db").stat().st_size / 2**20))
            with suppress(TimeoutError):
                async with asyncio.timeout(SAMPLE):
                    await over.wait()


class Faults:
    """What goes wrong meanwhile. A recorder is killed in the first part alone, as its memory begins anew with it."""

    def __init__(self, serve: Serving, seconds: float) -> None:
        self._serve = serve
        self._began = time.monotonic()
        self._seconds = seconds
        self.counts: dict[str, int] = {}

    async def go_on(self, over: asyncio.Event) -> None:
        """One fault after the other."""
        while True:
            for fault in (self.lock_the_database, self.strangers, self.readers, self.stop_the_recorder, self.kill):
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(20.0, self._seconds / 40)):
                        await over.wait()
                if over.is_set():
                    return
                name = fault.__name__.replace("_", " ")
                if await fault() is not False:
                    self.counts[name] = self.counts.get(name, 0) + 1

    async def lock_the_database(self) -> None:
        """Somebody else writes, and takes eight seconds over it."""
        other = sqlite3.connect(self._serve.data_dir / "relayproxy.db", isolation_level=None, timeout=30)
        try:
            other.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(8)
            other.execute("ROLLBACK")
        finally:
            other.close()

    async def strangers(self) -> None:
        """Garbage, half requests and connections that say nothing."""
        host, _, port = self._serve.relay.removeprefix("ws://").partition(":")
        for data in (b"\x16\x03\x01\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HT", b"") * 5:
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(data)
            with suppress(TimeoutError, ConnectionError):
                await asyncio.wait_for(reader.read(100), 0.2)
            writer.close()

    async def readers(self) -> None:
        """Pages and lists are looked at, by several people at once."""
        async with aiohttp.ClientSession(self._serve.console) as http:

            async def look(path: str) -> None:
                async with http.get(path) as page:
                    assert page.status == 200, (path, page.status)
                    await page.read()

            paths = ("/sessions", "/health", "/api/sessions?limit=100", "/insight", "/live")
            await asyncio.gather(*(look(path) for path in paths * 2))

    async def stop_the_recorder(self) -> None:
        """The recorder stands still, for longer than the journal has room."""
        pid = self._serve.child("recorder")
        if pid is None:
            return
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(25)
        finally:
            os.kill(pid, signal.SIGCONT)

    async def kill(self) -> bool | None:
        """The recorder is killed, and started again by `serve`."""
        pid = self._serve.child("recorder")
        if pid is None or time.monotonic() - self._began > self._seconds * KILLS:
            return False
        os.kill(pid, signal.SIGKILL)
        return None


async def check_all(traffic: Traffic, stored: Stored, patience: float = 120.0) -> None:
    """Checks calls once they are over, until none is left and the traffic is over as well."""
    loop = asyncio.get_running_loop()
    while traffic.ended or not traffic.over.is_set():
        due = [one for one in traffic.ended if loop.time() - one.over_at > 2 or traffic.over.is_set()][:50]
        for sent in due:
            wrong = await asyncio.to_thread(stored.check, sent)
            if wrong in (NOT_THERE, NOT_OVER) and loop.time() - sent.over_at < patience:
                continue
            traffic.ended.remove(sent)
            if wrong == NOT_THERE:
                stored.account.not_there += 1
            elif wrong:
                traffic.problems.append(f"{sent.session}: {wrong}")
        await asyncio.sleep(0.5)


async def soak(minutes: float, callers: int, pause: float, folder: Path) -> int:
    """Runs it all; 1 when anything was wrong."""
    seconds = minutes * 60
    traffic = Traffic(seed=1)
    async with serve(
        traffic.answer, "127.0.0.1", 0, process_request=traffic.refuse, ping_interval=None, max_size=None
    ) as backend:
        url = f"ws://127.0.0.1:{backend.sockets[0].getsockname()[1]}"
        limits = ("--journal-quota", str(QUOTA), "--journal-segment", str(QUOTA // 8))
        async with serving(url, folder, *limits, python=COLD) as system:
            processes, faults = Processes(system), Faults(system, seconds)
            stored = Stored(f"sqlite:///{folder / 'relayproxy.db'}")
            drained = asyncio.create_task(_listen(system))
            async with asyncio.TaskGroup() as group:
                group.create_task(processes.watch(traffic.over))
                group.create_task(faults.go_on(traffic.over))
                for _ in range(callers):
                    group.create_task(traffic.keep_calling(lambda: system.relay, pause))
                for _ in range(3):
                    group.create_task(traffic.keep_quiet(system.relay))
                group.create_task(check_all(traffic, stored))
                await asyncio.sleep(seconds)
                traffic.over.set()
                print(f"over after {minutes:g} minutes; waiting for what is still to be checked", flush=True)
            drained.cancel()
            nameless = stored.nameless()
    return report(minutes, traffic, stored, nameless, processes, faults)


async def _listen(system: Serving) -> None:
    while line := await system.output.readline():
        system.said.append(line.decode().rstrip("\n"))


def report(
    minutes: float, traffic: Traffic, stored: Stored, nameless: int, processes: Processes, faults: Faults
) -> int:
    """Prints what came of it; 1 when anything was wrong."""
    account, problems = stored.account, list(traffic.problems)
    print(
        f"{minutes:g} minutes: {traffic.calls:,} calls, {traffic.messages:,} messages sent and received, "
        f"{traffic.refused:,} calls refused by the backend; slowest exchange {traffic.slowest * 1000:.0f} ms"
    )
    print("faults: " + ", ".join(f"{name} {count} times" for name, count in faults.counts.items()))
    print(
        f"stored: {account.stored_messages:,} messages; {account.whole:,} calls whole, {account.with_gaps:,} with gaps "
        f"of {account.lost_bytes:,} bytes in all, {account.unclean:,} that one end left without a word, "
        f"{account.not_there:,} whose first message is in a gap"
    )
    if account.not_there != nameless:
        problems.append(f"{account.not_there:,} calls are not there, and {nameless:,} are stored with a gap and no id")
    for role in ROLES:
        memory, descriptors = processes.memory[role], processes.descriptors[role]
        grown, opened = growth(memory), growth(descriptors)
        print(
            f"{role}: {memory[-1][1]:.1f} MiB, over the second half {grown:+.1f}; "
            f"{descriptors[-1][1]:.0f} descriptors, over the second half {opened:+.1f}"
        )
        print(f"  MiB in steps of a tenth: {' '.join(f'{value:.1f}' for _, value in tenths(memory))}")
        if grown > MEMORY_GROWTH:
            problems.append(f"{role} has grown by {grown:.1f} MiB (bound {MEMORY_GROWTH:g})")
        if opened > DESCRIPTOR_GROWTH:
            problems.append(f"{role} has {opened:.1f} descriptors more (bound {DESCRIPTOR_GROWTH:g})")
    print(f"database: MiB in steps of a tenth: {' '.join(f'{value:.1f}' for _, value in tenths(processes.database))}")
    for problem in problems[:20]:
        print(f"WRONG: {problem}")
    print("nothing is wrong" if not problems else f"{len(problems)} things are wrong")
    return int(bool(problems))


def main() -> int:
    """1 when anything was wrong."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--callers", type=int, default=20, help="calls at a time")
    parser.add_argument("--pause", type=float, default=2.0, help="seconds between two calls of a caller")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(soak(arguments.minutes, arguments.callers, arguments.pause, Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
