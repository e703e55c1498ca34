"""Fields of the filter language: one record a field, with all that people read of it and write for it.

Knows: names, words and closed values; which fields the sidebar lists, calls are grouped by and lists are sorted by.
Must not know: SQL; how a filter is parsed or completed.

What answers a field in the database stands under the same name in `store.read.criteria`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import get_args

from relayproxy.console.words import SIGNATURES
from relayproxy.conversation.checks.findings import CATALOGUE
from relayproxy.conversation.model import Confidence, EndedBy, Outcome, StudioTransition
from relayproxy.conversation.words import OUTCOMES, REDACTED, STUDIO_TRANSITIONS
from relayproxy.store.read.filters.criteria import STATES


@dataclass(frozen=True, slots=True)
class FilterField:
    """A field of the filter language."""

    help: str
    """Its description, in a phrase."""
    example: str = ""
    """An example of a value."""
    aliases: tuple[str, ...] = ()
    """Other names that people may write, such as its title on pages."""
    values: Mapping[str, str] = field(default_factory=dict)
    """All values, where they are known, and what pages call each; empty where it is called by its own name."""
    suggestions: tuple[str, ...] = ()
    """Suggestions of completion in place of values, where those of its kind do not fit."""
    title: str = ""
    """Its title in charts, where calls can be grouped by it."""
    facet: str = ""
    """Its title in the sidebar, where that lists its values."""
    some: str = ""
    """Of a number that the sidebar lists: what it calls having any."""
    orders: tuple[str, str] = ("", "")
    """The names of its orders, the largest first and the smallest first, where lists can be sorted by it."""


def _plain(values: Iterable[str]) -> dict[str, str]:
    return dict.fromkeys(values, "")


FILTER_FIELDS: dict[str, FilterField] = {
    "is": FilterField(
        "state: live, ended; what it has: handoff, gap, noted; or what it is: imported, shadow, faulted",
        "live",
        values=_plain(STATES),
    ),
    "outcome": FilterField(
        "how the session ended",
        "caller_hangup",
        values={value: OUTCOMES[value].phrase for value in get_args(Outcome)},
        title="Outcome",
        facet="Outcome",
    ),
    "transition": FilterField(
        "the way that Studio took: success, failed, none, unknown",
        "failed",
        aliases=("studio",),
        values={value: STUDIO_TRANSITIONS[value].phrase for value in get_args(StudioTransition)},
        title="Studio transition",
        facet="Studio",
    ),
    "wait": FilterField(
        "the longest wait for an answer, also when none came or the caller asked again",
        ">4",
        aliases=("longest_wait",),
        orders=("Longest wait first", "Shortest waits first"),
    ),
    "latency": FilterField(
        "the slowest answer of the session, from the last prompt before it",
        ">2",
        aliases=("response", "slowest"),
        orders=("Slowest answer first", "Quickest answers first"),
    ),
    "p50": FilterField("the median wait for an answer", ">1.2"),
    "p95": FilterField("the 95th percentile of the waits for an answer", ">3"),
    "duration": FilterField(
        "how long the session took",
        ">5m",
        suggestions=(">1m", ">5m", ">10m", "<10s"),
        orders=("Longest first", "Shortest first"),
    ),
    "turns": FilterField("number of turns", ">10", orders=("Most turns first", "Fewest turns first")),
    "responses": FilterField("number of answers", ">10"),
    "interruptions": FilterField(
        "how often the agent was cut off",
        ">0",
        aliases=("interrupts",),
        orders=("Most interruptions first", "Fewest interruptions first"),
    ),
    "unanswered": FilterField(
        "turns with a prompt or key left without an answer, asked again or not",
        ">0",
        facet="Unanswered",
        some="A prompt or key",
    ),
    "stale": FilterField("text messages sent after an interruption", ">0"),
    "errors": FilterField("findings that are errors", ">0"),
    "warnings": FilterField("findings that are warnings", ">0"),
    "finding": FilterField(
        "code of a finding",
        "slow_turn",
        aliases=("findings",),
        values={code: entry.title for code, entry in CATALOGUE.items()},
        title="Finding",
        facet="Findings",
    ),
    "redacted": FilterField(
        "kind of secret that was masked before anything was stored",
        "card_number",
        values={kind: one for kind, (one, _) in REDACTED.items()},
        title="Redacted",
        facet="Redacted",
    ),
    "number": FilterField("either party's number", "+1415*"),
    "from": FilterField("the calling number", "+1415*", aliases=("caller",), title="Calling number"),
    "to": FilterField("the called number", "+1415*", aliases=("callee",), title="Called number"),
    "direction": FilterField("inbound or outbound", "inbound", title="Direction", facet="Direction"),
    "route": FilterField("the relay's route", "default", title="Route", facet="Route"),
    "backend": FilterField("URL of the backend", "wss://agent*", title="Backend", facet="Backend"),
    "version": FilterField(
        "version of the backend, where version_from says that calls tell it",
        "2.4.1",
        aliases=("backend_version",),
        title="Backend version",
        facet="Backend version",
    ),
    "signature": FilterField(
        "Twilio's signature: valid, wrong, missing, unchecked",
        "wrong",
        aliases=("signed",),
        values={**SIGNATURES},
        title="Signature",
        facet="Signature",
    ),
    "tag": FilterField("a tag that somebody gave", "todo", aliases=("tags",), title="Tag", facet="Tags"),
    "lang": FilterField("a language that was heard", "en-US", title="Language"),
    "reason": FilterField("reasonCode of the handoff", "live-agent-handoff", title="Handoff reason"),
    "code": FilterField("error code that Twilio logs", "64105"),
    "messages": FilterField("number of messages, both ways", ">1000"),
    "id": FilterField("any id of a call or session, also of other dialects than Twilio's", "v2:…"),
    "session": FilterField("Twilio's VX id, or the recording's own id", "VX…"),
    "call": FilterField("the call SID", "CA…"),
    "account": FilterField("the account SID", "AC…"),
    "confidence": FilterField(
        "how sure the ending is: certain, likely, guess", "guess", values=_plain(get_args(Confidence))
    ),
    "ended_by": FilterField(
        "who ended it: caller, backend, twilio, proxy", "backend", values=_plain(get_args(EndedBy))
    ),
}
"""In the order in which they are listed. Beside these there is `param.<name>` for every custom parameter."""

TIMES: dict[str, FilterField] = {
    "since": FilterField(
        "sessions that went on at that time or later: 24h, 7d, 2026-11-20, 2026-11-20T10:00",
        suggestions=("1h", "24h", "7d", "30d", "today"),
    ),
    "until": FilterField(
        "sessions that had begun by that time; a day counts whole", suggestions=("1h", "24h", "7d", "yesterday")
    ),
    "on": FilterField(
        "sessions of a day: today, yesterday, 2026-11-20, 2026-11-20+09:00", suggestions=("today", "yesterday")
    ),
}
"""Names that are written like fields and bound the time."""

ALIASES = {alias: name for name, each in FILTER_FIELDS.items() for alias in each.aliases}
CLOSED = ("is", "transition", "outcome", "confidence", "ended_by", "finding", "redacted", "signature")
"""Fields whose values are all known, in the order in which these are suggested."""
FACETS = (
    "transition",
    "outcome",
    "unanswered",
    "finding",
    "route",
    "tag",
    "direction",
    "signature",
    "redacted",
    "backend",
    "version",
)
"""Fields that the sidebar lists, in this order; custom parameters come behind them."""
GROUPS = (
    "route",
    "backend",
    "version",
    "to",
    "from",
    "direction",
    "signature",
    "outcome",
    "transition",
    "reason",
    "tag",
    "lang",
    "finding",
    "redacted",
)
"""Fields that calls are grouped by in charts, in the order in which they are offered."""


def closed_values(name: str) -> Mapping[str, str]:
    """All values of a field and what pages call them; empty where they are not all known."""
    return FILTER_FIELDS[name].values if name in CLOSED else {}
