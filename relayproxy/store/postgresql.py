"""PostgreSQL connections that do not hang when the server has stopped, and that work through a pooler.

Knows: psycopg; how a frozen server is recognised, and how a pooler such as PgBouncer is.
Must not know: tables; what is asked.

A server that is frozen keeps its connections, and its timeouts do not run: only the client can tell. After some seconds
of silence it probes with a new connection: a server that accepts it is still working on the query.

Behind a pooler each transaction may have another session of the server, and statements that were prepared in one are
not there in the next.
"""

import time
from collections.abc import Callable, Generator
from typing import Any

import psycopg
from psycopg.abc import PQGen
from psycopg.errors import ConnectionTimeout

QUIET = 3.0
"""Seconds without a byte after which the server is probed, again and again."""
PROBE_TIMEOUT = 2
"""Seconds that a probe waits for a new connection."""
REMEMBERED = 2.0
"""Seconds for which a server that does not answer is not asked again: a page has more than one question."""
SILENT = f"the server does not answer: nothing for {QUIET:g} s, and no new connection within {PROBE_TIMEOUT} s"


class Server:
    """The server of an engine. For any thread."""

    def __init__(self) -> None:
        self._silent_until = 0.0

    def connect(self, **parameters: Any) -> "WatchedConnection":
        """As `psycopg.connect`, given parameters by name."""
        if time.monotonic() < self._silent_until:
            raise psycopg.OperationalError(SILENT)
        try:
            connection = WatchedConnection.connect(**parameters)
        except ConnectionTimeout:
            self._silent_until = time.monotonic() + REMEMBERED
            raise
        try:
            connection.probe = lambda: self._probe(parameters)
            if _is_pooled(connection):
                connection.prepare_threshold = None
        except BaseException:
            connection.close()
            raise
        return connection

    def _probe(self, parameters: dict[str, Any]) -> None:
        try:
            psycopg.connect(**{**parameters, "connect_timeout": PROBE_TIMEOUT}).close()
        except ConnectionTimeout:
            self._silent_until = time.monotonic() + REMEMBERED
            raise psycopg.OperationalError(SILENT) from None
        except psycopg.OperationalError:
            return  # an answer, too: that there are too many connections, say


def _is_pooled(connection: "WatchedConnection") -> bool:
    """Whether what has answered the connection is not the process that carries out its statements."""
    connection.autocommit = True
    (pid,) = connection.execute("SELECT pg_backend_pid()").fetchone() or (0,)
    connection.autocommit = False
    return bool(pid != connection.info.backend_pid)


class WatchedConnection(psycopg.Connection[Any]):
    """A connection whose every wait ends, with OperationalError, soon after the server has stopped. `probe` raises
    that when it has."""

    probe: Callable[[], None] = staticmethod(lambda: None)

    def wait(self, gen: PQGen[Any], *args: Any, **options: Any) -> Any:
        """As psycopg's."""
        return super().wait(self._watched(gen), *args, **options)

    def _watched(self, gen: PQGen[Any]) -> Generator[Any, Any, Any]:
        try:
            wanted = next(gen)
            since = time.monotonic()
            while True:
                ready = yield wanted
                if ready:
                    since = time.monotonic()
                elif time.monotonic() - since >= QUIET:
                    try:
                        self.probe()
                    except psycopg.OperationalError:
                        self.pgconn.finish()
                        raise
                    since = time.monotonic()
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value
