"""The conversation as lines to read: who said or did what, when, and what is remarkable about it.

Knows: in which order a turn's events are told, which latency is slow, when an answer is still awaited.
Must not know: HTML; how turns were derived.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from relayproxy.console import times, words
from relayproxy.console.findings import FindingView
from relayproxy.conversation.model import HeardBasis, Interruption, Turn

LineKind = Literal["caller", "keys", "greeting", "agent", "play", "digits", "interruption", "unanswered", "waiting"]
Level = Literal["fast", "slow", "none", "waiting", "unanswered"]

_MARKS: dict[str, Literal["slow", "lost"]] = {"slow": "slow", "unanswered": "lost"}


@dataclass(frozen=True, slots=True)
class Badge:
    """A turn's latency or why it has none. `text` is short, `title` a whole phrase."""

    level: Level
    text: str
    title: str
    since: int | None = None
    """Wall nanoseconds since when an answer is awaited."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened. `at` is wall nanoseconds, None when only the turn it belongs to is known."""

    kind: LineKind
    at: int | None
    text: str
    interruption: Interruption | None = None
    badge: Badge | None = None
    """The turn's latency, on the line that it belongs to."""
    parts: tuple[tuple[str, bool], ...] = ()
    """Of what the agent said: pieces in order, and whether each was heard."""
    basis: HeardBasis | None = None
    """How that is known; None when all was heard or nothing can be told apart."""


@dataclass(frozen=True, slots=True)
class TurnView:
    number: int
    lines: tuple[Line, ...]
    lang: str | None
    """Set where the caller's language is heard first or changes."""
    coalesced: int
    unprompted: bool
    mark: Literal["slow", "lost"] | None
    """What makes the turn stand out: a slow answer, or none."""
    digest: str
    """Changes when anything that is shown of the turn does."""
    findings: tuple[FindingView, ...] = ()


def transcript(
    turns: Iterable[Turn],
    *,
    live: bool,
    slow_ms: int,
    findings: Callable[[Turn], tuple[FindingView, ...]],
    before: Turn | None = None,
) -> Iterator[TurnView]:
    """The views of consecutive turns; `before` is the turn that precedes the first of them. From `slow_ms` on a turn
    is marked as slow. `findings` gives those of a turn with their words."""
    lang = before.lang if before else None
    for turn in turns:
        changed = turn.lang if turn.lang != lang else None
        lang = turn.lang or lang
        yield turn_view(turn, live=live, lang=changed, slow_ms=slow_ms, findings=findings(turn))


def turn_view(
    turn: Turn, *, live: bool, lang: str | None, slow_ms: int, findings: tuple[FindingView, ...] = ()
) -> TurnView:
    """One turn, ready to be shown."""
    badge = _badge(turn, live=live, slow_ms=slow_ms)
    shown = msgspec.json.encode((turn, badge is not None and badge.level, lang))
    return TurnView(
        number=turn.number,
        lines=_with_badge(list(_lines(turn)), badge),
        lang=lang,
        coalesced=turn.coalesced_prompts,
        unprompted=turn.opened_by == "proactive",
        mark=_MARKS.get(badge.level) if badge else None,
        digest=f"{zlib.crc32(shown):08x}",
        findings=findings,
    )


def _lines(turn: Turn) -> Iterator[Line]:
    if turn.greeting:
        yield Line("greeting", turn.started_at, turn.greeting)
    if turn.caller_text:
        yield Line("caller", turn.caller_at or turn.started_at, turn.caller_text)
    if turn.dtmf:
        yield Line("keys", None if turn.caller_text else turn.caller_at or turn.started_at, turn.dtmf)
    if turn.agent_text.strip():
        parts = _heard_parts(turn)
        yield Line(
            "agent",
            turn.agent_at,
            turn.agent_text,
            parts=parts,
            basis=None if all(heard for _, heard in parts) else turn.heard_basis,
        )
    for source in turn.media:
        yield Line("play", None if turn.agent_text.strip() else turn.agent_at, source)
    if turn.sent_digits:
        yield Line("digits", None, turn.sent_digits)
    for interruption in turn.interruptions:
        yield Line("interruption", interruption.at, interruption.heard_text, interruption)
    if turn.unanswered:
        yield Line("unanswered", turn.ended_at, "")


def _heard_parts(turn: Turn) -> tuple[tuple[str, bool], ...]:
    """What the agent said, cut where it stopped or began again to be heard."""
    unheard = turn.unheard_text
    at = turn.agent_text.find(unheard) if unheard.strip() else -1
    if at < 0:
        return ((turn.agent_text, True),)
    cut = (
        (turn.agent_text[:at], True),
        (unheard, False),
        (turn.agent_text[at + len(unheard) :], True),
    )
    return tuple((text, heard) for text, heard in cut if text)


def _with_badge(lines: list[Line], badge: Badge | None) -> tuple[Line, ...]:
    if badge is None:
        return tuple(lines)
    if badge.level == "waiting":
        return (*lines, Line("waiting", None, "", badge=badge))
    answers = [at for at, line in enumerate(lines) if line.kind in ("agent", "play", "unanswered")]
    if not lines:
        return ()
    place = answers[0] if answers else len(lines) - 1
    lines[place] = replace(lines[place], badge=badge)
    return tuple(lines)


def _budget(turn: Turn) -> str:
    """What the latency went into, in words."""
    budget = turn.budget
    parts = [
        ("until the prompt came", budget.input_delay),
        ("relayproxy", None if budget.proxy_in is None else budget.proxy_in + (budget.proxy_out or 0)),
        ("backend", budget.backend),
        ("until it was heard", budget.output_delay),
    ]
    return ", ".join(f"{words.milliseconds(ns)} {name}" for name, ns in parts if ns is not None)


def _badge(turn: Turn, *, live: bool, slow_ms: int) -> Badge | None:
    ms = turn.response_latency_ms
    if ms is not None:
        slow = ms >= slow_ms
        title = f"{times.latency(ms)} from the caller's final prompt to the first word of the answer: {_budget(turn)}"
        if turn.user_bot_latency_ms is not None:
            title += f". {times.latency(turn.user_bot_latency_ms)} from the caller's last sound to the agent's first"
        return Badge("slow" if slow else "fast", times.latency(ms), f"Slow: {title}" if slow else title)
    asked = turn.opened_by in ("prompt", "dtmf")
    if live and asked and turn.agent_at is None and turn.ended_at is None:
        return Badge("waiting", "waiting", "The caller waits for an answer", turn.caller_at or turn.started_at)
    if not asked and turn.null_reason in (None, "no_prompt", "no_response"):
        return None
    if turn.null_reason is None and not turn.unanswered:
        # Stored before latencies were kept as a budget.
        return None
    reason = words.NULL_REASON.get(turn.null_reason or "no_response", turn.null_reason or "")
    if turn.unanswered:
        return Badge("unanswered", reason, "The turn is over and the caller got no answer that could be heard")
    return Badge("none", reason, f"No response latency: {reason}")
