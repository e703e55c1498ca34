"""API documents of summaries and comparisons.

Knows: every field name of these. Latencies are milliseconds, rates are shares from 0 to 1.
Must not know: HTTP; pages.
"""

from dataclasses import asdict
from typing import Any

from relayproxy.console.http.times import moment
from relayproxy.console.insight.comparison import MEASURES, Difference
from relayproxy.console.insight.selection import Selection, Span
from relayproxy.console.insight.statistics import EDGES, Figure, Latencies
from relayproxy.console.insight.summary import ENDINGS, CallsSummary, Release, TimeStep
from relayproxy.store.read.insight import WorstCall


def summary_document(one: CallsSummary, chosen: Selection, span: Span, by: str = "") -> dict[str, Any]:
    """All of a summary. `range.span`: the range is the filter's (`given`); as the filter has none, since the first
    call (`first`), the last week as there have been calls for longer (`week`), or all time as there was nothing in that
    week (`all`)."""
    return {
        "q": chosen.text,
        "range": {**moment("since", one.reach.since), **moment("until", one.reach.until), "span": span},
        "calls": {"matching": one.reach.matching, "counted": one.reach.counted},
        "latency_exact": one.exact,
        "numbers": {measure.code: _figure(measure.of(one)) for measure in MEASURES},
        "sums": asdict(one.sums),
        "response_latency_ms": _latencies(one.latencies),
        "histogram": [
            {"up_to_ms": edge, "turns": turns}
            for edge, turns in zip((*EDGES, None), one.latencies.histogram(), strict=True)
        ],
        "step_s": one.step // 1_000_000_000,
        "over_time": [step_item(step) for step in one.steps],
        "versions": [release_item(one) for one in one.releases],
        "endings": [
            {"outcome": ending.outcome, "studio_transition": ending.transition, "calls": ending.calls}
            for ending in one.endings
        ],
        "by": {
            "field": by,
            "items": [
                {"value": value.value, **asdict(value.sums), "response_latency_ms": _latencies(value.latencies)}
                for value in one.values
            ],
            "more": one.more_values,
        }
        if by
        else None,
        "slowest_turns": [_place(place) for place in one.slowest],
        "worst_calls": [_place(place) for place in one.worst],
    }


def release_item(release: Release) -> dict[str, Any]:
    """A version of the backend that came up."""
    return {"version": release.version, **moment("first_at", release.at)}


def step_item(step: TimeStep) -> dict[str, Any]:
    """One step of time."""
    return {
        **moment("at", step.at),
        "calls": {ending: step.endings[ending] for ending in ENDINGS},
        "response_latency_ms": _latencies(step.latencies),
    }


def difference_item(one: Difference) -> dict[str, Any]:
    """One measure on both sides; `by` is b less a, `share` the same of a. Less is better."""
    return {
        "code": one.measure.code,
        "a": _figure(one.a),
        "b": _figure(one.b),
        "by": one.by,
        "share": one.share,
        "verdict": one.verdict,
    }


def _figure(figure: Figure) -> dict[str, Any]:
    return {"value": figure.value, "n": figure.n, "interval": figure.interval}


def _latencies(latencies: Latencies) -> dict[str, Any]:
    return {
        "p50": latencies.percentile(0.5),
        "p95": latencies.percentile(0.95),
        "max": latencies.max,
        "n": latencies.n,
        "excluded": latencies.excluded,
    }


def _place(place: WorstCall) -> dict[str, Any]:
    return {
        "id": place.session,
        "turn": place.turn,
        **moment("started_at", place.started_at),
        "route": place.route,
        "from": place.from_number,
        "to": place.to_number,
        "outcome": place.outcome,
        "failed": place.failed,
        "errors": place.errors,
        "warnings": place.warnings,
        "unanswered": place.unanswered,
        "longest_wait_ms": place.longest_wait_ms,
        "response_latency_ms": place.latency_ms,
    }
