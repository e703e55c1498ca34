"""Health page, its API, and the monitor that gathers the facts for both.

Knows: paths; the sources of the facts, and for how long they are reused.
Must not know: SQL; what the facts mean.
"""

import asyncio
import os
import platform
import socket
import time
from collections.abc import Callable
from dataclasses import replace

from aiohttp import web

from relayproxy import __version__
from relayproxy.console.access.audit_log import AUDIT_LOG, AuditState
from relayproxy.console.health.diagnosis.diagnosis import diagnose, verdict
from relayproxy.console.health.diagnosis.health_facts import SECOND, AlertFacts, HealthFacts
from relayproxy.console.health.diagnosis.signatures import route_signatures
from relayproxy.console.health.diagnosis.treatment import route_treatments
from relayproxy.console.health.documents import ConsoleHealthDocument, health_document
from relayproxy.console.health.reachability import RelayAnswer, ask_relay
from relayproxy.console.health.staleness import KNOWN, Notice, notice
from relayproxy.console.http.change_poller import ChangePoller
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.http.json_response import json_response
from relayproxy.console.http.render import PAGE_VALUES, render
from relayproxy.console.http.times import rfc3339
from relayproxy.settings.model import Settings
from relayproxy.store.errors import StoreError
from relayproxy.store.quarantine import moved_aside
from relayproxy.store.read.health.heartbeat import Report, database_facts, gaps_since, reports
from relayproxy.store.read.health.journal_gaps import journal_gaps
from relayproxy.store.read.health.receiver_heartbeat import receiver_reports
from relayproxy.store.read.queries import Queries
from relayproxy.store.read.signatures import recent_signatures
from relayproxy.store.schema.needs_rebuild import outdated
from relayproxy.store.write.alert_store import delivery_counts, open_alerts
from relayproxy.wall_clock import wall_ahead

STEP = 2.0
"""Seconds by which a clock must be set to be worth a word."""
FRESH = 2.0
"""Seconds for which facts are reused for all requests."""
_HOUR = 3600 * SECOND


class Monitor:
    """Gathers the facts, at most once in `FRESH` seconds for all requests together."""

    def __init__(
        self, settings: Settings, queries: Queries, poller: ChangePoller, audit: Callable[[], AuditState]
    ) -> None:
        self._settings = settings
        self._queries = queries
        self._poller = poller
        self._audit = audit
        self._started_at = time.time_ns()
        self._clock = wall_ahead()
        self._seen: dict[str, tuple[int, float]] = {}
        """By process: when its last report says it was written, and when it was first seen here."""
        self._looking = asyncio.Lock()
        self._facts: HealthFacts | None = None
        self._until = 0.0

    async def facts(self) -> HealthFacts:
        """The facts, not older than `FRESH` seconds. Never raises for a fault that it finds."""
        async with self._looking:
            if self._facts is None or time.monotonic() >= self._until:
                self._facts = await self._look()
                self._until = time.monotonic() + FRESH
            return self._facts

    async def notice(self) -> Notice:
        """The notice for every page."""
        facts = await self.facts()
        return notice(facts, verdict(diagnose(facts)))

    def last_notice(self) -> Notice | None:
        """The notice of the last facts, without gathering new ones; None when these are too old."""
        facts = self._facts
        if facts is None or time.time_ns() - facts.now > KNOWN:
            return None
        return notice(facts, verdict(diagnose(facts)))

    def console(self) -> ConsoleHealthDocument:
        """The state of this process."""
        return ConsoleHealthDocument(
            version=__version__,
            python=platform.python_version(),
            host=socket.gethostname(),
            pid=os.getpid(),
            started_at=rfc3339(self._started_at),
            started_at_ns=self._started_at,
            watchers=self._poller.watchers,
        )

    async def _look(self) -> HealthFacts:
        relay, facts = await asyncio.gather(ask_relay(self._settings), asyncio.to_thread(self._read))
        step = wall_ahead() - self._clock
        return replace(
            facts,
            relay=relay,
            audit=self._audit(),
            step=step if abs(step) >= STEP else 0.0,
            unchanged=self._unchanged(facts.reports),
        )

    def _unchanged(self, told: tuple[Report, ...]) -> dict[str, float]:
        now = time.monotonic()
        before = self._seen
        self._seen = {
            one.process: before[one.process] if before.get(one.process, (None,))[0] == one.at else (one.at, now)
            for one in told
        }
        return {process: now - since for process, (_, since) in self._seen.items()}

    def _alerts(self, now: int) -> AlertFacts | None:
        rules = self._settings.alerts
        if not rules:
            return None
        counts = delivery_counts(self._queries, now - 24 * _HOUR)
        fires = tuple(sorted(open_alerts(self._queries)))
        severities = {name: rule.severity for name, rule in rules.items()}
        return AlertFacts(severities, fires, counts.failed, counts.retrying, counts.webhooks, counts.answer)

    def _read(self) -> HealthFacts:
        now = time.time_ns()
        empty = HealthFacts(
            now,
            __version__,
            RelayAnswer(None),
            aside=moved_aside(self._settings.database),
            receives=self._settings.receiver.listen,
            signatures=route_signatures(self._settings, {}),
            treatments=route_treatments(self._settings),
        )
        try:
            hour, day = (gaps_since(self._queries, now - hours * _HOUR) for hours in (1, 24))
            lost = journal_gaps(self._queries, now - 24 * _HOUR)
            told, database = reports(self._queries), database_facts(self._queries)
            receivers = receiver_reports(self._queries)
            alerts = self._alerts(now)
            signatures = route_signatures(self._settings, recent_signatures(self._queries))
            with self._queries.reading() as db:
                old = outdated(db)
        except StoreError as problem:
            return replace(empty, database_problem=str(problem))
        return replace(
            empty,
            reports=told,
            receivers=receivers,
            alerts=alerts,
            database=database,
            hour=hour,
            day=day,
            lost=lost,
            signatures=signatures,
            outdated=old,
        )


MONITOR = web.AppKey("monitor", Monitor)


def set_up(app: web.Application) -> None:
    """Begins to be able to look. After the app context and the audit."""
    app_context = app[APP_CONTEXT]
    audit_log = app.get(AUDIT_LOG)
    audit = AuditState if audit_log is None else lambda: audit_log.state
    app[MONITOR] = Monitor(app_context.settings, app_context.queries, app_context.poller, audit)
    app[PAGE_VALUES]["notice"] = lambda _request: app[MONITOR].last_notice()


async def page(request: web.Request) -> web.Response:
    """`GET /health`: what is wrong and what to do."""
    monitor = request.app[MONITOR]
    facts = await monitor.facts()
    checks = diagnose(facts)
    context = {
        "facts": facts,
        "checks": checks,
        "verdict": verdict(checks),
        "console": monitor.console(),
        "section": "health",
    }
    return render("health/health_page.html", request, context)


async def api(request: web.Request) -> web.Response:
    """`GET /api/health`: the same; cheap enough to be asked every few seconds."""
    monitor = request.app[MONITOR]
    return json_response(health_document(await monitor.facts(), monitor.console()))


async def told(request: web.Request) -> web.Response:
    """`GET /health/notice`: what the banner and the navigation of every page say, cheap enough for all of them."""
    return json_response(await request.app[MONITOR].notice())


ROUTES = (web.get("/health", page), web.get("/health/notice", told), web.get("/api/health", api))
