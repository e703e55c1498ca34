"""Cookie revocation: signing out ends a cookie on every console of the installation.

Knows: the two places where that is kept: a file in the data folder, at once, and the database, for every console.
Must not know: how a cookie is signed; what it opens.

A cookie counts no more when either says so. The file makes signing out safe while the database is away: this console
refuses the cookie from then on, after a restart too, and writes to the database what it has not yet. Until then another
console, with another data folder, does not know; as soon as it can ask the database it may take the cookie once more.
"""

import asyncio
import logging
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from relayproxy.console.access.cookies import CookieClaims, open_private
from relayproxy.retry import retry_async
from relayproxy.store.errors import StoreError
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.revocations import Revocation, add_revocations, revoked

_log = logging.getLogger(__name__)

FILE = "console.ended"
PAUSES = (1.0, 2.0, 5.0)
"""Seconds before a failed write is tried again, the last one again and again."""
SETTLE = 1.0
"""Seconds that signing out waits at most for the database to take the revocation."""
_S = 1_000_000_000


class Revocations:
    """Revokes cookies, and reports which are revoked. `file` is this console's own memory."""

    def __init__(self, file: "RevocationFile", queries: Queries, writer: AnnotationWriter) -> None:
        self._file = file
        self._queries = queries
        self._writer = writer
        self._queue: asyncio.Queue[Revocation] = asyncio.Queue()
        self._failing = False

    def revoke(self, cookie: CookieClaims) -> None:
        """From now on the cookie opens nothing here, and nothing anywhere once the database has taken it."""
        self._file.add(cookie.id, cookie.until)
        self._queue.put_nowait(Revocation(cookie.id, cookie.until * _S))

    async def settle(self) -> None:
        """Waits a little until the database has taken what was revoked."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._queue.join(), SETTLE)

    async def among(self, ids: Iterable[str]) -> frozenset[str]:
        """Those of the ids that were revoked on any console. Raises `StoreError`."""
        asked = tuple(ids)
        found = await asyncio.to_thread(revoked, self._queries, asked)
        # Meanwhile one may have been ended here.
        return found.union(id for id in asked if id in self._file)

    async def run(self) -> None:
        """Writes to the database what the file has from before and what is revoked, until cancelled."""
        for id, until in self._file.entries():
            self._queue.put_nowait(Revocation(id, until * _S))
        while True:
            batch = [await self._queue.get()]
            while not self._queue.empty():
                batch.append(self._queue.get_nowait())
            write = partial(self._writer.run, add_revocations, batch)
            await retry_async(write, PAUSES, errors=StoreError, failed=self._failed)
            if self._failing:
                _log.warning("other consoles are told again who signs out here")
            self._failing = False
            for _ in batch:
                self._queue.task_done()

    def _failed(self, problem: Exception) -> None:
        if not self._failing:
            _log.warning("other consoles are not told who signs out here until this can be written: %s", problem)
        self._failing = True


class RevocationFile:
    """Ids of cookies that were ended before their time, and when these would have run out (seconds since the epoch);
    shared by all consoles with that file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._until: dict[str, int] = {}
        self._state: tuple[int, int] | None = None

    def __contains__(self, id: object) -> bool:
        self._look()
        return id in self._until

    def entries(self) -> Iterator[tuple[str, int]]:
        """Those that would still count."""
        self._look()
        now = time.time()
        return iter([(id, until) for id, until in self._until.items() if until >= now])

    def add(self, id: str, until: int) -> None:
        """Ends one; when the file cannot be written, for this process alone."""
        self._look()
        self._until[id] = until
        now = time.time()
        try:
            # On a host that runs a console alone nobody else may have made the folder.
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if any(until < now for until in self._until.values()):
                self._rewrite(now)
            else:
                with open_private(self._path, os.O_APPEND) as file:
                    file.write(f"{until} {id}\n".encode())
        except OSError as problem:
            _log.warning(
                "%s cannot be written: where the database does not know of it either, cookies may outlast signing out "
                "after a restart (%s)",
                self._path,
                problem.strerror,
            )

    def _rewrite(self, now: float) -> None:
        self._until = {id: until for id, until in self._until.items() if until >= now}
        fresh = self._path.with_suffix(f".{secrets.token_hex(4)}")
        with open_private(fresh, os.O_EXCL) as file:
            file.write("".join(f"{until} {id}\n" for id, until in self._until.items()).encode())
        fresh.replace(self._path)

    def _look(self) -> None:
        try:
            found = self._path.stat()
            state = (found.st_mtime_ns, found.st_size)
            if state == self._state:
                return
            lines = self._path.read_text("ascii", "replace").splitlines()
        except OSError:
            return
        self._state = state
        for line in lines:
            until, _, id = line.partition(" ")
            if until.isdigit() and id:
                self._until[id] = int(until)
