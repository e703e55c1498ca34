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

from relayproxy.lab.scenarios.builtin import SCENARIOS, find
from relayproxy.lab.twilio.call import Line, call
from relayproxy.lab.twilio.result import Caller, CallResult
from relayproxy.lab.twilio.script import Scenario
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
    """Seconds from each final prompt to what was played next, as Twilio saw it; ascending."""
    problems: dict[str, int]
    """Why there was no connection, and how often."""

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
    each: Callable[[CallResult], None] | None = None,
) -> SimulationSummary:
    """Make `calls` calls to `url`, at most `concurrency` at a time, going round the scenarios (default: all).

    `auth_token` signs the requests, over `public_url` where the TwiML would name another URL than the one connected
    to. `speed` is how much faster than life callers and speech go. With a `seed`, ids, numbers and the callers' timing
    are the same on each run; without, they are new. `report` gets a line of text after each call, `each` its result.
    Raises RelayproxyError for a scenario that does not exist; what happens to calls is in the summary.
    """
    chosen = [find(s) if isinstance(s, str) else s for s in scenarios] or list(SCENARIOS)
    line = Line(url, public_url, auth_token, tuple(headers), ssl, speed, patience)
    root = random.Random(seed)
    account = f"AC{root.getrandbits(128):032x}"
    plans = iter([(chosen[n % len(chosen)], random.Random(root.getrandbits(64))) for n in range(calls)])
    endings: collections.Counter[str] = collections.Counter()
    problems: collections.Counter[str] = collections.Counter()
    latencies: list[float] = []
    sent = received = 0
    began = time.monotonic()

    async def caller() -> None:
        nonlocal sent, received
        for scenario, rng in plans:
            who = msgspec.structs.replace(Caller.random(rng), account_sid=account)
            result = await call(line, scenario, caller=who, rng=rng)
            endings[result.ending] += 1
            if result.problem is not None:
                problems[result.problem] += 1
            latencies.extend(result.latencies)
            by_twilio = sum(frame.sender == "twilio" for frame in result.frames)
            sent += by_twilio
            received += len(result.frames) - by_twilio
            if each is not None:
                each(result)
            if report is not None:
                report(f"{endings.total()}/{calls}  {_line(result)}")

    async with asyncio.TaskGroup() as tasks:
        for _ in range(min(concurrency, calls)):
            tasks.create_task(caller())
    elapsed = time.monotonic() - began
    return SimulationSummary(
        calls, elapsed, dict(endings.most_common()), sent, received, tuple(sorted(latencies)), dict(problems)
    )


def _line(result: CallResult) -> str:
    closed = "" if result.close_code is None else f" ({result.close_code})"
    what = result.problem or f"{result.ending.replace('_', ' ')}{closed} after {result.seconds:.1f} s"
    return f"{result.caller.call_sid}  {result.scenario}: {what}"
