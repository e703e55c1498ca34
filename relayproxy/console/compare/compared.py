"""Comparison of two stored sessions, off the event loop.

Knows: how many turns are compared at most.
Must not know: HTTP, HTML; what counts as a difference.
"""

import asyncio
from dataclasses import dataclass

import msgspec

from relayproxy.comparison.compare import compare
from relayproxy.comparison.model import Comparison, Run
from relayproxy.console.calls.reading import StoredSession

MAX_TURNS = 2000
"""Turns of each session that are compared, its first ones: it takes a second or two."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Two sessions, with their first `MAX_TURNS` turns, and what differs in them."""

    sessions: tuple[StoredSession, StoredSession]
    comparison: Comparison

    @property
    def left_out(self) -> int:
        """Turns that are not compared, of the session that has more of them."""
        return max(0, max(session.row.turns for session in self.sessions) - MAX_TURNS)


async def compared(a: StoredSession, b: StoredSession) -> Compared:
    """The comparison of two sessions that were read with their turns."""
    comparison = await asyncio.to_thread(compare, [_run(a)], [_run(b)])
    return Compared((a, b), comparison)


def _run(session: StoredSession) -> Run:
    return Run(msgspec.structs.replace(session.conversation, turns=session.turns))
