"""Trace link: the URL of a session's trace in a viewer of traces.

Knows: the placeholders of a template.
Must not know: which viewer of traces it leads to.
"""

import re
from urllib.parse import quote

from relayproxy.settings.validators import TRACE_PLACES
from relayproxy.store.schema.rows import SessionRow

_PLACE = re.compile(rf"\{{({'|'.join(TRACE_PLACES)})\}}")


def trace_link(template: str | None, row: SessionRow, now: int) -> str | None:
    """The URL of the session's trace, as of `now` (wall nanoseconds) while it lives; None without a template."""
    if template is None:
        return None
    ended_at = now if row.ended_at is None else row.ended_at
    values = {
        "trace_id": row.trace_id,
        "session_id": row.session_id or "",
        "started_ms": str(row.started_at // 1_000_000),
        "ended_ms": str(-(-ended_at // 1_000_000)),
        "started_s": str(row.started_at // 1_000_000_000),
        "ended_s": str(-(-ended_at // 1_000_000_000)),
    }
    return _PLACE.sub(lambda found: quote(values[found[1]], safe=""), template)
