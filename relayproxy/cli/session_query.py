"""Sessions that a filter finds, for commands.

Knows: that a filter is written as in the console's list, and what is said of one that is not understood.
Must not know: what becomes of the sessions.
"""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from relayproxy.errors import RelayproxyError

if TYPE_CHECKING:
    from relayproxy.store.read.queries import Queries
    from relayproxy.store.schema.rows import SessionRow

PAGE = 500
"""Sessions that are looked up at once."""


def sessions_found(queries: "Queries", query: str | None) -> "Iterator[SessionRow]":
    """All sessions that a filter finds, or all there are; one that ends meanwhile may come twice. Raises
    RelayproxyError for a filter that is not understood."""
    from relayproxy.console.filters.language import parse
    from relayproxy.store.read.filters.criteria import Criteria

    criteria = Criteria()
    if query is not None:
        understood = parse(query, time.time_ns())
        if understood.problems:
            wrong = understood.problems[0]
            meant = f"; {wrong.meant} was perhaps meant" if wrong.meant else ""
            raise RelayproxyError(f"--query: {wrong.token}: {wrong.message}{meant}")
        criteria = understood.criteria
    before: str | None = None
    while True:
        page = queries.sessions(PAGE, before, criteria)
        yield from page.sessions
        before = page.next
        if before is None:
            return
