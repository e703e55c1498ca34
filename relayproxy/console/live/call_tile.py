"""Call tile: a live call's last words, and the party that is awaited.

Knows: how much of a text a tile holds; which party is awaited after which event.
Must not know: HTML; which calls are on the live view.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from relayproxy.connection import Side
from relayproxy.console.calls.documents.documents import Held, SessionItemDocument, item_fields
from relayproxy.console.calls.reading import decoded
from relayproxy.console.http.documents import Count, Document, Nanoseconds, Time, time_or_null
from relayproxy.console.http.times import rfc3339
from relayproxy.conversation.model import Turn, Waiting
from relayproxy.store.read.live import LiveCall
from relayproxy.store.schema.rows import SessionRow

SAID = 76
"""Characters of a text that a tile shows: its end, as that is what was said last."""

CallPhase = Literal["agent", "answering", "speaking", "talking", "caller"]
"""`agent`: the caller waits for its answer. `answering`: it sends one. `speaking`: it is heard, as far as is known.
`talking`: the caller speaks. `caller`: it is their turn."""


class _TileFields(msgspec.Struct):
    """The fields of a stored conversation that a tile needs."""

    waiting: Waiting | None = None
    held: tuple[Side, ...] = ()


class SaidDocument(Document, frozen=True):
    """The end of each party's last words."""

    caller: str
    agent: str


class AwaitedDocument(Document, frozen=True):
    """The party that is awaited."""

    state: Annotated[
        CallPhase, Meta(description="`agent`: the caller waits for its answer. `caller`: it is their turn.")
    ]
    since: Annotated[Time, Meta(description="From when on.")]
    since_ns: Nanoseconds
    until: Annotated[Time | None, Meta(description="When what is being spoken is over, as far as is known.")]
    until_ns: Nanoseconds | None
    awaited_ms: Annotated[Count, Meta(description="Milliseconds since then.")]


class LiveCallDocument(SessionItemDocument, frozen=True):
    """A live call."""

    said: SaidDocument
    held: Held
    faulted: Annotated[bool, Meta(description="Faults were injected into it.")]
    awaited: Annotated[
        AwaitedDocument | None,
        Meta(description="The awaited party; null once the call is over, or where it cannot be read."),
    ]
    slow_turn_ms: Annotated[Count, Meta(description="From when on a wait for the agent is an alarm.")]
    revision: Annotated[Count, Meta(description="Grows with every change.")]


class LiveCallsDocument(Document, frozen=True):
    """The live calls, the longest-lived first."""

    items: tuple[LiveCallDocument, ...]
    next: Annotated[None, Meta(description="Null: there are no further pages.")]
    live: Annotated[Count, Meta(description="How many calls are live; more than `items` when there are very many.")]


_tile_fields = msgspec.json.Decoder(_TileFields)


@dataclass(frozen=True, slots=True)
class Awaited:
    """The party that is awaited, and since when (wall nanoseconds). What is `speaking` is over `until` then, and from
    there on it is the caller's turn; None while that cannot be told."""

    whose: CallPhase
    since: int
    until: int | None = None


@dataclass(frozen=True, slots=True)
class CallTile:
    """One call. `slow_ms` is from when on a wait for the agent is an alarm; `awaited` is None once the call is over or
    where it cannot be read."""

    row: SessionRow
    caller: str
    agent: str
    awaited: Awaited | None
    slow_ms: int
    held: tuple[Side, ...] = ()
    """The ends of whose words some are held back."""
    faulted: bool = False
    """Faults were injected into it."""

    @property
    def live(self) -> bool:
        return self.row.ended_at is None


def call_tile(call: LiveCall, slow_ms: int) -> CallTile:
    """The tile of a session as it is now."""
    turns = decoded(call.turns)
    row = call.session
    try:
        fields = _tile_fields.decode(row.detail)
    except msgspec.DecodeError:
        fields = None
    live = row.ended_at is None
    return CallTile(
        row=row,
        caller=_last(_caller(turn) for turn in turns),
        agent=_last((turn.agent_text if turn.agent_text.strip() else turn.greeting) for turn in turns),
        awaited=_awaited(fields, turns, row.started_at) if fields and live else None,
        slow_ms=slow_ms,
        held=fields.held if fields and live else (),
        faulted=call.faulted,
    )


def tile_document(shown: CallTile, now: int) -> LiveCallDocument:
    """The tile as an item of the API, as of `now` (wall nanoseconds)."""
    return LiveCallDocument(
        **item_fields(shown.row),
        said=SaidDocument(caller=shown.caller, agent=shown.agent),
        held=shown.held,
        faulted=shown.faulted,
        awaited=None if shown.awaited is None else _awaited_document(shown.awaited, now),
        slow_turn_ms=shown.slow_ms,
        revision=shown.row.revision,
    )


def _awaited_document(awaited: Awaited, now: int) -> AwaitedDocument:
    return AwaitedDocument(
        state=awaited.whose,
        since=rfc3339(awaited.since),
        since_ns=awaited.since,
        until=time_or_null(awaited.until),
        until_ns=awaited.until,
        awaited_ms=max(0, now - awaited.since) // 1_000_000,
    )


def _caller(turn: Turn) -> str:
    return turn.caller_text or (f"pressed {turn.dtmf}" if turn.dtmf else "")


def _last(texts: Iterable[str]) -> str:
    found = ""
    for text in texts:
        found = text.strip() or found
    if len(found) <= SAID:
        return found
    end = found[-SAID:]
    # Not from the middle of a word, unless it is a very long one.
    space = end.find(" ", 0, SAID // 2)
    return f"…{end[space + 1 :]}"


def _awaited(fields: _TileFields, turns: Sequence[Turn], started_at: int) -> Awaited:
    if fields.waiting is not None:
        return Awaited("agent", fields.waiting.since)
    if "backend" in fields.held:
        return Awaited("answering", (turns[-1].caller_at or turns[-1].started_at) if turns else started_at)
    if not turns:
        return Awaited("caller", started_at)
    turn = turns[-1]
    if turn.agent_at is None and turn.caller_begun_at is not None and turn.caller_done_at is None:
        return Awaited("talking", turn.caller_begun_at)
    if turn.agent_at is not None and turn.agent_done_at is None and turn.ended_at is None:
        return Awaited("answering", turn.agent_at)
    played = turn.played[-1] if turn.played else None
    if played is not None and turn.ended_at is None:
        return Awaited("speaking", played.start, played.end)
    return Awaited("caller", turn.ended_at or turn.agent_done_at or turn.agent_at or turn.started_at)
