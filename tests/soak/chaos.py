"""`make chaos`: calls over two machines with one PostgreSQL and one bucket, while everything but who calls is killed,
ended, replaced and started again at random.

Knows: what happens when, and what has to be so in the end.
Must not know: how a call goes; how what is shown is read; how a machine is started.
"""

import argparse
import asyncio
import os
import random
import re
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, STDOUT
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from unittest.mock import patch

import aiohttp
import websockets.asyncio.server
from sqlalchemy import func, select

from relayproxy.objects.opening import open_objects
from relayproxy.objects.place import Place
from relayproxy.store.engine import open_engine
from relayproxy.store.schema.migrate import migrate
from relayproxy.store.schema.tables import journals, recordings
from relayproxy.store.write.moving import sweeper
from tests.peers.postgres import FAST, Server, server
from tests.peers.seaweed import CREDENTIALS, Seaweed, seaweed
from tests.soak.calls import Traffic
from tests.soak.machines import EVENTS, PATIENCE, Machine
from tests.soak.shown import Shown

AWAY = (
    "nothing can be recorded (", "retention and erasures wait (", "recordings stay where they are (",
    "goes on without what connection", "pages over many calls are slower", "the recorder does not end; killing it",
)  # fmt: skip
"""What is said once the database or the bucket is away, or a recorder waits for it as it is to end."""
ANEW = re.compile(r"derive it anew with: relayproxy rebuild (\w+)")
EARLY = Path(__file__).with_name("early")


class Stores:
    """The database and the bucket, and what happens to them."""

    def __init__(self, database: Server, bucket: Seaweed | None) -> None:
        self._database, self._bucket = database, bucket
        self.events = ["crash the database", "restart the database", *(["kill the bucket"] if bucket else [])]

    async def suffer(self, event: str, chance: random.Random) -> None:
        """Has an event happen, and returns when all is in order again."""
        if event == "kill the bucket" and self._bucket:
            self._bucket.stop()
            await asyncio.sleep(chance.uniform(0, 5))
            await asyncio.to_thread(self._bucket.start)
        else:
            await asyncio.to_thread(self._database.stop, "immediate" if event.startswith("crash") else "fast")
            await asyncio.sleep(chance.uniform(0, 5))
            await asyncio.to_thread(self._database.start)


class Outcome(Counter[str]):
    """How often each event happened, connections by what is shown of them, and what is wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[str] = []
        self.said: list[str] = []
        """What the machines have said."""


def _say(_words: str) -> None:
    """Nobody listens."""


async def chaos(
    url: str,
    folder: Path,
    events: Sequence[str] | float,
    *,
    seed: int,
    callers: int,
    pace: float = 0.15,
    cold: bool = False,
    stores: Stores | None = None,
    place: Place | None = None,
    say: Callable[[str], None] = _say,
) -> Outcome:
    """Makes calls over two machines whose database is at `url`, which is migrated, and whose recordings go to `place`,
    while these events happen one after the other, or while events happen at random to each machine and to the `stores`
    for so many seconds; then looks at what is shown of each call."""
    chance, traffic, outcome = random.Random(seed), Traffic(seed, pace), Outcome()
    settings = ["--database-url", url, "--record", "full", "--connect-timeout", "60"]
    settings += ["--max-handshakes", "1000", "--max-connections-per-peer", "20000"]
    if place is not None and place.endpoint is not None:
        settings += ["--recordings", place.root, "--recordings-endpoint", place.endpoint]
    backend = await websockets.asyncio.server.serve(
        traffic.answer, "127.0.0.1", 0, process_request=traffic.refuse, ping_interval=None, backlog=2000
    )
    async with backend, AsyncExitStack() as stack:
        target = f"ws://127.0.0.1:{backend.sockets[0].getsockname()[1]}"
        machines = [Machine(target, folder / name, *settings, cold=cold) for name in "ab"]
        await asyncio.gather(*(one.start() for one in machines))
        stack.push_async_callback(_stop, machines)
        say("two machines are ready")
        async with asyncio.TaskGroup() as group:
            for _ in range(callers):
                group.create_task(traffic.keep_calling(lambda: chance.choice(machines).url, pace))
            if isinstance(events, float):
                telling = group.create_task(_tell(traffic, outcome, say))
                await _at_random(events, machines, stores, outcome, traffic, chance, say)
                telling.cancel()
            else:
                for event in events:
                    one = chance.choice(machines)
                    outcome[event] += 1
                    await one.suffer(event, chance, partial(traffic.relay_killed, one.url))
                    await _some_calls(traffic)
            traffic.over.set()
            say("no more calls; those that are there end")
        async with aiohttp.ClientSession() as http:
            shown = Shown(http, [one.console for one in machines])
            await shown.once_over(traffic.ended, PATIENCE, say)
            lacking = {found[1] for one in machines for line in one.said if (found := ANEW.search(line))}
            outcome["sessions to be derived anew"] = len(lacking)
            outcome.problems += await _rebuild(url, lacking)
            say(f"looking at {len(traffic.ended):,} connections")
            outcome.problems += await shown.check_all(traffic.ended, PATIENCE, say)
        outcome.update(shown.counts)
        for one in machines:
            await one.stop()
        say("; ".join(f"started again {one.starts_again} times" for one in machines))
        outcome.problems += [f"{one} is left" for machine in machines for one in machine.left]
        outcome.said = [line for one in machines for line in one.said]
        told = (line for one in machines for line in one.errors)
        outcome.problems += [line for line in told if not (stores and any(away in line for away in AWAY))]
        outcome.problems += await asyncio.to_thread(_left, url, place, outcome)
    outcome.problems += traffic.problems
    slowest = traffic.slowest, traffic.slowest_handshake
    say(
        f"{traffic.calls:,} calls, {traffic.redialled:,} made again, {traffic.nobody:,} found nobody, "
        f"{traffic.messages:,} messages; slowest exchange {slowest[0]:.1f} s, slowest handshake {slowest[1]:.1f} s; "
        f"what a killed relay took with it began {shown.longest_loss * 1000:.0f} ms before at most"
    )
    say("how calls ended and what is shown: " + ", ".join(f"{one} {n:,}" for one, n in sorted(shown.outcomes.items())))
    return outcome


async def _some_calls(traffic: Traffic) -> None:
    """Returns once eight more calls have ended."""
    wanted = len(traffic.ended) + 8
    while len(traffic.ended) < wanted and not traffic.problems:  # noqa: ASYNC110 (it is counted elsewhere)
        await asyncio.sleep(0.02)


async def _at_random(
    seconds: float,
    machines: Sequence[Machine],
    stores: Stores | None,
    outcome: Outcome,
    traffic: Traffic,
    chance: random.Random,
    say: Callable[[str], None],
) -> None:
    end = time.monotonic() + seconds

    async def machine(name: str, one: Machine) -> None:
        while time.monotonic() < end:
            event = chance.choice([*EVENTS])
            outcome[event] += 1
            say(f"machine {name}: {event}")
            began = time.monotonic()
            await one.suffer(event, chance, partial(traffic.relay_killed, one.url))
            say(f"machine {name}: in order again after {time.monotonic() - began:.1f} s")
            await asyncio.sleep(chance.uniform(0, 15))

    async def stored() -> None:
        while stores and time.monotonic() < end:
            await asyncio.sleep(chance.uniform(0, 40))
            event = chance.choice(stores.events)
            outcome[event] += 1
            say(event)
            await stores.suffer(event, chance)
            say(f"{event}: in order again")

    await asyncio.gather(*(machine(name, one) for name, one in zip("ab", machines, strict=True)), stored())


async def _tell(traffic: Traffic, outcome: Outcome, say: Callable[[str], None]) -> None:
    while True:
        slowest = traffic.slowest_of_late()
        say(
            f"{traffic.live:,} live calls, {traffic.calls:,} in all, {traffic.messages:,} messages; slowest exchange "
            f"{slowest[0]:.1f} s, slowest handshake {slowest[1]:.1f} s; {len(traffic.problems):,} problems"
            + "".join(f": {one:.200}" for one in traffic.problems[-1:])
        )
        await asyncio.sleep(10)


async def _rebuild(url: str, sessions: Iterable[str]) -> list[str]:
    """Does what the log asks for, where the bucket was away as it was needed. What could not be derived."""
    problems = []
    for one in sessions:
        command = (sys.executable, "-m", "relayproxy", "rebuild", "--database-url", url, one)
        running = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=STDOUT)
        said, _ = await running.communicate()
        if running.returncode and b"no session has the id" not in said:  # it is part of another one by now
            problems.append(f"{one} cannot be derived anew: {said.decode()}")
    return problems


async def _stop(machines: Sequence[Machine]) -> None:
    for one in machines:
        await one.stop()


def _left(url: str, place: Place | None, outcome: Outcome) -> list[str]:
    """What is wrong with journals that the database knows and with objects, once all machines have ended."""
    engine = open_engine(url)
    problems = []
    with engine.connect() as db:
        if left := db.execute(select(func.count()).select_from(journals)).scalar_one():
            problems.append(f"the database knows of {left} journals")
    if place is not None:
        swept = sweeper.Sweeper(engine, lambda _seconds: True)
        with patch.object(sweeper, "SAFE", -(10**18)):
            outcome["objects that no row names"] = swept.sweep()
        swept.delete_noted()
        there = {one.key for one in open_objects(place).list("") if one.key.endswith(".gz")}
        with engine.connect() as db:
            named = {*db.execute(select(recordings.c.object).where(recordings.c.object.is_not(None))).scalars()}
        outcome["objects"] = len(named)
        if named - there:
            problems.append(f"{len(named - there)} objects are not there")
        if there - named:
            problems.append(f"{len(there - named)} objects are there and not named")
    engine.dispose()
    return problems


def main() -> int:
    """1 when anything was wrong."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--calls", type=int, default=200, help="calls at a time")
    parser.add_argument("--pace", type=float, default=5.0, help="seconds between two things that a caller says")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    began = time.monotonic()

    def say(words: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {words}", flush=True)

    say(f"seed {arguments.seed}")
    os.environ |= CREDENTIALS | {"PYTHONPATH": str(EARLY)}
    with (
        server((*FAST, "max_connections=200", "autovacuum=on")) as postgres,
        seaweed() as bucket,
        tempfile.TemporaryDirectory() as folder,
    ):
        url = postgres.database()
        migrate(url)
        outcome = asyncio.run(
            chaos(
                url,
                Path(folder),
                arguments.minutes * 60,
                seed=arguments.seed,
                callers=arguments.calls,
                pace=arguments.pace,
                cold=True,
                stores=Stores(postgres, bucket),
                place=bucket.bucket(),
                say=say,
            )
        )
    say(", ".join(f"{name} {count:,}" for name, count in outcome.items()))
    kinds: dict[str, list[str]] = {}
    for problem in outcome.problems:
        kinds.setdefault(re.sub(r"VX\w+|\d[\d.,]*", "#", problem)[:80], []).append(problem)
    for alike in kinds.values():
        print(f"WRONG, {len(alike):,} times: {alike[0]}")
    if outcome.problems:
        log = Path(tempfile.mkdtemp(prefix="relayproxy-chaos-"), "said")
        log.write_text("\n".join(outcome.said))
        print(f"what the machines have said is in {log}")
    print("nothing is wrong" if not outcome.problems else f"{len(outcome.problems)} things are wrong")
    return int(bool(outcome.problems))


if __name__ == "__main__":
    sys.exit(main())
