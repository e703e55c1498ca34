"""Making rollups, and deleting those that are not right any more.

Knows: when a half hour is settled: all of its calls have ended, a while ago; that whoever changes such a call later
deletes its rollups in the same transaction.
Must not know: how rollups are read; who makes them.

They are read without holding up anyone, and written if no call has changed since. What is written of calls that began a
moment ago takes no look at rollups, as there can be none of them; for other calls PostgreSQL is asked for a lock, so
that no rollup is written of what is being changed. The clocks of machines that write
the same database may differ by `SETTLED - LATE`.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import astuple
from sqlalchemy import Connection, Select, bindparam, delete, func, insert, null, or_, select

from relayproxy.store.read.filters.criteria import COUNTED
from relayproxy.store.read.insight.figures import Sums
from relayproxy.store.schema.day_rollup import DAY, day_of, read_steps
from relayproxy.store.schema.mapping import batches, whole
from relayproxy.store.schema.rollup import (
    ALL,
    BUCKET,
    FIELDS,
    LISTED,
    LISTING,
    MAX_VALUES,
    Rollup,
    key_of,
    pack_histogram,
    pack_sums,
    read_rollup,
    read_versions,
    start_of,
    write_rollup,
)
from relayproxy.store.schema.rows import Batch
from relayproxy.store.schema.tables import labels, rollup_days, rollups, sessions, turns

MINUTE = 60 * 1_000_000_000
LATE = 10 * MINUTE
"""Nanoseconds after which a call may be in a rollup."""
SETTLED = 15 * MINUTE
"""Nanoseconds from the end of a half hour to its rollup."""
KEPT = 400 * DAY
"""Of calls that began earlier than so long ago no rollups are made."""
_LOCK = 0x726F6C6C
_FAULTS = 4
_c, _t = sessions.c, turns.c
_WITHIN = _c.started_at >= bindparam("b_since"), _c.started_at < bindparam("b_until")
# Made once, as that takes longer than to execute them.
_CALLS: Select[Any] = (
    select(
        *map(whole, (
            _c.id, _c.revision, _c.route, _c.started_at, _c.ended_at, _c.outcome, _c.studio_transition,
            _c.backend_version, _c.response_n, _c.turns, _c.responses, _c.interrupted_responses, _c.false_interruptions,
            _c.unanswered, _c.stale_chunks, _c.asked_again, _c.errors, _c.warnings, _c.longest_wait_ms,
            _c.response_max_ms,
        )),
    )
    .where(COUNTED, *_WITHIN)
    .order_by(_c.started_at)
)  # fmt: skip
_LATENCIES: Select[Any] = (
    select(_t.session, whole(_t.started_at), whole(_t.response_latency_ms), _t.null_reason)
    .select_from(sessions.join(turns, _t.session == _c.id))
    .where(COUNTED, *_WITHIN, or_(_t.response_latency_ms.is_not(None), _t.null_reason != "no_prompt"))
)
_LANGUAGES: Select[Any] = (
    select(labels.c.session, labels.c.value)
    .select_from(sessions.join(labels, labels.c.session == _c.id))
    # An expression, so that labels are looked up by session: a name alone finds those of every call.
    .where(COUNTED, *_WITHIN, labels.c.name.concat("") == "lang")
)
_STATE = select(func.count(), func.sum(_c.revision)).where(COUNTED, *_WITHIN)


@dataclass(frozen=True, slots=True)
class HalfHour:
    """The rollups of a half hour, as rows, and the number and revisions of its calls when they were read."""

    start: int
    rows: tuple[dict[str, Any], ...]
    state: tuple[int, int]


def forget_late_calls(db: Connection, batch: Batch, now: int) -> None:
    """Deletes the rollups that what the batch writes will make wrong; to be called before that is written. `now` is
    wall nanoseconds."""
    late = {row.id: row.started_at for row in batch.sessions if row.started_at < now - LATE}
    treated = {row.session for row in batch.treatments} - {row.id for row in batch.sessions}
    ids = sorted({*late, *treated, *batch.dropped_sessions})
    if not ids:
        return
    _share_lock(db)
    there: dict[str, int] = {}
    starts: set[int] = set()
    for some in batches(ids):
        for row in db.execute(select(_c.id, _c.started_at, _c.ended_at).where(_c.id.in_(some))):
            there[row.id] = row.started_at
            # While a call lives there is no rollup of its half hour.
            if row.ended_at is not None:
                starts.add(start_of(row.started_at))
    starts.update(start_of(at) for id, at in late.items() if there.get(id) != at)
    _delete(db, starts)


def forget_rollups(db: Connection, *moments: int) -> None:
    """Deletes those that calls that began at these times may be in, for calls that are deleted."""
    _share_lock(db)
    _delete(db, {*map(start_of, moments)})


def missing_rollups(db: Connection, now: int) -> list[int]:
    """The beginnings of half hours that are over and have no rollup, the last one first."""
    first: int | None = db.execute(select(func.min(_c.started_at))).scalar_one()
    if first is None:
        return []
    # Those of an earlier version are of routes alone, and have no listing.
    there = set(db.execute(select(rollups.c.start).where(rollups.c.route == LISTING)).scalars())
    every = range(start_of(now - SETTLED) - BUCKET, start_of(max(first, now - KEPT)) - BUCKET, -BUCKET)
    return [start for start in every if start not in there]


def rolled_up_days(db: Connection) -> range:
    """The beginnings of days, in UTC, that rollups may be of."""
    first, last = db.execute(select(func.min(rollups.c.start), func.max(rollups.c.start))).one()
    return range(first // DAY * DAY, last + 1, DAY) if first is not None else range(0)


def damaged_rollups(db: Connection, day: int) -> set[int]:
    """The beginnings of half hours of a day that have a rollup that cannot be read; its first one when that is one of
    the day, which goes with it."""
    r, d = rollups.c, rollup_days.c
    found: set[int] = set()
    half_hours = select(r.start, r.versions, r.detail, null()).where(r.start >= day, r.start < day + DAY)
    of_day = select(d.start, d.versions, d.detail, d.steps).where(d.start == day)
    for start, versions, detail, steps in (*db.execute(half_hours), *db.execute(of_day)):
        try:
            read_versions(versions)
            read_rollup(detail)
            if steps is not None:
                read_steps(steps)
        except msgspec.DecodeError:
            found.add(start)
    return found


def read_half_hour(db: Connection, start: int) -> HalfHour | None:
    """What the rollups of a half hour are to be; None while one of its calls lives."""
    within = _within(start)
    found = db.execute(_CALLS, within).all()
    if any(row.ended_at is None for row in found):
        return None
    latencies: defaultdict[str, list[Any]] = defaultdict(list)
    by_key = {ALL: list(found)}
    if found:
        for turn in db.execute(_LATENCIES, within):
            latencies[turn.session].append(turn)
        by_key |= _by_value(found, db.execute(_LANGUAGES, within))
    rows = [
        {
            "route": key,
            "start": start,
            "versions": json.dumps(_versions(calls)),
            "detail": write_rollup(_rollup(start, calls, [turn for call in calls for turn in latencies[call.id]])),
        }
        for key, calls in by_key.items()
    ]
    listing = json.dumps([(key, len(calls)) for key, calls in by_key.items()])
    nothing = write_rollup(_rollup(start, [], []))
    rows.append({"route": LISTING, "start": start, "versions": listing, "detail": nothing})
    return HalfHour(start, tuple(rows), (len(found), sum(row.revision for row in found)))


def _by_value(calls: Iterable[Any], languages: Iterable[Any]) -> dict[str, list[Any]]:
    """The calls with each value of each field, by key."""
    spoken: defaultdict[str, list[str]] = defaultdict(list)
    for row in languages:
        spoken[row.session].append(row.value)
    by_field: dict[str, defaultdict[str, list[Any]]] = {field: defaultdict(list) for field in FIELDS}
    for row in calls:
        values = {
            "route": (row.route,),
            "outcome": (row.outcome,),
            "transition": (row.studio_transition,),
            "version": (row.backend_version,),
            "lang": spoken[row.id] or (None,),
        }
        for field, some in values.items():
            for value in some:
                by_field[field][key_of(field, value)].append(row)
    return {
        key: rows
        for field, found in by_field.items()
        if field == "route" or len(found) <= MAX_VALUES
        for key, rows in found.items()
    }


def keep_rollups(db: Connection, made: HalfHour) -> bool:
    """Writes them. False, and nothing is done, when a call has changed since they were read, or others are writing
    calls that began long ago: they are to be read again."""
    if not take_lock(db):
        return False
    calls, revisions = db.execute(_STATE, _within(made.start)).one()
    if (calls, int(revisions or 0)) != made.state:
        return False
    _delete(db, [made.start])
    db.execute(insert(rollups), made.rows)
    return True


def _rollup(start: int, calls: list[Any], latencies: list[Any]) -> Rollup:
    endings: dict[tuple[str, str | None], Sums] = {}
    for row in calls:
        how = (row.outcome or "unknown", row.studio_transition)
        endings[how] = endings.get(how, Sums()) + _sums(row)
    waits = ((_wait(row), row.started_at, row.id) for row in calls)
    faults = ((*_faults(row), _wait(row) or 0, row.started_at, row.id) for row in calls)
    return Rollup(
        calls=len(calls),
        responses=sum(row.response_n for row in calls),
        first=calls[0].started_at if calls else None,
        last=calls[-1].started_at if calls else None,
        endings=[(*how, pack_sums(astuple(sums))) for how, sums in endings.items()],
        latencies=_latencies(start, latencies),
        slowest=sorted(((w, at, id) for w, at, id in waits if w is not None), reverse=True)[:LISTED],
        worst=sorted((one for one in faults if any(one[:_FAULTS])), reverse=True)[:LISTED],
    )


def _latencies(start: int, found: list[Any]) -> list[tuple[int, dict[str, int], bytes]]:
    counts: defaultdict[int, Counter[int]] = defaultdict(Counter)
    excluded: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for row in found:
        place = (row.started_at - start) // BUCKET
        if row.response_latency_ms is None:
            excluded[place][row.null_reason] += 1
        else:
            counts[place][row.response_latency_ms] += 1
    return [(place, dict(excluded[place]), pack_histogram(counts[place])) for place in sorted({*counts, *excluded})]


def _within(start: int) -> dict[str, int]:
    return {"b_since": start, "b_until": start + BUCKET}


def _sums(row: Any) -> Sums:
    return Sums(
        calls=1,
        turns=row.turns,
        responses=row.responses,
        interrupted_responses=row.interrupted_responses,
        false_interruptions=row.false_interruptions,
        unanswered=row.unanswered,
        stale_chunks=row.stale_chunks,
        stale_calls=int(row.stale_chunks > 0),
        unanswered_calls=int(row.unanswered > 0),
        asked_again=row.asked_again,
        failed=int(row.studio_transition == "failed"),
        ended=1,
    )


def _faults(row: Any) -> tuple[int, int, int, int]:
    return int(row.studio_transition == "failed"), row.errors, row.unanswered, row.warnings


def _wait(row: Any) -> int | None:
    found: int | None = row.response_max_ms if row.longest_wait_ms is None else row.longest_wait_ms
    return found


def _versions(calls: list[Any]) -> list[tuple[str | None, int]]:
    """Each with the start of its first call."""
    found: dict[str | None, int] = {}
    for row in calls:
        found.setdefault(row.backend_version, row.started_at)
    return [*found.items()]


def _delete(db: Connection, starts: Iterable[int]) -> None:
    for some in batches(sorted(starts)):
        db.execute(delete(rollups).where(rollups.c.start.in_(some)))
        db.execute(delete(rollup_days).where(rollup_days.c.start.in_({*map(day_of, some)})))


def _share_lock(db: Connection) -> None:
    if db.dialect.name == "postgresql":  # SQLite has one writer
        db.execute(select(func.pg_advisory_xact_lock_shared(_LOCK)))


def take_lock(db: Connection) -> bool:
    """Whether nobody is changing rollups or calls that are in some; nobody does then until the transaction ends."""
    # Without waiting: who waits for this one may have locked what another one waits for.
    return db.dialect.name != "postgresql" or bool(
        db.execute(select(func.pg_try_advisory_xact_lock(_LOCK))).scalar_one()
    )
