"""Backend spans, written: spans that belong to sessions, and what of them was only counted.

Knows: that a span is written once, however often it is sent; how many a session may have; that a session may be gone,
or have lost its content, since it was looked up; that a guess gives way to what is known.
Must not know: how spans are received, joined or redacted.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

import msgspec
from sqlalchemy import Connection, delete, func, select, update

from relayproxy.conversation.backend_span import BackendSpan
from relayproxy.store.schema.mapping import columns, insert_once, parameters, value
from relayproxy.store.schema.rows import BackendSpanCountsRow, BackendSpanRow, JoinedBy
from relayproxy.store.schema.tables import backend_span_counts, backend_spans, sessions

GUESS: JoinedBy = "guess"


@dataclass(frozen=True, slots=True)
class JoinedSpan:
    """A span as it is to be kept, and the session (our id) that it belongs to."""

    span: BackendSpan
    session: str
    joined_by: JoinedBy


@dataclass(slots=True)
class Counted:
    """What is counted of one session instead of being kept."""

    received_frames: int = 0
    sent_frames: int = 0
    limited: int = 0


@dataclass(frozen=True, slots=True)
class Settled:
    """A trace whose session is known now. What was guessed of it goes there; from a session of another route it goes
    altogether, since that one may keep more of a span."""

    trace_id: str
    session: str
    joined_by: JoinedBy
    route: str


@dataclass(frozen=True, slots=True)
class SpanBatch:
    """What one transaction writes."""

    spans: Sequence[JoinedSpan] = ()
    counted: Mapping[str, Counted] = field(default_factory=dict)
    settled: Sequence[Settled] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a batch: spans that are kept now, that are beyond what is kept of a session, and whose session is
    gone."""

    kept: int
    dropped: int
    gone: int


def write_backend_spans(db: Connection, batch: SpanBatch, most: int) -> Written:
    """Writes a batch within a transaction that writes; of a session at most `most` spans are kept. A span that is there
    already is left as it is, and counted nowhere."""
    wanted = {one.session for one in batch.spans} | set(batch.counted)
    wanted |= {one.session for one in batch.settled}
    there = _there(db, wanted)
    for settled in batch.settled:
        _settle(db, settled, there)
    known = _known(db, [one.span for one in batch.spans])
    room = {row.session: most - row.spans for row in _counts(db, there)}
    rows: dict[tuple[str, str], BackendSpanRow] = {}
    added, dropped, gone = Counter[str](), Counter[str](), 0
    for one in batch.spans:
        key = (one.span.trace_id, one.span.span_id)
        if one.session not in there:
            gone += 1
        elif key not in known and key not in rows:
            if room.get(one.session, most) > added[one.session]:
                added[one.session] += 1
                rows[key] = _row(one)
            else:
                dropped[one.session] += 1
    if rows:
        db.execute(insert_once(db.dialect.name, backend_spans), parameters(rows.values()))
    for session in there:
        counted = batch.counted.get(session, Counted())
        frames = counted.received_frames, counted.sent_frames
        _add(db, BackendSpanCountsRow(session, added[session], *frames, dropped[session], counted.limited))
    return Written(len(rows), dropped.total(), gone)


def move_backend_spans(db: Connection, session: str, other: str | None) -> None:
    """Gives what there is of a session to another one; None: it goes."""
    counts = next(_counts(db, {session}), None)
    if counts is None:
        return
    if other is None:
        delete_backend_spans(db, session)
        return
    db.execute(update(backend_spans).where(backend_spans.c.session == session).values(session=other))
    db.execute(delete(backend_span_counts).where(backend_span_counts.c.session == session))
    _add(db, replace(counts, session=other))


def delete_backend_spans(db: Connection, session: str) -> int:
    """Deletes all there is of a session; the number of its spans."""
    gone = db.execute(delete(backend_spans).where(backend_spans.c.session == session)).rowcount
    db.execute(delete(backend_span_counts).where(backend_span_counts.c.session == session))
    return int(gone)


def _settle(db: Connection, settled: Settled, there: set[str]) -> None:
    c = backend_spans.c
    guessed = (c.trace_id == settled.trace_id) & (c.joined_by == GUESS)
    numbers = select(c.session, sessions.c.route, func.count()).outerjoin(sessions, sessions.c.id == c.session)
    for session, route, number in db.execute(numbers.where(guessed).group_by(c.session, sessions.c.route)).all():
        of_session = guessed & (c.session == session)
        _add(db, BackendSpanCountsRow(session, -number))
        if settled.session in there and route == settled.route:
            moved = {"session": settled.session, "joined_by": settled.joined_by}
            db.execute(update(backend_spans).where(of_session).values(moved))
            _add(db, BackendSpanCountsRow(settled.session, number))
        else:
            db.execute(delete(backend_spans).where(of_session))


def _there(db: Connection, wanted: set[str]) -> set[str]:
    """Those of these sessions that spans may be kept of. They do not go before the transaction ends."""
    if not wanted:
        return set()
    query = select(sessions.c.id).where(sessions.c.id.in_(sorted(wanted)), sessions.c.content_deleted_at.is_(None))
    return set(db.execute(query.with_for_update(read=True, key_share=True)).scalars())


def _known(db: Connection, spans: Sequence[BackendSpan]) -> set[tuple[str, str]]:
    c = backend_spans.c
    if not spans:
        return set()
    query = select(c.trace_id, c.span_id).where(
        c.trace_id.in_({one.trace_id for one in spans}), c.span_id.in_({one.span_id for one in spans})
    )
    return {(row.trace_id, row.span_id) for row in db.execute(query)}


def _counts(db: Connection, wanted: set[str]) -> Iterator[BackendSpanCountsRow]:
    if wanted:
        query = columns(BackendSpanCountsRow, backend_span_counts)
        for row in db.execute(query.where(backend_span_counts.c.session.in_(sorted(wanted)))):
            yield value(BackendSpanCountsRow, row)


def _add(db: Connection, more: BackendSpanCountsRow) -> None:
    numbers = {name: number for name, number in asdict(more).items() if name != "session"}
    if any(numbers.values()):
        db.execute(insert_once(db.dialect.name, backend_span_counts), [asdict(BackendSpanCountsRow(more.session))])
        c = backend_span_counts.c
        sums = {name: c[name] + number for name, number in numbers.items()}
        db.execute(update(backend_span_counts).where(c.session == more.session).values(sums))


def _row(one: JoinedSpan) -> BackendSpanRow:
    span = one.span
    return BackendSpanRow(
        trace_id=span.trace_id,
        span_id=span.span_id,
        session=one.session,
        joined_by=one.joined_by,
        parent_span_id=span.parent_span_id,
        started_at=span.started_at,
        ended_at=span.ended_at,
        kind=span.kind,
        status=span.status,
        left_out=span.left_out,
        service=span.service,
        scope=span.scope,
        name=span.name,
        detail=msgspec.json.encode(span.detail).decode(),
    )
