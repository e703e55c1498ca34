"""`make chaos`: calls over two machines on one PostgreSQL, whose processes are killed and replaced at random.
It is crashed as well.

Knows: what is done to which process, and that nothing but a relay that is killed costs a call anything.
Must not know: how a call goes; how what is stored is read.
"""

import argparse
import asyncio
import os
import random
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import websockets.asyncio.server

from relayproxy.store.schema.migrate import migrate
from tests.peers.postgres import Server, server
from tests.soak.calls import Traffic
from tests.soak.stored import NOT_OVER, NOT_THERE, Stored
from tests.supervisor.serving import COLD, Serving, serving

EVENTS = {
    "kill a recorder": r"recorder following ",
    "kill a console": r"console listening on ",
    "kill a relay": r"relay-\d listening on ",
    "replace all": r"replaced: calls that were live end with the relays of before",
}
"""What happens to a machine, and what is said once all is in order again."""
CRASH = "crash the database"
AWAY = ("nothing can be recorded (", "retention and erasures wait (")
"""What recorders say once a database is away."""
CALLS = 8
"""Calls that end between two events."""
PATIENCE = 120.0


class Machine:
    """`relayproxy serve` with two relays, and what happens to it."""

    def __init__(self, serve: Serving) -> None:
        self._serve = serve
        self.url = serve.relay

    async def listen(self) -> None:
        """Reads what is said, until it ends."""
        while line := await self._serve.output.readline():
            self._serve.said.append(line.decode().rstrip("\n"))

    async def suffer(self, event: str, chance: random.Random, relay_killed: Callable[[], None]) -> None:
        """Has an event of `EVENTS` happen, and returns when all is in order again. Tells when a relay is killed."""
        before = self._said(EVENTS[event])
        try:
            async with asyncio.timeout(PATIENCE):
                if event == "replace all":
                    self._serve.process.send_signal(signal.SIGHUP)
                else:
                    one = chance.choice(await self._processes(event.split()[-1]))
                    if event == "kill a relay":
                        relay_killed()
                    os.kill(one, signal.SIGKILL)
                while self._said(EVENTS[event]) == before:  # noqa: ASYNC110 (it is read elsewhere)
                    await asyncio.sleep(0.02)
        except TimeoutError:
            said = "\n".join(self._serve.said[-30:])
            raise AssertionError(f"{event}: it was not in order again in {PATIENCE:g} s; it said\n{said}") from None

    async def _processes(self, name: str) -> list[int]:
        """All that run this command, once they are there and those that were replaced have ended."""
        while len(found := self._serve.children(name)) != (2 if name == "relay" else 1):  # noqa: ASYNC110 (as above)
            await asyncio.sleep(0.02)
        return found

    def _said(self, pattern: str) -> int:
        return sum(re.match(pattern, line) is not None for line in self._serve.said)

    @property
    def errors(self) -> list[str]:
        """Lines of errors but those that a process was killed."""
        return [one for one in self._serve.said if " ERROR " in one and "ended (signal SIGKILL)" not in one]


class Outcome(Counter[str]):
    """How often each event happened, calls by what is stored of them, and what is wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[str] = []


async def chaos(
    url: str,
    folder: Path,
    events: Iterator[str],
    *,
    seed: int,
    callers: int,
    cold: bool = False,
    database: Server | None = None,
) -> Outcome:
    """Makes calls over two machines whose database is at `url`, which is migrated, while these events happen one after
    the other; then looks at what is stored of each call. `CRASH` needs the database's server."""
    chance, traffic, outcome = random.Random(seed), Traffic(seed), Outcome()
    backend = await websockets.asyncio.server.serve(traffic.answer, "127.0.0.1", 0, process_request=traffic.refuse)
    async with backend, AsyncExitStack() as stack:
        target = f"ws://127.0.0.1:{backend.sockets[0].getsockname()[1]}"
        machines = [await stack.enter_async_context(_machine(target, url, folder / name, cold)) for name in "ab"]
        async with asyncio.TaskGroup() as group:
            for number in range(callers):
                group.create_task(traffic.keep_calling(machines[number % 2].url, 0.1))
            for event in events:
                outcome[event] += 1
                if event == CRASH and database is not None:
                    await asyncio.to_thread(database.stop, "immediate")
                    await asyncio.sleep(chance.uniform(0, 5))
                    await asyncio.to_thread(database.start)
                else:
                    await chance.choice(machines).suffer(event, chance, traffic.relay_killed)
                wanted = len(traffic.ended) + CALLS
                while len(traffic.ended) < wanted and not traffic.problems:  # noqa: ASYNC110 (it is counted elsewhere)
                    await asyncio.sleep(0.02)
            traffic.over.set()
        await _check(traffic, url, outcome)
        told = (line for one in machines for line in one.errors)
        outcome.problems += [line for line in told if not (outcome[CRASH] and any(away in line for away in AWAY))]
    outcome.problems += traffic.problems
    return outcome


@asynccontextmanager
async def _machine(backend: str, url: str, folder: Path, cold: bool) -> AsyncIterator[Machine]:
    settings = ("--relays", "2", "--database-url", url, "--record", "full")
    async with serving(backend, folder, *settings, python=COLD if cold else ()) as serve:
        machine = Machine(serve)
        heard = asyncio.create_task(machine.listen())
        try:
            yield machine
        finally:
            heard.cancel()
            await asyncio.gather(heard, return_exceptions=True)


async def _check(traffic: Traffic, url: str, outcome: Outcome) -> None:
    """Looks at every call, once it is stored."""
    deadline = time.monotonic() + PATIENCE
    stored = Stored(url)
    for sent in traffic.ended:
        while (wrong := await asyncio.to_thread(stored.check, sent)) in (NOT_THERE, NOT_OVER):
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.1)
        if wrong and not (sent.cut and wrong == NOT_THERE):
            outcome.problems.append(f"{sent.session}: {wrong}")
    if stored.account.with_gaps:
        outcome.problems.append(f"{stored.account.with_gaps} calls have gaps")
    outcome["calls whole"], outcome["calls cut or left"] = stored.account.whole, stored.account.unclean
    outcome["messages"] = stored.account.stored_messages
    stored.close()


def for_minutes(minutes: float, seed: int) -> Iterator[str]:
    """Events at random for so long."""
    chance, end = random.Random(seed), time.monotonic() + minutes * 60
    while time.monotonic() < end:
        yield chance.choice([*EVENTS, CRASH])


def shuffled(seed: int, times: int = 1) -> Iterable[str]:
    """Each event so many times, in an order that follows from the seed."""
    return random.Random(seed).sample([*EVENTS] * times, times * len(EVENTS))


def main() -> int:
    """1 when anything was wrong."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--callers", type=int, default=40, help="calls at a time")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    with server() as postgres, tempfile.TemporaryDirectory() as folder:
        url = postgres.database()
        migrate(url)
        events = for_minutes(arguments.minutes, arguments.seed)
        outcome = asyncio.run(
            chaos(
                url,
                Path(folder),
                events,
                seed=arguments.seed,
                callers=arguments.callers,
                cold=True,
                database=postgres,
            )
        )
    print(", ".join(f"{name} {count:,}" for name, count in outcome.items()))
    for problem in outcome.problems[:20]:
        print(f"WRONG: {problem}")
    print("nothing is wrong" if not outcome.problems else f"{len(outcome.problems)} things are wrong")
    return int(bool(outcome.problems))


if __name__ == "__main__":
    sys.exit(main())
