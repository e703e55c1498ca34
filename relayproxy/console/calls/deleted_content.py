"""Deleted content: what is said of a session that has kept its numbers alone.

Knows: how long after the call it was deleted.
Must not know: why; HTML.
"""

from relayproxy.console.http.middleware import Problem
from relayproxy.console.http.times import utc
from relayproxy.plural import plural
from relayproxy.store.schema.rows import SessionRow

_DAY, _HOUR = 86_400 * 1_000_000_000, 3600 * 1_000_000_000


def sentence(row: SessionRow) -> str:
    """When the content of the session was deleted, and how long after its end; empty while it is kept."""
    at = row.content_deleted_at
    if at is None or row.ended_at is None:
        return ""
    kept = at - row.ended_at
    after = plural(round(kept / _DAY), "day") if kept >= _DAY else plural(round(kept / _HOUR), "hour")
    return f"What was said in this call was deleted on {utc(at)[:10]}, {after} after its end."


def require_content(row: SessionRow) -> None:
    """Raises a 410 Problem when the content of the session was deleted."""
    if told := sentence(row):
        raise Problem(410, "content_deleted", f"{told} Its numbers are kept.")
