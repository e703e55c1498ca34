"""Views of a comparison: turns that differ one by one, equal ones folded.

Knows: what stands side by side, and where it leads to.
Must not know: HTML; what counts as a difference.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from relayproxy.comparison.model import Difference, NumberComparison, TurnComparison
from relayproxy.comparison.word_diff import Part, word_diff
from relayproxy.console import words
from relayproxy.console.calls.findings import views
from relayproxy.console.calls.messages.message_reading import write_cursor
from relayproxy.console.calls.reading import StoredSession
from relayproxy.console.compare.compared import Compared
from relayproxy.console.http import times
from relayproxy.console.http.display_text import MOST
from relayproxy.conversation.measures.numbers import TURN_NUMBERS
from relayproxy.store.schema.rows import SessionRow

SHOWN = 20
"""Turns of a fold that are in it; the session's page has the others."""
MOST_OF_CALL = 100
"""Differences of the whole call that a page lists: each field of a handoff can be one."""
TITLES = {number.name: number.title for number in TURN_NUMBERS}


@dataclass(frozen=True, slots=True)
class Link:
    """Where something is: in which of the sessions (`A`, `B`), and what."""

    side: str
    text: str
    address: str


@dataclass(frozen=True, slots=True)
class DifferenceView:
    difference: Difference
    links: tuple[Link, ...]
    """The messages that it is about."""


@dataclass(frozen=True, slots=True)
class Duration:
    """A duration of a turn in both calls."""

    title: str
    before: int | None
    after: int | None
    notable: bool


@dataclass(frozen=True, slots=True)
class TurnView:
    """A turn that differs, or that one of the calls alone has."""

    turn: TurnComparison
    caller: tuple[Part, ...]
    """Empty when both callers said the same."""
    agent: tuple[Part, ...]
    differences: tuple[DifferenceView, ...]
    """Without those that can be seen in it."""
    latency: tuple[int | None, int | None]
    durations: tuple[Duration, ...]


@dataclass(frozen=True, slots=True)
class Fold:
    """Turns that follow each other and are the same in both calls, or not compared: the first of them, and how many
    there are."""

    turns: tuple[TurnComparison, ...]
    same: bool
    count: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact of both sessions in words."""

    name: str
    before: str
    after: str
    stands_out: bool
    """It differs, and is no number, which nearly always does."""


def segments(compared: Compared) -> list[tuple[TurnComparison, ...]]:
    """Turns that differ, each alone, and between them those that do not, together."""
    found: list[tuple[TurnComparison, ...]] = []
    for (same, scored), group in groupby(compared.comparison.turns, lambda turn: (turn.same, turn.compared)):
        turns = tuple(group)
        found += [turns] if same or not scored else [(turn,) for turn in turns]
    return found


def shown(compared: Compared, segments: Sequence[tuple[TurnComparison, ...]]) -> list[TurnView | Fold]:
    """The views of some segments."""
    places = _Places(compared.sessions)
    return [_fold(turns) if turns[0].same or not turns[0].compared else _turn(turns[0], places) for turns in segments]


def _fold(turns: Sequence[TurnComparison]) -> Fold:
    first, last = (turn.before if turn.before is not None else turn.after or 0 for turn in (turns[0], turns[-1]))
    return Fold(tuple(turns[:SHOWN]), turns[0].same, len(turns), first, last)


def of_call(compared: Compared) -> tuple[DifferenceView, ...]:
    """The differences of the whole call, at most `MOST_OF_CALL`."""
    places = _Places(compared.sessions)
    return tuple(DifferenceView(one, places.links(one)) for one in compared.comparison.differences[:MOST_OF_CALL])


def facts(compared: Compared) -> Iterator[Fact]:
    """The facts of both sessions side by side."""
    for name, tell in _FACTS:
        before, after = (tell(session) for session in compared.sessions)
        if before or after:
            yield Fact(name, before or "–", after or "–", before != after and name in _NAMED)


class _Places:
    """Where the messages are that differences are about."""

    def __init__(self, sessions: tuple[StoredSession, StoredSession]) -> None:
        self._sides: list[tuple[str, dict[tuple[str, int | None], str]]] = []
        for session in sessions:
            known: dict[tuple[str, int | None], str] = {}
            index = {connection.row.id: connection.index for connection in session.connections}
            found = [*session.conversation.findings, *(one for turn in session.turns for one in turn.findings)]
            for view in views(session, found):
                if view.cursor is not None:
                    known.setdefault((view.finding.code, view.finding.turn), view.cursor)
            for turn in session.turns:
                for cut in turn.interruptions[:1]:
                    if cut.connection in index and cut.seq is not None:
                        known["interruptions", turn.number] = write_cursor((index[cut.connection], cut.seq))
            self._sides.append((f"/sessions/{session.row.id}", known))

    def links(self, difference: Difference) -> tuple[Link, ...]:
        what = difference.field if difference.kind == "findings" else difference.kind
        found = []
        for side, turn, (base, known) in zip(
            "AB", (difference.turn_before, difference.turn_after), self._sides, strict=True
        ):
            if (cursor := known.get((what, turn))) is not None:
                found.append(Link(side, "message", f"{base}?at={cursor}#message-{cursor}"))
        return tuple(found)


def _turn(turn: TurnComparison, places: _Places) -> TurnView:
    told = [one for one in turn.differences if one.kind not in ("turn", "text", "caller")]
    both = turn.before is not None and turn.after is not None
    headline = turn.numbers[0]
    return TurnView(
        turn=turn,
        caller=()
        if turn.caller_before == turn.caller_after or not both
        else word_diff(turn.caller_before[:MOST], turn.caller_after[:MOST]),
        agent=word_diff(turn.text_before[:MOST], turn.text_after[:MOST]) if both else (),
        differences=tuple(DifferenceView(one, places.links(one)) for one in told),
        latency=(headline.before.median_ms, headline.after.median_ms),
        durations=tuple(map(_duration, filter(_measured, turn.numbers))),
    )


def _said_otherwise(turn: TurnComparison) -> bool:
    return turn.caller_before != turn.caller_after


def _measured(number: NumberComparison) -> bool:
    return number.before.n > 0 or number.after.n > 0


def _duration(number: NumberComparison) -> Duration:
    return Duration(TITLES[number.name], number.before.median_ms, number.after.median_ms, number.exceeds)


def _ms(value: int | None) -> str:
    return "" if value is None else times.latency(value)


def _lasted(row: SessionRow) -> str:
    return "still live" if row.ended_at is None else times.duration((row.ended_at - row.started_at) // 1_000_000)


_NAMED = frozenset({"Ending", "Studio", "Handoff", "Version"})
_FACTS: tuple[tuple[str, Callable[[StoredSession], str]], ...] = (
    ("Ending", lambda one: words.outcome(one.row.outcome)[0] if one.row.outcome else "Live"),
    ("Studio", lambda one: words.transition(one.row.studio_transition)[0] if one.row.studio_transition else ""),
    ("Handoff", lambda one: one.row.handoff_reason or ("with data" if one.row.handoff else "")),
    ("Version", lambda one: one.row.backend_version or ""),
    ("Duration", lambda one: _lasted(one.row)),
    ("Turns", lambda one: f"{one.row.turns:,}"),
    ("Longest wait", lambda one: _ms(one.row.longest_wait_ms)),
    ("Interruptions", lambda one: f"{one.row.interruptions:,}"),
    ("Findings", lambda one: f"{sum(one.conversation.totals.findings.values()):,}"),
    ("Messages", lambda one: f"{one.row.messages:,}"),
)
