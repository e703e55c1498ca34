"""Health of the receiver of backends' spans: whether it takes them, writes them and passes them on.

Knows: that calls and recordings do not depend on it.
Must not know: how spans are received; HTML.
"""

from typing import Annotated

from msgspec import Meta

from relayproxy.console.health.diagnosis.health_facts import SECOND, SILENT, HealthCheck, HealthFacts, age
from relayproxy.console.http.documents import Count, Document, Nanoseconds, Time, time_or_null
from relayproxy.console.http.times import rfc3339
from relayproxy.plural import plural
from relayproxy.store.read.health.receiver_heartbeat import PassedOn, ReceiverReport

_UNAFFECTED = "Calls and recordings are not affected."


class PassedOnDocument(Document, frozen=True):
    """Requests that were passed on."""

    endpoints: tuple[str, ...]
    sent: Count
    failed: Annotated[Count, Meta(description="That an endpoint did not take.")]
    dropped: Annotated[Count, Meta(description="That did not fit into the queue, or had come from here.")]
    problem: Annotated[str | None, Meta(description="Why the last one was not taken; null while they are.")]


class ReceiverHealthDocument(Document, frozen=True):
    """A receiver of backends' spans, as it reported last. Numbers are those since it was started."""

    process: str
    working: Annotated[bool, Meta(description="It has reported within the last seconds.")]
    ended: Annotated[bool, Meta(description="It has stopped in an orderly way.")]
    reported_at: Annotated[Time, Meta(description="When it reported last.")]
    reported_at_ns: Nanoseconds
    url: Annotated[str, Meta(description="Where it listens.")]
    version: str
    host: str
    pid: int
    started_at: Annotated[Time, Meta(description="When it was started.")]
    started_at_ns: Nanoseconds
    requests: Count
    spans: Annotated[Count, Meta(description="Spans that were taken.")]
    rejected: Annotated[Count, Meta(description="Spans that could not be read.")]
    undecodable: Annotated[Count, Meta(description="Requests that could not be read.")]
    refused: Annotated[Count, Meta(description="Requests that were to be sent again: nothing more could wait.")]
    unread: Annotated[Count, Meta(description="Requests of metrics and logs that there was no endpoint for.")]
    kept: Annotated[Count, Meta(description="Spans that were joined to a session and kept.")]
    guessed: Annotated[Count, Meta(description="Of these, those whose session was guessed.")]
    frames: Annotated[Count, Meta(description="Spans of single events of WebSockets, which are only counted.")]
    over_limit: Annotated[Count, Meta(description="Spans beyond what is kept of a session.")]
    limited: Annotated[Count, Meta(description="Spans without content: more came than is searched for secrets.")]
    unjoined: Annotated[Count, Meta(description="Spans whose session never became known.")]
    failed: Annotated[Count, Meta(description="Spans that a mistake of its kept from being kept.")]
    waiting: Annotated[Count, Meta(description="Spans that wait now.")]
    database_error: Annotated[str | None, Meta(description="Why nothing is written; null while it works.")]
    database_error_at: Annotated[Time | None, Meta(description="Since when.")]
    database_error_at_ns: Nanoseconds | None
    passed_on: Annotated[PassedOnDocument | None, Meta(description="Null without an endpoint.")]


def check(facts: HealthFacts) -> HealthCheck:
    """Whether spans of backends are received, where that is wanted."""
    working = [report for report in facts.receivers if is_working(facts, report)]
    if not working:
        return _not_working(facts)
    told = [report.heartbeat for report in working]
    ill = next((one for one in told if one.trouble is not None), None)
    if ill is not None:
        since = age(max(0, facts.now - (ill.trouble_at or facts.now)) / SECOND)
        return HealthCheck(
            "receiver",
            "warn",
            f"Spans of backends have not been written for {since}",
            f"{ill.trouble}. {plural(ill.waiting, 'span')} wait, and senders are told to try again. {_UNAFFECTED}",
            "See to the database, which the receiver must be able to write. It goes on by itself.",
        )
    stuck = next((one.passed_on for one in told if one.passed_on is not None and one.passed_on.trouble), None)
    if stuck is not None:
        return HealthCheck(
            "receiver",
            "warn",
            f"Spans of backends are not passed on to {', '.join(stuck.endpoints)}",
            f"{stuck.trouble}; {plural(stuck.failed + stuck.dropped, 'request')} lost since the receiver started. "
            f"{_UNAFFECTED}",
            "See whether the collector runs, and whether the receiver's `OTEL_EXPORTER_OTLP_…` variables are right.",
        )
    where, spans = told[0].receiver, sum(one.spans for one in told)
    if not spans:
        title = f"No span of a backend has come to {where} yet"
        return HealthCheck("receiver", "ok", title, f"`OTEL_EXPORTER_OTLP_ENDPOINT={where}` sends those of a backend.")
    kept, frames = sum(one.kept for one in told), sum(one.frames for one in told)
    lost = sum(one.unjoined + one.over_limit + one.failed for one in told)
    detail = f"{kept:,} of {spans:,} kept, {frames:,} counted, {lost:,} without a call or beyond its limit"
    return HealthCheck("receiver", "ok", f"Spans of backends are received on {where}", f"{detail}.")


def _not_working(facts: HealthFacts) -> HealthCheck:
    if facts.database is None:
        return HealthCheck("receiver", "unknown", "Whether spans of backends are received is not known")
    if facts.receives is None:
        title = "Spans of backends are not received"
        return HealthCheck("receiver", "ok", title, "`listen` in the table `[receiver]` turns it on.")
    last = next(iter(facts.receivers), None)
    since = "has never reported" if last is None else f"has not reported for {age(_age(facts, last))}"
    return HealthCheck(
        "receiver",
        "warn",
        f"The receiver {since}",
        f"Spans that backends send to {facts.receives} are not taken. {_UNAFFECTED}",
        "Start it: `relayproxy receiver`, or `relayproxy serve` for all. Its log says why it stopped.",
    )


def is_working(facts: HealthFacts, report: ReceiverReport) -> bool:
    """True when it reported within the last seconds, and not that it ends."""
    return not report.heartbeat.ended and _age(facts, report) <= SILENT


def _age(facts: HealthFacts, report: ReceiverReport) -> float:
    # Either clock may have been set meanwhile.
    apart = (facts.now - report.at) / SECOND
    return min((abs(one) for one in (apart, apart - facts.step)), default=0.0)


def receiver_document(facts: HealthFacts, report: ReceiverReport) -> ReceiverHealthDocument:
    """One receiver."""
    told = report.heartbeat
    return ReceiverHealthDocument(
        process=report.process,
        working=is_working(facts, report),
        ended=told.ended,
        reported_at=rfc3339(report.at),
        reported_at_ns=report.at,
        url=told.receiver,
        version=told.version,
        host=told.host,
        pid=told.pid,
        started_at=rfc3339(told.started_at),
        started_at_ns=told.started_at,
        requests=told.requests,
        spans=told.spans,
        rejected=told.rejected,
        undecodable=told.undecodable,
        refused=told.refused,
        unread=told.unread,
        kept=told.kept,
        guessed=told.guessed,
        frames=told.frames,
        over_limit=told.over_limit,
        limited=told.limited,
        unjoined=told.unjoined,
        failed=told.failed,
        waiting=told.waiting,
        database_error=told.trouble,
        database_error_at=time_or_null(told.trouble_at),
        database_error_at_ns=told.trouble_at,
        passed_on=None if told.passed_on is None else _passed_on(told.passed_on),
    )


def _passed_on(told: PassedOn) -> PassedOnDocument:
    return PassedOnDocument(
        endpoints=told.endpoints, sent=told.sent, failed=told.failed, dropped=told.dropped, problem=told.trouble
    )
