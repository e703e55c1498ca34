"""API documents of a comparison of two sessions.

Knows: every field name of these. Durations are milliseconds.
Must not know: HTTP; pages; what counts as a difference.
"""

from typing import Annotated, Any

from msgspec import Meta

from relayproxy.comparison.limits import Limits
from relayproxy.comparison.model import MOST_FIELDS, Difference, Kind, NumberComparison, Sample, TurnComparison
from relayproxy.comparison.sentences import told
from relayproxy.console.calls.documents.documents import SessionFacts, session_facts
from relayproxy.console.compare.compared import MAX_TURNS, Compared
from relayproxy.console.http.documents import Count, Document, one_of

_LIMIT = Limits().latency
TurnInA = Annotated[Count | None, Meta(description="Its number in `a`; null where `a` has no such turn.")]
TurnInB = Annotated[Count | None, Meta(description="Its number in `b`; null where `b` has no such turn.")]


class ComparedSessionDocument(SessionFacts, frozen=True):
    """One of two sessions that are compared."""


class CallDifferenceDocument(Document, frozen=True):
    """One thing that differs between two calls."""

    kind: Annotated[str, one_of(Kind, "What it is about; `turn`: only one of the calls has it.")]
    field: Annotated[str, Meta(description="What exactly: a finding's code, a number, a field of the handoff.")]
    turn_a: Annotated[Count | None, Meta(description="Its turn in `a`; null for the whole call, and without one.")]
    turn_b: Annotated[
        Count | None, Meta(description="The turn in `b`; null for the whole call, and where there is none.")
    ]
    a: Annotated[Any, Meta(description="What there is in `a`; null: nothing.")]
    b: Annotated[Any, Meta(description="What there is in `b`; null: nothing.")]
    text: Annotated[str, Meta(description="All of it in one sentence.")]
    exceeds: Annotated[
        bool,
        Meta(
            description=f"True for answers that begin more than {_LIMIT.percent:g} % and {_LIMIT.floor_ms} ms later "
            "or not at all, for new findings that are errors or warnings, and for another ending."
        ),
    ]


class ComparedSampleDocument(Document, frozen=True):
    """How a duration is spread in one of the calls."""

    n: Count
    median_ms: int | None
    p95_ms: Annotated[int | None, Meta(description="null with fewer than 20 values.")]
    least_ms: int | None
    most_ms: int | None


class ComparedDurationDocument(Document, frozen=True):
    """A duration in both calls."""

    name: Annotated[str, Meta(description="As in a turn's document.")]
    a: ComparedSampleDocument
    b: ComparedSampleDocument
    shift_ms: Annotated[int | None, Meta(description="How much later `b` is: the median over the turns.")]
    shift_low_ms: Annotated[
        int | None, Meta(description="The least that it may be with the stated confidence; null of too few values.")
    ]
    shift_high_ms: Annotated[int | None, Meta(description="The most that it may be.")]
    confidence: Annotated[float | None, Meta(description="That the interval holds the shift: exact, by ranks.")]


class ComparedTurnDocument(Document, frozen=True):
    """A turn of both calls, or of one of them. Turns belong together by what the caller did."""

    turn_a: TurnInA
    turn_b: TurnInB
    answered_with: Annotated[
        Count | None,
        Meta(description="Of a turn that one alone has: the other's turn whose one answer is for its words too."),
    ]
    caller_a: Annotated[str, Meta(description="What the caller said in `a`.")]
    caller_b: str
    keys_a: Annotated[str, Meta(description="What the caller pressed in `a`.")]
    keys_b: str
    text_a: Annotated[str, Meta(description="What the agent said in `a`.")]
    text_b: str
    sent_a: Annotated[str, Meta(description="Types of the messages that the backend sent in `a`, but for `end`.")]
    sent_b: str
    compared: Annotated[bool, Meta(description="False where a call and its shadow have parted before.")]
    durations: tuple[ComparedDurationDocument, ...]
    differences: tuple[CallDifferenceDocument, ...]


class PartedDocument(Document, frozen=True):
    """Where two conversations part, so that the caller's next words answer one of the agents alone."""

    turn: Annotated[Count, Meta(description="Number of the turn, in `b`.")]
    reason: Annotated[str, Meta(description="What it said instead.")]


class CallComparisonDocument(Document, frozen=True):
    """Two sessions side by side."""

    a: ComparedSessionDocument
    b: ComparedSessionDocument
    text: Annotated[str, Meta(description="What it comes to, in one sentence.")]
    exceeded: Annotated[Count, Meta(description="Differences of which `exceeds` is true.")]
    response_latency: Annotated[ComparedDurationDocument, Meta(description="Of all turns that both have.")]
    differences: Annotated[tuple[CallDifferenceDocument, ...], Meta(description="Of the whole call.")]
    items: Annotated[tuple[ComparedTurnDocument, ...], Meta(description="Turns, in order.")]
    next: Annotated[str | None, Meta(description="`after` of the next page; null once all have been given.")]
    parted: Annotated[
        PartedDocument | None,
        Meta(description="Where a call and its shadow part: later turns and the endings are not compared."),
    ]
    handoff_fields_left_out: Annotated[
        Count, Meta(description=f"Fields that are not compared: of the handoff, the first {MOST_FIELDS} are.")
    ]
    left_out: Annotated[
        Count, Meta(description=f"Turns that are not compared: of each session, its first {MAX_TURNS:,} are.")
    ]


def compared_document(compared: Compared, first: int, limit: int) -> CallComparisonDocument:
    """The comparison with `limit` turns, from the place `first` on."""
    comparison, (a, b) = compared.comparison, compared.sessions
    shown = comparison.turns[first : first + limit]
    more = first + limit < len(comparison.turns)
    return CallComparisonDocument(
        a=ComparedSessionDocument(**session_facts(a.row)),
        b=ComparedSessionDocument(**session_facts(b.row)),
        text=told(comparison),
        exceeded=len(comparison.exceeded),
        response_latency=_duration(comparison.latency),
        differences=tuple(map(_difference, comparison.differences)),
        items=tuple(map(_turn, shown)),
        next=str(first + limit) if more else None,
        parted=None if compared.parted is None else PartedDocument(compared.parted.turn, compared.parted.reason),
        handoff_fields_left_out=comparison.handoff_fields_left_out,
        left_out=compared.left_out,
    )


def _turn(turn: TurnComparison) -> ComparedTurnDocument:
    return ComparedTurnDocument(
        turn_a=turn.before,
        turn_b=turn.after,
        answered_with=turn.answered_with,
        caller_a=turn.caller_before,
        caller_b=turn.caller_after,
        keys_a=turn.keys_before,
        keys_b=turn.keys_after,
        text_a=turn.text_before,
        text_b=turn.text_after,
        sent_a=turn.sent_before,
        sent_b=turn.sent_after,
        compared=turn.compared,
        durations=tuple(map(_duration, turn.numbers)),
        differences=tuple(map(_difference, turn.differences)),
    )


def _difference(one: Difference) -> CallDifferenceDocument:
    return CallDifferenceDocument(
        kind=one.kind,
        field=one.field,
        turn_a=one.turn_before,
        turn_b=one.turn_after,
        a=one.before,
        b=one.after,
        text=one.text,
        exceeds=one.exceeds,
    )


def _duration(number: NumberComparison) -> ComparedDurationDocument:
    shift = number.shift
    return ComparedDurationDocument(
        name=number.name,
        a=_sample(number.before),
        b=_sample(number.after),
        shift_ms=None if shift is None else shift.ms,
        shift_low_ms=None if shift is None else shift.low_ms,
        shift_high_ms=None if shift is None else shift.high_ms,
        confidence=None if shift is None else shift.confidence,
    )


def _sample(sample: Sample) -> ComparedSampleDocument:
    return ComparedSampleDocument(
        n=sample.n,
        median_ms=sample.median_ms,
        p95_ms=sample.p95_ms,
        least_ms=sample.least_ms,
        most_ms=sample.most_ms,
    )
