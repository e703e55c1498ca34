"""Measuring: what each kind of rule measures, from the database and the recorders' last reports.

Knows: where each number comes from, and when it cannot be told.
Must not know: limits; SQL.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

import msgspec

from relayproxy.alerts.rules import SECOND, UNKNOWN, Measured, Rule
from relayproxy.conversation.model import Waiting
from relayproxy.store.read import alert_measures
from relayproxy.store.read.alert_measures import Measure
from relayproxy.store.read.health.heartbeat import DatabaseFacts, Report, database_facts, reports
from relayproxy.store.read.queries import Queries
from relayproxy.telemetry.metrics.metrics import WAITING
from relayproxy.telemetry.metrics.tally import Snapshot

FRESH = 15.0
"""Seconds for which a recorder's report is one of now."""
BEHIND = 60.0
"""Seconds of lag beyond which numbers over calls are not told: the calls are missing."""
FORGOTTEN = 24 * 3600.0
"""Seconds after which a recorder that is gone is not missed any more."""
_WINDOWED: dict[str, Callable[[Queries, int, str | None], Measure]] = {
    "p95_latency": alert_measures.p95_latency,
    "failure_rate": alert_measures.failure_rate,
    "gaps": alert_measures.gaps,
}
LOOKED_AT = 1000
"""Live calls among which that which waits is looked for."""
_decoder = msgspec.json.Decoder(Snapshot | None)


class _Call(msgspec.Struct):
    """What of a stored conversation tells that its caller waits."""

    waiting: Waiting | None = None


_calls = msgspec.json.Decoder(_Call)


def measure(queries: Queries, rules: Iterable[Rule], now: int | None = None) -> dict[str, Measured]:
    """What each rule measures, by its name. Blocks; raises `StoreError` and `NotReady` as queries do."""
    now = time.time_ns() if now is None else now
    told = reports(queries)
    database: DatabaseFacts | None = None
    found: dict[str, Measured] = {}
    for rule in rules:
        if rule.alert.kind == "disk" and database is None:
            database = database_facts(queries)
        found[rule.name] = _measure(queries, rule, told, database, now)
    return found


def _measure(
    queries: Queries, rule: Rule, told: tuple[Report, ...], database: DatabaseFacts | None, now: int
) -> Measured:
    alert = rule.alert
    if alert.kind == "recorder_behind":
        return recorder_behind(told, now)
    if alert.kind == "disk":
        return disk(told, database, now)
    if not is_current(told, now):
        return UNKNOWN
    if alert.kind == "waiting":
        found = waiting(told, alert.route, now)
        waits = found.value is not None and found.value > alert.above
        return replace(found, session=longest_waiting(queries, alert.route)) if waits else found
    if alert.kind == "no_calls":
        last = alert_measures.last_call(queries, alert.route)
        return UNKNOWN if last is None else Measured(max(0, now - last) / SECOND)
    one = _WINDOWED[alert.kind](queries, now - round(alert.window * SECOND), alert.route)
    return Measured(one.value, one.samples, "few" if one.value is None else None, one.session)


def is_current(told: Iterable[Report], now: int) -> bool:
    """True when a recorder works, and none that works is far behind."""
    working = _working(told, now)
    return bool(working) and all(one.heartbeat.lag_ms <= BEHIND * 1000 for one in working)


def recorder_behind(told: Iterable[Report], now: int) -> Measured:
    """Seconds that the last recorder is behind: its lag, or the time since its last report. One that has stopped in
    order counts only where a relay goes on writing for it."""
    missed = [
        max(_age(one, now), one.heartbeat.lag_ms / 1000)
        for one in told
        if _age(one, now) < FORGOTTEN
        and not (one.heartbeat.ended and not any(journal.alive for journal in one.heartbeat.journals))
    ]
    return Measured(max(missed)) if missed else UNKNOWN


def disk(told: Iterable[Report], database: DatabaseFacts | None, now: int) -> Measured:
    """The used share of the fullest disk, of recorders and the database."""
    pairs = [(one.heartbeat.disk_free, one.heartbeat.disk_total) for one in _working(told, now)]
    if database is not None and database.free is not None and database.total is not None:
        pairs.append((database.free, database.total))
    used = [1 - free / total for free, total in pairs if total]
    return Measured(max(used)) if used else UNKNOWN


def waiting(told: Iterable[Report], route: str | None, now: int) -> Measured:
    """Seconds for which the caller who waits longest has been waiting."""
    found = [0.0]
    for one in _working(told, now):
        try:
            points = (_decoder.decode(one.heartbeat.metrics) or {}).get(WAITING.name, ())
        except msgspec.DecodeError:
            # Of another version, in another shape.
            return UNKNOWN
        found += [point.value for point in points if route is None or point.labels == (route,)]
    return Measured(max(found))


def longest_waiting(queries: Queries, route: str | None) -> str | None:
    """The call whose caller waits longest, as far as the database has it."""
    waits: list[tuple[int, str]] = []
    for session, detail in alert_measures.live_details(queries, route, LOOKED_AT):
        try:
            call = _calls.decode(detail)
        except msgspec.DecodeError:
            continue  # it is damaged
        if call.waiting is not None:
            waits.append((call.waiting.since, session))
    return min(waits)[1] if waits else None


def _working(told: Iterable[Report], now: int) -> list[Report]:
    return [one for one in told if not one.heartbeat.ended and _age(one, now) <= FRESH]


def _age(report: Report, now: int) -> float:
    return max(0, now - report.at) / SECOND
