"""Backend spans, read: the spans of one session as a tree.

Knows: which span is below which, although parents may come late, or never; which are children of the call itself.
Must not know: how spans came to be joined to the session; how they are shown.

What other parts read:

* `session_outline` gives all spans of a session in the order of their tree (a parent, then its children by their
  beginning, each followed by its own) without their details: a session may have many, and each may hold much.
* `with_details` gives some of them whole.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice

import msgspec
from sqlalchemy import Connection, select

from relayproxy.conversation.backend.span_node import SpanNode
from relayproxy.conversation.backend_span import BackendSpan, SpanDetail
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.mapping import columns, value
from relayproxy.store.schema.rows import BackendSpanCountsRow, BackendSpanRow
from relayproxy.store.schema.tables import backend_span_counts, backend_spans, connections

Key = tuple[str, str]
"""Trace id and span id."""
SERVERS = 32
"""Spans of servers right below the call whose details an outline has: those of handshakes are among them."""
_AT_ONCE = 400
_OUTLINE = columns(BackendSpanRow, backend_spans, blank="detail")
_WHOLE = columns(BackendSpanRow, backend_spans)


@dataclass(frozen=True, slots=True)
class SessionSpans:
    """Spans of a session in the order of its tree, and what of them was only counted."""

    spans: tuple[SpanNode, ...]
    counts: BackendSpanCountsRow

    @property
    def total(self) -> int:
        return len(self.spans)


class _Opening(msgspec.Struct):
    trace_id: str = ""
    span_id: str = ""


def session_spans(queries: Queries, session: str) -> SessionSpans:
    """All spans of the session (our id), whole. Raises as queries do."""
    found = session_outline(queries, session)
    return replace(found, spans=with_details(queries, session, found.spans))


def session_outline(queries: Queries, session: str) -> SessionSpans:
    """All spans of the session (our id) without their details, but for the first `SERVERS` servers right below the
    call. Raises as queries do."""
    c = backend_spans.c
    with queries.reading() as db:
        query = _OUTLINE.where(c.session == session).order_by(c.started_at, c.trace_id, c.span_id)
        rows = {
            (row.trace_id, row.span_id): row for row in (value(BackendSpanRow, found) for found in db.execute(query))
        }
        counts = _counts(db, session)
        own = _own(db, session) if rows else frozenset()
        nodes = []
        for place, one in enumerate(_tree({key: row.parent_span_id for key, row in rows.items()})):
            row = rows[one.key]
            of_call = (one.key[0], row.parent_span_id) in own
            orphan = one.orphan and not of_call
            nodes.append(SpanNode(_span(row), row.joined_by, place, one.depth, one.parent, orphan, of_call))
        servers = islice((one for one in nodes if one.child_of_call and one.span.kind == "server"), SERVERS)
        for node in _with_details(db, session, [*servers]):
            nodes[node.place] = node
    return SessionSpans(tuple(nodes), counts)


def span_counts(queries: Queries, session: str) -> BackendSpanCountsRow:
    """How many spans there are of the session (our id), and what was only counted. Raises as queries do."""
    with queries.reading() as db:
        return _counts(db, session)


def with_details(queries: Queries, session: str, nodes: Sequence[SpanNode]) -> tuple[SpanNode, ...]:
    """These spans of the session (our id) whole; those that are gone since are left out. Raises as queries do."""
    with queries.reading() as db:
        return tuple(_with_details(db, session, nodes))


def _counts(db: Connection, session: str) -> BackendSpanCountsRow:
    query = columns(BackendSpanCountsRow, backend_span_counts)
    counted = db.execute(query.where(backend_span_counts.c.session == session)).first()
    return BackendSpanCountsRow(session) if counted is None else value(BackendSpanCountsRow, counted)


def _with_details(db: Connection, session: str, nodes: Sequence[SpanNode]) -> Iterator[SpanNode]:
    c = backend_spans.c
    for first in range(0, len(nodes), _AT_ONCE):
        some = nodes[first : first + _AT_ONCE]
        traces, ids = ({node.span.trace_id for node in some}, {node.span.span_id for node in some})
        query = _WHOLE.where(c.session == session, c.trace_id.in_(traces), c.span_id.in_(ids))
        rows = {
            (row.trace_id, row.span_id): row for row in (value(BackendSpanRow, found) for found in db.execute(query))
        }
        for node in some:
            row = rows.get((node.span.trace_id, node.span.span_id))
            if row is not None:
                yield replace(node, span=_span(row))


@dataclass(frozen=True, slots=True)
class _Node:
    key: Key
    depth: int
    parent: int | None
    orphan: bool


def _tree(parents: dict[Key, str | None]) -> Iterator[_Node]:
    """Every span once, parents before their children. `parents` are in the order of their beginnings."""
    below: dict[Key, list[Key]] = {}
    tops: list[Key] = []
    for key, parent in parents.items():
        above = (key[0], parent or "")
        if above in parents and above != key:
            below.setdefault(above, []).append(key)
        else:
            tops.append(key)
    seen: set[Key] = set()
    # Those that are their own ancestors hang on nothing; one of them is taken for the top.
    for top in (*tops, *parents):
        waiting: list[tuple[Key, int, int | None]] = [(top, 0, None)]
        while waiting:
            key, depth, parent_place = waiting.pop()
            if key in seen:
                continue
            place = len(seen)
            seen.add(key)
            yield _Node(key, depth, parent_place, orphan=depth == 0 and parents[key] is not None)
            waiting += [(child, depth + 1, place) for child in reversed(below.get(key, []))]


def _own(db: Connection, session: str) -> frozenset[Key]:
    """The spans that the session's backends were given as parents."""
    found = set()
    for opening in db.execute(select(connections.c.opening).where(connections.c.session == session)).scalars():
        with suppress(msgspec.DecodeError):
            one = msgspec.json.decode(opening, type=_Opening)
            found.add((one.trace_id, one.span_id))
    return frozenset(found)


def _span(row: BackendSpanRow) -> BackendSpan:
    try:
        detail = msgspec.json.decode(row.detail, type=SpanDetail) if row.detail else SpanDetail()
    except msgspec.DecodeError:
        detail = SpanDetail()
    return msgspec.convert(
        {
            "trace_id": row.trace_id,
            "span_id": row.span_id,
            "parent_span_id": row.parent_span_id,
            "name": row.name,
            "kind": row.kind,
            "started_at": row.started_at,
            "ended_at": row.ended_at,
            "status": row.status,
            "service": row.service,
            "scope": row.scope,
            "detail": detail,
            "left_out": row.left_out,
        },
        type=BackendSpan,
    )
