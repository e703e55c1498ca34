"""Overview charts above the session list, and their API.

Knows: that they obey the list's filter and come after the list.
Must not know: SQL; what the list shows.
"""

from typing import Any

from aiohttp import web

from relayproxy.console.calls.findings import slow_ms
from relayproxy.console.filters.language import criteria_of, zone_of
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.http.documents import Document, End
from relayproxy.console.http.json_response import json_response
from relayproxy.console.http.render import render
from relayproxy.console.http.times import NS
from relayproxy.console.insight import charts
from relayproxy.console.insight.before_after import by_time
from relayproxy.console.insight.documents import (
    CountedCallsDocument,
    RangeDocument,
    StepDocument,
    StepSeconds,
    Versions,
    calls_document,
    range_document,
    step_document,
    version_documents,
)
from relayproxy.console.insight.selection import PeriodOrigin, Selection, reach_of, selection, summary_cache_of
from relayproxy.console.insight.summary import CallsSummary, summarize
from relayproxy.store.read.queries import Queries

OLDER = 10_000
"""Calls before the range of the charts that are counted at most."""


class OverviewDocument(Document, frozen=True):
    """Calls and response latencies over time."""

    range: RangeDocument
    calls: CountedCallsDocument
    step_s: StepSeconds
    versions: Versions
    items: tuple[StepDocument, ...]
    next: End = None


async def fragment(request: web.Request) -> web.Response:
    """`GET /sessions/overview?q=`: both charts and their tables. Errors in `q` are reported by the list."""
    chosen, span, one, older = await _summary(request)
    slow = slow_ms(request.app[APP_CONTEXT].settings, "default")
    context: dict[str, Any] = {
        "one": one,
        "span": span,
        "total": one.reach.counted + older,
        # What is older than those that are read was counted with what began before.
        "total_open": older == OLDER or (one.reach.more and not older),
        "older": older,
        "weighty": charts.WEIGHTY,
        "q": chosen.text,
        "calls_chart": charts.calls_over_time(one),
        "latency_chart": charts.latency_over_time(one, slow),
        "step_name": charts.step_name,
        **by_time(chosen, span, one.reach),
        "ending_names": charts.ENDING_NAMES,
    }
    return render("listing/overview_charts.html", request, context)


async def document(request: web.Request) -> web.Response:
    """`GET /api/overview?q=&zone=`: calls and response latencies over time."""
    criteria_of(request)
    _, span, one, _ = await _summary(request)
    return json_response(
        OverviewDocument(
            range=range_document(one.reach, span),
            calls=calls_document(one.reach),
            step_s=one.step // NS,
            versions=version_documents(one.releases),
            items=tuple(map(step_document, one.steps)),
        )
    )


ROUTES = (web.get("/sessions/overview", fragment), web.get("/api/overview", document))
"""Before `/sessions/{id}`, which would take the first."""


async def _summary(request: web.Request) -> tuple[Selection, PeriodOrigin, CallsSummary, int]:
    queries = request.app[APP_CONTEXT].queries
    chosen = selection(request.query.get("q", ""), zone=zone_of(request))
    key = ("overview", chosen.key)
    return await summary_cache_of(queries).of(key, queries, lambda: _read(queries, chosen))


def _read(queries: Queries, chosen: Selection) -> tuple[Selection, PeriodOrigin, CallsSummary, int]:
    with queries.snapshot() as seen:
        numbers, reach, span = reach_of(seen, chosen)
        # The list has these too: of a week, what was before it; of a range, what had begun before and went on in it.
        reaching = chosen.criteria.since if span == "given" else None
        counts = span == "week" or reaching is not None
        older = numbers.before(reach.since, OLDER, reaching) if counts else 0
        return chosen, span, summarize(numbers, reach, zone=chosen.zone, lists=False), older
