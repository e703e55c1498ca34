"""Finding views: findings with their texts and with links to the messages that they are about.

Knows: the catalogue, and that a live call may have an alarm of its own.
Must not know: HTML, JSON; how findings are made.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from relayproxy.console.calls.messages.message_reading import write_cursor
from relayproxy.console.calls.reading import StoredSession
from relayproxy.conversation.checks.findings import CATALOGUE, FindingDefinition, Severity, Thresholds, waiting_finding
from relayproxy.conversation.model import Finding, Turn
from relayproxy.settings.model import Settings, slow_turn_and_stall

UNKNOWN = FindingDefinition(
    "info", "Finding", "This version of the console does not know what it means.", "Upgrade the console."
)
ORDER: dict[str, int] = {"error": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class FindingView:
    """One finding with the words of its code. `index` is the place of its message's connection in the session."""

    finding: Finding
    entry: FindingDefinition
    index: int | None

    @property
    def cursor(self) -> str | None:
        """The cursor of the message that it points at."""
        if self.index is None or self.finding.seq is None:
            return None
        return write_cursor((self.index, self.finding.seq))


def views(session: StoredSession, findings: Iterable[Finding]) -> tuple[FindingView, ...]:
    """Findings with the words of their codes, in the given order."""
    places = {connection.row.id: connection.index for connection in session.connections}
    return tuple(
        FindingView(one, CATALOGUE.get(one.code, UNKNOWN), places.get(one.connection or "")) for one in findings
    )


def told_in(session: StoredSession, placed: Mapping[int, Iterable[FindingView]], turn: Turn) -> tuple[FindingView, ...]:
    """A turn's own findings, and those of the session that are told in it (`transcript.in_place`)."""
    own = {(view.finding.code, view.finding.at, view.finding.seq): view for view in views(session, turn.findings)}
    for view in placed.get(turn.number, ()):
        own.setdefault((view.finding.code, view.finding.at, view.finding.seq), view)
    return tuple(own.values())


def slow_ms(settings: Settings, route: str) -> int:
    """Milliseconds from which an answer of this route is slow."""
    return Thresholds.of_seconds(*slow_turn_and_stall(settings, route)).slow_turn_ms


def of_session(session: StoredSession, settings: Settings, now: int) -> tuple[FindingView, ...]:
    """All that are listed of a session, in order of time; before them the alarm of a caller who waits at `now`."""
    alarm = None
    if session.live:
        thresholds = Thresholds.of_seconds(*slow_turn_and_stall(settings, session.row.route))
        alarm = waiting_finding(session.conversation, now, thresholds)
    return views(session, (*((alarm,) if alarm else ()), *session.conversation.findings))


def severities(session: StoredSession, listed: Iterable[FindingView]) -> Counter[Severity]:
    """The number of findings of each severity, including those that are not listed and the alarm."""
    found: Counter[Severity] = Counter(view.entry.severity for view in listed if view.finding.code == "waiting")
    for code, count in session.conversation.totals.findings.items():
        found[CATALOGUE.get(code, UNKNOWN).severity] += count
    return found
