"""Heartbeats of receivers of backends' spans.

Knows: that they lie among those of recorders, and are told from them by their shape.
Must not know: what is healthy and what is not.
"""

from contextlib import suppress
from dataclasses import dataclass

import msgspec
from sqlalchemy import select

from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.tables import heartbeats

PREFIX = "receiver-"
"""Of the names of these processes."""


class PassedOn(msgspec.Struct, frozen=True):
    """Requests that were passed on. `endpoints` hold no secrets."""

    endpoints: tuple[str, ...]
    sent: int = 0
    failed: int = 0
    dropped: int = 0
    trouble: str | None = None
    """Why the last one was not taken; None while they are."""


class ReceiverHeartbeat(msgspec.Struct, frozen=True):
    """A receiver's report on itself. Numbers are those since its start, times wall nanoseconds."""

    receiver: str
    """Where it listens: a URL."""
    version: str
    host: str
    pid: int
    started_at: int
    grpc: str | None = None
    ended: bool = False
    requests: int = 0
    spans: int = 0
    """Spans that were taken."""
    rejected: int = 0
    """Spans that could not be read."""
    undecodable: int = 0
    """Requests that could not be read."""
    refused: int = 0
    """Requests that came while nothing more could wait, and were to be sent again."""
    unread: int = 0
    """Requests of metrics and logs that there was nobody to pass on to."""
    kept: int = 0
    guessed: int = 0
    """Of these, those whose session was guessed."""
    frames: int = 0
    """Spans of single events of WebSockets, which are counted instead of kept."""
    over_limit: int = 0
    """Spans beyond what is kept of a session."""
    limited: int = 0
    """Spans that were kept without their content: more came than is searched for secrets."""
    unjoined: int = 0
    """Spans whose session never became known."""
    failed: int = 0
    """Spans that a mistake of the receiver's kept from being kept."""
    waiting: int = 0
    """Spans that wait now, to be written or for their session to become known."""
    trouble: str | None = None
    """Why nothing is written, and since when."""
    trouble_at: int | None = None
    passed_on: PassedOn | None = None
    """None when there is no endpoint."""


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """A receiver's last report, and its time (wall nanoseconds)."""

    process: str
    at: int
    heartbeat: ReceiverHeartbeat


def receiver_reports(queries: Queries) -> tuple[ReceiverReport, ...]:
    """The last report of every receiver, the newest first, without those of another version in another shape."""
    c = heartbeats.c
    query = select(c.process, c.at, c.detail).where(c.process.startswith(PREFIX)).order_by(c.at.desc(), c.process)
    found = []
    with queries.reading() as db:
        for row in db.execute(query):
            with suppress(msgspec.DecodeError):
                told = msgspec.json.decode(row.detail, type=ReceiverHeartbeat)
                found.append(ReceiverReport(row.process, row.at, told))
    return tuple(found)
