"""Criteria: the filter and the order of a list of sessions.

Knows: every field, what kind of values it takes, which columns have them.
Must not know: how people write filters; how conditions become a query.
"""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, literal, select
from sqlalchemy.sql.elements import NamedColumn

from relayproxy.store.schema.tables import imports, notes, sessions, treatments

Op = Literal["=", "^", ">", ">=", "<", "<="]
"""`^`: begins with."""
FieldKind = Literal["text", "number", "seconds", "label", "is"]
"""`seconds`: people write seconds, values are milliseconds. `label`: kept beside the session, one or several a name."""

PARAM = "param."
"""Begins the names of labels that are custom parameters."""
TAG = "tag"
"""The name of labels that people give; all others are derived."""
LABEL_TEXT = 200
"""Characters of a label's name or value; a longer parameter is found by its beginning."""


_c = sessions.c


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A field that sessions are filtered by, and its columns."""

    kind: FieldKind
    columns: tuple[NamedColumn[Any], ...] = ()
    """Of a text: any of them has the value. Of a number: its one column."""
    indexed: bool = False
    """Values are found by their beginning in an index, however old they are."""
    groups: bool = False
    """Calls can be grouped by it; by labels they always can."""


FIELDS: dict[str, Field] = {
    "is": Field("is"),
    "outcome": Field("text", (_c.outcome,), groups=True),
    "transition": Field("text", (_c.studio_transition,), groups=True),
    "wait": Field("seconds", (_c.longest_wait_ms,)),
    "latency": Field("seconds", (_c.response_max_ms,)),
    "p50": Field("seconds", (_c.response_p50_ms,)),
    "p95": Field("seconds", (_c.response_p95_ms,)),
    "duration": Field("seconds", (((_c.ended_at - _c.started_at) // literal(1_000_000)).label("duration_ms"),)),
    "turns": Field("number", (_c.turns,)),
    "responses": Field("number", (_c.responses,)),
    "interruptions": Field("number", (_c.interruptions,)),
    "unanswered": Field("number", (_c.unanswered,)),
    "stale": Field("number", (_c.stale_chunks,)),
    "errors": Field("number", (_c.errors,)),
    "warnings": Field("number", (_c.warnings,)),
    "finding": Field("label"),
    "redacted": Field("label"),
    "number": Field("text", (_c.from_number, _c.to_number), indexed=True),
    "from": Field("text", (_c.from_number,), indexed=True, groups=True),
    "to": Field("text", (_c.to_number,), indexed=True, groups=True),
    "direction": Field("text", (_c.direction,), groups=True),
    "route": Field("text", (_c.route,), groups=True),
    "backend": Field("text", (_c.backend,), groups=True),
    "version": Field("text", (_c.backend_version,), groups=True),
    "signature": Field("text", (_c.signature,), groups=True),
    "tag": Field("label"),
    "lang": Field("label"),
    "reason": Field("text", (_c.handoff_reason,), groups=True),
    "code": Field("number", (_c.twilio_error_code,)),
    "messages": Field("number", (_c.messages,)),
    "id": Field("text", (_c.session_id, _c.id, _c.call_sid), indexed=True),
    "session": Field("text", (_c.session_id, _c.id), indexed=True),
    "call": Field("text", (_c.call_sid,), indexed=True),
    "account": Field("text", (_c.account_sid,)),
    "confidence": Field("text", (_c.confidence,)),
    "ended_by": Field("text", (_c.ended_by,)),
}
"""Beside these there is `param.<name>` for every custom parameter. What people read and write of each stands under the
same name in `console.filters.fields`."""

IMPORTED: ColumnElement[bool] = _c.id.in_(select(imports.c.session))
"""The condition on a session that came as a file."""
_of_it = treatments.c.session == _c.id
SHADOW = select(treatments.c.session).where(_of_it, treatments.c.kind == "shadow").exists()
"""The condition on a session that is the shadow of a call."""
FAULTED = select(treatments.c.session).where(_of_it, treatments.c.kind == "faults").exists()
"""The condition on a call into which faults were injected."""
COUNTED = ~select(treatments.c.session).where(_of_it).exists()
"""The condition on a session that counts in figures and alerts."""
STATES: dict[str, ColumnElement[bool]] = {
    "live": _c.ended_at.is_(None),
    "ended": _c.ended_at.is_not(None),
    "handoff": _c.handoff_reason.is_not(None),
    "gap": _c.gaps > 0,
    "imported": IMPORTED,
    "noted": select(notes.c.id).where(notes.c.session == _c.id).exists(),
    "shadow": SHADOW,
    "faulted": FAULTED,
}
"""Values of `is`, and the condition on a session for each."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One condition: the field has any of the values (or, `negated`, none of them). Numbers are ints."""

    field: str
    op: Op
    values: tuple[str | int, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Criteria:
    """The sessions that are wanted: all conditions must hold. Times are wall nanoseconds; a session is within them when
    it overlaps [since, until)."""

    every: tuple[Criterion, ...] = ()
    words: tuple[str, ...] = ()
    """Words and phrases that were said, all of them in one turn."""
    since: int | None = None
    until: int | None = None

    def asks_for(self, *states: str) -> bool:
        """True when one of these values of `is` is asked for."""
        return any(one.field == "is" and not one.negated and {*one.values} & {*states} for one in self.every)

    def __bool__(self) -> bool:
        return bool(self.every or self.words) or self.since is not None or self.until is not None


@dataclass(frozen=True, slots=True)
class Sort:
    """An order of the list: by a field of `SORTS`, the largest (or newest) first unless `ascending`."""

    field: str
    ascending: bool = False


SORTS = ("started", "duration", "turns", "latency", "wait", "interruptions")
"""Orders of lists: by the session's start, or by a field of that name."""


def kind_of_field(name: str) -> FieldKind | None:
    """The kind of a field's values; None when there is no such field."""
    if name.startswith(PARAM) and len(name) > len(PARAM):
        return "label"
    field = FIELDS.get(name)
    return field.kind if field else None
