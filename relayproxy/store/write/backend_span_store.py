"""Backend span store: the receiver's own way to the database.

Knows: that the database may not be there yet, be replaced, or be away for a while.
Must not know: what spans say; which session one belongs to.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from relayproxy.store.engine import writing
from relayproxy.store.errors import NotReady, StoreError, store_errors
from relayproxy.store.read.span_owners import (
    Owner,
    Owners,
    joined_parents,
    owners_between,
    owners_by_id,
    owners_by_joined_trace,
    owners_by_trace,
)
from relayproxy.store.schema.revisions import not_ready_reason
from relayproxy.store.write.backend_spans import SpanBatch, Written, write_backend_spans


class KnownOwners(NamedTuple):
    """Sessions by the trace id of a handshake, by an id of a call, and by a trace that spans were joined by; and those
    (our ids) of single spans, by trace id and span id."""

    by_trace: Owners
    by_id: Owners
    joined: Owners
    parents: Mapping[tuple[str, str], str]


class BackendSpanStore:
    """Reads and writes on an engine of `open_engine` (without `create`), for one thread. Methods raise `NotReady`
    while there is no database with this version's schema, and `StoreError` when it does not answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing = writing(engine)
        self._ready = False

    def known(self, trace_ids: Iterable[str], ids: Iterable[str], parents: Iterable[tuple[str, str]]) -> KnownOwners:
        """What is known of these."""
        traces = sorted(set(trace_ids))
        with self._connected(self._engine) as db:
            return KnownOwners(
                owners_by_trace(db, traces),
                owners_by_id(db, ids),
                owners_by_joined_trace(db, traces),
                joined_parents(db, parents),
            )

    def lived(self, since: int, until: int) -> tuple[Owner, ...]:
        """The sessions that lived then; see `owners_between`."""
        with self._connected(self._engine) as db:
            return owners_between(db, since, until)

    def write(self, batch: SpanBatch, most: int) -> Written:
        """Writes a batch, all or nothing; see `write_backend_spans`."""
        with self._connected(self._writing) as db:
            return write_backend_spans(db, batch, most)

    def close(self) -> None:
        """Lets the database go."""
        self._engine.dispose()

    @contextmanager
    def _connected(self, engine: Engine) -> Iterator[Connection]:
        if not self._ready:
            reason = not_ready_reason(self._engine)
            if reason:
                raise NotReady(reason)
            self._ready = True
        try:
            with store_errors(), engine.begin() as db:
                yield db
        except StoreError:
            # Perhaps it is another database by now.
            self._ready = False
            raise
