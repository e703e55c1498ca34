"""Backend spans, read: the spans of one session as a tree.

Knows: which span is below which, although parents may come late, or never; which are children of the call itself.
Must not know: how spans came to be joined to the session; how they are shown.

What other parts read:

* `session_spans(queries, session)` gives a `SessionSpans`: `spans` in the order of the tree (a parent, then its
  children by their beginning, each followed by its own), and `counts` with what was not kept one by one.
* A `StoredSpan` has the `span` itself (`conversation.backend_span.BackendSpan`: name, kind, times in wall nanoseconds
  by the backend's clock, status, `detail` with attributes, resource, events, links), its `depth` in the tree, the
  `place` of its parent in the order of the whole tree, `joined_by` (`trace`, `id` or `guess`), and whether it is an
  `orphan`: its parent has not come. `child_of_call`: its parent is the span whose id the backend got in its handshake.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, select

from relayproxy.conversation.backend_span import BackendSpan, SpanDetail
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.mapping import columns, value
from relayproxy.store.schema.rows import BackendSpanCountsRow, BackendSpanRow
from relayproxy.store.schema.tables import backend_span_counts, backend_spans, connections

Key = tuple[str, str]
"""Trace id and span id."""


@dataclass(frozen=True, slots=True)
class StoredSpan:
    """A span of a session, at its place in the tree. `parent`: the place of its parent, None at the top."""

    span: BackendSpan
    joined_by: str
    place: int
    depth: int
    parent: int | None
    orphan: bool
    child_of_call: bool


@dataclass(frozen=True, slots=True)
class SessionSpans:
    """Spans of a session in the order of its tree, the number of all of them, and what was only counted."""

    spans: tuple[StoredSpan, ...]
    total: int
    counts: BackendSpanCountsRow


class _Opening(msgspec.Struct):
    trace_id: str = ""
    span_id: str = ""


def session_spans(queries: Queries, session: str, first: int = 0, limit: int | None = None) -> SessionSpans:
    """The spans of the session (our id) from the place `first` of its tree on, at most `limit`. Places may move while
    spans come. Raises as queries do."""
    c, n = backend_spans.c, backend_span_counts.c
    outline = select(c.trace_id, c.span_id, c.parent_span_id).where(c.session == session)
    with queries.reading() as db:
        found = [tuple(row) for row in db.execute(outline.order_by(c.started_at, c.trace_id, c.span_id))]
        counted = db.execute(columns(BackendSpanCountsRow, backend_span_counts).where(n.session == session)).first()
        own = _own(db, session) if found else frozenset()
        tree = [*_tree({(trace, span): parent for trace, span, parent in found})]
        wanted = tree[first:] if limit is None else tree[first : first + limit]
        rows = _rows(db, session, {one.key for one in wanted})
    spans = tuple(
        StoredSpan(
            span=_span(rows[one.key]),
            joined_by=rows[one.key].joined_by,
            place=place,
            depth=one.depth,
            parent=one.parent,
            orphan=one.orphan and (one.key[0], rows[one.key].parent_span_id) not in own,
            child_of_call=(one.key[0], rows[one.key].parent_span_id) in own,
        )
        for place, one in enumerate(wanted, first)
        if one.key in rows
    )
    counts = BackendSpanCountsRow(session) if counted is None else value(BackendSpanCountsRow, counted)
    return SessionSpans(spans, len(tree), counts)


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


def _rows(db: Connection, session: str, wanted: set[Key]) -> dict[Key, BackendSpanRow]:
    query = columns(BackendSpanRow, backend_spans).where(backend_spans.c.session == session)
    rows = (value(BackendSpanRow, row) for row in db.execute(query)) if wanted else ()
    return {(row.trace_id, row.span_id): row for row in rows if (row.trace_id, row.span_id) in wanted}


def _span(row: BackendSpanRow) -> BackendSpan:
    try:
        detail = msgspec.json.decode(row.detail, type=SpanDetail)
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
