"""`make conformance`: Autobahn's cases without compression, at a peer alone and at the same peer behind the relay.

Knows: the two legs (the suite as Twilio, the suite as backend), and what of a report must be equal.
Must not know: how the suite is installed.

A few cases depend on who is faster: alone, too, the peer passes them now in one way, now in another. So the peer is
asked again, alone, in the cases that differ, and what it does behind the relay must be one of the things that it does
alone.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.conformance.suite import CASES, COUNT, NO_PYTHON, Reports, Suite, python27, reports
from tests.running import relay
from tests.wire import listening

EQUAL = (
    "behavior", "behaviorClose", "remoteCloseCode", "remoteCloseReason", "localCloseCode", "wasClean", "received",
)  # fmt: skip
"""What of a case's report must be the same with the relay and without it: the suite's verdicts, what it got back,
and how the connection was closed."""
ALONE, RELAYED = "alone", "relayed"
AGAIN = [f"alone {number}" for number in range(2, 12)]
Leg = Callable[[Suite, Sequence[str], Sequence[str], Path], Awaitable[Reports]]


async def _echo(connection: ServerConnection) -> None:
    try:
        async for message in connection:
            await connection.send(message)
    except ConnectionClosed:
        pass


async def as_twilio(suite: Suite, cases: Sequence[str], names: Sequence[str], folder: Path) -> Reports:
    """The suite calls a backend that says everything back."""
    async with serve(_echo, "127.0.0.1", 0, max_size=None, compression=None, ping_interval=None) as server:
        backend = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with relay(backend) as process:
            urls = {name: f"ws://127.0.0.1:{process.port}" if name == RELAYED else backend for name in names}
            return await asyncio.to_thread(suite.fuzz_servers, cases, urls, folder)


async def as_backend(suite: Suite, cases: Sequence[str], names: Sequence[str], folder: Path) -> Reports:
    """The suite is called by a client that says everything back."""
    with listening() as (server, port):
        server.close()
        backend = f"ws://127.0.0.1:{port}"
        # The suite insists on its own port in Host.
        with suite.fuzzing_server(cases, port, folder), relay(backend, host_header="backend") as process:
            count = await _count(backend)
            for name in names:
                url = f"ws://127.0.0.1:{process.port}" if name == RELAYED else backend
                for case in range(1, count + 1):
                    await _call(f"{url}/runCase?case={case}&agent={name.replace(' ', '%20')}")
            await _call(f"{backend}/updateReports?agent={ALONE}")
    return reports(folder)


async def _count(url: str) -> int:
    async with asyncio.timeout(30):
        while True:
            try:
                async with connect(f"{url}/getCaseCount", proxy=None) as suite:
                    return int(await suite.recv())
            except OSError:
                await asyncio.sleep(0.1)


async def _call(url: str) -> None:
    try:
        async with connect(url, proxy=None, max_size=None, compression=None, ping_interval=None) as suite:
            async for message in suite:
                await suite.send(message)
    except ConnectionClosed:
        pass


def outcome(report: dict[str, Any]) -> str:
    """What must be equal of a report, as JSON."""
    return json.dumps({name: report.get(name) for name in EQUAL}, sort_keys=True)


def different(found: Reports) -> list[str]:
    """The cases whose outcome is not the same with the relay and without it, or which were not run."""
    alone, relayed = found[ALONE], found[RELAYED]
    return sorted(
        (
            case
            for case in alone.keys() | relayed.keys()
            if case not in alone or case not in relayed or outcome(alone[case]) != outcome(relayed[case])
        ),
        key=lambda case: [int(part) for part in case.split(".")],
    )


def _verdicts(cases: dict[str, Any]) -> str:
    counts: dict[str, int] = {}
    for one in cases.values():
        counts[one["behavior"]] = counts.get(one["behavior"], 0) + 1
    return ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))


async def compare(name: str, leg: Leg, suite: Suite, folder: Path) -> bool:
    """Runs one leg and prints what came of it. True when the relay makes no difference."""
    found = await leg(suite, CASES, [ALONE, RELAYED], folder)
    cases, differ = len(found[RELAYED]), different(found)
    again = await leg(suite, differ, AGAIN, folder / "again") if differ else {}
    known = {case: {outcome(one[case]) for one in (found[ALONE], *again.values())} for case in differ}
    wrong = [case for case in differ if outcome(found[RELAYED][case]) not in known[case]]
    print(f"the suite {name}: {cases} of {COUNT} cases; {len(wrong)} differ behind the relay {wrong or ''}".rstrip())
    for agent in (ALONE, RELAYED):
        print(f"  {agent}: {_verdicts(found[agent])}")
    for case in differ:
        print(
            f"  {case}: {'' if case in wrong else 'no difference: alone, it comes out in either way. '}Behind the relay"
        )
        print(f"    {outcome(found[RELAYED][case]):.400}\n  alone, in {1 + len(AGAIN)} runs")
        print("".join(f"    {one:.400}\n" for one in sorted(known[case])), end="")
    sys.stdout.flush()
    return not wrong and cases == COUNT


def main() -> int:
    """Runs both legs; 1 when a case differs or was not run, 2 when there is no Python 2.7."""
    parser = argparse.ArgumentParser(prog="make conformance", description=__doc__)
    parser.add_argument("--reports", type=Path, help="keep the suite's reports in this folder")
    arguments = parser.parse_args()
    python = python27()
    if python is None:
        print(NO_PYTHON, file=sys.stderr)
        return 2
    suite = Suite(python)
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.reports or Path(temporary)
        legs: list[tuple[str, Leg]] = [("as Twilio", as_twilio), ("as backend", as_backend)]
        same = [asyncio.run(compare(name, leg, suite, folder / name.replace(" ", "-"))) for name, leg in legs]
    return 0 if all(same) else 1


if __name__ == "__main__":
    sys.exit(main())
