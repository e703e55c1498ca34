"""Summary of a simulation: what its calls come to.

Knows: what is kept of each call, how calls are summed up, when a percentile means something.
Must not know: how calls are made; what people, CI or a baseline are told.

Turns, latencies, findings and endings are those of the fold, as of a recorded call.
"""

import collections
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from relayproxy.conversation.measures.percentiles import nearest_rank
from relayproxy.lab.scenarios.result import Failure, ScenarioResult
from relayproxy.lab.twilio.result import CallResult
from relayproxy.text import mended

P95_SAMPLES = 20
"""With fewer samples the p95 would be the slowest of them, by another name."""

State = Literal["passed", "failed", "violation", "cut_off", "not_connected"]
"""What came of a call, from best to worst: `failed`: an expectation; `violation`: the backend broke the protocol;
`cut_off`: the backend sent too much, or the call took too long. `not_connected`: at first, or when it was connected
again."""


class Settings(msgspec.Struct, frozen=True):
    """What was asked for, as far as it shows in the numbers."""

    times: int
    """Calls of each scenario."""
    at_once: int
    rate: float | None
    """Calls a second that begin at most; None: without a limit."""
    speed: float


class FailureSummary(msgspec.Struct, frozen=True):
    """An expectation that did not come true."""

    turn: int | None
    """From 1; null: it is of the whole call."""
    file: str | None
    line: int | None
    expected: str
    got: str
    text: str
    """All of it as one sentence."""

    @classmethod
    def of(cls, failure: Failure) -> "FailureSummary":
        """What is kept of a failure."""
        line = None if failure.place is None else failure.place.line
        expected, got, text = map(mended, (failure.expected, failure.got, str(failure)))
        file = None if failure.file is None else mended(failure.file)
        return cls(failure.turn, file, line, expected, got, text)


class CallSummary(msgspec.Struct, frozen=True):
    """One call."""

    scenario: str
    call_sid: str
    session_ids: tuple[str, ...]
    """By which the console finds it, in order."""
    state: State
    spoke: bool
    """Whether the backend sent anything at all."""
    ending: str
    """The outcome of the last session."""
    seconds: float
    problem: str | None
    """Why there was no connection, or none again, or why the call was cut off."""
    failures: tuple[FailureSummary, ...]
    latencies_ms: tuple[int, ...]
    """Of the answers, in the order of the turns."""
    findings: dict[str, int]
    """By code."""

    @classmethod
    def of(cls, result: ScenarioResult) -> "CallSummary":
        """What is kept of a result."""
        return cls.of_call(result.scenario.name, result.call, tuple(map(FailureSummary.of, result.failures)))

    @classmethod
    def of_call(cls, name: str, call: CallResult, failures: tuple[FailureSummary, ...]) -> "CallSummary":
        """What is kept of a call that was made by what has this name."""
        turns = (turn for one in call.conversations for turn in one.turns)
        findings: collections.Counter[str] = collections.Counter()
        for one in call.conversations:
            findings.update(one.totals.findings)
        return cls(
            scenario=name,
            call_sid=call.caller.call_sid,
            session_ids=tuple(dict.fromkeys(one.session_id for one in call.connections)),
            state=_state(call, failed=bool(failures)),
            spoke=call.spoke,
            ending=call.conversation.outcome or "unknown",
            seconds=round(call.seconds, 3),
            problem=None if call.problem is None else mended(call.problem),
            failures=failures,
            latencies_ms=tuple(ms for turn in turns if (ms := turn.response_latency_ms) is not None),
            findings=dict(findings),
        )


class LatencySummary(msgspec.Struct, frozen=True):
    """How long answers took to begin (response latency)."""

    n: int
    median_ms: int | None
    p95_ms: int | None
    withheld: str | None
    """Why there is no median, or no p95."""

    @classmethod
    def of(cls, latencies: Iterable[int]) -> "LatencySummary":
        """The latency of these answers, in any order."""
        ranked = sorted(latencies)
        count = len(ranked)
        if not count:
            return cls(0, None, None, "no answer whose latency could be measured")
        median = nearest_rank(ranked, 0.5)
        if count < P95_SAMPLES:
            return cls(count, median, None, f"p95: fewer than {P95_SAMPLES} answers")
        return cls(count, median, nearest_rank(ranked, 0.95), None)


class Group(msgspec.Struct, frozen=True):
    """Calls together."""

    calls: int
    passed: int
    failed: int
    """Calls that did not pass, for whatever reason."""
    not_connected: int
    """Those among them that could not be connected, or not again."""
    latency: LatencySummary
    endings: dict[str, int]
    findings: dict[str, int]
    """By code, in all calls."""


class ScenarioSummary(Group, frozen=True, kw_only=True):
    """All calls of a scenario."""

    name: str
    hash: str
    """Of its content: the same when the same was asked for."""


class SimulationSummary(Group, frozen=True, kw_only=True):
    """All calls of a run."""

    relayproxy: str
    """The version that made the calls."""
    seconds: float
    settings: Settings
    hash: str
    """Of the content of all scenarios."""
    scenarios: tuple[ScenarioSummary, ...]
    each_call: tuple[CallSummary, ...]
    """In the order in which they ended."""
    interrupted: bool = False
    """Whether it was broken off before all calls had been made: it is of those that were over."""

    @property
    def connected(self) -> int:
        """Calls that were connected, and again where they were to be."""
        return self.calls - self.not_connected


def summed_up(
    calls: Sequence[CallSummary],
    hashes: dict[str, str],
    content: str,
    *,
    settings: Settings,
    seconds: float,
    relayproxy: str,
    interrupted: bool = False,
) -> SimulationSummary:
    """The summary of these calls of the scenarios of those names and hashes; `content` is the hash of all."""
    scenarios = tuple(
        ScenarioSummary(*_sums([call for call in calls if call.scenario == name]), name=name, hash=hash)
        for name, hash in hashes.items()
    )
    return SimulationSummary(
        *_sums(calls),
        relayproxy=relayproxy,
        seconds=round(seconds, 3),
        settings=settings,
        hash=content,
        scenarios=scenarios,
        each_call=tuple(calls),
        interrupted=interrupted,
    )


def _sums(
    calls: Sequence[CallSummary],
) -> tuple[int, int, int, int, LatencySummary, dict[str, int], dict[str, int]]:
    states = collections.Counter(call.state for call in calls)
    findings: collections.Counter[str] = collections.Counter()
    for call in calls:
        findings.update(call.findings)
    return (
        len(calls),
        states["passed"],
        len(calls) - states["passed"],
        states["not_connected"],
        LatencySummary.of(ms for call in calls for ms in call.latencies_ms),
        dict(collections.Counter(call.ending for call in calls).most_common()),
        dict(findings.most_common()),
    )


def _state(call: CallResult, *, failed: bool) -> State:
    if call.ending == "cut_off":
        return "cut_off"
    if call.problem is not None:
        return "not_connected"
    if call.violations:
        return "violation"
    return "failed" if failed else "passed"
