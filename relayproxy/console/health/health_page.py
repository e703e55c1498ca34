"""Health page, its API, and the monitor that gathers the facts for both.

Knows: paths; what to ask whom for the facts, and for how long an answer is good.
Must not know: SQL; what the facts mean.
"""

import asyncio
import os
import platform
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from relayproxy import __version__
from relayproxy.console.access.audit_log import AUDIT_LOG, AuditState
from relayproxy.console.health import refusals
from relayproxy.console.health.diagnosis import diagnose, verdict
from relayproxy.console.health.health_facts import SECOND, Facts
from relayproxy.console.health.journal_gaps import journal_gap
from relayproxy.console.health.reachability import RelayAnswer, ask_relay
from relayproxy.console.health.staleness import KNOWN, Notice, notice
from relayproxy.console.http.change_poller import ChangePoller
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.http.json_response import json_response
from relayproxy.console.http.render import PAGE_VALUES, render
from relayproxy.console.http.times import moment
from relayproxy.settings.model import Settings
from relayproxy.store.errors import StoreError
from relayproxy.store.quarantine import moved_aside
from relayproxy.store.read.heartbeat import Report, database_facts, gaps_since, reports
from relayproxy.store.read.journal_gaps import journal_gaps
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.needs_rebuild import outdated

STEP = 2.0
"""Seconds by which a clock must be set to be worth a word."""
FRESH = 2.0
"""Seconds for which one look answers everybody who asks."""
_HOUR = 3600 * SECOND


@dataclass(frozen=True, slots=True)
class Console:
    """This process. `watchers` are pages that wait for changes."""

    version: str
    python: str
    host: str
    pid: int
    started_at: int
    watchers: int


class Monitor:
    """Looks at everything, at most once in `FRESH` seconds however many ask."""

    def __init__(
        self, settings: Settings, queries: Queries, poller: ChangePoller, audit: Callable[[], AuditState]
    ) -> None:
        self._settings = settings
        self._queries = queries
        self._poller = poller
        self._audit = audit
        self._started_at = time.time_ns()
        self._clock = _wall_ahead()
        self._seen: dict[str, tuple[int, float]] = {}
        """By process: when its last report says it was written, and when it was first seen here."""
        self._looking = asyncio.Lock()
        self._facts: Facts | None = None
        self._until = 0.0

    async def facts(self) -> Facts:
        """How things are. Never raises for what it finds."""
        async with self._looking:
            if self._facts is None or time.monotonic() >= self._until:
                self._facts = await self._look()
                self._until = time.monotonic() + FRESH
            return self._facts

    async def notice(self) -> Notice:
        """What every page tells of how things are."""
        facts = await self.facts()
        return notice(facts, verdict(diagnose(facts)))

    def last_notice(self) -> Notice | None:
        """The same of the last look, without another one; None when that was too long ago."""
        facts = self._facts
        if facts is None or time.time_ns() - facts.now > KNOWN:
            return None
        return notice(facts, verdict(diagnose(facts)))

    def console(self) -> Console:
        """How this process is."""
        return Console(
            __version__,
            platform.python_version(),
            socket.gethostname(),
            os.getpid(),
            self._started_at,
            self._poller.watchers,
        )

    async def _look(self) -> Facts:
        relay, facts = await asyncio.gather(ask_relay(self._settings), asyncio.to_thread(self._read))
        step = _wall_ahead() - self._clock
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

    def _read(self) -> Facts:
        now = time.time_ns()
        empty = Facts(now, __version__, RelayAnswer(None), aside=moved_aside(self._settings.database))
        try:
            hour, day = (gaps_since(self._queries, now - hours * _HOUR) for hours in (1, 24))
            lost = journal_gaps(self._queries, now - 24 * _HOUR)
            told, database = reports(self._queries), database_facts(self._queries)
            with self._queries.reading() as db:
                old = outdated(db)
        except StoreError as problem:
            return replace(empty, database_problem=str(problem))
        return replace(empty, reports=told, database=database, hour=hour, day=day, lost=lost, outdated=old)


def _wall_ahead() -> float:
    """Seconds between the wall clock and a clock that is never set; it changes only when the wall clock is set."""
    # Where there is one that goes on while the machine sleeps, sleep is no step.
    return time.time() - time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


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
    return json_response(document(await monitor.facts(), monitor.console()))


def document(facts: Facts, console: Console) -> dict[str, Any]:
    """Everything as plain values."""
    checks = diagnose(facts)
    found = verdict(checks)
    database = facts.database
    return {
        "state": found.state,
        "summary": found.sentence,
        "stale": notice(facts, found).stale,
        "more": found.more,
        **moment("checked_at", facts.now),
        "checks": [
            {
                "name": check.name,
                "state": check.state,
                "title": check.title,
                "detail": check.detail,
                "action": check.action,
                "link": check.link or None,
            }
            for check in checks
        ],
        "relay": {
            "url": facts.relay.url,
            "problem": facts.relay.problem,
            "status": facts.relay.said.status if facts.relay.said else None,
            "journal": facts.relay.said.journal if facts.relay.said else None,
            "live_calls": facts.relay.said.live_calls if facts.relay.said else None,
        },
        "recorders": [_recorder(facts, report) for report in facts.reports],
        "database": None
        if database is None
        else {
            "kind": database.kind,
            "version": database.version,
            "schema": database.schema,
            "answer_ms": round(database.answer_ms, 3),
            "bytes": database.size,
            "wal_bytes": database.wal,
            "disk_free_bytes": database.free,
            "disk_total_bytes": database.total,
            "sessions_at_least": database.sessions,
        },
        "database_problem": facts.database_problem,
        "databases_moved_aside": [
            {"path": str(one.path), **moment("moved_at", one.at), "bytes": one.bytes} for one in facts.aside
        ],
        "audit": {
            "waiting": facts.audit.waiting,
            "lost": facts.audit.lost,
            **moment("failing_since", facts.audit.failing_since),
            "cause": facts.audit.cause or None,
        },
        "clock_step_s": round(facts.step, 3),
        "gaps": {
            name: {"gaps": gaps.gaps, "sessions": gaps.sessions}
            for name, gaps in (("last_hour", facts.hour), ("last_24_hours", facts.day))
        },
        "refused": [refusals.document(one) for one in refusals.refused(facts.reports)],
        "journal_gaps": [journal_gap(gap) for gap in facts.lost],
        "console": {
            "version": console.version,
            "python": console.python,
            "host": console.host,
            "pid": console.pid,
            **moment("started_at", console.started_at),
            "watchers": console.watchers,
        },
    }


def _recorder(facts: Facts, report: Report) -> dict[str, Any]:
    heartbeat, otlp = report.heartbeat, report.heartbeat.otlp
    return {
        "process": report.process,
        "working": facts.fresh(report),
        "ended": heartbeat.ended,
        **moment("reported_at", report.at),
        "version": heartbeat.version,
        "host": heartbeat.host,
        "pid": heartbeat.pid,
        **moment("started_at", heartbeat.started_at),
        "data_dir": heartbeat.data_dir,
        "lag_ms": heartbeat.lag_ms,
        "live_connections": heartbeat.calls,
        "commits": heartbeat.commits,
        **moment("commit_at", heartbeat.commit_at),
        "commit_ms": heartbeat.commit_ms,
        "journal_quota_bytes": heartbeat.quota,
        "journals": [
            {
                "id": one.id,
                "relay_alive": one.alive,
                "segments": one.segments,
                "bytes": one.bytes,
                "unread_bytes": one.unread,
                "relay_silent_ms": one.silent_ms,
            }
            for one in heartbeat.journals
        ],
        "disk_free_bytes": heartbeat.disk_free,
        "disk_total_bytes": heartbeat.disk_total,
        "otlp": None
        if otlp is None
        else {
            "endpoint": otlp.endpoint,
            "sent": otlp.sent,
            "failed": otlp.failed,
            "dropped": otlp.dropped,
            **moment("failing_since", otlp.failing_since),
            "cause": otlp.cause,
        },
        "database_error": heartbeat.trouble,
        **moment("database_error_at", heartbeat.trouble_at),
    }


async def told(request: web.Request) -> web.Response:
    """`GET /health/notice`: what the banner and the navigation of every page say, cheap enough for all of them."""
    found = await request.app[MONITOR].notice()
    return json_response({"state": found.state, "summary": found.summary, "stale": found.stale})


ROUTES = (web.get("/health", page), web.get("/health/notice", told), web.get("/api/health", api))
