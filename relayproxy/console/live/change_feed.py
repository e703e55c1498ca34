"""Change feed of the live view: changed tiles, read once for all readers.

Knows: which calls live or have just ended, and at which version each last changed.
Must not know: HTTP; how a tile is drawn.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from relayproxy.console.http.change_poller import ChangePoller
from relayproxy.console.live.call_tile import CallTile
from relayproxy.retry import retry_async
from relayproxy.store.errors import StoreError
from relayproxy.store.read.live import LiveCall, live, live_calls
from relayproxy.store.read.queries import Queries

MAX_TILES = 500
"""Live calls on the live view; of more, the longest-lived."""
_ENDED = 500
"""Calls that are remembered after their end, for those who were away meanwhile."""
_PAUSES = (1.0,)
"""Seconds before a failed poll is tried again."""
_REST = 3
"""Pause after a poll, in multiples of its duration: with many calls, fewer polls that each show more."""


@dataclass(frozen=True, slots=True)
class RenderedTile:
    """A tile and its markup, the same for every reader."""

    tile: CallTile
    markup: str


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes after a version. `tiles` are in order of start; `gone` were no calls of their own after all.
    `whole`: the version was not one of this feed, and `tiles` are all that live."""

    version: str
    tiles: tuple[RenderedTile, ...]
    gone: tuple[str, ...]
    live: int
    """The number of live calls, those beyond `MAX_TILES` included."""
    whole: bool


@dataclass(slots=True)
class _Known:
    version: int
    order: tuple[int, str]
    revision: int
    live: bool
    tile: RenderedTile | None


class ChangeFeed:
    """Changes of live calls for all followers. `draw` makes a tile of a session; it is called once for each change."""

    def __init__(self, queries: Queries, poller: ChangePoller, draw: Callable[[LiveCall], RenderedTile]) -> None:
        self._queries = queries
        self._poller = poller
        self._draw = draw
        self._life = secrets.token_hex(4)
        self._version = 0
        self._looks = 0
        self._live = 0
        self._known: dict[str, _Known] = {}
        self._changed = asyncio.Condition()
        self._looking = asyncio.Lock()
        self._followers = 0
        self._task: asyncio.Task[None] | None = None
        self._over = False

    @property
    def followers(self) -> int:
        """The number of followers at this moment."""
        return self._followers

    async def now(self) -> Changes:
        """All live calls, as the database has them. Raises StoreError."""
        await self._look()
        return self._since(None)

    async def follow(self, version: str | None) -> AsyncGenerator[Changes, None]:
        """Changes since a version that was given before, and every change from then on. A slow follower misses states
        in between, never the newest, and nothing is queued for it. Ends when the poller is closed."""
        self._followers += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look_on())
        try:
            # Who knows nothing gets the state of a look that began after they came.
            told, before = self._read(version), self._looks
            while True:
                async with self._changed:
                    while not (self._over or (self._looks > before if told is None else self._version > told)):
                        await self._changed.wait()
                if self._over:
                    return
                changes = self._since(told)
                told = self._version
                yield changes
        finally:
            self._followers -= 1
            if not self._followers and self._task:
                self._task.cancel()
                self._task = None

    def _read(self, version: str | None) -> int | None:
        life, _, number = (version or "").partition(".")
        known = life == self._life and number.isascii() and number.isdigit() and len(number) < 16
        return int(number) if known else None

    def _since(self, told: int | None) -> Changes:
        changed = sorted(
            (entry for entry in self._known.values() if (entry.live if told is None else entry.version > told)),
            key=lambda entry: entry.order,
        )
        return Changes(
            version=f"{self._life}.{self._version}",
            tiles=tuple(entry.tile for entry in changed if entry.tile is not None),
            gone=tuple(entry.order[1] for entry in changed if entry.tile is None),
            live=self._live,
            whole=told is None,
        )

    async def _look_on(self) -> None:
        async with aclosing(self._poller.sessions()) as tokens:
            async for _ in tokens:
                # The failure is in the log already, from where it occurred.
                await asyncio.sleep(_REST * await retry_async(self._timed_look, _PAUSES, errors=StoreError))
        self._over = True
        async with self._changed:
            self._changed.notify_all()

    async def _timed_look(self) -> float:
        """How many seconds it took."""
        began = time.monotonic()
        await self._look()
        return time.monotonic() - began

    async def _look(self) -> None:
        async with self._looking:
            revisions, count = await asyncio.to_thread(live, self._queries, MAX_TILES)
            known = self._known
            stale = [id for id, revision in revisions.items() if id not in known or known[id].revision != revision]
            left = [id for id, entry in known.items() if entry.live and id not in revisions]
            if stale or left or count != self._live:
                found = await asyncio.to_thread(self._read_tiles, [*stale, *left])
                self._version += 1
                self._live = count
                for id in (*stale, *left):
                    self._put(id, found.get(id))
                self._forget()
            self._looks += 1
            async with self._changed:
                self._changed.notify_all()

    def _read_tiles(self, ids: list[str]) -> dict[str, tuple[LiveCall, RenderedTile]]:
        return {id: (call, self._draw(call)) for id, call in live_calls(self._queries, ids).items()}

    def _put(self, id: str, found: tuple[LiveCall, RenderedTile] | None) -> None:
        if found is not None:
            session = found[0].session
            order, live = (session.started_at, id), session.ended_at is None
            self._known[id] = _Known(self._version, order, session.revision, live, found[1])
        elif id in self._known:
            self._known[id] = _Known(self._version, self._known[id].order, 0, False, None)

    def _forget(self) -> None:
        ended = sorted((entry.version, id) for id, entry in self._known.items() if not entry.live)
        for _, id in ended[:-_ENDED]:
            del self._known[id]
