"""Alerts page and its API: rules, what fires and has fired, what was told of it, silences.

Knows: paths; that a silence is audited.
Must not know: SQL; how anything is measured or told.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from relayproxy.alerts.rules import UNKNOWN, WORDS, Measured, Rule, State, judge, shown
from relayproxy.alerts.runner import BECAUSE
from relayproxy.console.access.audit_log import audit
from relayproxy.console.access.authorization import principal_of
from relayproxy.console.alerts.documents import (
    LONGEST_SILENCE,
    NewAlertSilenceDocument,
    alert_document,
    rule_document,
    silence_document,
)
from relayproxy.console.alerts.running import ALERT_RUNNER
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.http.documents import CompleteList, Page
from relayproxy.console.http.forms import form_of, json_of
from relayproxy.console.http.json_response import json_response
from relayproxy.console.http.middleware import bad_request, not_found
from relayproxy.console.http.parameters import whole_number
from relayproxy.console.http.render import render
from relayproxy.settings.alerts import told_webhooks
from relayproxy.store.write.alert_store import (
    AlertRow,
    Delivery,
    Silence,
    alerts_before,
    deliveries_of,
    end_silence,
    open_alerts,
    put_silence,
    silences,
)

ALERTS, MAX_ALERTS = 50, 500
MINUTE = 60_000_000_000
CHOICES = {60: "1 hour", 240: "4 hours", 1440: "1 day", 10_080: "1 week"}
"""Minutes of a silence that the page offers."""
STATES: dict[State, str] = {
    "firing": "above the limit",
    "well": "well",
    "between": "near the limit",
    "few": "too few to tell",
    "unknown": "not known",
}


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule with its state. `measured` is what this console measured last."""

    rule: Rule
    webhooks: tuple[str, ...]
    measured: Measured
    firing: AlertRow | None
    silence: Silence | None

    @property
    def state(self) -> State:
        """By what was measured last."""
        return judge(self.rule, self.measured)


async def page(request: web.Request) -> web.Response:
    """`GET /alerts?before=`."""
    (found, told, older), rules = await asyncio.gather(_alerts(request, ALERTS), _rules(request))
    context: dict[str, Any] = {
        "rules": rules,
        "alerts": found,
        "told": told,
        "older": f"/alerts?before={older}" if older else None,
        "first_page": "before" not in request.query,
        "kinds": WORDS,
        "because": BECAUSE,
        "states": STATES,
        "choices": CHOICES,
        "shown": shown,
        "section": "health",
    }
    return render("alerts/alerts_page.html", request, context)


async def submit(request: web.Request) -> web.Response:
    """`POST /alerts/{alert}/silence`: for the form's `minutes`; with `end` it is ended. Then back to the rule."""
    form = await form_of(request)
    if "end" in form:
        await _end(request)
    else:
        text = form.get("minutes", "")
        known = text.isascii() and text.isdigit() and len(text) < 9
        await _silence(request, int(text) if known else 0)
    raise web.HTTPSeeOther(f"/alerts#rule-{_rule(request)}")


async def api_list(request: web.Request) -> web.Response:
    """`GET /api/alerts?limit=&before=`: the newest first."""
    found, told, older = await _alerts(request, whole_number(request, "limit", ALERTS, 1, MAX_ALERTS))
    items = tuple(alert_document(row, told.get(row.id, ())) for row in found)
    return json_response(Page(items=items, next=None if older is None else str(older)))


async def api_rules(request: web.Request) -> web.Response:
    """`GET /api/alerts/rules`: those of the settings."""
    rules = await _rules(request)
    items = tuple(
        rule_document(one.rule, one.webhooks, one.measured, one.firing is not None, one.silence) for one in rules
    )
    return json_response(CompleteList(items=items))


async def api_silence(request: web.Request) -> web.Response:
    """`POST /api/alerts/{alert}/silence` with `{"minutes": …}`, in the place of an earlier silence."""
    silence = await _silence(request, (await json_of(request, NewAlertSilenceDocument)).minutes)
    return json_response(silence_document(silence), 201)


async def api_end(request: web.Request) -> web.Response:
    """`DELETE /api/alerts/{alert}/silence`."""
    await _end(request)
    return web.Response(status=204)


async def _alerts(
    request: web.Request, limit: int
) -> tuple[tuple[AlertRow, ...], dict[int, tuple[Delivery, ...]], int | None]:
    text = request.query.get("before", "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 19):
        raise bad_request(f"before={text[:32]}: a cursor as an earlier page gave it is expected.")
    queries = request.app[APP_CONTEXT].queries
    found, older = await asyncio.to_thread(alerts_before, queries, limit, int(text) if text else None)
    return found, await asyncio.to_thread(deliveries_of, queries, [row.id for row in found]), older


async def _rules(request: web.Request) -> tuple[RuleView, ...]:
    context, runner = request.app[APP_CONTEXT], request.app.get(ALERT_RUNNER)
    alerts, webhooks = context.settings.alerts, context.settings.webhooks
    if not alerts:
        return ()
    firing = await asyncio.to_thread(open_alerts, context.queries)
    silent = await asyncio.to_thread(silences, context.queries, time.time_ns())
    measured = {} if runner is None else runner.measured
    return tuple(
        RuleView(
            Rule(name, alert),
            told_webhooks(alert, webhooks),
            measured.get(name, UNKNOWN),
            firing.get(name),
            silent.get(name),
        )
        for name, alert in alerts.items()
    )


def _rule(request: web.Request) -> str:
    name = request.match_info["alert"]
    if name not in request.app[APP_CONTEXT].settings.alerts:
        raise not_found("There is no such alert.")
    return name


async def _silence(request: web.Request, minutes: int) -> Silence:
    rule, who, now = _rule(request), principal_of(request), time.time_ns()
    if not 1 <= minutes <= LONGEST_SILENCE:
        raise bad_request(f"minutes: a number from 1 to {LONGEST_SILENCE:,} is expected.")
    silence = Silence(rule, now, now + minutes * MINUTE, who.name)
    await request.app[APP_CONTEXT].writer.run(put_silence, silence)
    await audit(request, "silence", rule)
    return silence


async def _end(request: web.Request) -> None:
    rule = _rule(request)
    if not await request.app[APP_CONTEXT].writer.run(end_silence, rule, time.time_ns()):
        raise not_found("It is not silenced.")
    await audit(request, "unsilence", rule)


ROUTES = (
    web.get("/alerts", page),
    web.post("/alerts/{alert}/silence", submit),
    web.get("/api/alerts", api_list),
    web.get("/api/alerts/rules", api_rules),
    web.post("/api/alerts/{alert}/silence", api_silence),
    web.delete("/api/alerts/{alert}/silence", api_end),
)
