"""Change poller: polls the database once for all live pages, and notifies them of new revisions.

Knows: how often each watcher has it polled, and the revision that each has seen.
Must not know: HTTP, HTML, what changed.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from relayproxy.store.errors import StoreError
from relayproxy.store.read.queries import Queries

INTERVAL = 0.1
"""Seconds between two polls, while somebody watches who does not say otherwise: as often as the recorder commits."""


class ChangePoller:
    """Notifies watchers of new revisions. A slow watcher misses revisions, never the newest one, and nothing
    is queued for it."""

    def __init__(self, queries: Queries, interval: float = INTERVAL) -> None:
        self._queries = queries
        self._interval = interval
        self._watched: Counter[str] = Counter()
        self._intervals: Counter[float] = Counter()
        self._token: str | None = None
        self._revisions: dict[str, int] = {}
        self._known: set[str] = set()
        self._looked = asyncio.Condition()
        self._stop = False
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def watchers(self) -> int:
        """The number of watchers at this moment."""
        return self._intervals.total()

    async def sessions(self, seen: str | None = None, interval: float | None = None) -> AsyncGenerator[str, None]:
        """A token of `Queries.changes` at once, unless it is the one that the watcher has `seen`, and another one after
        every change of any session; ends when the poller is closed. `interval`: seconds between two polls that will
        do."""
        async with aclosing(self._follow(None, seen, interval)) as tokens:
            async for token in tokens:
                yield str(token)

    async def session(self, id: str) -> AsyncGenerator[int | None, None]:
        """The revision of the session (our id) at once and whenever it changes; None when there is no such session
        any more. Ends when the poller is closed."""
        async with aclosing(self._follow(id, object())) as revisions:
            async for revision in revisions:
                yield revision if isinstance(revision, int) else None

    async def close(self) -> None:
        """Ends every watcher and stops polling."""
        self._stop = True
        self._wake.set()
        async with self._looked:
            self._looked.notify_all()
        if self._task:
            await self._task

    async def _follow(
        self, id: str | None, seen: object, interval: float | None = None
    ) -> AsyncGenerator[int | str | None, None]:
        interval = self._interval if interval is None else interval
        self._enter(id, interval)
        try:
            while True:
                async with self._looked:
                    while not self._stop and not self._is_news(id, seen):
                        await self._looked.wait()
                if self._stop:
                    return
                seen = now = self._token if id is None else self._revisions.get(id)
                yield now
        finally:
            self._leave(id, interval)

    def _is_news(self, id: str | None, seen: object) -> bool:
        if id is None:
            return self._token is not None and self._token != seen
        return id in self._known and self._revisions.get(id) != seen

    def _enter(self, id: str | None, interval: float) -> None:
        self._intervals[interval] += 1
        self._wake.set()
        if id is not None:
            self._watched[id] += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look_on())

    def _leave(self, id: str | None, interval: float) -> None:
        self._intervals[interval] -= 1
        if id is not None:
            self._watched[id] -= 1
            if not self._watched[id]:
                del self._watched[id]
                self._known.discard(id)

    async def _look_on(self) -> None:
        while (wanted := +self._intervals) and not self._stop:
            self._wake.clear()
            with suppress(StoreError):  # which the log has been told of; live pages wait
                await self._look()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), min(wanted))

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
