"""Annotation writer: the console's transactions for notes, tags and the audit log.

Knows: that the console's database may not be there yet, or cannot be written.
Must not know: what is written.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from relayproxy.store.engine import BUSY_TIMEOUT, writing
from relayproxy.store.errors import AwayError, NotReady, store_errors
from relayproxy.store.schema.revisions import not_ready_reason


class AnnotationWriter:
    """Writes on an engine of `open_engine` (`afresh`), from any thread; the database is never created."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing = writing(engine)
        # One at a time: the others would only wait for the database's lock, and each with a connection.
        self._turn = threading.Lock()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, durable when the block is left. Raises `NotReady` while there is no database with this
        version's schema, and `StoreError` when it cannot be written."""
        if not self._turn.acquire(timeout=BUSY_TIMEOUT):
            raise AwayError("database: others are writing; try again in a moment")
        try:
            reason = not_ready_reason(self._engine)
            if reason:
                raise NotReady(reason)
            with store_errors(), self._writing.begin() as db:
                yield db
        finally:
            self._turn.release()

    def close(self) -> None:
        """Lets the database go."""
        self._engine.dispose()
