"""Annotation writer: the console's transactions for notes, tags and the audit log.

Knows: that the console's database may not be there yet, or cannot be written; that many who read must not keep those
waiting who write, so that these have connections and threads of their own.
Must not know: what is written.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine

from relayproxy.store.engine import BUSY_TIMEOUT, writing
from relayproxy.store.errors import AwayError, NotReady, store_errors
from relayproxy.store.schema.revisions import not_ready_reason

P = ParamSpec("P")
T = TypeVar("T")
THREADS = 8
"""Of which one writes, while others wait for their turn."""


class AnnotationWriter:
    """Writes on an engine of `open_engine` (without `create`), from any thread; the database is never created."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing = writing(engine)
        # One at a time: the others would only wait for the database's lock, and each with a connection.
        self._turn = threading.Lock()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="writer")

    async def run(self, action: "Callable[Concatenate[AnnotationWriter, P], T]", *args: P.args, **kw: P.kwargs) -> T:
        """What the action gives, which is given this writer; in one of the writer's own threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(action, self, *args, **kw))

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
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()
