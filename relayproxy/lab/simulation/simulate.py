"""Simulation of many calls, and its summary.

Knows: how calls are spread over scenarios and time, how their results are summed up.
Must not know: how a call goes; how progress is shown.
"""

import asyncio
import collections
import random
import time
from collections.abc import Callable, Sequence
from ssl import SSLContext

import msgspec

from relayproxy.lab.scenarios.builtin import CALLERS, find
from relayproxy.lab.scenarios.builtin import scenarios as builtin
from relayproxy.lab.scenarios.model import Scenario
from relayproxy.lab.scenarios.performing import perform
from relayproxy.lab.scenarios.result import Failure, ScenarioResult
from relayproxy.lab.twilio.connection import Line
from relayproxy.lab.twilio.result import Caller
from relayproxy.plural import plural


class SimulationSummary(msgspec.Struct, frozen=True):
    """All calls of a run. `str()` of it is for people."""

    calls: int
    seconds: float
    endings: dict[str, int]
    """Calls by how they ended (`CallEnding`)."""
    messages_sent: int
    """By Twilio."""
    messages_received: int
    latencies: tuple[float, ...]
    """Response latencies of all turns, seconds; ascending."""
    problems: dict[str, int]
    """Why there was no connection, and how often."""
    failures: tuple[Failure, ...]
    """Expectations that did not come true."""

    @property
    def connected(self) -> int:
        """Calls whose handshake was answered with 101."""
        return self.calls - self.endings.get("refused", 0) - self.endings.get("unreachable", 0)

    def latency(self, share: float) -> float | None:
        """The latency that `share` (0 to 1) of all answers did not exceed; None without answers."""
        return self.latencies[round(share * (len(self.latencies) - 1))] if self.latencies else None

    def __str__(self) -> str:
        lines = [
            f"{plural(self.calls, 'call')} in {self.seconds:.1f} s: {_listed(self.endings)}",
            f"{plural(self.messages_sent, 'message')} sent, {self.messages_received:,} received",
        ]
        median, p95 = self.latency(0.5), self.latency(0.95)
        if median is not None and p95 is not None:
            lines.append(
                f"answers began after {median * 1000:.0f} ms (median), {p95 * 1000:.0f} ms (p95), "
                f"n={len(self.latencies)}"
            )
        lines += [f"{count} × {problem}" for problem, count in self.problems.items()]
        if self.failures:
            lines.append(f"{plural(len(self.failures), 'expectation')} failed")
        return "\n".join(lines)


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())


async def simulate(
    url: str,
    *,
    calls: int = 1,
    concurrency: int = 10,
    scenarios: Sequence[str | Scenario] = (),
    speed: float = 1.0,
    auth_token: str | None = None,
    public_url: str | None = None,
    headers: Sequence[tuple[str, str]] = (),
    ssl: SSLContext | None = None,
    patience: float = 10.0,
    seed: int | None = None,
    report: Callable[[str], None] | None = None,
    each: Callable[[ScenarioResult], None] | None = None,
) -> SimulationSummary:
    """Make `calls` calls to `url`, at most `concurrency` at a time, going round the scenarios (default: the built-in
    callers).

    `auth_token` signs the requests, over `public_url` where the TwiML would name another URL than the one connected
    to. `speed` is how much faster than life callers and speech go. With a `seed`, ids, numbers and the callers' timing
    are the same on each run; without, they are new. `report` gets a line of text after each call, `each` its result.
    Raises RelayproxyError for a scenario that does not exist; what happens to calls is in the summary.
    """
    chosen = [find(s) if isinstance(s, str) else s for s in scenarios] or list(builtin(CALLERS))
    line = Line(url, public_url, auth_token, tuple(headers), ssl, speed, patience)
    root = random.Random(seed)
    account = f"AC{root.getrandbits(128):032x}"
    plans = iter([(chosen[n % len(chosen)], random.Random(root.getrandbits(64))) for n in range(calls)])
    endings: collections.Counter[str] = collections.Counter()
    problems: collections.Counter[str] = collections.Counter()
    latencies: list[float] = []
    failures: list[Failure] = []
    sent = received = 0
    began = time.monotonic()

    async def caller() -> None:
        nonlocal sent, received
        for scenario, rng in plans:
            who = msgspec.structs.replace(Caller.random(rng), account_sid=account)
            result = await perform(line, scenario, caller=who, rng=rng)
            endings[result.call.ending] += 1
            if result.problem is not None:
                problems[result.problem] += 1
            failures.extend(result.failures)
            turns = (turn for one in result.call.conversations for turn in one.turns)
            latencies.extend(ms / 1000 for turn in turns if (ms := turn.response_latency_ms) is not None)
            messages = result.call.messages
            by_twilio = sum(message.sender == "twilio" for message in messages)
            sent += by_twilio
            received += len(messages) - by_twilio
            if each is not None:
                each(result)
            if report is not None:
                report(f"{endings.total()}/{calls}  {_line(result)}")
                for failure in result.failures:
                    report(f"  {failure}")

    async with asyncio.TaskGroup() as tasks:
        for _ in range(min(concurrency, calls)):
            tasks.create_task(caller())
    elapsed = time.monotonic() - began
    return SimulationSummary(
        calls,
        elapsed,
        dict(endings.most_common()),
        sent,
        received,
        tuple(sorted(latencies)),
        dict(problems),
        tuple(failures),
    )


def _line(result: ScenarioResult) -> str:
    call = result.call
    closed = "" if call.close_code is None else f" ({call.close_code})"
    what = result.problem or f"{call.ending.replace('_', ' ')}{closed} after {call.seconds:.1f} s"
    return f"{call.caller.call_sid}  {result.scenario.name}: {what}"
