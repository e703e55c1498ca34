"""Audit log: records who viewed, downloaded or searched sessions and what they changed.

Knows: which requests make an entry; that a page must not wait for it, and a download must.
Must not know: what was looked at, beyond the session's id; SQL.

Entries wait in memory for a task that writes them, so that a page is as fast as without, and can be read when the
database cannot be written. What is waiting is tried again until it is written; what finds no room is counted, and the
count becomes an entry. A download is different where people sign in: what leaves the console leaves a trace first.
"""

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from relayproxy.console.access.authorization import address_of, principal_of
from relayproxy.console.http.middleware import Problem
from relayproxy.retry import retry_async
from relayproxy.store.errors import RefusedError, StoreError
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.audit import Action, AuditEntry, add_entries

_log = logging.getLogger(__name__)

WAITING = 2000
"""Entries that may wait to be written."""
AT_ONCE = 200
"""Entries of one transaction."""
PAUSES = (1.0, 2.0, 5.0, 15.0, 30.0)
"""Seconds before a failed write is tried again, the last one again and again."""
AGAIN = 15 * 60.0
"""Seconds within which repeated views by one principal make one entry."""
REMEMBERED = 10_000
_OPENED = frozenset({"/sessions/{id}", "/api/sessions/{id}", "/compare", "/api/compare"})
"""Actions that count as one view of a session."""
_DOWNLOAD = "/sessions/{id}/recording"


@dataclass(frozen=True, slots=True)
class AuditState:
    """State of the audit log. `failing_since` is wall nanoseconds; None while it can be written."""

    waiting: int = 0
    """Entries that wait to be written."""
    lost: int = 0
    """Entries that found no room and are not yet written down as lost."""
    failing_since: int | None = None
    cause: str = ""


class AuditLog:
    """Writes entries, in the order in which they came."""

    def __init__(self, writer: AnnotationWriter, *, waiting: int = WAITING) -> None:
        self._writer = writer
        self._queue: asyncio.Queue[AuditEntry] = asyncio.Queue(waiting)
        self._batch: list[AuditEntry] = []
        self._lost = 0
        self._seen: OrderedDict[bytes, float] = OrderedDict()
        self._failing_since: int | None = None
        self._cause = ""

    @property
    def state(self) -> AuditState:
        """The state of the log now."""
        return AuditState(self.waiting, self._lost, self._failing_since, self._cause)

    @property
    def waiting(self) -> int:
        """The number of entries that wait to be written."""
        return self._queue.qsize() + len(self._batch)

    def take(self, entry: AuditEntry) -> None:
        """Keeps an entry until it is written."""
        try:
            self._queue.put_nowait(entry)
        except asyncio.QueueFull:
            self._lost += 1

    async def write_now(self, entry: AuditEntry) -> None:
        """Returns when the entry is written. Raises `StoreError`."""
        await self._writer.run(add_entries, [entry])

    async def settle(self, patience: float = 1.0) -> None:
        """Waits a little until what was taken is written."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._queue.join(), patience)

    def is_news(self, *parts: str) -> bool:
        """False when the same was asked less than `AGAIN` seconds ago."""
        key = hashlib.blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=12).digest()
        now = time.monotonic()
        last = self._seen.pop(key, None)
        self._seen[key] = now
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return last is None or now - last > AGAIN

    async def run(self) -> None:
        """Writes what is taken, until cancelled."""
        while True:
            batch = self._batch = [await self._queue.get()]
            while len(batch) < AT_ONCE and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            count = len(batch)
            await retry_async(partial(self._write, batch), PAUSES, errors=StoreError, failed=self._failed)
            self._batch = []
            for _ in range(count):
                self._queue.task_done()

    def _failed(self, problem: Exception) -> None:
        if self._failing_since is None:
            _log.warning("the audit cannot be written, its entries wait: %s", problem)
            self._failing_since = time.time_ns()
        self._cause = str(problem)

    async def _write(self, batch: list[AuditEntry]) -> None:
        """Raises StoreError when it is to be tried again, with what is left of the batch."""
        lost = self._lost
        gap = [AuditEntry(time.time_ns(), "relayproxy", "lost", str(lost), "")] if lost else []
        try:
            await self._writer.run(add_entries, [*batch, *gap])
        except Exception as problem:
            if isinstance(problem, StoreError) and not isinstance(problem, RefusedError):
                raise
            if len(batch) > 1:
                await self._write_each(batch)
                return
            # Whatever it is, it must not end the task that writes.
            _log.exception("an entry of the audit could not be written")
            self._lost += 1
            return
        if self._failing_since is not None:
            _log.warning("the audit is written again")
        self._failing_since = None
        self._lost -= lost

    async def _write_each(self, batch: list[AuditEntry]) -> None:
        """One by one, so that one that cannot be written takes no other with it."""
        while batch:
            await self._write(batch[:1])
            del batch[0]


AUDIT_LOG = web.AppKey("audit_log", AuditLog)


def set_up(app: web.Application, writer: AnnotationWriter) -> None:
    """Makes `audit` work for the application."""
    audit_log = app[AUDIT_LOG] = AuditLog(writer)

    async def work(_: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(audit_log.run())
        yield
        await audit_log.settle()
        if audit_log.waiting:
            _log.error("%d entries of the audit were not written", audit_log.waiting)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    app.cleanup_ctx.append(work)


async def audit(request: web.Request, action: Action, subject: str, *, actor: str | None = None) -> None:
    """Adds an entry about who sent the request; `subject` is a session's id (ours) or empty.

    Returns at once, and never fails but for `export` where people sign in: that one returns when the entry is
    written, and raises a 503 Problem when it cannot be.
    """
    audit_log = request.app.get(AUDIT_LOG)
    if audit_log is None:
        return
    who = principal_of(request) if actor is None else None
    entry = AuditEntry(time.time_ns(), who.name if who else actor or "", action, subject, address_of(request))
    if action != "export" or who is None or who.means == "local":
        audit_log.take(entry)
        return
    try:
        await audit_log.write_now(entry)
    except StoreError:
        _log.warning("a download was refused: the audit cannot be written")
        raise Problem(
            503, "audit_unavailable", "That a recording is downloaded cannot be recorded now, so it is not given."
        ) from None


async def viewed(request: web.Request, session: str) -> None:
    """The request shows something of the session (our id). Every opening of its page or document is an entry; parts
    of it are one when the same person has not looked at it for a while."""
    audit_log, resource = request.app.get(AUDIT_LOG), request.match_info.route.resource
    where = resource.canonical if resource else ""
    if audit_log is None or where == _DOWNLOAD:
        return
    news = audit_log.is_news("view", principal_of(request).name, address_of(request), session)
    if news or where in _OPENED:
        await audit(request, "view", session)


async def searched(request: web.Request, words: Iterable[str]) -> None:
    """The request searched for words that were said. The words are not kept; the same ones again, as when a list
    brings itself up to date, are no new entry."""
    audit_log = request.app.get(AUDIT_LOG)
    if audit_log is not None and audit_log.is_news("search", principal_of(request).name, address_of(request), *words):
        await audit(request, "search", "")
