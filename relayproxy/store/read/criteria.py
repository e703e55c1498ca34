"""Criteria: what a list of sessions is filtered and sorted by.

Knows: every field, what kind of values it takes, what it means in words.
Must not know: how people write filters; SQL.
"""

from dataclasses import dataclass
from typing import Literal

Op = Literal["=", "^", ">", ">=", "<", "<="]
"""`^`: begins with."""
FieldKind = Literal["text", "number", "seconds", "label", "is"]
"""`seconds`: people write seconds, values are milliseconds. `label`: kept beside the session, one or several a name."""

PARAM = "param."
"""Begins the names of labels that are custom parameters."""
TAG = "tag"
"""The name of labels that people give; all others are derived."""


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to filter by; `help` says in a phrase what it is, `example` shows a value."""

    kind: FieldKind
    help: str
    example: str


FIELDS: dict[str, Field] = {
    "is": Field("is", "state: live, ended; or what it has: handoff, gap, noted", "live"),
    "outcome": Field("text", "how the session ended", "caller_hangup"),
    "transition": Field("text", "the way that Studio took: success, failed, none, unknown", "failed"),
    "wait": Field("seconds", "the longest wait for an answer, also when none came or the caller asked again", ">4"),
    "latency": Field("seconds", "the slowest answer of the session, from the last prompt before it", ">2"),
    "p50": Field("seconds", "the median wait for an answer", ">1.2"),
    "p95": Field("seconds", "the 95th percentile of the waits for an answer", ">3"),
    "duration": Field("seconds", "how long the session took", ">5m"),
    "turns": Field("number", "number of turns", ">10"),
    "responses": Field("number", "number of answers", ">10"),
    "interruptions": Field("number", "how often the agent was cut off", ">0"),
    "unanswered": Field("number", "turns with a prompt or key left without an answer, asked again or not", ">0"),
    "stale": Field("number", "text messages sent after an interruption", ">0"),
    "errors": Field("number", "findings that are errors", ">0"),
    "warnings": Field("number", "findings that are warnings", ">0"),
    "finding": Field("label", "code of a finding", "slow_turn"),
    "number": Field("text", "either party's number", "+1415*"),
    "from": Field("text", "the calling number", "+1415*"),
    "to": Field("text", "the called number", "+1415*"),
    "direction": Field("text", "inbound or outbound", "inbound"),
    "route": Field("text", "the relay's route", "default"),
    "backend": Field("text", "URL of the backend", "wss://agent*"),
    "version": Field("text", "version of the backend, where version_from says that calls tell it", "2.4.1"),
    "tag": Field("label", "a tag that somebody gave", "todo"),
    "lang": Field("label", "a language that was heard", "en-US"),
    "reason": Field("text", "reasonCode of the handoff", "live-agent-handoff"),
    "code": Field("number", "error code that Twilio logs", "64105"),
    "messages": Field("number", "number of messages, both ways", ">1000"),
    "id": Field("text", "any id of a call or session, also of other dialects than Twilio's", "v2:…"),
    "session": Field("text", "Twilio's VX id, or the recording's own id", "VX…"),
    "call": Field("text", "the call SID", "CA…"),
    "account": Field("text", "the account SID", "AC…"),
    "confidence": Field("text", "how sure the ending is: certain, likely, guess", "guess"),
    "ended_by": Field("text", "who ended it: caller, backend, twilio, proxy", "backend"),
}
"""Beside these there is `param.<name>` for every custom parameter."""

STATES = ("live", "ended", "handoff", "gap", "noted")
"""Values of `is`."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One condition: the field has any of the values (or, `negated`, none of them). Numbers are ints."""

    field: str
    op: Op
    values: tuple[str | int, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Criteria:
    """Which sessions are wanted: all conditions must hold. Times are wall nanoseconds; a session is within them when
    it overlaps [since, until)."""

    every: tuple[Criterion, ...] = ()
    words: tuple[str, ...] = ()
    """Words and phrases that were said, all of them in one turn."""
    since: int | None = None
    until: int | None = None

    def __bool__(self) -> bool:
        return bool(self.every or self.words) or self.since is not None or self.until is not None


@dataclass(frozen=True, slots=True)
class Sort:
    """An order of the list: by a field of `SORTS`, the largest (or newest) first unless `ascending`."""

    field: str
    ascending: bool = False


SORTS = ("started", "duration", "turns", "latency", "wait", "interruptions")
"""What lists can be sorted by: when the session began, or a field of that name."""


def kind_of_field(name: str) -> FieldKind | None:
    """What kind of values a field takes; None when there is no such field."""
    if name.startswith(PARAM) and len(name) > len(PARAM):
        return "label"
    field = FIELDS.get(name)
    return field.kind if field else None
