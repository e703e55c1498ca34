"""Meter: what the recorder counts of calls and of its commits, for as long as it lives.

Knows: that only what was committed counts, once, and that counting must never disturb recording.
Must not know: which metric takes what of a call; where the counts go.
"""

import time
from collections import Counter
from collections.abc import Iterable
from itertools import islice

from relayproxy.connection import Opening, is_treated
from relayproxy.conversation.message import Message
from relayproxy.recorder.bugs import log_bug
from relayproxy.recorder.decoding.connection import DecodedConnection
from relayproxy.recorder.sessions.session import RecordedSession
from relayproxy.recorder.sessions.sessions import Sessions
from relayproxy.store.schema.rows import JournalGapRow
from relayproxy.telemetry.metrics import metrics
from relayproxy.telemetry.metrics.call_meter import CallMeter
from relayproxy.telemetry.metrics.tally import VALUES, Point, Snapshot, Tally

DAMAGE = ("torn", "checksum", "format", "missing")
"""Why a part of a journal cannot be read."""


class Meter:
    """Counts of this recorder's life; `routes` are those that are known at its start. For the thread of the play
    loop."""

    def __init__(self, routes: Iterable[str] = ()) -> None:
        self._tally = Tally()
        self._calls = CallMeter(self._tally)
        self._openings: list[Opening] = []
        """Of handshakes that no commit has written yet."""
        self._damage: dict[str, tuple[int, int]] = {}
        """By journal the place of the last gap that was counted: it may come again once more is known of it."""
        self._routes = set(islice(routes, VALUES))
        self._failed = False
        for route in sorted(self._routes):
            self._calls.begin(route)
        for cause in DAMAGE:
            self._tally.cell(metrics.JOURNAL_DAMAGE, {"cause": cause})

    def opened(self, opening: Opening) -> None:
        """Takes the opening of a connection, which counts with the next commit if the backend has answered."""
        if not is_treated(opening) and (opening.status is not None or opening.error is not None):
            self._openings.append(opening)

    def committed(
        self,
        seconds: float,
        sessions: Iterable[RecordedSession],
        connections: Iterable[DecodedConnection],
        gaps: Iterable[JournalGapRow],
    ) -> None:
        """Counts what a commit has written, which took so long. Never raises."""
        try:
            self._count(sessions, connections, gaps)
            self._tally.cell(metrics.COMMIT, {}).observe(seconds)
        except Exception as problem:
            if not self._failed:
                log_bug("counting what was committed", problem)
            self._failed = True
        self._openings.clear()

    def snapshot(self, sessions: Sessions) -> Snapshot:
        """Everything so far, and the connections that live."""
        now = time.time_ns()
        live: Counter[str] = Counter()
        waiting: dict[str, int] = {}
        for connection in sessions.connections.values():
            if connection.opening.shadow_of is not None:
                continue
            route = connection.opening.route
            live[route] += 1
            session = sessions.loaded(connection)
            since = None if session is None else session.waiting_since
            if since is not None:
                waiting[route] = max(waiting.get(route, 0), now - since)
        self._routes.update(sorted(live.keys() - self._routes)[: VALUES - len(self._routes)])
        gauges = {
            metrics.LIVE.name: tuple(Point((route,), live[route]) for route in sorted(self._routes)),
            metrics.WAITING.name: tuple(Point((route,), waiting.get(route, 0) / 1e9) for route in sorted(self._routes)),
        }
        return self._tally.snapshot() | gauges

    def _count(
        self,
        sessions: Iterable[RecordedSession],
        connections: Iterable[DecodedConnection],
        gaps: Iterable[JournalGapRow],
    ) -> None:
        for opening in self._openings:
            self._calls.handshake(opening)
        fresh: dict[str, list[Message]] = {}
        for connection in connections:
            if connection.fresh and not is_treated(connection.opening):
                fresh.setdefault(connection.opening.route, []).extend(connection.fresh)
        for route, messages in fresh.items():
            self._calls.messages(route, messages)
        for session in sessions:
            final = session.newly_final()
            if is_treated(session.opening):
                continue
            for turn in final.turns:
                self._calls.turn(turn, session.opening.route, final.version)
            if final.ended:
                self._calls.session(final.conversation, session.opening.route, final.version)
        for gap in gaps:
            place = (gap.segment, gap.offset)
            if self._damage.get(gap.journal) != place:
                self._damage[gap.journal] = place
                self._tally.cell(metrics.JOURNAL_DAMAGE, {"cause": gap.cause}).add(1)
