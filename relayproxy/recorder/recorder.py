"""Recorder: plays all journals into the database, batch by batch.

Knows: when to read, when to commit, what one commit holds, and what follows from it.
Must not know: SQL, frames, the vocabulary, sockets.

Whatever is read between two commits is one `Batch`: messages, derived rows and journal positions, all or nothing.
While the database is away nothing more is read: memory stays bounded, and the journal keeps what comes.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from relayproxy.connection import Opening
from relayproxy.conversation.checks.findings import Thresholds
from relayproxy.conversation.measures.spans import Span, SpanOptions
from relayproxy.conversation.message import write_lines
from relayproxy.journal.reader import START, Position
from relayproxy.journal.segments import journal_paths
from relayproxy.recorder.bugs import log_bug
from relayproxy.recorder.database_retry import DatabaseRetry, Stopped
from relayproxy.recorder.decoding.connection import DecodedConnection
from relayproxy.recorder.decoding.window_files import windows_of
from relayproxy.recorder.heartbeat import Beat, ProgressReport
from relayproxy.recorder.journal_player import ConnectionEvent, JournalPlayer
from relayproxy.recorder.meter import Meter
from relayproxy.recorder.sessions.attempts import Attempts
from relayproxy.recorder.sessions.session import RecordedSession
from relayproxy.recorder.sessions.sessions import Sessions
from relayproxy.recordings.connections import facts_of
from relayproxy.recordings.derive import treatment_rows
from relayproxy.redaction.rules import EVERYTHING, Rules
from relayproxy.store.errors import OvertakenError
from relayproxy.store.schema.rows import Batch, ChunkRow, ConnectionRow, JournalRow
from relayproxy.store.write.archive import Archive

log = logging.getLogger(__name__)

REST = 5
"""Times its own duration that a batch is followed by a rest: with many calls, fewer and larger batches cost less."""
MIN_REST, MAX_REST = 0.1, 1.0
POLL = 0.02
"""Seconds between two looks at journals in which there was nothing new."""
READ_AT_ONCE = 1024 * 1024
"""Bytes of a journal that are played together: what waits after a standstill is not held all at once."""
LAST_READ = 64 * 1024
"""The same once the recorder has been told to stop: a large part takes seconds on a machine that does much else, and
many journals may have one each."""
BATCH_SIZE = 8 * 1024 * 1024
"""Bytes of payload, with an allowance for each message, after which a batch is committed at once."""
LONGEST = 10.0
"""Seconds of playing after which a batch is committed at once: with many journals to catch up on, on a machine that
does much else, a recorder that is killed again and again must get on nevertheless."""
MESSAGE_WEIGHT = 400
EARLY = 8
"""Among its first messages a connection says which session it belongs to. Taken there at once, its messages need not be
put in order with those of others afterwards."""
FINISH_TIME = 3.0
"""Seconds that reading on may take once the recorder has been told to stop."""


class SpanExporter(Protocol):
    """Takes final spans for export. Returns at once."""

    def export(self, spans: list[Span], /) -> None: ...


@dataclass(slots=True)
class Played:
    """What a recorder has played and committed, or is about to commit."""

    journals: int = 0
    """Journals that were played to their end and deleted."""
    ended: int = 0
    """Connections that ended, and those of them whose relay had died."""
    died: int = 0
    messages: int = 0
    gaps: int = 0
    """Parts of journals that could not be read."""


class Recorder:
    """Recorder: plays the journals in `folder` into `archive` until `stop` is set.

    `check` raises when the database cannot be used as it is. `thresholds`, `version_from` and `rules` give those of a
    route. `sampled` tells by its opening whether a session's spans are exported. `message_limit`, `size_limit`,
    `patience`: see `JournalPlayer`. `beat` is called after every entry of a journal and every look at the journals,
    with what tells how things are: a recorder that is stuck does not call it. `routes`: those that calls may come by.
    """

    def __init__(
        self,
        archive: Archive,
        folder: Path,
        *,
        message_limit: int,
        size_limit: int,
        patience: int,
        check: Callable[[], None],
        thresholds: Callable[[str], Thresholds] = lambda _route: Thresholds(),
        version_from: Callable[[str], str | None] = lambda _route: None,
        rules: Callable[[str], Rules] = lambda _route: EVERYTHING,
        exporter: SpanExporter | None = None,
        span_options: SpanOptions = SpanOptions(),  # noqa: B008 (frozen)
        sampled: Callable[[Opening], bool] = lambda _opening: True,
        stop: threading.Event | None = None,
        beat: Callable[[Callable[[], Beat]], None] = lambda _look: None,
        routes: Iterable[str] = (),
    ) -> None:
        self._archive = archive
        self._folder = folder
        self._message_limit = message_limit
        self._size_limit = size_limit
        self._patience = patience
        self._rules = rules
        self._exporter = exporter
        self._span_options = span_options
        self._sampled = sampled
        self._stop = stop or threading.Event()
        self._retry = DatabaseRetry(check, self._stop)
        self._sessions = Sessions(archive, self._retry, thresholds, version_from, self._catch_up)
        self._playbacks: dict[str, JournalPlayer] = {}
        self._looked = False
        self._touched: dict[str, DecodedConnection] = {}
        self._dropped: list[str] = []
        """Provisional sessions that are to go with the next commit."""
        self._attempts = Attempts()
        self._not_kept: list[str] = []
        """Connections that are to go with the next commit, as they are only counted."""
        self._weight = 0
        self._until = 0.0
        """Up to when it plays on although it was told to stop, on the monotonic clock."""
        self._began = 0.0
        """When the first of what is played and not committed was played, on the monotonic clock."""
        self._troubled: set[str] = set()
        self._beat = beat
        self._progress = ProgressReport()
        self._meter = Meter(routes)
        self.played = Played()

    def run(self, *, to_the_end: bool = False) -> None:
        """Plays until stopped; what is there by then is still played and committed, within a few seconds. With
        `to_the_end` it returns as well once there is no journal any more but such as cannot be read or deleted.

        Raises ReplacedError when the database is another one than before, DamagedFileError when it is damaged: only a
        new recorder starts from what another one knows. The constructor's `beat` may raise the same."""
        try:
            while not self._stop.is_set():
                began = time.monotonic()
                worked = self.play()
                self._beat(self.heartbeat)
                if any(playback.behind for playback in self._playbacks.values()):
                    continue
                self.commit()
                if worked and not to_the_end:
                    self._stop.wait(min(max(MIN_REST, REST * (time.monotonic() - began)), MAX_REST))
                elif not worked:
                    if to_the_end and self._playbacks.keys() <= self._troubled:
                        break
                    self._stop.wait(POLL)
            self.finish()
        except Stopped:
            log.warning("stopped while the database is away; the journal keeps what is not recorded")
        finally:
            self.close()

    def finish(self) -> None:
        """Plays and commits what the journals hold, reading on for at most `FINISH_TIME` seconds."""
        self._until = time.monotonic() + FINISH_TIME
        while self.play() and not self._is_over:
            pass
        self.commit()

    @property
    def _is_over(self) -> bool:
        """It is to end, and has had its time for it."""
        return self._stop.is_set() and time.monotonic() >= self._until

    def heartbeat(self) -> Beat:
        """The recorder's report; the longest lag is that since the last call."""
        places = tuple((one.path, one.position) for one in self._playbacks.values() if not one.ended)
        beat = self._progress.beat(places, self._sessions.live, self._retry.trouble, self._attempts.tallies)
        troubles = (one.windows.trouble for one in self._playbacks.values())
        windows = min((one for one in troubles if one is not None), default=None)
        return replace(beat, windows_trouble=windows, numbers=self._meter.snapshot(self._sessions))

    def close(self) -> None:
        for playback in self._playbacks.values():
            playback.close()

    def play(self) -> bool:
        """Plays new entries; False when there are none. Commits by itself only to bound memory, and what a recorder
        that is killed has to play again."""
        worked = False
        try:
            self._discover()
        except OSError as problem:
            self._trouble(str(self._folder), problem)
        if not self._touched:
            self._began = time.monotonic()
        for playback in [*self._playbacks.values()]:
            if playback.ended:
                continue
            if self._is_over:
                break
            before = playback.position
            try:
                for event in playback.play(LAST_READ if self._stop.is_set() else READ_AT_ONCE):
                    self._happened(event)
                    self._beat(self.heartbeat)  # what is read at once may take long to search for secrets
            except OSError as problem:
                self._trouble(playback.id, problem)
                continue
            self._troubled.discard(playback.id)
            worked = worked or playback.ended or playback.position != before
            if self._weight >= BATCH_SIZE or time.monotonic() - self._began >= LONGEST:
                self.commit()
                self._began = time.monotonic()
        return worked

    def _catch_up(self, connection: DecodedConnection) -> None:
        for event in self._playbacks[connection.journal].catch_up(connection):
            self._happened(event)

    def commit(self) -> None:
        """Commits everything played since the last commit, and deletes journals that have ended."""
        if self._due:
            self._commit_played()
        self._delete_ended()

    def _commit_played(self) -> None:
        self._progress.begin()
        touched = [*self._touched.values()]
        self._dropped += self._sessions.identify(touched)
        journals = {connection.journal for connection in touched}
        moved = [
            one for one in self._playbacks.values() if one.position != one.committed or one.gaps or one.id in journals
        ]
        behind = {one.id for one in self._playbacks.values() if one.behind}
        while True:
            sessions = [*{session.id: session for session in map(self._sessions.of, touched)}.values()]
            self._sessions.put_in_order(sessions, behind)
            batch = self._batch(touched, sessions, moved)
            for connection in touched:
                self._playbacks[connection.journal].windows.write(connection)
            try:
                self._retry(partial(self._archive.commit, batch))
                break
            except OvertakenError as other:
                for session in sessions:
                    session.forget_written()
                self._sessions.reread(other.sessions)
                self._dropped += self._sessions.identify_again(other.named_alike)
        self._progress.done()
        gaps = [gap for one in moved for gap in one.gaps]
        self.played.gaps += len(gaps)
        self._meter.committed(self._progress.commit_time, sessions, touched, gaps)
        self._settle(touched, sessions, moved)

    def _batch(
        self, touched: list[DecodedConnection], sessions: list[RecordedSession], moved: list[JournalPlayer]
    ) -> Batch:
        held = ((session, self._sessions.held(session)) for session in sessions)
        rows = [session.rows(sides) for session, sides in held if session.is_changed(sides)]
        return Batch(
            journals=tuple(JournalRow(one.id, *one.position) for one in moved),
            journal_gaps=tuple(gap for one in moved for gap in one.gaps),
            sessions=tuple(row.session for row in rows),
            connections=tuple(connection.row() for connection in touched),
            turns=tuple(turn for row in rows for turn in row.turns),
            turn_counts=tuple((row.session.id, row.count) for row in rows if row.count is not None),
            newly_named=tuple(session.id for session in sessions if session.newly_named),
            labels=tuple(row.labels for row in rows if row.labels is not None),
            treatments=treatment_rows((one.session, one.opening) for one in touched),
            chunks=tuple(_chunk(connection) for connection in touched if connection.fresh),
            finished=tuple(connection.id for connection in touched if connection.ending is not None),
            dropped_sessions=tuple(self._dropped),
            dropped_connections=tuple(self._not_kept),
        )

    @property
    def _due(self) -> bool:
        return bool(self._touched) or any(one.gaps or one.position != one.committed for one in self._playbacks.values())

    def _settle(
        self, touched: list[DecodedConnection], sessions: list[RecordedSession], moved: list[JournalPlayer]
    ) -> None:
        """Updates memory and spans after a successful commit."""
        self._touched.clear()
        self._dropped.clear()
        self._not_kept.clear()
        self._weight = 0
        self._export(sessions)
        for session in sessions:
            session.settle()
        for connection in touched:
            connection.fresh = []
            if connection.ending is not None:
                self._sessions.ended(connection)
        for playback in moved:
            self._tidy(playback, playback.settle)

    def _delete_ended(self) -> None:
        """Deletes the journals that have ended, all of which is committed; those that could not be deleted before,
        too."""
        ended = [playback for playback in self._playbacks.values() if playback.ended]
        # The row goes after the files: without it the files would be played again.
        gone = tuple(playback.id for playback in ended if self._tidy(playback, playback.delete))
        if gone:
            self._playbacks = {name: one for name, one in self._playbacks.items() if name not in gone}
            self._troubled -= {*gone}
            self.played.journals += len(gone)
            self._retry(lambda: self._archive.commit(Batch(dropped_journals=gone)))

    def _discover(self) -> None:
        paths = journal_paths(self._folder, but=self._playbacks)
        if self._looked and not paths:
            return
        # What the database expects of a journal whose folder is gone will never come: that one has ended.
        known = {path.name for path in paths} | self._playbacks.keys()
        paths += [self._folder / name for name in sorted(self._retry(self._archive.journal_names) - known)]
        for path in paths:
            self._playbacks[path.name] = self._restore(path)
        self._looked = True

    def _restore(self, path: Path) -> JournalPlayer:
        rows = {row.id: row for row in self._retry(self._archive.journals)}
        live = self._retry(lambda: self._archive.live_connections(path.name))
        connections = [self._restored(path, row) for row in live]
        self._sessions.restore(connections)
        row = rows.get(path.name)
        playback = JournalPlayer(
            path,
            Position(row.segment, row.offset) if row is not None else START,
            connections,
            message_limit=self._message_limit,
            size_limit=self._size_limit,
            patience=self._patience,
            rules=self._rules,
        )
        self._tidy(playback, playback.windows.delete)
        return playback

    def _restored(self, path: Path, row: ConnectionRow) -> DecodedConnection:
        self._beat(self.heartbeat)
        facts = facts_of(row)
        if not facts.whole:
            log.error("connection %s is damaged; it goes on with what else is known of it", row.id)
            session = self._retry(lambda: self._archive.session(row.session))
            facts = facts_of(row, "" if session is None else session.route)
        return DecodedConnection.restore(
            row,
            facts,
            self._message_limit,
            self._size_limit,
            self._rules(facts.opening.route),
            self._sessions.stored(row.id, row.session),
            windows_of(path, row),
        )

    def _happened(self, event: ConnectionEvent) -> None:
        connection = event.connection
        self.played.messages += len(event.messages)
        if connection.ending is not None:
            self.played.ended += 1
            self.played.died += connection.ending.cause == "relay_died"
        self._progress.took(connection.opening.opened_at, event)
        if event.what == "opened":
            self._sessions.opened(connection)
        session = self._sessions.of(connection)
        if event.what == "answered":
            session.answered(connection.opening)
        if event.what in ("opened", "answered"):
            self._meter.opened(connection.opening)
        connection.set_types(event.messages, session.feed(connection.id, event.messages))
        if connection.ending is not None:
            session.end(connection.opening, connection.ending)
        if event.messages and event.messages[0].seq < EARLY:
            self._dropped += self._sessions.identify([connection])
        self._touched[connection.id] = connection
        self._weight += MESSAGE_WEIGHT
        for message in event.messages:
            self._weight += MESSAGE_WEIGHT + min(message.size, self._message_limit)
        if connection.ending is not None and self._is_attempt(connection):
            ended_at = connection.opening.opened_at + connection.ending.t
            if not self._attempts.keep(connection.opening, ended_at):
                self._drop(connection)

    def _is_attempt(self, connection: DecodedConnection) -> bool:
        """True for a connection that has ended, and of which nothing says which call it was."""
        ending = connection.ending
        alone = connection.session == connection.id and not self._sessions.of(connection).joined
        of_a_caller = connection.opening.shadow_of is None
        return of_a_caller and connection.unnamed and alone and ending is not None and ending.cause is None

    def _drop(self, connection: DecodedConnection) -> None:
        self._dropped.append(connection.session)
        self._not_kept.append(connection.id)
        del self._touched[connection.id]
        self._sessions.ended(connection)

    def _export(self, sessions: list[RecordedSession]) -> None:
        if self._exporter is None:
            return
        for session in sessions:
            try:
                spans = session.new_spans(self._span_options)
                if self._sampled(session.opening):
                    self._exporter.export(spans)
            except Exception as problem:
                log_bug(f"spans of session {session.id}", problem)

    def _tidy(self, playback: JournalPlayer, step: Callable[[], None]) -> bool:
        try:
            step()
        except OSError as problem:
            self._trouble(playback.id, problem)
            return False
        return True

    def _trouble(self, where: str, problem: OSError) -> None:
        if where not in self._troubled:
            self._troubled.add(where)
            log.error("journal %s: %s", where, problem)


def _chunk(connection: DecodedConnection) -> ChunkRow:
    fresh = connection.fresh
    return ChunkRow(connection.id, fresh[0].seq, len(fresh), write_lines(fresh))
