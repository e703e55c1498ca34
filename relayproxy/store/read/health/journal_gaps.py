"""Journal gaps: parts of journals that were lost.

Knows: which gaps fall into a span of time.
Must not know: how journals are read; how gaps are shown.
"""

from relayproxy.store.read.queries import Queries
from relayproxy.store.schema import tables
from relayproxy.store.schema.mapping import columns, value
from relayproxy.store.schema.rows import JournalGapRow

MAX_GAPS = 100


def journal_gaps(queries: Queries, since: int | None = None, until: int | None = None) -> tuple[JournalGapRow, ...]:
    """The gaps that some of the time from `since` to `until` (wall nanoseconds; None: no bound) may lie in, the newest
    first, at most `MAX_GAPS`. Raises as queries do."""
    c = tables.journal_gaps.c
    query = columns(JournalGapRow, tables.journal_gaps).order_by(c.until.desc(), c.journal, c.segment, c.offset)
    if since is not None:
        query = query.where(c.until >= since)
    if until is not None:
        query = query.where(c.since <= until)
    with queries.reading() as db:
        return tuple(value(JournalGapRow, row) for row in db.execute(query.limit(MAX_GAPS)))
