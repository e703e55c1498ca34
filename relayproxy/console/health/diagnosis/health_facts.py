"""Health facts: the observed state of the processes and the database, and the types of health checks.

Knows: which recorders should report and do not.
Must not know: how the facts are gathered; their diagnosis.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from msgspec import Meta

from relayproxy.console.access.audit_log import AuditState
from relayproxy.console.health.diagnosis.signatures import RouteSignatures
from relayproxy.console.health.reachability import CheckState, RelayAnswer
from relayproxy.console.http.documents import Document
from relayproxy.settings.alerts import Severity
from relayproxy.store.quarantine import MovedDatabase
from relayproxy.store.read.health.heartbeat import DatabaseFacts, GapCounts, Report
from relayproxy.store.read.health.receiver_heartbeat import ReceiverReport
from relayproxy.store.schema.rows import JournalGapRow

Name = Literal[
    "relay",
    "recorder",
    "lag",
    "journal",
    "gaps",
    "refused",
    "signatures",
    "redaction",
    "treatment",
    "database",
    "disk",
    "spans",
    "metrics",
    "receiver",
    "alerts",
    "audit",
    "clock",
    "versions",
    "recordings",
    "retention",
    "objects",
]

SECOND = 1_000_000_000
SILENT = 10
"""Seconds without a report after which a recorder counts as gone."""
FORGOTTEN = 24 * 3600
"""Seconds after which one that is gone is not missed any more, when another one reports."""
NONE = GapCounts(0, 0)


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """Alerts: the severity of each rule, the names of those that fire, and what webhooks have not taken within 24
    hours, that of the last one first, and how the last one went."""

    rules: Mapping[str, Severity]
    open: tuple[str, ...] = ()
    failed: int = 0
    retrying: int = 0
    webhooks: tuple[str, ...] = ()
    answer: str = ""


@dataclass(frozen=True, slots=True)
class RouteTreatment:
    """What is done with calls of a route besides relaying them, in sentences without their ends; None: nothing."""

    route: str
    shadow: str | None = None
    faults: str | None = None


@dataclass(frozen=True, slots=True)
class HealthFacts:
    """The facts at `now` (wall nanoseconds). `reports` are the last of each recorder, the newest first."""

    now: int
    version: str
    """The console's own."""
    relay: RelayAnswer
    reports: tuple[Report, ...] = ()
    alerts: AlertFacts | None = None
    """None where no rule is set."""
    receivers: tuple[ReceiverReport, ...] = ()
    """The last reports of each receiver of backends' spans, the newest first."""
    receives: str | None = None
    """Where one should listen, by the settings; None: nowhere."""
    database: DatabaseFacts | None = None
    database_problem: str | None = None
    """The reason why it cannot be read, and the remedy."""
    aside: tuple[MovedDatabase, ...] = ()
    """Damaged database files that were moved aside, the newest first."""
    hour: GapCounts = NONE
    day: GapCounts = NONE
    """Gaps in sessions that began within the last hour, the last 24 hours."""
    lost: tuple[JournalGapRow, ...] = ()
    """Lost parts of journals within the last 24 hours, the newest first."""
    signatures: tuple[RouteSignatures, ...] = ()
    """Of every route that the settings have."""
    treatments: tuple[RouteTreatment, ...] = ()
    """Of every route whose calls are treated."""
    outdated: int = 0
    """The number of the oldest sessions that an earlier version derived."""
    audit: AuditState = field(default_factory=AuditState)
    step: float = 0.0
    """Seconds by which the wall clock was set, forward or (negative) back, since the console started."""
    unchanged: Mapping[str, float] = field(default_factory=dict)
    """Seconds for which each process's report has been the same, as this console has seen by a steady clock."""

    def age(self, report: Report) -> float:
        """Seconds since the report. It may have been written before the clock was set, or after."""
        apart = (self.now - report.at) / SECOND
        by_clocks = min((one for one in (apart, apart - self.step) if one >= 0), default=0.0)
        return max(by_clocks, self.unchanged.get(report.process, 0.0))

    def fresh(self, report: Report) -> bool:
        """The recorder works."""
        return not report.heartbeat.ended and self.age(report) <= SILENT

    @property
    def working(self) -> tuple[Report, ...]:
        """Of the recorders that work."""
        return tuple(report for report in self.reports if self.fresh(report))

    @property
    def missing(self) -> tuple[Report, ...]:
        """Of the recorders that should work and do not: one that has ended in order is not missed while others work,
        unless a relay went on writing for it."""
        some = bool(self.working)
        return tuple(
            report
            for report in self.reports
            if not self.fresh(report)
            and not (some and self.age(report) > FORGOTTEN)
            and not (some and report.heartbeat.ended and not any(one.alive for one in report.heartbeat.journals))
        )


class HealthCheck(Document, frozen=True):
    """One thing that was looked at."""

    name: Name
    state: CheckState
    title: str
    detail: str = ""
    action: Annotated[str, Meta(description="What to do; empty when there is nothing to do.")] = ""
    link: Annotated[str | None, Meta(description="What it is about.")] = None


@dataclass(frozen=True, slots=True)
class HealthVerdict:
    """All checks in one sentence; `more` other ones are not in order either."""

    state: CheckState
    sentence: str
    name: Name | None = None
    more: int = 0


def age(seconds: float) -> str:
    """`42 s`, `3 min`, `2 h`, `4 days`."""
    whole = int(seconds)
    if whole < 100:
        return f"{whole} s"
    if whole < 100 * 60:
        return f"{whole // 60} min"
    return f"{whole // 3600} h" if whole < 48 * 3600 else f"{whole // 86_400} days"
