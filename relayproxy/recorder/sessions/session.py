"""Recorded session: the fold over its connections, and the rows that changed.

Knows: feeding the fold, whether that was in the order in which things happened, rebuilding it, which turns have been
written and which spans have been handed on.
Must not know: the journal, decoding, the database.

A bug in the fold costs the session its meaning, never its messages: it is logged once and the fold left alone.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter

import msgspec

from relayproxy.connection import Ending, Opening, Side
from relayproxy.conversation.checks.findings import Thresholds
from relayproxy.conversation.fold.fold import Fold
from relayproxy.conversation.measures.content import EndWords
from relayproxy.conversation.measures.spans import Span, SpanOptions, spans
from relayproxy.conversation.message import Message
from relayproxy.conversation.model import Conversation, Turn
from relayproxy.recorder.bugs import log_bug
from relayproxy.recorder.sessions.session_identity import SessionIdentity
from relayproxy.recordings.backend_version import backend_version
from relayproxy.recordings.call import CallConnection
from relayproxy.recordings.derive import session_labels, session_row, turn_row
from relayproxy.store.schema.rows import ConnectionRow, SessionLabels, SessionRow, TurnRow

MAX_LANGUAGES = 20
MAX_REORDERINGS = 20
"""How often one session is put in order: who makes connections that cross must not have all of it read for each."""


def connection_of(row: ConnectionRow, messages: Sequence[Message]) -> CallConnection:
    """A stored connection."""
    ending = msgspec.json.decode(row.ending, type=Ending) if row.ending is not None else None
    return CallConnection(msgspec.json.decode(row.opening, type=Opening), messages, ending)


def first_of(session: str, parts: Sequence[CallConnection]) -> Opening:
    """The opening of a session's first connection, which gave it its id; `parts` (at least one) as they opened."""
    return next((part for part in parts if part.opening.connection_id == session), parts[0]).opening


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a session that a commit writes. `turns` are those that changed; `count` is how many there are, when
    rows of others may have to go."""

    session: SessionRow
    turns: tuple[TurnRow, ...]
    count: int | None
    labels: SessionLabels | None
    """Set when they have changed."""


@dataclass(frozen=True, slots=True)
class NewlyFinal:
    """What has become final of a session: turns that no later message changes, and its first end. A session that goes
    on after it with another connection does not end a second time."""

    conversation: Conversation
    turns: tuple[Turn, ...]
    ended: bool
    version: str | None
    """The backend's."""


@dataclass(slots=True)
class LiveConnection:
    """A connection that has not ended: when it opened, and when it was last heard of (wall nanoseconds)."""

    opened_at: int
    heard_at: int


class RecordedSession:
    """A session by its id, with the opening of its first connection."""

    def __init__(self, session: str, opening: Opening, thresholds: Thresholds, version_from: str | None = None) -> None:
        self.id = session
        self.opening = opening
        self._thresholds = thresholds
        self._version_from = version_from
        self._openings: list[Opening] = []
        self.live: dict[str, LiveConnection] = {}
        """Its connections that have not ended."""
        self._latest: tuple[int, str] = (0, "")
        """Wall time of the latest thing that has happened in it, and on which connection."""
        self.disordered = False
        """Something was fed after what had come later on another connection: it is to be rebuilt. Nothing is final
        until then."""
        self.reorderings = 0
        """How often it was rebuilt for that."""
        self.joined = False
        """Connections have come to it that had been sessions of their own."""
        self._fold = Fold(thresholds)
        self.broken = False
        """It could not be derived."""
        self.newly_named = False
        """It has told a VX id that no other session had, and is not committed with it yet."""
        self.revision: int | None = None
        """The revision of its stored row when it came to rest."""
        self._stale = self._changed = True
        """Something has happened since it was looked at, and since its rows were written."""
        self._last: Conversation | None = None
        self.ended_at = opening.opened_at
        """Wall time at which the last of its connections that have ended did so."""
        self._written: dict[int, Turn] | None = None
        """Turns as they were written, those left out that are settled; None when none are known to have been."""
        self._labels: SessionLabels | None = None
        """As they were written."""
        self._langs: dict[str, None] = {}
        """Languages that prompts were in, first first."""
        self._held: tuple[Side, ...] = ()
        """The ends of whose words some were held back at the last commit."""
        self._turns = 0
        """The number of turns that have been written."""
        self._spanned = 0
        """The number of turns, from the first, whose spans have been handed on."""
        self._ended_span = False
        """The span of the whole session has been handed on."""
        self._words = EndWords()
        """Of the turns whose spans have been handed on."""
        self._counted = 0
        """The number of turns, from the first, that have been counted."""
        self._ended_counted = False
        self.name: SessionIdentity | None = None
        """The identity that it gives itself, once that has settled which session this is."""

    def open(self, opening: Opening) -> None:
        self.live[opening.connection_id] = LiveConnection(opening.opened_at, opening.opened_at)
        self._latest = max(self._latest, (opening.opened_at, opening.connection_id))
        if self._version_from:
            self._openings.append(opening)
        self._change(lambda: self._fold.open(opening))

    def answered(self, opening: Opening) -> None:
        """Takes all that is known of a live connection once its backend has answered."""
        if self.opening.connection_id == opening.connection_id:
            self.opening = opening
        self._openings = [opening if one.connection_id == opening.connection_id else one for one in self._openings]
        self._change(lambda: self._fold.answered(opening))

    def feed(self, connection: str, messages: Sequence[Message]) -> list[str | None]:
        """Takes the next messages of a live connection; returns the type of each, as far as they could be taken in."""
        types: list[str | None] = []
        if messages:
            live = self.live[connection]
            live.heard_at = max(live.heard_at, live.opened_at + max([message.t for message in messages]))
            self._pass(connection, live.opened_at + messages[0].t, live.heard_at)
            self._change(lambda: types.extend(self._fold.feed(connection, message) for message in messages))
        return types

    def end(self, opening: Opening, ending: Ending) -> None:
        self.live.pop(opening.connection_id, None)
        at = opening.opened_at + ending.t
        self.ended_at = max(self.ended_at, at)
        self._pass(opening.connection_id, at, at)
        self._change(lambda: self._fold.end(opening.connection_id, ending))

    def _pass(self, connection: str, since: int, until: int) -> None:
        """Takes that something happened on a connection, between these wall times."""
        latest, of = self._latest
        if since < latest and of != connection and self.reorderings < MAX_REORDERINGS:
            self.disordered = True
        if until >= latest:
            self._latest = until, connection

    def join(self, part: CallConnection) -> None:
        """Takes in a whole connection, behind everything that has been fed before."""
        for _, step in _course(part):
            step(self)

    def rebuild(self, parts: Sequence[CallConnection]) -> None:
        """Starts again from these connections, in the order in which things happened."""
        self._fold.close()
        self._fold = Fold(self._thresholds)
        self.broken = False
        self._last = self._written = self._labels = None
        self._openings.clear()
        self.live.clear()
        self._latest = (0, "")
        for _ in self._steps(parts):
            pass
        self.disordered = False

    def reorder(self, parts: Sequence[CallConnection]) -> None:
        """As `rebuild`, because it is `disordered`."""
        self.reorderings += 1
        self.rebuild(parts)

    def reload(self, parts: Sequence[CallConnection]) -> None:
        """As `rebuild`, for a session that another process has played so far: what was final then has been handed on
        by it, and so has all of it whenever its last connection had ended."""
        self._fold = Fold(self._thresholds)
        for _ in self._steps(parts):
            if not self.live:
                self.forget_spans()
        self.disordered = False
        self.forget_spans()

    def _steps(self, parts: Sequence[CallConnection]) -> Iterator[None]:
        for _, step in heapq.merge(*map(_course, parts), key=itemgetter(0)):
            step(self)
            yield

    def conversation(self) -> Conversation:
        """The conversation as known now."""
        if self._stale:
            self._stale = False
            self._guarded(self._look)
        conversation = self._last or _blank(self.opening)
        if self.broken and not self.live:
            conversation = msgspec.structs.replace(
                conversation,
                ended_at=self.ended_at,
                outcome=conversation.outcome or "unknown",
                end_reason=conversation.end_reason or "The conversation could not be derived.",
            )
        return conversation

    @property
    def waiting_since(self) -> int | None:
        """When the caller who waits for an answer began to (wall nanoseconds), as of the last commit; None when nobody
        waits."""
        if self._last is None or self._last.waiting is None or "backend" in self._held:
            return None
        return self._last.waiting.since

    def is_changed(self, held: Iterable[Side] = ()) -> bool:
        """Whether its rows may say something else than when they were written. `held`: as for `rows`."""
        return self._changed or self._written is None or self._held != tuple(sorted(held))

    def rows(self, held: Iterable[Side] = ()) -> Rows:
        """The rows to be written now; they count as written from here on. `held`: the ends of whose words some are
        held back."""
        self._held = tuple(sorted(held))
        self._changed = False
        try:
            return self._rows()
        except Exception as problem:
            log_bug(f"rows of session {self.id}", problem)
            self.broken, self._last, self._written = True, None, None
            return self._rows()

    def forget_written(self) -> None:
        """Takes that the rows which count as written were not: they are written again."""
        self._written = self._labels = None

    def _rows(self) -> Rows:
        conversation = self.conversation()
        if self._held:
            # Who waits for words that are held back does not wait.
            waiting = None if "backend" in self._held else conversation.waiting
            conversation = msgspec.structs.replace(conversation, held=self._held, waiting=waiting)
        known, count = self._written, conversation.totals.turns
        turns = [turn for turn in conversation.turns if known is None or turn != known.get(turn.number)]
        self._langs.update((turn.lang, None) for turn in turns if turn.lang and len(self._langs) < MAX_LANGUAGES)
        labels = session_labels(self.id, conversation, self._langs)
        rows = Rows(
            session_row(self.id, self.opening, conversation, self._version(conversation)),
            tuple(turn_row(self.id, turn) for turn in turns),
            count if known is None or self._turns > count else None,
            labels if labels != self._labels else None,
        )
        self._labels = labels
        self._written, self._turns = {turn.number: turn for turn in conversation.turns}, count
        return rows

    def _version(self, conversation: Conversation) -> str | None:
        return backend_version(self._version_from, self._openings, conversation.custom_parameters)

    def new_spans(self, options: SpanOptions = SpanOptions()) -> list[Span]:  # noqa: B008 (frozen)
        """Spans that have become final since the last call."""
        if self.broken or self.disordered:
            return []
        conversation = self.conversation()
        fresh = tuple(turn for turn in conversation.turns if turn.number >= self._spanned)
        words = self._words.after(turn for turn in fresh if turn.number < conversation.settled_turns)
        conversation = msgspec.structs.replace(conversation, turns=fresh)
        found = [
            span
            for span in spans(conversation, self.opening, self._version(conversation), options, words)
            if not (self._ended_span and span.span_id == self.opening.span_id)
        ]
        self._words = words
        self._spanned = max(self._spanned, conversation.settled_turns)
        self._ended_span = self._ended_span or not conversation.live
        return found

    def newly_final(self) -> NewlyFinal:
        """What has become final since the last call."""
        conversation = self.conversation()
        if self.disordered:
            return NewlyFinal(conversation, (), ended=False, version=None)
        last = conversation.settled_turns
        turns = [turn for turn in conversation.turns if self._counted <= turn.number < last]
        final = NewlyFinal(
            conversation,
            () if self.broken else tuple(turn for turn in turns if turn.ended_at is not None),
            not conversation.live and not self._ended_counted,
            self._version(conversation),
        )
        self._counted = max(self._counted, last)
        self._ended_counted = self._ended_counted or not conversation.live
        return final

    def close(self) -> None:
        """Lets go of what it holds. Nothing may be asked of it any more."""
        self._fold.close()

    def settle(self) -> None:
        """Takes that it is committed: forgets what is final, written and handed on."""
        self.newly_named = False
        self._guarded(self._forget)

    def _forget(self) -> None:
        if self._last is None or self._written is None:
            return
        if not self._last.turns or self._last.turns[0].number >= self._last.settled_turns:
            return  # none is final
        first = self._fold.forget(self._last.settled_turns)
        kept = tuple(turn for turn in self._last.turns if turn.number >= first)
        self._last = msgspec.structs.replace(self._last, turns=kept)
        self._written = {number: turn for number, turn in self._written.items() if number >= first}

    def forget_spans(self) -> None:
        """Takes that all spans that are final now were handed on before, by another process, and what they are of was
        counted by it."""
        try:
            self.newly_final()
            self.new_spans()
        except Exception as problem:
            log_bug(f"spans of session {self.id}", problem)

    def _change(self, step: Callable[[], None]) -> None:
        self._stale = self._changed = True
        self._guarded(step)

    def _look(self) -> None:
        self._last = self._fold.conversation()

    def _guarded(self, step: Callable[[], None]) -> None:
        if self.broken:
            return
        try:
            step()
        except Exception as problem:
            log_bug(f"deriving session {self.id}", problem)
            self.broken = True


def _course(part: CallConnection) -> Iterator[tuple[int, Callable[[RecordedSession], object]]]:
    """The course of one connection: wall times and steps."""
    opening, ending = part.opening, part.ending
    yield opening.opened_at, lambda session: session.open(opening)
    for message in part.messages:
        yield (
            opening.opened_at + message.t,
            partial(RecordedSession.feed, connection=opening.connection_id, messages=(message,)),
        )
    if ending is not None:
        yield opening.opened_at + ending.t, lambda session: session.end(opening, ending)


def _blank(opening: Opening) -> Conversation:
    return Conversation(
        session_id=None,
        call_sid=None,
        account_sid=None,
        from_number=None,
        to_number=None,
        direction=None,
        caller_name=None,
        custom_parameters={},
        setup={},
        started_at=opening.opened_at,
        ended_at=None,
        outcome=None,
        ended_by=None,
        end_reason=None,
        studio_transition=None,
        twilio_error_code=None,
        handoff=None,
        turns=(),
        messages=0,
        gaps=0,
        gap_bytes=0,
    )
