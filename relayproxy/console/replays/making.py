"""Making of a replay: the recorded call is made again, and what came of it becomes a session with a note.

Knows: which steps there are, and how each can fail.
Must not know: HTTP, HTML; how a script comes about and is performed.
"""

import asyncio
import gzip
import io
import random
from contextlib import suppress

from relayproxy.console.replays.running import ReplayFailed, Run
from relayproxy.conversation.recording import NotARecording
from relayproxy.errors import RelayproxyError
from relayproxy.lab.replay.performing import Replayed, perform
from relayproxy.lab.replay.preparing import MaskedContent, prepare
from relayproxy.lab.replay.recorded import recording
from relayproxy.lab.replay.script import Script
from relayproxy.lab.twilio.connection import Line
from relayproxy.recordings.importing import import_file
from relayproxy.recordings.stored import stored_call
from relayproxy.settings.model import Settings
from relayproxy.settings.replay_targets import ReplayTarget, auth_token
from relayproxy.store.engine import open_engine
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.annotations import AnnotationLimitError, add_note
from relayproxy.store.write.archive import Archive

SPEED = 1.0
"""The factor by which a call is faster than it was."""
_LIMIT = 256 * 1024 * 1024
"""Bytes of a replayed call's recording."""


class Maker:
    """Makes recorded calls again to one target. `fill`: with test values where content is masked."""

    def __init__(
        self, queries: Queries, settings: Settings, writer: AnnotationWriter, target: ReplayTarget, *, fill: bool
    ) -> None:
        self._queries, self._settings, self._writer = queries, settings, writer
        self._target, self._fill = target, fill

    async def make(self, run: Run) -> str:
        """Our id of the session that came of the replay. Raises `ReplayFailed`."""
        try:
            token = auth_token(run.target, self._target)
            script = await asyncio.to_thread(self._script, run.session)
        except MaskedContent as problem:
            raise ReplayFailed(f"{problem}. Test values can be filled in there.") from None
        except (NotARecording, RelayproxyError) as problem:
            raise ReplayFailed(f"{problem}.") from None
        line = Line(self._target.backend, auth_token=token, speed=SPEED)
        made = await perform(line, script, rng=random.Random())
        if made.call.connections[0].opening.status != 101:
            raise ReplayFailed(f"The backend of {run.target} was not reached: {made.call.problem}.")
        try:
            return await asyncio.to_thread(self._keep, run, made)
        except RelayproxyError as problem:
            raise ReplayFailed(f"The call was made again and could not be kept: {problem}.") from None

    def _script(self, session: str) -> Script:
        return prepare(stored_call(self._queries, session), "This call", {}, fill=self._fill)

    def _keep(self, run: Run, made: Replayed) -> str:
        file = io.BytesIO(gzip.compress(recording(made, run.session, run.target), 3))
        engine = open_engine(self._settings.database, afresh=True)
        try:
            kept = import_file(Archive(engine), self._settings, file, run.target, run.actor, limit=_LIMIT).session
        finally:
            engine.dispose()
        with suppress(AnnotationLimitError):
            add_note(self._writer, kept, run.actor, _note(run, made))
        return kept


def _note(run: Run, made: Replayed) -> str:
    """Without words of the call: those are where they are masked."""
    told = f"Replay of {run.session} to {run.target}."
    if made.divergence is None:
        return told
    return f"{told} It diverged at turn {made.divergence.turn} of the recorded call."
