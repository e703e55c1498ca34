"""Change poller: polls the database once for all live pages, and notifies them of new revisions.

Knows: the polling interval, the watchers, the revision that each has seen.
Must not know: HTTP, HTML, what changed.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from relayproxy.store.errors import StoreError
from relayproxy.store.read.queries import Queries

INTERVAL = 0.1
"""Seconds between two polls, while there are watchers."""


class ChangePoller:
    """Notifies watchers of new revisions. A slow watcher misses revisions, never the newest one, and nothing
    is queued for it."""

    def __init__(self, queries: Queries, interval: float = INTERVAL) -> None:
        self._queries = queries
        self._interval = interval
        self._watched: Counter[str] = Counter()
        self._watchers = 0
        self._token: str | None = None
        self._revisions: dict[str, int] = {}
        self._known: set[str] = set()
        self._looked = asyncio.Condition()
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def watchers(self) -> int:
        """The number of watchers at this moment."""
        return self._watchers

    async def sessions(self) -> AsyncGenerator[str, None]:
        """A token at once, and another one after every change of any session; ends when the poller is closed."""
        async with aclosing(self._follow(None)) as tokens:
            async for token in tokens:
                yield str(token)

    async def session(self, id: str) -> AsyncGenerator[int | None, None]:
        """The revision of the session (our id) at once and whenever it changes; None when there is no such session
        any more. Ends when the poller is closed."""
        async with aclosing(self._follow(id)) as revisions:
            async for revision in revisions:
                yield revision if isinstance(revision, int) else None

    async def close(self) -> None:
        """Ends every watcher and stops polling."""
        self._stop.set()
        async with self._looked:
            self._looked.notify_all()
        if self._task:
            await self._task

    async def _follow(self, id: str | None) -> AsyncGenerator[int | str | None, None]:
        self._enter(id)
        try:
            seen: object = object()
            while True:
                async with self._looked:
                    while not self._stop.is_set() and not self._is_news(id, seen):
                        await self._looked.wait()
                if self._stop.is_set():
                    return
                seen = now = self._token if id is None else self._revisions.get(id)
                yield now
        finally:
            self._leave(id)

    def _is_news(self, id: str | None, seen: object) -> bool:
        if id is None:
            return self._token is not None and self._token != seen
        return id in self._known and self._revisions.get(id) != seen

    def _enter(self, id: str | None) -> None:
        self._watchers += 1
        if id is not None:
            self._watched[id] += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look_on())

    def _leave(self, id: str | None) -> None:
        self._watchers -= 1
        if id is not None:
            self._watched[id] -= 1
            if not self._watched[id]:
                del self._watched[id]
                self._known.discard(id)

    async def _look_on(self) -> None:
        while self._watchers and not self._stop.is_set():
            with suppress(StoreError):  # which the log has been told of; live pages wait
                await self._look()
            try:
                await asyncio.wait_for(self._stop.wait(), self._interval)
            except TimeoutError:
                continue

    async def _look(self) -> None:
        token = await asyncio.to_thread(self._queries.changes)
        watched = set(self._watched)
        if token == self._token and watched == self._known:
            return
        # Read after the token: a commit in between shows as a change again, and is never missed.
        revisions = await asyncio.to_thread(self._queries.revisions, watched)
        async with self._looked:
            self._token, self._revisions, self._known = token, revisions, watched & set(self._watched)
            self._looked.notify_all()
