"""Insight page and its API: numbers over many calls.

Knows: their parameters, what is compared with what, and what a page needs beside the numbers.
Must not know: SQL; how numbers come about.
"""

import time
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from relayproxy.console.calls.findings import slow_ms
from relayproxy.console.filters import values
from relayproxy.console.filters.fields import FILTER_FIELDS, GROUPS
from relayproxy.console.filters.language import write_criterion, zone_of
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.http.json_response import json_response
from relayproxy.console.http.middleware import bad_request
from relayproxy.console.http.render import render
from relayproxy.console.insight import charts
from relayproxy.console.insight.before_after import around, by_time
from relayproxy.console.insight.comparison import MEASURES, VERDICTS, Difference, differences, told, told_difference
from relayproxy.console.insight.documents import comparison_document, insight_document
from relayproxy.console.insight.selection import (
    PeriodOrigin,
    Selection,
    reach_of,
    selection,
    summary_cache_of,
    together,
    without_times,
)
from relayproxy.console.insight.statistics import FEW
from relayproxy.console.insight.summary import CallsSummary, step_of, summarize
from relayproxy.store.read.filters.criteria import PARAM, Criterion, kind_of_field
from relayproxy.store.read.insight.figures import Reach
from relayproxy.store.read.insight.numbers import can_group, label_names
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rollup import start_of
from relayproxy.text import storable

BY = {name: FILTER_FIELDS[name].title for name in GROUPS}
"""Names of the fields that calls can be grouped by, besides custom parameters."""
RANGES = (("24 hours", "since:24h"), ("7 days", "since:7d"), ("30 days", "since:30d"), ("90 days", "since:90d"))
PERIODS = (
    ("This week and the one before", "since:14d until:7d", "since:7d"),
    ("The last 24 hours and those before", "since:48h until:24h", "since:24h"),
    ("Today and yesterday", "on:yesterday", "on:today"),
)


@dataclass(frozen=True, slots=True)
class ComparedSide:
    """The calls of one filter, added up."""

    chosen: Selection
    span: PeriodOrigin
    summary: CallsSummary


async def page(request: web.Request) -> web.Response:
    """`GET /insight?q=&by=&a=&b=`. With `field` and one or two `value` it leads to the comparison of these values, of
    one with all others; with `at` to that of what was before that time and since."""
    if "at" in request.query:
        raise web.HTTPSeeOther(_before_and_after(request))
    if "value" in request.query:
        raise web.HTTPSeeOther(_values_compared(request))
    app_context = request.app[APP_CONTEXT]
    q, by = request.query.get("q", ""), _by(request)
    sides = await _sides(request, by)
    options = await summary_cache_of(app_context.queries).of(
        "names", app_context.queries, lambda: label_names(app_context.queries)
    )
    slow = slow_ms(app_context.settings, "default")
    context: dict[str, Any] = {
        "section": "insight",
        "q": q,
        "by": by,
        "options": {**BY, **{name: f"Parameter {name[len(PARAM) :]}" for name in options if name.startswith(PARAM)}},
        "sides": sides,
        "problems": sides[0].chosen.problems
        if len(sides) == 1
        else sides[0].chosen.problems + sides[1].chosen.problems,
        "ranges": [(name, _link(q=f"{without_times(q)} {text}".strip(), by=by)) for name, text in RANGES],
        "periods": [(name, _link(q=without_times(q), a=a, b=b)) for name, a, b in PERIODS],
        "plain": _link(q=q, by=by),
        "asking": lambda text: _link(q=text, by=by),
        "cleared": _link(by=by, a=request.query.get("a", ""), b=request.query.get("b", "")),
        "measures": MEASURES,
        "told": told,
        "few": FEW,
        "weighty": charts.WEIGHTY,
        "slow": slow,
        "edges": charts.edge_names(),
        "ending_names": charts.ENDING_NAMES,
        "step_name": charts.step_name,
    }
    if len(sides) == 2:
        return render("insight/comparison.html", request, context | _comparison(request, sides, slow))
    one = sides[0].summary
    context |= {
        "one": sides[0],
        **by_time(sides[0].chosen, sides[0].span, sides[0].summary.reach),
        "latency_chart": charts.latency_over_time(one, slow),
        "histogram_chart": charts.histogram(one),
        "calls_chart": charts.calls_over_time(one),
        "list_link": f"/sessions?{urlencode({'q': q})}",
        "narrowed": lambda value: _link(q=f"{q} {write_criterion(Criterion(by, '=', (value,)))}".strip(), by=by),
    }
    return render("insight/insight_page.html", request, context)


async def document(request: web.Request) -> web.Response:
    """`GET /api/insight?q=&zone=&by=&a=&b=`: a summary; with `a` and `b` both summaries and their differences."""
    by = _by(request)
    sides = await _sides(request, by)
    wrong = [problem for side in sides for problem in side.chosen.problems]
    if wrong:
        raise bad_request("; ".join(f"{one.token[:80]}: {one.message}" for one in wrong[:20]) + ".")
    documents = [insight_document(side.summary, side.chosen, side.span, by) for side in sides]
    if len(documents) == 1:
        return json_response(documents[0])
    a, b = documents
    return json_response(comparison_document(a, b, differences(sides[0].summary, sides[1].summary)))


ROUTES = (web.get("/insight", page), web.get("/api/insight", document))


def _comparison(request: web.Request, sides: tuple[ComparedSide, ...], slow: int) -> dict[str, Any]:
    q, a, b = (request.query.get(name, "") for name in ("q", "a", "b"))
    first, second = (side.summary for side in sides)
    found: tuple[Difference, ...] = differences(first, second)
    endings = [_by_outcome(one) for one in (first, second)]
    links = [f"/sessions?{urlencode({'q': f'{_base(q, text)} {text}'.strip()})}" for text in (a, b)]
    return {
        "a": a,
        "b": b,
        "parted_at": second.reach.since if first.reach.until == second.reach.since else None,
        "swapped": _link(q=q, a=b, b=a),
        "differences": found,
        "verdicts": VERDICTS,
        "told_difference": told_difference,
        "p95_chart": charts.percentile_compared(first, second, 0.95, slow),
        "p50_chart": charts.percentile_compared(first, second, 0.5, slow),
        "histogram_chart": charts.histogram_compared(first, second),
        "compared_rows": charts.compared_rows,
        "excluded": sorted({*first.latencies.excluded, *second.latencies.excluded}),
        "endings": [ending for ending, _ in (endings[0] + endings[1]).most_common()],
        "ending_counts": endings,
        "list_links": links,
    }


def _base(q: str, also: str) -> str:
    """The part of the filter that stays in force beside `also`, whose range of time replaces its own."""
    return without_times(q) if selection(also).timed else q


def _by_outcome(one: CallsSummary) -> Counter[str]:
    found: Counter[str] = Counter()
    for ending in one.endings:
        found[ending.outcome or ""] += ending.calls
    return found


async def _sides(request: web.Request, by: str) -> tuple[ComparedSide, ...]:
    queries = request.app[APP_CONTEXT].queries
    q = request.query.get("q", "")
    zone = zone_of(request)
    alternatives = [request.query[name] for name in ("a", "b") if name in request.query]
    if len(alternatives) == 1:
        raise bad_request("a and b: both are expected, or none.")
    chosen = [selection(q, text, zone=zone) for text in alternatives] or [selection(q, zone=zone)]
    key = ("insight", by, *(one.key for one in chosen))
    sides = await summary_cache_of(queries).of(key, queries, lambda: _read(queries, chosen, by))
    # The first request for the same summary may have written the filter differently, with other mistakes.
    return tuple(replace(side, chosen=one) for side, one in zip(sides, chosen, strict=True))


def _read(queries: Queries, chosen: list[Selection], by: str) -> tuple[ComparedSide, ...]:
    with queries.snapshot() as seen:
        # Sides of a comparison have no values side by side.
        found = together([reach_of(seen, one, by if len(chosen) == 1 else "") for one in chosen])
        if len(found) == 1:
            numbers, reach, span = found[0]
            return (ComparedSide(chosen[0], span, summarize(numbers, reach, zone=chosen[0].zone, by=by)),)
        # Steps of the same length that begin where each range does, so that they can be laid over each other.
        step = step_of(max(reach.until - reach.since for _, reach, _ in found))
        return tuple(
            ComparedSide(one, span, summarize(numbers, reach, step=step, origin=_origin(reach)))
            for one, (numbers, reach, span) in zip(chosen, found, strict=True)
        )


def _origin(reach: Reach) -> int:
    return start_of(reach.since) if reach.rolled_up else reach.since


def _by(request: web.Request) -> str:
    by = storable(request.query.get("by", ""))
    if by and not can_group(by):
        raise bad_request(f"by={by[:64]}: one of {', '.join(BY)} or {PARAM}<name> is expected.")
    return by


def _values_compared(request: web.Request) -> str:
    field = request.query.get("field", "")
    chosen = [value for value in request.query.getall("value") if value]
    if kind_of_field(field) not in ("text", "label") or not 1 <= len(chosen) <= 2:
        raise bad_request("field and value: a field and one or two of its values are expected.")
    b = write_criterion(Criterion(field, "=", (chosen[-1],)))
    a = write_criterion(Criterion(field, "=", (chosen[0],))) if len(chosen) == 2 else f"-{b}"
    return _link(q=request.query.get("q", ""), a=a, b=b)


def _before_and_after(request: web.Request) -> str:
    text, now, zone = request.query["at"], time.time_ns(), zone_of(request)
    at = values.span(text, now, zone)
    if at is None or at[0] >= now:
        raise bad_request(f"at={text[:64]}: a time that has been is expected, such as 2026-11-20T10:00 or yesterday.")
    return around(at[0], now, zone).link(request.query.get("q", ""))


def _link(**parameters: str) -> str:
    given = {name: text for name, text in parameters.items() if text}
    return f"/insight?{urlencode(given)}" if given else "/insight"
