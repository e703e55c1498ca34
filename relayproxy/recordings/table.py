"""Tables of sessions and turns for spreadsheets: comma-separated values.

Knows: the columns and their order; what spreadsheets would take for a formula.
Must not know: where rows come from and go to.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from relayproxy.conversation.model import Turn
from relayproxy.store.schema.rows import SessionRow, Treatment
from relayproxy.text import mended

SESSION_COLUMNS = (
    "id",
    "session_id",
    "call_sid",
    "account_sid",
    "route",
    "backend",
    "backend_version",
    "from",
    "to",
    "direction",
    "started_at",
    "ended_at",
    "duration_ms",
    "outcome",
    "ended_by",
    "end_reason",
    "studio_transition",
    "twilio_error_code",
    "handoff_reason",
    "turns",
    "interruptions",
    "false_interruptions",
    "unanswered",
    "responses",
    "response_p50_ms",
    "response_p95_ms",
    "response_max_ms",
    "longest_wait_ms",
    "unheard_chars",
    "errors",
    "warnings",
    "messages",
    "gaps",
    "signature",
    "custom_parameters",
    "treatment",
    "shadow_of",
)
TURN_COLUMNS = (
    "session",
    "session_id",
    "turn",
    "started_at",
    "ended_at",
    "opened_by",
    "caller_text",
    "dtmf",
    "lang",
    "agent_text",
    "heard_text",
    "response_latency_ms",
    "backend_latency_ms",
    "longest_wait_ms",
    "null_reason",
    "interruptions",
    "unanswered",
    "findings",
    "treatment",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # full width is taken for the same
_RENAMED = {"from": "from_number", "to": "to_number"}


def header(columns: Iterable[str]) -> bytes:
    """The first line."""
    return _line(columns)


def session_line(row: SessionRow, treatment: Treatment | None = None, shadow_of: str | None = None) -> bytes:
    """The session's values of `SESSION_COLUMNS`. `treatment`: None for an ordinary call. `shadow_of`: our id of the
    session that it is the shadow of, as long as that is kept."""
    made: Mapping[str, Any] = {
        "started_at": _time(row.started_at),
        "ended_at": _time(row.ended_at),
        "duration_ms": None if row.ended_at is None else (row.ended_at - row.started_at) // 1_000_000,
        "treatment": treatment,
        "shadow_of": shadow_of,
    }
    return _line(made[name] if name in made else getattr(row, _RENAMED.get(name, name)) for name in SESSION_COLUMNS)


def turn_line(row: SessionRow, turn: Turn, treatment: Treatment | None = None) -> bytes:
    """The turn's values of `TURN_COLUMNS`. `treatment`: as of `session_line`."""
    backend = turn.budget.backend
    made: Mapping[str, Any] = {
        "session": row.id,
        "session_id": row.session_id,
        "turn": turn.number,
        "started_at": _time(turn.started_at),
        "ended_at": _time(turn.ended_at),
        "backend_latency_ms": None if backend is None else backend // 1_000_000,
        "interruptions": len(turn.interruptions),
        "unanswered": int(turn.unanswered),
        "findings": " ".join(dict.fromkeys(finding.code for finding in turn.findings)),
        "treatment": treatment,
    }
    return _line(made[name] if name in made else getattr(turn, name) for name in TURN_COLUMNS)


def _line(values: Iterable[Any]) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerow([_safe(value) for value in values])
    return written.getvalue().encode()


def _safe(value: Any) -> Any:
    """The value; a text that a spreadsheet would compute has an apostrophe in front, as people type it there."""
    if not isinstance(value, str):
        return value
    text = mended(value).replace("\0", "")
    return f"'{text}" if text.startswith(_FORMULA) else text


def _time(moment: int | None) -> str | None:
    return None if moment is None else f"{datetime.fromtimestamp(moment / 1e9, UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
