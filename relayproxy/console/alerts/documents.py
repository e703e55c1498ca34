"""API documents of alerts.

Knows: every field of these.
Must not know: HTTP; pages; SQL.
"""

from typing import Annotated

from msgspec import Meta

from relayproxy.alerts.rules import Measured, Rule, State, judge
from relayproxy.console.http.documents import Count, Document, Nanoseconds, Time, time_or_null
from relayproxy.console.http.times import rfc3339
from relayproxy.settings.alerts import AlertKind, Severity
from relayproxy.store.write.alert_store import AlertRow, Delivery, DeliveryEvent, DeliveryState, Silence

LONGEST_SILENCE = 30 * 24 * 60
"""Minutes."""


class AlertDeliveryDocument(Document, frozen=True):
    """What was told, or is still to be told, to a webhook."""

    webhook: str
    event: Annotated[DeliveryEvent, Meta(description="`trigger`: that it fires; `resolve`: that it is over.")]
    state: Annotated[DeliveryState, Meta(description="`failed`: it is not tried any more.")]
    attempts: Count
    answer: Annotated[str | None, Meta(description="How the last attempt went.")]
    at: Annotated[Time, Meta(description="When it did.")]
    at_ns: Nanoseconds


class AlertDocument(Document, frozen=True):
    """An alert that fires, or did. Numbers are in the unit of its kind: seconds, shares or counts."""

    id: int
    alert: Annotated[str, Meta(description="The name of its rule.")]
    kind: str
    severity: str
    route: str | None
    summary: str
    value: Annotated[float, Meta(description="When it fired.")]
    worst: Annotated[float, Meta(description="The highest so far.")]
    limit: float
    window_s: float | None
    samples: Count | None
    session: Annotated[str | None, Meta(description="Id of a session to look at.")]
    opened_at: Time
    opened_at_ns: Nanoseconds
    resolved_at: Annotated[Time | None, Meta(description="Null while it fires.")]
    resolved_at_ns: Nanoseconds | None
    resolved_because: Annotated[
        str | None,
        Meta(
            description="`well`: the value has fallen; `few`: nothing is left to measure; `removed`: the rule is gone."
        ),
    ]
    deliveries: tuple[AlertDeliveryDocument, ...]


class AlertSilenceDocument(Document, frozen=True):
    """A time for which webhooks are not told of a rule."""

    until: Time
    until_ns: Nanoseconds
    by: Annotated[str, Meta(description="Who silenced it.")]


class AlertRuleDocument(Document, frozen=True):
    """A rule of the settings, and what was measured last."""

    alert: Annotated[str, Meta(description="Its name.")]
    kind: AlertKind
    severity: Severity
    route: str | None
    limit: float
    window_s: float
    min_samples: Count
    webhooks: tuple[str, ...]
    firing: Annotated[bool, Meta(description="An alert of it is open.")]
    state: Annotated[
        State,
        Meta(
            description="By what was measured last. `between`: below the limit, by less than a tenth; `few`: too few."
        ),
    ]
    value: float | None
    samples: Count | None
    silence: AlertSilenceDocument | None


class NewAlertSilenceDocument(Document, frozen=True, forbid_unknown_fields=False):
    """For how long webhooks are not to be told."""

    minutes: Annotated[int, Meta(ge=1, le=LONGEST_SILENCE)]


def alert_document(row: AlertRow, deliveries: tuple[Delivery, ...]) -> AlertDocument:
    """The document of an alert."""
    return AlertDocument(
        id=row.id,
        alert=row.rule,
        kind=row.kind,
        severity=row.severity,
        route=row.route,
        summary=row.summary,
        value=row.value,
        worst=row.worst,
        limit=row.above,
        window_s=row.window_s,
        samples=row.samples,
        session=row.example,
        opened_at=rfc3339(row.opened_at),
        opened_at_ns=row.opened_at,
        resolved_at=time_or_null(row.resolved_at),
        resolved_at_ns=row.resolved_at,
        resolved_because=row.resolved_because,
        deliveries=tuple(
            AlertDeliveryDocument(
                webhook=one.webhook,
                event=one.event,
                state=one.state,
                attempts=one.attempts,
                answer=one.answer or None,
                at=rfc3339(one.at),
                at_ns=one.at,
            )
            for one in deliveries
        ),
    )


def silence_document(silence: Silence) -> AlertSilenceDocument:
    """The document of a silence."""
    return AlertSilenceDocument(until=rfc3339(silence.until), until_ns=silence.until, by=silence.actor)


def rule_document(
    rule: Rule, webhooks: tuple[str, ...], measured: Measured, firing: bool, silence: Silence | None
) -> AlertRuleDocument:
    """The document of a rule."""
    alert = rule.alert
    return AlertRuleDocument(
        alert=rule.name,
        kind=alert.kind,
        severity=alert.severity,
        route=alert.route,
        limit=alert.above,
        window_s=alert.window,
        min_samples=alert.min_samples,
        webhooks=webhooks,
        firing=firing,
        state=judge(rule, measured),
        value=measured.value,
        samples=measured.samples,
        silence=silence_document(silence) if silence else None,
    )
