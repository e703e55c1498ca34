"""Conditions: criteria as SQL.

Knows: which conditions the database answers quickly; how labels and words are looked up.
Must not know: how people write filters; what a query is for.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal, literal_column, not_, or_, select
from sqlalchemy.sql.expression import column

from relayproxy.store.read.filters.criteria import FIELDS, SHADOW, STATES, Criteria, Criterion, kind_of_field
from relayproxy.store.read.filters.search import ids, said, said_by_turn, said_in
from relayproxy.store.schema.tables import labels, sessions, turns

MAX_SESSION_LENGTH = 25 * 3600 * 10**9
"""Nanoseconds that a session may have begun before a range of time and still reach into it: Twilio ends every call
after 24 hours."""
FEW = 5000
"""Up to so many matches are looked up before sessions; with more, the newest sessions are checked one by one."""

_c = sessions.c
SORTED_BY: dict[str, ColumnElement[Any]] = {
    "started": _c.started_at,
    "duration": column("duration", _selectable=sessions),  # which the database keeps: see `schema`
    **{name: FIELDS[name].columns[0] for name in ("turns", "latency", "wait", "interruptions")},
}
"""Expressions that lists are sorted by; null for sessions that come last."""
_COMPARE: dict[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "=": lambda column, value: column == value,
    ">": lambda column, value: column > value,
    ">=": lambda column, value: column >= value,
    "<": lambda column, value: column < value,
    "<=": lambda column, value: column <= value,
}


def computed(field: str) -> ColumnElement[Any]:
    """The same value as in `SORTED_BY`, by which no index is ordered: for what is found first and sorted then."""
    return SORTED_BY[field] + literal_column("0") if field != "duration" else _c.ended_at - _c.started_at


def conditions(
    criteria: Criteria, dialect: str, db: Connection | None = None, *, walked: bool = False
) -> list[ColumnElement[bool]]:
    """SQL conditions on a row of `sessions`. Shadows meet them only where they are asked for. With `db` the conditions
    are those for a page of the newest ones: rare labels and words are looked up beforehand, common ones are checked as
    sessions come. With `walked` nothing is looked up, and everything is checked so."""
    found = [_condition(one, dialect, criteria, db, walked) for one in criteria.every]
    if not criteria.asks_for("shadow"):
        found.append(~SHADOW)
    if criteria.words:
        theirs = said(criteria.words, dialect).with_only_columns(turns.c.session)
        if walked:
            found.append(said_by_turn(_c.id, criteria.words, dialect))
        elif db is not None and not _few(db, ids(criteria.words, dialect)):
            found.append(said_in(_c.id, criteria.words, db))
        else:
            found.append(_among(theirs, db))
    if criteria.since is not None:
        found.append(_c.started_at >= criteria.since - MAX_SESSION_LENGTH)
        found.append(or_(_c.ended_at.is_(None), _c.ended_at >= criteria.since))
    if criteria.until is not None:
        found.append(_c.started_at < criteria.until)
    return found


def _condition(
    one: Criterion, dialect: str, criteria: Criteria, db: Connection | None, walked: bool
) -> ColumnElement[bool]:
    """Raises ValueError for a field that is not one."""
    kind = kind_of_field(one.field)
    if kind is None:
        raise ValueError(f"{one.field} is no field")
    if kind == "label":
        return _labelled(one, dialect, criteria, db, walked)
    if kind == "is":
        whole = or_(*(STATES[str(value)] for value in one.values))
    elif kind == "text":
        parts = [
            _text(column, one, str(value), dialect) for column in FIELDS[one.field].columns for value in one.values
        ]
        whole = or_(*parts)
        if one.op == "^" and db is not None and dialect == "sqlite" and not _few(db, select(_c.id).where(whole)):
            # All that begin so would be sorted by time; looking at the newest first finds enough of them sooner.
            whole = func.coalesce(whole, literal(False))
    else:
        whole = or_(*(_COMPARE[one.op](FIELDS[one.field].columns[0], value) for value in one.values))
        if db is not None and not walked and one.field in SORTED_BY and not one.negated and one.field != "duration":
            # By an index of its own; among the newest first, all would be gone through where few have it.
            other = sessions.alias().c
            column = other[FIELDS[one.field].columns[0].name]
            such = select(other.id).where(or_(*(_COMPARE[one.op](column, value) for value in one.values)))
            if _few(db, such):
                return _among(such, db)
    # What is not there has none of the values.
    return not_(func.coalesce(whole, False)) if one.negated else whole


def _text(column: ColumnElement[Any], one: Criterion, value: str, dialect: str) -> ColumnElement[bool]:
    if one.op != "^":
        return column == value
    if dialect != "sqlite":
        return column.startswith(value, autoescape=True)
    # LIKE would ignore case here, and with it the index.
    return and_(column >= value, column < after(value)) if value else column.is_not(None)


def after(prefix: str) -> str:
    """The least text that is greater than all that begin with the prefix, in the order of code points."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1) if prefix and ord(prefix[-1]) < 0xD7FF else prefix + chr(0x10FFFF)


def _labelled(
    one: Criterion, dialect: str, criteria: Criteria, db: Connection | None, walked: bool
) -> ColumnElement[bool]:
    # An alias of its own, since who asks may select labels as well.
    c = labels.alias().c
    values = or_(*(_text(c.value, one, str(value), dialect) for value in one.values))
    named: Select[Any] = select(c.session).where(c.name == one.field, values)
    if one.negated or walked or (db is not None and not _few(db, named)):
        if one.op == "^":
            # By the session's own labels: by their beginning, all of that name would be gone through each time.
            its = select(c.session).where(c.session == _c.id, c.name.concat("") == one.field, values)
        else:
            its = named.where(c.started_at == _c.started_at, c.session == _c.id)
        # An offset, or PostgreSQL would make a join of it and gather all who have the label.
        there = (its.offset(0) if walked else its).exists()
        return not_(there) if one.negated else there
    if criteria.since is not None:
        named = named.where(c.started_at >= criteria.since - MAX_SESSION_LENGTH)
    if criteria.until is not None:
        named = named.where(c.started_at < criteria.until)
    return _among(named, db)


def _among(ids: Select[Any], db: Connection | None) -> ColumnElement[bool]:
    """The condition that a session is one of these; with `db` they are few, and looked up before any session."""
    if db is None or db.dialect.name == "sqlite":
        return _c.id.in_(ids)
    # An array: PostgreSQL, which takes what is rare for less rare, would go through all sessions for it. Out of the
    # array again, or each session of one were compared with all of another.
    return _c.id.in_(select(func.unnest(func.array(ids.scalar_subquery()))))


def _few(db: Connection, hits: Select[Any]) -> bool:
    counted = select(func.count()).select_from(hits.limit(FEW + 1).subquery())
    return int(db.execute(counted).scalar_one()) <= FEW
