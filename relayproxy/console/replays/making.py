"""Making of a replay: the recorded call is made again, and what came of it becomes a session with a note.

Knows: which steps there are, how each can fail, and by which rules the new session is kept.
Must not know: HTTP, HTML; how a script comes about and is performed; in which process.
"""

import asyncio
import io
import os
from contextlib import suppress

from relayproxy.console.calls.reading import StoredSession
from relayproxy.console.replays.calling import call_again
from relayproxy.console.replays.running import ReplayFailed, Run
from relayproxy.errors import RelayproxyError
from relayproxy.lab.replay.process import Order
from relayproxy.recordings.importing import import_file
from relayproxy.recordings.stored import recording_lines, stored_session
from relayproxy.redaction.values import Record
from relayproxy.settings.model import Settings
from relayproxy.settings.recording import recording
from relayproxy.settings.replay_targets import ReplayTarget, auth_token
from relayproxy.store.engine import open_engine
from relayproxy.store.errors import NotReady
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.revisions import not_ready_reason
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.annotations import AnnotationLimitError, add_note
from relayproxy.store.write.archive import Archive

SPEED = 1.0
"""The factor by which a call is faster than it was."""
LONGER, LONGEST = 300.0, 4 * 3600.0
"""Seconds that a call may take beyond twice as long as the recorded one; and at most."""
_COMMAND = "The command relayproxy replay compares without keeping anything."
_LIMIT = 16 * 1024 * 1024
"""Bytes of a replayed call's recording. What is unpacked takes seven times as much memory while it is folded."""


def why_not(settings: Settings, session: StoredSession) -> str | None:
    """Why a session cannot be replayed, or what came of it not be kept, in sentences; None when it can."""
    if session.live:
        return "The call has not ended yet."
    if not session.connected:
        return "The call was never connected, so that there is nothing to replay."
    if session.row.content_deleted_at is not None:
        return "What was said in this call has been deleted, so that nothing of it can be said again."
    if any(one.opening.record == "metadata" for one in session.connections):
        return "The call was recorded without words (record = metadata), so that nothing of it can be said again."
    found = recording(settings, session.row.route, _recorded_as(session))
    if found.record == "none":
        return f"Nothing is recorded of calls over its route (record), so that no replay could be kept. {_COMMAND}"
    if found.names is not None:
        return (
            "Names of people are masked in calls over its route (redact_names), which the console cannot do, so that "
            f"no replay could be kept. {_COMMAND}"
        )
    return None


class Maker:
    """Makes a recorded call again to one target. `fill`: with test values where content is masked."""

    def __init__(
        self,
        queries: Queries,
        settings: Settings,
        writer: AnnotationWriter,
        session: StoredSession,
        target: ReplayTarget,
        *,
        fill: bool,
    ) -> None:
        self._queries, self._settings, self._writer = queries, settings, writer
        self._session, self._target, self._fill = session, target, fill
        self._file = b""
        self._note = ""

    async def call(self, run: Run) -> None:
        """Makes the call. When it is cancelled, the call is over at once. Raises `ReplayFailed`."""
        row = self._session.row
        try:
            view = await asyncio.to_thread(stored_session, self._queries, row.id)
            order = Order(
                run.target,
                self._target.backend,
                auth_token(run.target, self._target),
                self._fill,
                SPEED,
                min(LONGEST, 2 * ((row.ended_at or row.started_at) - row.started_at) / 1e9 + LONGER),
                row.id,
                row.route,
            )
            lines = recording_lines(self._queries, view.session, view.connections)
            answer, self._file = await call_again(order, lines, os.environ)
        except RelayproxyError as problem:
            raise ReplayFailed(f"{problem}.") from None
        if answer.problem is not None:
            raise ReplayFailed(answer.problem)
        self._note = f"Replay of {row.id} to {run.target}."
        if answer.diverged is not None:  # without words of the call: those are where they are masked
            self._note += f" It diverged at turn {answer.diverged} of the recorded call."

    async def keep(self, run: Run) -> str:
        """Keeps it, and returns our id of the session that came of it. Not to be cancelled. Raises `ReplayFailed`."""
        try:
            return await asyncio.to_thread(self._keep, run)
        except RelayproxyError as problem:
            raise ReplayFailed(f"The call was made again and could not be kept: {problem}.") from None

    def _keep(self, run: Run) -> str:
        stored_session(
            self._queries, self._session.row.id
        )  # which is erased as a whole, and its replays before they are
        engine = open_engine(self._settings.database, create=False)
        try:
            if reason := not_ready_reason(engine):
                raise NotReady(reason)
            file, at_most = io.BytesIO(self._file), _recorded_as(self._session)
            kept = import_file(
                Archive(engine), self._settings, file, "the recording", run.actor, limit=_LIMIT, at_most=at_most
            ).session
        finally:
            engine.dispose()
        with suppress(AnnotationLimitError):
            add_note(self._writer, kept, run.actor, self._note)
        return kept


def _recorded_as(session: StoredSession) -> Record:
    """The most that may be stored of a replay: what was stored of the call."""
    return "full" if all(one.opening.record is None for one in session.connections) else "redacted"
