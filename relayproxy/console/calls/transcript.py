"""Transcript: the conversation as lines of speech and events with their times and findings.

Knows: in which order a turn's events are told, which latency is slow, when an answer is still awaited.
Must not know: HTML; how turns were derived.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from relayproxy.console import words
from relayproxy.console.calls.drawing.silence import DrawnSilence, silence
from relayproxy.console.calls.drawing.waterfall import Waterfall, waterfall
from relayproxy.console.calls.findings import FindingView
from relayproxy.console.http import times
from relayproxy.conversation.model import HeardBasis, Interruption, MarkKind, Turn

LineKind = Literal[
    "caller",
    "keys",
    "greeting",
    "agent",
    "play",
    "digits",
    "language",
    "interruption",
    "trouble",
    "unanswered",
    "waiting",
]
LatencyLevel = Literal["fast", "slow", "none", "waiting", "unanswered"]

IN_PLACE = (
    "twilio_error", "rejected_message", "invalid_message", "leaked_error", "interrupt_sent", "too_many_invalid"
)  # fmt: skip
"""Findings that are told where they happened, between what was said; all others behind their turn."""

_MARKS: dict[str, Literal["slow", "lost"]] = {"slow": "slow", "unanswered": "lost"}


@dataclass(frozen=True, slots=True)
class Badge:
    """A turn's latency or why it has none. `text` is short, `title` a whole phrase."""

    level: LatencyLevel
    text: str
    title: str
    since: int | None = None
    """Wall nanoseconds since when an answer is awaited."""


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """A line of the transcript. `at` is wall nanoseconds, None when only the turn it belongs to is known."""

    kind: LineKind
    at: int | None
    text: str
    interruption: Interruption | None = None
    finding: FindingView | None = None
    badge: Badge | None = None
    """The turn's latency, on the line that it belongs to."""
    parts: tuple[tuple[str, bool], ...] = ()
    """Of what the agent said: pieces in order, and whether each was heard."""
    basis: HeardBasis | None = None
    """How that is known; None when all was heard or nothing can be told apart."""
    late: bool = False
    """The agent sent it when Twilio had closed the connection."""


@dataclass(frozen=True, slots=True)
class TurnView:
    number: int
    at: int
    """The beginning of the turn, wall nanoseconds."""
    lines: tuple[TranscriptLine, ...]
    lang: str | None
    """Set where the caller's language is heard first or changes."""
    coalesced: int
    unprompted: bool
    mark: Literal["slow", "lost"] | None
    """The level of the turn: a slow answer, or none."""
    digest: str
    """A digest that changes with anything that is shown of the turn."""
    findings: tuple[FindingView, ...] = ()
    silence: DrawnSilence | None = None
    """The silence before it."""
    waterfall: Waterfall | None = None
    """The parts of its latency."""


def transcript(
    turns: Iterable[Turn],
    *,
    live: bool,
    slow_ms: int,
    findings: Callable[[Turn], tuple[FindingView, ...]],
    before: Turn | None = None,
    deleted: bool = False,
    answer_held: bool = False,
) -> Iterator[TurnView]:
    """The views of consecutive turns; `before` is the turn that precedes the first of them. From `slow_ms` on a turn
    is marked as slow. `findings` gives those of a turn with their words. `deleted`: their words have been, and lines
    stand for them without text. `answer_held`: see `StoredSession`."""
    lang = before.lang if before else None
    for turn in turns:
        changed = turn.lang if turn.lang != lang else None
        lang = turn.lang or lang
        yield turn_view(
            turn,
            live=live,
            lang=changed,
            slow_ms=slow_ms,
            findings=findings(turn),
            before=before,
            deleted=deleted,
            answer_held=answer_held,
        )
        before = turn


def in_place(turns: Sequence[Turn], findings: Iterable[FindingView], *, more: bool) -> dict[int, list[FindingView]]:
    """Of a session's findings those that are told where they happened, by the number of the turn they happened in:
    the one they name, else the last of these consecutive turns that had begun by then, or the very first one.
    `more`: other turns follow these."""
    ended = turns[-1].ended_at if turns and more else None
    found: dict[int, list[FindingView]] = {}
    for view in findings:
        if view.finding.code not in IN_PLACE:
            continue
        number = view.finding.turn
        if number is None and ended is not None and view.finding.at > ended:
            continue
        if number is None:
            begun = [turn.number for turn in turns if turn.started_at <= view.finding.at]
            number = begun[-1] if begun else 0
        found.setdefault(number, []).append(view)
    return found


def turn_view(
    turn: Turn,
    *,
    live: bool,
    lang: str | None,
    slow_ms: int,
    findings: tuple[FindingView, ...] = (),
    before: Turn | None = None,
    deleted: bool = False,
    answer_held: bool = False,
) -> TurnView:
    """One turn, ready to be shown; `before` is the turn that precedes it."""
    badge = _badge(turn, live=live, slow_ms=slow_ms, answer_held=answer_held)
    gap = silence(before, turn) if before else None
    placed = [view for view in findings if view.finding.code in IN_PLACE]
    found = [(view.finding.code, view.finding.at, view.finding.seq) for view in placed]
    shown = msgspec.json.encode((turn, badge is not None and badge.level, lang, gap and gap.ms, found))
    return TurnView(
        number=turn.number,
        at=turn.started_at,
        lines=_with_badge(_lines(turn, placed, deleted), badge),
        lang=lang,
        coalesced=turn.coalesced_prompts,
        unprompted=turn.opened_by == "proactive",
        mark=_MARKS.get(badge.level) if badge else None,
        digest=f"{zlib.crc32(shown):08x}",
        findings=tuple(view for view in findings if view.finding.code not in IN_PLACE),
        silence=gap,
        waterfall=waterfall(turn.budget, slow_ms),
    )


def _lines(turn: Turn, placed: Iterable[FindingView], deleted: bool) -> list[TranscriptLine]:
    """In order of time; what has no time of its own stays behind what it is told with."""
    told: list[tuple[int, TranscriptLine]] = []
    at = turn.started_at
    for line in _silent(turn) if deleted else _told(turn):
        at = at if line.at is None else line.at
        told.append((at, line))
    told += [(view.finding.at, TranscriptLine("trouble", view.finding.at, "", finding=view)) for view in placed]
    return [line for _, line in sorted(told, key=lambda one: one[0])]


def _told(turn: Turn) -> Iterator[TranscriptLine]:
    if turn.greeting:
        yield TranscriptLine("greeting", turn.started_at, turn.greeting)
    prompts = [mark for mark in turn.marks if mark.kind == "prompt"]
    if turn.caller_text and " ".join(mark.text for mark in prompts) == turn.caller_text:
        for mark in prompts:
            yield TranscriptLine("caller", mark.at, mark.text)
    elif turn.caller_text:
        yield TranscriptLine("caller", turn.caller_at or turn.started_at, turn.caller_text)
    yield from _marked(turn, "dtmf", "keys", turn.dtmf, None if turn.caller_text else turn.caller_at or turn.started_at)
    yield from _marked(turn, "language", "language", None, None)
    said = tuple(_said(turn))
    if turn.agent_at is not None:
        yield from said
    yield from _marked(turn, "digits", "digits", turn.sent_digits, None)
    for interruption in turn.interruptions:
        yield TranscriptLine("interruption", interruption.at, interruption.heard_text, interruption)
    if turn.unanswered:
        yield TranscriptLine("unanswered", turn.ended_at, "")
    if turn.agent_at is None:
        yield from (replace(line, late=True) for line in said)


def _said(turn: Turn) -> Iterator[TranscriptLine]:
    """What the agent said and played."""
    spoken = turn.agent_text.strip()
    if spoken:
        parts = _heard_parts(turn)
        yield TranscriptLine(
            "agent",
            turn.agent_at,
            turn.agent_text,
            parts=parts,
            basis=turn.heard_basis if turn.heard_basis == "unknown" or not all(heard for _, heard in parts) else None,
        )
    if any(mark.kind == "play" for mark in turn.marks):
        yield from _marked(turn, "play", "play", None, None)
    else:
        for source in turn.media:
            yield TranscriptLine("play", None if spoken else turn.agent_at, source)


def _silent(turn: Turn) -> Iterator[TranscriptLine]:
    """What a turn whose words have been deleted still tells: who spoke or pressed when."""
    prompts = [mark for mark in turn.marks if mark.kind == "prompt"]
    for mark in prompts:
        yield TranscriptLine("caller", mark.at, "")
    if not prompts and turn.opened_by == "prompt":
        yield TranscriptLine("caller", turn.caller_at or turn.started_at, "")
    kinds: tuple[tuple[MarkKind, LineKind], ...] = (("dtmf", "keys"), ("digits", "digits"))
    for kind, told in kinds:
        first = next((mark for mark in turn.marks if mark.kind == kind), None)
        if first is not None:
            yield TranscriptLine(told, first.at, "")
    if turn.heard_basis is not None:
        yield TranscriptLine("agent", turn.agent_at, "")
    yield from _marked(turn, "play", "play", None, None)
    for interruption in turn.interruptions:
        yield TranscriptLine("interruption", interruption.at, "", interruption)
    if turn.unanswered:
        yield TranscriptLine("unanswered", turn.ended_at, "")


def _marked(turn: Turn, kind: MarkKind, told: LineKind, whole: str | None, at: int | None) -> Iterator[TranscriptLine]:
    """A line for each mark of a kind; `whole` is what they add up to, told on one line (`at`, unless marked) because
    keys are pressed one by one."""
    marks = [mark for mark in turn.marks if mark.kind == kind]
    if whole is None:
        for mark in marks:
            yield TranscriptLine(told, mark.at, mark.text)
    elif whole:
        yield TranscriptLine(told, marks[0].at if marks else at, whole)


def _heard_parts(turn: Turn) -> tuple[tuple[str, bool], ...]:
    """The agent's words, cut where it stopped or began again to be heard."""
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


def _with_badge(lines: list[TranscriptLine], badge: Badge | None) -> tuple[TranscriptLine, ...]:
    if badge is None:
        return tuple(lines)
    if badge.level == "waiting":
        return (*lines, TranscriptLine("waiting", None, "", badge=badge))
    answers = [at for at, line in enumerate(lines) if line.kind in ("agent", "play", "unanswered")]
    if not lines:
        return ()
    place = answers[0] if answers else len(lines) - 1
    lines[place] = replace(lines[place], badge=badge)
    return tuple(lines)


def _budget(turn: Turn) -> str:
    """The parts of the latency, in words."""
    budget = turn.budget
    parts = [
        ("until the prompt came", budget.input_delay),
        ("relayproxy", None if budget.proxy_in is None else budget.proxy_in + (budget.proxy_out or 0)),
        ("backend", budget.backend),
        ("until it was heard", budget.output_delay),
    ]
    return ", ".join(f"{words.milliseconds(ns)} {name}" for name, ns in parts if ns is not None)


def _badge(turn: Turn, *, live: bool, slow_ms: int, answer_held: bool) -> Badge | None:
    ms = turn.response_latency_ms
    if ms is not None:
        slow = ms >= slow_ms
        title = f"{times.latency(ms)} from the caller's final prompt to the first word of the answer: {_budget(turn)}"
        if turn.user_bot_latency_ms is not None:
            title += f". {times.latency(turn.user_bot_latency_ms)} from the caller's last sound to the agent's first"
        text = times.latency(ms)
        if turn.asked_again and turn.longest_wait_ms is not None:
            slow, waited = True, times.latency(turn.longest_wait_ms)
            text = f"waited {waited}, {text} from the last prompt"
            title = f"{waited} from the first prompt, which nothing answered until the caller spoke again. {title}"
        if turn.cut_off:
            return Badge("unanswered", f"{text}, cut off", f"The call failed in the middle of this answer. {title}")
        return Badge("slow" if slow else "fast", text, f"Slow: {title}" if slow else title)
    asked = turn.opened_by in ("prompt", "dtmf")
    if live and asked and turn.agent_at is None and turn.ended_at is None:
        if answer_held:
            return None
        return Badge("waiting", "waiting", "The caller waits for an answer", turn.caller_at or turn.started_at)
    if not asked and turn.null_reason in (None, "no_prompt", "no_response"):
        return None
    if turn.null_reason is None and not turn.unanswered:
        # Stored before latencies were kept as a budget.
        return None
    reason = words.null_reason(turn.null_reason or "no_response")
    if turn.unanswered:
        return Badge("unanswered", reason, "The turn is over and the caller got no answer that could be heard")
    return Badge("none", reason, f"No response latency: {reason}")
