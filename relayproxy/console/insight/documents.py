"""API documents of summaries and comparisons.

Knows: every field name of these. Latencies are milliseconds, rates are shares from 0 to 1.
Must not know: HTTP; pages.
"""

from collections.abc import Iterable
from typing import Annotated, get_type_hints

import msgspec
from msgspec import Meta

from relayproxy.console.calls.documents.codes import OutcomeCode
from relayproxy.console.http.documents import Count, Document, Nanoseconds, Time, one_of, with_fields
from relayproxy.console.http.times import NS, rfc3339
from relayproxy.console.insight.comparison import MEASURES, Difference
from relayproxy.console.insight.selection import PeriodOrigin, Selection
from relayproxy.console.insight.statistics import EDGES, Figure, Latencies, Significance
from relayproxy.console.insight.summary import (
    ENDINGS,
    MAX_LISTED,
    VALUES,
    CallsSummary,
    EndingCount,
    Release,
    TimeStep,
    ValueSummary,
)
from relayproxy.conversation.measures.numbers import description
from relayproxy.store.read.insight.figures import Reach, Sums, WorstCall


class LatenciesDocument(Document, frozen=True):
    __doc__ = description("turn", "response_latency_ms")

    p50: int | None
    p95: int | None
    max: int | None
    n: Annotated[Count, Meta(description="Turns that have one.")]
    excluded: Annotated[dict[str, Count], Meta(description="How many are not in `n`, by why; see NullReason.")]


class RangeDocument(Document, frozen=True):
    """Which time it is about."""

    since: Annotated[Time, Meta(description="Calls that began from here on.")]
    since_ns: Nanoseconds
    until: Annotated[Time, Meta(description="Calls that began before.")]
    until_ns: Nanoseconds
    span: Annotated[
        PeriodOrigin,
        Meta(
            description="Whose range it is: `given` by the filter. As it gives none: since the `first` call; the last "
            "`week`, as there have been calls for longer; `all`, as there was nothing in that week."
        ),
    ]


class CountedCallsDocument(Document, frozen=True):
    """How many calls meet the filter, and how many of them are read."""

    matching: Annotated[Count, Meta(description="That meet the filter; one more than `counted` when there are more.")]
    counted: Annotated[Count, Meta(description="The newest of them, which are read.")]


@with_fields([(ending, Count) for ending in ENDINGS], behind={})
class EndingsDocument(Document, frozen=True):
    """Calls that began within it, by how they ended."""


class StepDocument(Document, frozen=True):
    """A step of time."""

    at: Annotated[Time, Meta(description="Beginning of the step.")]
    at_ns: Nanoseconds
    calls: EndingsDocument
    response_latency_ms: LatenciesDocument


class VersionDocument(Document, frozen=True):
    """A version of the backend that came up."""

    version: str
    first_at: Annotated[Time, Meta(description="When the first call that it answered began.")]
    first_at_ns: Nanoseconds


StepSeconds = Annotated[Count, Meta(description="Length of a step, seconds.")]
Versions = Annotated[
    tuple[VersionDocument, ...],
    Meta(
        description="Versions of the backend (setting `version_from`) that calls have within the range and none had in "
        "as long a time before it."
    ),
]


@with_fields(
    [(one.code, Annotated[Figure, Meta(description=f"{one.name}. {one.meaning}")]) for one in MEASURES], behind={}
)
class MeasuresDocument(Document, frozen=True):
    """Latencies in milliseconds, rates as shares from 0 to 1."""


class HistogramBarDocument(Document, frozen=True):
    """How many turns have a latency up to an edge and above the one before."""

    up_to_ms: Annotated[int | None, Meta(description="Null: longer than all edges.")]
    turns: Count


@with_fields(get_type_hints(Sums, include_extras=True).items(), behind={"response_latency_ms": "ended"})
class FieldValueDocument(Document, frozen=True):
    """The numbers of the calls with one value of a field."""

    value: Annotated[str | None, Meta(description="Null: the calls without any.")]
    response_latency_ms: LatenciesDocument


class FieldValuesDocument(Document, frozen=True):
    """The same for each value of the field that was asked for."""

    field: str
    items: Annotated[tuple[FieldValueDocument, ...], Meta(description=f"The {VALUES} values with the most calls.")]
    more: Annotated[bool, Meta(description="There are more values.")]
    calls: Annotated[Count, Meta(description="The newest of the calls, which are told apart by the field.")]


class WorstCallDocument(Document, frozen=True):
    """A call or turn to be looked at."""

    id: Annotated[str, Meta(description="The recording's own id.")]
    turn: Annotated[Count | None, Meta(description="Number of the turn; null for a call.")]
    started_at: Annotated[Time, Meta(description="When the call began.")]
    started_at_ns: Nanoseconds
    route: str
    from_number: str | None = msgspec.field(name="from")
    to_number: str | None = msgspec.field(name="to")
    outcome: OutcomeCode | None
    failed: Annotated[bool, Meta(description="The Studio transition is `failed`.")]
    errors: Count
    warnings: Count
    unanswered: Count
    longest_wait_ms: Annotated[int | None, Meta(description="Of the turn; of a call, that of all turns.")]
    response_latency_ms: Annotated[int | None, Meta(description="Of the turn; of a call, its slowest.")]


class InsightDocument(Document, frozen=True):
    """The numbers of the calls that meet a filter."""

    q: Annotated[str, Meta(description="The filter as it was read.")]
    range: RangeDocument
    calls: CountedCallsDocument
    latency_exact: Annotated[bool, Meta(description="Latencies are exact to the millisecond; else within 1 %.")]
    numbers: MeasuresDocument
    sums: Sums
    response_latency_ms: LatenciesDocument
    histogram: Annotated[tuple[HistogramBarDocument, ...], Meta(description="Response latencies by size.")]
    step_s: StepSeconds
    over_time: tuple[StepDocument, ...]
    versions: Versions
    endings: Annotated[tuple[EndingCount, ...], Meta(description="How calls ended; both null: they live.")]
    by: FieldValuesDocument | None
    slowest_turns: Annotated[
        tuple[WorstCallDocument, ...],
        Meta(description=f"At most {MAX_LISTED}, by how long the caller waited, answered or not."),
    ]
    worst_calls: Annotated[
        tuple[WorstCallDocument, ...],
        Meta(description=f"At most {MAX_LISTED}: failed ones first, then by errors and unanswered turns."),
    ]


class DifferenceDocument(Document, frozen=True):
    """One measure on both sides."""

    code: Annotated[str, one_of(one.code for one in MEASURES)]
    a: Figure
    b: Figure
    by: Annotated[float | None, Meta(description="b less a; less is better.")]
    share: Annotated[float | None, Meta(description="That, of a.")]
    verdict: Annotated[
        Significance,
        Meta(
            description="What became of it from a to b. `unclear`: chance alone may make such a difference; `few`: too "
            "few to say; `none`: one side has no number."
        ),
    ]


class ComparisonDocument(Document, frozen=True):
    """Two selections side by side."""

    a: InsightDocument
    b: InsightDocument
    differences: tuple[DifferenceDocument, ...]


def insight_document(one: CallsSummary, chosen: Selection, span: PeriodOrigin, by: str = "") -> InsightDocument:
    """All of a summary; `by`: the field by whose values it was made."""
    return InsightDocument(
        q=chosen.text,
        range=range_document(one.reach, span),
        calls=calls_document(one.reach),
        latency_exact=one.exact,
        numbers=MeasuresDocument(**{measure.code: measure.of(one) for measure in MEASURES}),
        sums=one.sums,
        response_latency_ms=_latencies(one.latencies),
        histogram=tuple(
            HistogramBarDocument(up_to_ms=edge, turns=turns)
            for edge, turns in zip((*EDGES, None), one.latencies.histogram(), strict=True)
        ),
        step_s=one.step // NS,
        over_time=tuple(map(step_document, one.steps)),
        versions=version_documents(one.releases),
        endings=one.endings,
        by=_values(one, by) if by else None,
        slowest_turns=tuple(map(_worst_call, one.slowest)),
        worst_calls=tuple(map(_worst_call, one.worst)),
    )


def range_document(reach: Reach, span: PeriodOrigin) -> RangeDocument:
    """The time that numbers are about."""
    return RangeDocument(
        since=rfc3339(reach.since),
        since_ns=reach.since,
        until=rfc3339(reach.until),
        until_ns=reach.until,
        span=span,
    )


def calls_document(reach: Reach) -> CountedCallsDocument:
    """The calls that numbers stand on."""
    return CountedCallsDocument(matching=reach.matching, counted=reach.counted)


def version_documents(releases: Iterable[Release]) -> tuple[VersionDocument, ...]:
    """Versions of the backend that came up."""
    return tuple(VersionDocument(version=one.version, first_at=rfc3339(one.at), first_at_ns=one.at) for one in releases)


def step_document(step: TimeStep) -> StepDocument:
    """One step of time."""
    return StepDocument(
        at=rfc3339(step.at),
        at_ns=step.at,
        calls=EndingsDocument(**{ending: step.endings[ending] for ending in ENDINGS}),
        response_latency_ms=_latencies(step.latencies),
    )


def comparison_document(
    a: InsightDocument, b: InsightDocument, differences: Iterable[Difference]
) -> ComparisonDocument:
    """Both sides and how each measure differs."""
    return ComparisonDocument(a=a, b=b, differences=tuple(map(_difference, differences)))


def _difference(one: Difference) -> DifferenceDocument:
    return DifferenceDocument(code=one.measure.code, a=one.a, b=one.b, by=one.by, share=one.share, verdict=one.verdict)


def _latencies(latencies: Latencies) -> LatenciesDocument:
    return LatenciesDocument(
        p50=latencies.percentile(0.5),
        p95=latencies.percentile(0.95),
        max=latencies.max,
        n=latencies.n,
        excluded=latencies.excluded,
    )


def _values(one: CallsSummary, by: str) -> FieldValuesDocument:
    apart = one.reach.told_apart
    return FieldValuesDocument(
        field=by,
        items=tuple(map(_value, one.values)),
        more=one.more_values,
        calls=one.reach.counted if apart is None else apart,
    )


def _value(value: ValueSummary) -> FieldValueDocument:
    return FieldValueDocument(
        value=value.value, response_latency_ms=_latencies(value.latencies), **msgspec.structs.asdict(value.sums)
    )


def _worst_call(one: WorstCall) -> WorstCallDocument:
    return WorstCallDocument(
        id=one.session,
        turn=one.turn,
        started_at=rfc3339(one.started_at),
        started_at_ns=one.started_at,
        route=one.route,
        from_number=one.from_number,
        to_number=one.to_number,
        outcome=one.outcome,
        failed=one.failed,
        errors=one.errors,
        warnings=one.warnings,
        unanswered=one.unanswered,
        longest_wait_ms=one.longest_wait_ms,
        response_latency_ms=one.latency_ms,
    )
