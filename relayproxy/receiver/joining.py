"""Joining: which session each span of a trace belongs to.

Knows: what tells it, the surest first: the trace of the handshake, ids of the call, the rest of the trace; and when a
guess is allowed.
Must not know: SQL, sockets, clocks; how spans wait.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from relayproxy.conversation.backend_span import BackendSpan
from relayproxy.receiver.spans.identifiers import ids_of, names_call
from relayproxy.settings.validators import is_loopback, unmapped
from relayproxy.store.read.span_owners import Owner, Owners
from relayproxy.store.schema.rows import JoinedBy

SLACK = 5_000_000_000
"""Nanoseconds by which clocks of two machines may differ, and a span lie outside of its session."""
_PUNCTUATION = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Known:
    """What the database knows of some spans: sessions by the trace id of a handshake, by an id of a call, by a trace of
    which other spans were joined; and the sessions (our ids) of single spans, by trace id and span id."""

    by_trace: Owners = field(default_factory=dict)
    by_id: Owners = field(default_factory=dict)
    joined: Owners = field(default_factory=dict)
    parents: Mapping[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Join:
    """The session of a span, and what told it."""

    owner: Owner
    by: JoinedBy


def join(spans: Sequence[BackendSpan], known: Known) -> dict[str, Join]:
    """The sessions of spans of one trace, by span id; those that are not known are left out."""
    if not spans:
        return {}
    trace = spans[0].trace_id
    of_trace = known.by_trace.get(trace, ())
    if len(of_trace) == 1:
        return {span.span_id: Join(of_trace[0], "trace") for span in spans}
    # A front end's own trace may hold several calls.
    found = {span.span_id: own for span in spans if (own := _own(span, known, of_trace)) is not None}
    others = {join.owner.session: join.owner for join in found.values()}
    others |= {owner.session: owner for owner in known.joined.get(trace, ())}
    if len(others) == 1:
        (owner,) = others.values()
        return {span.span_id: found.get(span.span_id, Join(owner, "id")) for span in spans}
    return _inherited(spans, found, known, others)


def guess(spans: Sequence[BackendSpan], lived: Iterable[Owner], peer: str) -> Owner | None:
    """The only session whose route and time fit a whole trace; None when there is none, or more than one. `lived` are
    the sessions that lived at any time of the trace, `peer` is the address that it came from.

    Only a trace that began in the backend and names no call is guessed. Any other is of a call that is not known: one
    of which nothing is kept, that was erased, or that did not come this way.
    """
    if all(span.parent_span_id is not None for span in spans) or any(map(names_call, spans)):
        return None
    began = min(span.started_at for span in spans)
    services = {_plain(span.service) for span in spans}
    fitting = [
        [owner for owner in lived if _plain(owner.route) in services],
        [owner for owner in lived if _is_at(owner.backend, peer)],
        [*lived],
    ]
    candidates = next((some for some in fitting if some), [])
    return candidates[0] if len(candidates) == 1 and _distance(candidates[0], began) <= SLACK else None


def _own(span: BackendSpan, known: Known, of_trace: Sequence[Owner]) -> Join | None:
    """What the span itself tells. `of_trace`: the sessions that share its trace, when there are several."""
    for id in ids_of(span):
        named = known.by_id.get(id, ())
        if of_trace:
            named = tuple(owner for owner in named if owner in of_trace)
        if named:
            return Join(_nearest(named, span.started_at), "id")
    for link in span.detail.links:
        linked = known.by_trace.get(link.trace_id, ())
        if linked:
            return Join(_nearest(linked, span.started_at), "trace")
    lived = [owner for owner in of_trace if _distance(owner, span.started_at) == 0]
    return Join(lived[0], "trace") if len(lived) == 1 else None


def _inherited(
    spans: Sequence[BackendSpan], found: dict[str, Join], known: Known, others: Mapping[str, Owner]
) -> dict[str, Join]:
    """Of a trace with several sessions, each span belongs to that of its nearest ancestor which has one."""
    parents = {span.span_id: span.parent_span_id for span in spans}
    joins = dict(found)
    for span in spans:
        way: list[str] = []
        at: str | None = span.span_id
        join: Join | None = None
        while at is not None and at not in way:
            join = joins.get(at)
            if join is None and (session := known.parents.get((span.trace_id, at))) in others:
                join = Join(others[str(session)], "id")
            if join is not None:
                break
            way.append(at)
            at = parents.get(at)
        if join is not None:
            joins.update(dict.fromkeys((one for one in way if one in parents), join))
    return joins


def _nearest(owners: Sequence[Owner], at: int) -> Owner:
    """Of several sessions of one call the one in whose time the moment is, else the nearest; of these the last."""
    return min(owners, key=lambda owner: (_distance(owner, at), -owner.started_at))


def _distance(owner: Owner, at: int) -> int:
    """Nanoseconds between a session and a moment; 0 when it lived then."""
    if at < owner.started_at:
        return owner.started_at - at
    return 0 if owner.ended_at is None else max(0, at - owner.ended_at)


def _plain(name: str) -> str:
    return _PUNCTUATION.sub("", name.lower())


def _is_at(backend: str, peer: str) -> bool:
    host = unmapped(urlsplit(backend).hostname or "")
    return bool(peer) and (host == unmapped(peer) or (is_loopback(host) and is_loopback(peer)))
