"""What people write while they look: notes, tags, and the record of who looked.

Knows: that the console's database may not be there yet, or cannot be written.
Must not know: what is written.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from relayproxy.store.engine import writing
from relayproxy.store.errors import NotReady, store_errors
from relayproxy.store.migrate import not_ready_reason


class Pen:
    """Writes on an engine of `open_engine`, from any thread; the database is never created."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing = writing(engine)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, durable when the block is left. Raises `NotReady` while there is no database with this
        version's schema, and `StoreError` when it cannot be written."""
        reason = not_ready_reason(self._engine)
        if reason:
            raise NotReady(reason)
        with store_errors(), self._writing.begin() as db:
            yield db

    def close(self) -> None:
        """Lets the database go."""
        self._engine.dispose()
