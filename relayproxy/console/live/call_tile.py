"""Call tile: a live call's last words and whose move it is.

Knows: how much of a text a tile holds, whose move it is after what happened.
Must not know: HTML; which calls are on the live view.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from relayproxy.console.calls.documents import session_item
from relayproxy.console.http.times import moment
from relayproxy.conversation.model import Turn, Waiting
from relayproxy.store.read.live import LiveCall
from relayproxy.store.schema.rows import SessionRow

SAID = 76
"""Characters of a text that a tile shows: its end, as that is what was said last."""

Whose = Literal["agent", "answering", "speaking", "talking", "caller"]
"""`agent`: the caller waits for its answer. `answering`: it sends one. `speaking`: it is heard, as far as is known.
`talking`: the caller speaks. `caller`: it is their turn."""


class _Glance(msgspec.Struct):
    """What a tile needs of a stored conversation."""

    waiting: Waiting | None = None


_glance = msgspec.json.Decoder(_Glance)
_turn = msgspec.json.Decoder(Turn)


@dataclass(frozen=True, slots=True)
class Awaited:
    """Whose move it is, since when (wall nanoseconds). What is `speaking` is over `until` then, and from there on it is
    the caller's turn; None while that cannot be told."""

    whose: Whose
    since: int
    until: int | None = None


@dataclass(frozen=True, slots=True)
class CallTile:
    """One call. `slow_ms` is from when on a wait for the agent is an alarm; `awaited` is None once the call is over."""

    row: SessionRow
    caller: str
    agent: str
    awaited: Awaited | None
    slow_ms: int

    @property
    def live(self) -> bool:
        return self.row.ended_at is None


def call_tile(call: LiveCall, slow_ms: int) -> CallTile:
    """The tile of a session as it is now."""
    turns = [_turn.decode(row.detail) for row in call.turns]
    row = call.session
    waiting = _glance.decode(row.detail).waiting
    return CallTile(
        row=row,
        caller=_last(_caller(turn) for turn in turns),
        agent=_last((turn.agent_text if turn.agent_text.strip() else turn.greeting) for turn in turns),
        awaited=_awaited(waiting, turns, row.started_at) if row.ended_at is None else None,
        slow_ms=slow_ms,
    )


def tile_document(shown: CallTile, now: int) -> dict[str, Any]:
    """The tile as an item of the API, as of `now` (wall nanoseconds)."""
    awaited = shown.awaited
    return {
        **session_item(shown.row),
        "said": {"caller": shown.caller, "agent": shown.agent},
        "awaited": awaited
        and {
            "state": awaited.whose,
            **moment("since", awaited.since),
            **moment("until", awaited.until),
            "awaited_ms": max(0, now - awaited.since) // 1_000_000,
        },
        "slow_turn_ms": shown.slow_ms,
        "revision": shown.row.revision,
    }


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


def _awaited(waiting: Waiting | None, turns: list[Turn], started_at: int) -> Awaited:
    if waiting is not None:
        return Awaited("agent", waiting.since)
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
