"""Retention: which sessions have been kept for as long as they may be.

Knows: that sessions are kept by route, content for a shorter time than numbers; which other rows have an end.
Must not know: settings; how a session is deleted; who deletes it.

Time counts from a session's end, so that one that lives is never due.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, delete, func, select

from relayproxy.store.schema.tables import audit, erasures, journal_gaps, sessions

DAY = 86_400 * 1_000_000_000
RECORDS = 6 * 365 * DAY
"""Nanoseconds for which the audit and receipts of erasures are kept: HIPAA's six years for records of this kind."""
AUDIT_AT_ONCE = 1000
"""Entries of the audit that are deleted in one run at most."""
COUNTED = 10_000
"""Sessions that are counted at most."""


@dataclass(frozen=True, slots=True)
class Keep:
    """For how long the sessions of a route are kept after their end, nanoseconds; None: for ever."""

    content: int | None
    numbers: int | None


@dataclass(frozen=True, slots=True)
class Retention:
    """How long sessions are kept: of the routes that have a time of their own, and of all others."""

    default: Keep
    routes: Mapping[str, Keep] = field(default_factory=dict)

    def of(self, route: str) -> Keep:
        return self.routes.get(route, self.default)


@dataclass(frozen=True, slots=True)
class Due:
    """A session (our id) that has been kept for as long as it may be; `whole`: its numbers, too."""

    session: str
    whole: bool


def due(db: Connection, retention: Retention, now: int, limit: int) -> list[Due]:
    """Some sessions that are due at `now` (wall nanoseconds), of each route the oldest first."""
    found: list[Due] = []
    for whole, condition in _conditions(db, retention, now):
        c = sessions.c
        query = select(c.id).where(condition).order_by(c.started_at).limit(limit - len(found))
        found += [Due(id, whole) for id in db.execute(query).scalars()]
        if len(found) >= limit:
            break
    return found


def due_count(db: Connection, retention: Retention, now: int) -> int:
    """How many sessions are due; counted up to a little more than `COUNTED`."""
    total = 0
    for _, condition in _conditions(db, retention, now):
        some = select(sessions.c.id).where(condition).limit(COUNTED + 1).subquery()
        total += int(db.execute(select(func.count()).select_from(some)).scalar_one())
        if total > COUNTED:
            break
    return total


def delete_old_records(db: Connection, numbers: int | None, now: int) -> None:
    """Deletes what has an end of its own: gaps of journals, which are kept as numbers are; audit and receipts."""
    if numbers is not None:
        db.execute(delete(journal_gaps).where(journal_gaps.c.until < now - numbers))
    # They have been added in this order: the others need not be looked at.
    oldest = db.execute(select(audit.c.id, audit.c.at).order_by(audit.c.id).limit(AUDIT_AT_ONCE)).all()
    gone = [row.id for row in oldest if row.at < now - RECORDS]
    if gone:
        db.execute(delete(audit).where(audit.c.id <= gone[-1], audit.c.at < now - RECORDS))
    db.execute(delete(erasures).where(erasures.c.at < now - RECORDS, erasures.c.done_at.is_not(None)))


def _conditions(db: Connection, retention: Retention, now: int) -> Iterator[tuple[bool, ColumnElement[bool]]]:
    c = sessions.c
    others = c.route.not_in(list(retention.routes))
    for kept, on_route in [
        (retention.default, others),
        *((kept, c.route == r) for r, kept in retention.routes.items()),
    ]:
        if kept.numbers is not None:
            yield True, _ended_before(now - kept.numbers) & on_route
    for route in _routes_with_content(db):
        kept = retention.of(route)
        if kept.content is not None:
            yield False, _ended_before(now - kept.content) & (c.route == route) & c.content_deleted_at.is_(None)


def _ended_before(moment: int) -> ColumnElement[bool]:
    # The first is in the indexes.
    return (sessions.c.started_at < moment) & (sessions.c.ended_at < moment)


def _routes_with_content(db: Connection) -> Iterator[str]:
    """Looks each up in the index, so that it takes as long as there are routes, however many sessions they have."""
    c = sessions.c
    query = select(func.min(c.route)).where(c.content_deleted_at.is_(None))
    route = db.execute(query).scalar_one()
    while route is not None:
        yield route
        route = db.execute(query.where(c.route > route)).scalar_one()
