"""Rules of scenarios beyond the types of their values: combinations that make no sense, steps that are never reached.

Knows: which keys exclude or need each other; after what nothing can come any more.
Must not know: files; how a scenario is performed.
"""

import difflib
import re
from collections.abc import Iterator

from relayproxy.conversation.checks.findings import CATALOGUE
from relayproxy.lab.scenarios.model import ACTS, Expectation, Path, Scenario, Turn
from relayproxy.matching import Condition

Problem = tuple[Path, str]
"""Where in the scenario, and what is wrong there."""

WITHOUT_TEXT = ("speech_started", "speech_ended", "config", "hints")
"""Events that have no text."""


def problems(scenario: Scenario) -> Iterator[Problem]:
    """All that is wrong with a scenario."""
    for place, turn in enumerate(scenario.turns):
        path: Path = ("turns", place)
        yield from (((*path, *rest), what) for rest, what in _of_turn(turn))
        for number, expected in enumerate(turn.expect):
            yield from (((*path, "expect", number, *rest), what) for rest, what in _of_expectation(expected))
    yield from _unreachable(scenario)
    yield from _of_call(scenario)


def _of_turn(turn: Turn) -> Iterator[Problem]:
    acts = [act for act in ACTS if getattr(turn, act) is not None]
    if len(acts) > 1:
        yield (acts[1],), f"a turn does one thing, and this one has {' and '.join(acts)}"
    if not acts and not turn.expect:
        yield (), f"a turn needs one of {', '.join(ACTS)}; without any it observes, and needs expect"
    for act in ("hangup", "drop", "reconnect"):
        if getattr(turn, act) is False:
            yield (act,), f"write {act}: true, or leave it out"
    for key in ("partials", "language"):
        if getattr(turn, key) and turn.user is None:
            yield (key,), f"{key} goes with user"
    for key in ("send_after", "interrupt"):
        if getattr(turn, key) is not None and not acts:
            yield (key,), f"{key} says when the caller acts, and this turn has none of {', '.join(ACTS)}"
    if turn.interrupt is not None:
        if turn.send_after is not None:
            yield ("interrupt",), "send_after and interrupt exclude each other: both say when the turn begins"
        if (turn.interrupt.after_chars is None) is (turn.interrupt.after_ms is None):
            yield ("interrupt",), "exactly one of after_chars and after_ms is expected"
        if turn.silence is not None:
            yield ("interrupt",), "silence interrupts nobody"
    if turn.expect and (turn.hangup or turn.drop):
        yield ("expect",), f"nothing can come after {'hangup' if turn.hangup else 'drop'}"


def _of_expectation(expected: Expectation) -> Iterator[Problem]:
    for key in ("text_contains", "text_matches"):
        if getattr(expected, key) and expected.event in WITHOUT_TEXT:
            yield (key,), f"{expected.event} has no text"
    if expected.text_matches is not None:
        yield from _of_pattern(expected.text_matches, ("text_matches",))
    if not expected.present and expected.within_ms is None:
        yield ("present",), "present: false needs within_ms: for how long the event is not to come"


def _of_pattern(pattern: str, path: Path) -> Iterator[Problem]:
    try:
        re.compile(pattern)
    except re.error as problem:
        yield path, f"this is no regular expression: {problem}"


def _unreachable(scenario: Scenario) -> Iterator[Problem]:
    """What comes after the call, or its connection, is over."""
    over: str | None = None
    for place, turn in enumerate(scenario.turns):
        path: Path = ("turns", place)
        later = any(one.reconnect for one in scenario.turns[place:])
        if turn.reconnect and over not in (None, "hangup"):
            over = None
        if over == "hangup" or (over is not None and turn.acts and not (over == "drop" and _goes_on(scenario, later))):
            yield path, f"this turn is never reached: the call is over after {over}"
        elif over == "drop" and turn.expect:
            yield (*path, "expect"), "nothing can come between drop and reconnect"
        elif over == "drop" and not turn.acts:
            yield path, "this turn is never reached: the call is over after drop"
        if turn.hangup:
            over = "hangup"
        elif turn.drop:
            over = over or "drop"
        elif any(one.event == "end" and one.present for one in turn.expect):
            over = over or "the expected end"


def _goes_on(scenario: Scenario, later: bool) -> bool:
    """Whether the caller can act without a connection: what is done is sent over the next one."""
    return scenario.twiml.application_reconnect and later


def _of_call(scenario: Scenario) -> Iterator[Problem]:
    expected = scenario.expect
    if isinstance(expected.findings, tuple):
        for number, code in enumerate(expected.findings):
            if code not in CATALOGUE:
                close = difflib.get_close_matches(code, CATALOGUE, 1)
                hint = f'; did you mean "{close[0]}"?' if close else ""
                yield ("expect", "findings", number), f'there is no finding "{code}"{hint}'
    if isinstance(expected.handoff, dict):
        for name, matcher in expected.handoff.items():
            if isinstance(matcher, Condition):
                path: Path = ("expect", "handoff", name)
                if (matcher.pattern is None) is (matcher.present is None):
                    yield path, "exactly one of pattern and present is expected"
                if matcher.pattern is not None:
                    yield from _of_pattern(matcher.pattern, (*path, "pattern"))
