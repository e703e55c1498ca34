"""Metrics of all processes, for Prometheus: `/metrics`.

Knows: which recorders' numbers are of now; what the console itself has to tell.
Must not know: how numbers are counted, or written as text.
"""

import asyncio
from collections.abc import Callable

import msgspec
from aiohttp import web

from relayproxy.console.health.diagnosis.diagnosis import diagnose
from relayproxy.console.health.diagnosis.health_facts import FORGOTTEN, SECOND, HealthFacts
from relayproxy.console.health.diagnosis.receiver import is_working
from relayproxy.console.health.health_page import MONITOR
from relayproxy.store.read.health.heartbeat import Report
from relayproxy.store.read.health.receiver_heartbeat import ReceiverReport
from relayproxy.telemetry.metrics import metrics
from relayproxy.telemetry.metrics.memory import resident_memory
from relayproxy.telemetry.metrics.metric import Metric
from relayproxy.telemetry.metrics.tally import Point, Snapshot

SOURCES = web.AppKey("metric_sources", list[Callable[[], Snapshot]])
"""What other parts of the console count; they add themselves as they are set up."""
STATES = {"ok": 0, "warn": 1, "bad": 2}
_decoder = msgspec.json.Decoder(Snapshot | None)


def set_up(app: web.Application) -> None:
    """Before those who count something."""
    app[SOURCES] = []


async def serve(request: web.Request) -> web.Response:
    """`GET /metrics`: Prometheus text, or OpenMetrics when that is asked for. The numbers are at most a few seconds
    old: those of recorders are their last reports."""
    facts = await request.app[MONITOR].facts()
    # Many routes make it megabytes, which take a while to write.
    told = dict(pair for source in request.app[SOURCES] for pair in source().items())
    body, content_type = await asyncio.to_thread(_text, facts, told, request.headers.get("Accept", ""))
    response = web.Response(body=body, headers={"Content-Type": content_type})
    response.enable_compression()
    return response


def _text(facts: HealthFacts, told: Snapshot, accept: str) -> tuple[bytes, str]:
    # Few ever ask, and every start would take longer.
    from relayproxy.telemetry.metrics.prometheus import render

    return render({report.process: numbers(report) for report in facts.working}, {**own(facts), **told}, accept)


def numbers(report: Report) -> Snapshot:
    """What a recorder tells; nothing when another version tells it in another shape."""
    try:
        return _decoder.decode(report.heartbeat.metrics) or {}
    except msgspec.DecodeError:
        return {}


def own(facts: HealthFacts) -> Snapshot:
    """What the console tells: which recorders and receivers work, the database, its checks, itself."""
    found: dict[str, tuple[Point, ...]] = {
        metrics.BUILD.name: (Point((facts.version,), 1),),
        metrics.RECORDER_UP.name: tuple(
            Point((report.process,), facts.fresh(report)) for report in (*facts.working, *facts.missing)
        ),
        metrics.RECEIVER_UP.name: tuple(
            Point((report.process,), is_working(facts, report))
            for report in facts.receivers
            if not report.heartbeat.ended and facts.now - report.at <= FORGOTTEN * SECOND
        ),
        metrics.DATABASE_UP.name: (Point((), facts.database is not None),),
        metrics.CHECK.name: tuple(
            Point((check.name,), STATES[check.state]) for check in diagnose(facts) if check.state in STATES
        ),
        metrics.AUDIT_LOST.name: (Point((), facts.audit.lost),),
        metrics.AUDIT_WAITING.name: (Point((), facts.audit.waiting),),
    }
    if facts.alerts is not None and facts.database is not None:
        found[metrics.ALERT_FIRING.name] = tuple(
            Point((name, severity), name in facts.alerts.open) for name, severity in facts.alerts.rules.items()
        )
    if facts.database is not None:
        found[metrics.DATABASE_SIZE.name] = (Point((), facts.database.size),)
        found[metrics.DATABASE_ANSWER.name] = (Point((), facts.database.answer_ms / 1000),)
    for report in facts.receivers:
        if is_working(facts, report):
            _add(found, report)
    memory = resident_memory()
    if memory is not None:
        found[metrics.CONSOLE_MEMORY.name] = (Point((), memory),)
    return found


def _add(found: dict[str, tuple[Point, ...]], report: ReceiverReport) -> None:
    """Adds what a receiver tells."""
    told, name = report.heartbeat, report.process
    spans = ("kept", "rejected", "frames", "over_limit", "unjoined")
    requests: dict[str, float] = {
        "taken": told.requests - told.undecodable - told.refused,
        "undecodable": told.undecodable,
        "refused": told.refused,
        "unread": told.unread,
    }
    values: list[tuple[Metric, dict[str, float]]] = [
        (metrics.RECEIVED_REQUESTS, requests),
        (metrics.RECEIVED_SPANS, {each: getattr(told, each) for each in spans}),
        (metrics.GUESSED_SPANS, {"": told.guessed}),
        (metrics.RECEIVER_WAITING, {"": told.waiting}),
        (metrics.RECEIVER_FAILING, {"": told.trouble is not None}),
    ]
    if told.passed_on is not None:
        passed = told.passed_on
        values.append((metrics.PASSED_ON, {"sent": passed.sent, "failed": passed.failed, "dropped": passed.dropped}))
    for metric, counts in values:
        points = (Point((name, each) if each else (name,), count) for each, count in counts.items())
        found[metric.name] = (*found.get(metric.name, ()), *points)


ROUTES = (web.get("/metrics", serve),)
