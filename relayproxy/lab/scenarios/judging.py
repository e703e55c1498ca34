"""Judging a whole call: what a scenario expects of it at its end.

Knows: which fact of the conversation each expectation is about.
Must not know: how a call is performed; how facts are derived.
"""

from collections.abc import Callable, Iterator
from typing import Any

from relayproxy.conversation.checks.handoff import handoff_field
from relayproxy.conversation.model import Handoff
from relayproxy.conversation.totals import Spread
from relayproxy.lab.scenarios.model import Scenario
from relayproxy.lab.scenarios.result import Failure
from relayproxy.lab.twilio.result import CallResult
from relayproxy.matching import NOTHING, described, matches, shown

Problem = tuple[tuple[str, ...], str, str]
"""The keys of an expectation below `expect`, what was expected, and what came instead."""


def judge(scenario: Scenario, call: CallResult) -> tuple[Failure, ...]:
    """The expectations of the whole call that did not come true."""
    found = (
        *_endings(scenario, call),
        *_handoff(scenario, call),
        *_findings(scenario, call),
        *_numbers(scenario, call),
    )
    return tuple(failure(scenario, ("expect", *keys), expected, got) for keys, expected, got in found)


def failure(scenario: Scenario, path: tuple[str | int, ...], expected: str, got: str) -> Failure:
    """A failure of what is written at a path of the scenario."""
    turn = path[1] + 1 if path[0] == "turns" and isinstance(path[1], int) else None
    origin = scenario.origin
    file, place = (None, None) if origin is None else (origin.file, origin.places.get(path))
    return Failure(scenario.name, turn, file, place, expected, got)


def _endings(scenario: Scenario, call: CallResult) -> Iterator[Problem]:
    expected, last = scenario.expect, call.conversation
    if expected.ending not in (None, last.outcome):
        yield ("ending",), f"the ending {expected.ending}", f"{last.outcome}: {last.end_reason}"
    if expected.studio not in (None, last.studio_transition):
        yield ("studio",), f"Studio's transition {expected.studio}", str(last.studio_transition)


def _handoff(scenario: Scenario, call: CallResult) -> Iterator[Problem]:
    expected = scenario.expect.handoff
    handoff = next((one.handoff for one in reversed(call.conversations) if one.handoff is not None), None)
    raw = None if handoff is None else handoff.raw
    if expected == "none":
        if raw is not None:
            yield ("handoff",), "no handoff data", shown(raw)
    elif isinstance(expected, dict):
        for name, matcher in expected.items():
            value = NOTHING if handoff is None else _field(handoff, name)
            if not matches(matcher, value):
                got = "no end with handoff data" if raw is None else shown(value)
                yield ("handoff", name), f"{name} of the handoff data to be {described(matcher)}", got


def _field(handoff: Handoff, name: str) -> Any:
    try:
        return handoff_field(handoff, name)
    except KeyError:
        return NOTHING


def _findings(scenario: Scenario, call: CallResult) -> Iterator[Problem]:
    expected = scenario.expect.findings
    if expected is None:
        return
    allowed = () if expected == "none" else expected
    found = [f for one in call.conversations for f in one.findings if f.code not in allowed]
    if found:
        wanted = "no findings" if not allowed else f"no findings but {', '.join(allowed)}"
        yield ("findings",), wanted, "; ".join(dict.fromkeys(f"{one.code} ({one.detail})" for one in found))


def _numbers(scenario: Scenario, call: CallResult) -> Iterator[Problem]:
    expected = scenario.expect
    limits: tuple[tuple[str, int | None, Callable[[Spread], float | None]], ...] = (
        ("latency_p50_ms", expected.latency_p50_ms, lambda spread: spread.p50_ms),
        ("latency_p95_ms", expected.latency_p95_ms, lambda spread: spread.p95_ms),
        ("latency_max_ms", expected.latency_max_ms, lambda spread: spread.max_ms),
    )
    for name, limit, number in limits:
        if limit is not None:
            found = [ms for one in call.conversations if (ms := number(one.totals.response_latency)) is not None]
            if not found:
                yield (name,), f"{name} of at most {limit}", "no answer whose latency could be measured"
            elif max(found) > limit:
                yield (name,), f"{name} of at most {limit}", f"{max(found):.0f}"
    waits = [one.totals.longest_wait_ms for one in call.conversations if one.totals.longest_wait_ms is not None]
    if expected.longest_wait_ms is not None and max(waits, default=0) > expected.longest_wait_ms:
        yield ("longest_wait_ms",), f"longest_wait_ms of at most {expected.longest_wait_ms}", str(max(waits))
    count = sum(one.totals.interruption_count for one in call.conversations)
    if expected.interruptions not in (None, count):
        yield ("interruptions",), f"{expected.interruptions} interruptions", str(count)
