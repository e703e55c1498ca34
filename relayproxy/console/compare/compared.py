"""Comparison of two stored sessions, off the event loop.

Knows: how many turns are compared at most; up to where a call and its shadow can be.
Must not know: HTTP, HTML; what counts as a difference.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from relayproxy.comparison.alignment import align
from relayproxy.comparison.compare import compare
from relayproxy.comparison.divergence import divergence
from relayproxy.comparison.model import Comparison, Divergence, Run
from relayproxy.console.calls.reading import StoredSession
from relayproxy.conversation.model import Turn

MAX_TURNS = 2000
"""Turns of each session that are compared, its first ones: it takes a second or two."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Two sessions, with their first `MAX_TURNS` turns, and what differs in them."""

    sessions: tuple[StoredSession, StoredSession]
    comparison: Comparison

    @property
    def parted(self) -> Divergence | None:
        """Where a call and its shadow part: the second agent asked for something else than the caller then answers."""
        return self.comparison.diverged[0]

    @property
    def left_out(self) -> int:
        """Turns that are not compared, of the session that has more of them."""
        return max(0, max(session.row.turns for session in self.sessions) - MAX_TURNS)


async def compared(a: StoredSession, b: StoredSession) -> Compared:
    """The comparison of two sessions that were read with their turns."""
    return Compared((a, b), await asyncio.to_thread(_compare, a, b))


def _compare(a: StoredSession, b: StoredSession) -> Comparison:
    before, after = (msgspec.structs.replace(one.conversation, turns=one.turns) for one in (a, b))
    if b.row.id not in (a.call_of_shadow, *(one.id for one in a.shadows)):
        return compare([Run(before)], [Run(after)])
    # What Twilio made of the ending is known of the call alone.
    call = after if a.is_shadow else before
    ended = {"studio_transition": call.studio_transition, "twilio_error_code": call.twilio_error_code}
    before, after = (msgspec.structs.replace(one, **ended) for one in (before, after))
    return compare([Run(before)], [Run(after, _parted(before.turns, after.turns))])


def _parted(before: Sequence[Turn], after: Sequence[Turn]) -> Divergence | None:
    for i, j in align(before, after):
        if i is not None and j is not None:
            reason = divergence(_Reply(before[i].agent_text), _Reply(after[j].agent_text))
            if reason is not None:
                return Divergence(after[j].number, reason)
    return None


class _Reply(NamedTuple):
    text: str
    other: tuple[str, ...] = ()
