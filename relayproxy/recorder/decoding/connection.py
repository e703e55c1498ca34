"""Decoding of one connection: two frame decoders, the numbering of its messages, and their redaction.

Knows: how a connection's journal entries become messages, which are held back, and how it goes on after a restart.
Must not know: sessions, the conversation, what is secret, the database, files.
"""

import logging
import secrets
import struct
from collections.abc import Collection, Iterable, Sequence

import msgspec

from relayproxy.connection import Ending, Opening, Side
from relayproxy.conversation.message import Message
from relayproxy.journal.format import MAX_TOOK, EntryKind, GapBody, JournalEntry
from relayproxy.journal.windows import Windows
from relayproxy.recorder.bugs import log_bug
from relayproxy.recorder.decoding.checkpoints import Checkpoint, Checkpoints
from relayproxy.recorder.decoding.deflate import Inflater, takeover
from relayproxy.recorder.decoding.fault_notes import FaultNotes
from relayproxy.recorder.decoding.frames import Decoder, DecoderState, JournalPlace
from relayproxy.recorder.decoding.lost_opening import is_placeholder
from relayproxy.recorder.decoding.resume import Replay, Resume, read_resume, storable
from relayproxy.recorder.decoding.size_limit import SizeLimit, SizeState
from relayproxy.recordings.connections import ConnectionFacts
from relayproxy.redaction.redactor import Redactor
from relayproxy.redaction.rules import EVERYTHING, Rules, without_words
from relayproxy.store.schema.rows import ConnectionRow

log = logging.getLogger(__name__)
DAMAGED = "journal_damaged"
END = 2**63
"""The time after everything."""
SIDES: dict[EntryKind, Side] = {EntryKind.TWILIO_CHUNK: "twilio", EntryKind.BACKEND_CHUNK: "backend"}


class DecodedConnection:
    """A live connection of one journal. `session` is the session it belongs to, by its id. `limit` bounds the payload
    kept of a message, `size_limit` what is kept of all of them.

    `fresh` are the messages that are not committed yet, as they are to be stored. Entry methods return the new messages
    among them. What `rules` hold back is in none: the row says from where it is played again.
    """

    def __init__(
        self,
        opening: Opening,
        *,
        journal: str,
        number: int,
        opened_mono: int,
        limit: int,
        size_limit: int,
        row: ConnectionRow | None = None,
        raw_opening: str | None = None,
        windows: Windows | None = None,
        rules: Rules = EVERYTHING,
    ) -> None:
        self.id = opening.connection_id
        self.failures = 0
        """The number of times that redaction has failed."""
        self._rules = rules
        stored = self._redacted(opening)
        if stored != opening:
            opening, raw_opening = stored, None
        self.opening = opening
        self.number = number
        self.session = row.session if row else self.id
        self.ending: Ending | None = None
        self.interleaved = False
        """Messages of other connections of its session may belong between its own."""
        self.fresh: list[Message] = []
        self.last_t = 0
        """Nanoseconds from the opening to the last sign of life."""
        self.journal = journal
        self._raw_opening = raw_opening or msgspec.json.encode(opening).decode()
        self.opened_mono = opened_mono
        self._limit = limit
        known = read_resume(row.resume if row else None)
        if known is None:
            log.error("connection %s: its state is damaged; it has a gap until its next message begins", self.id)
        resume = known or Resume()
        self.windows = windows or Windows()
        """The deflate windows that the row refers to, as of the last row. Unlike rows they are what came."""
        twilio, backend = resume.states(windows)
        if row is None and is_placeholder(opening):  # its beginning is not known
            twilio = backend = DecoderState(window_lost=True)
        unnamed = SizeState(unnamed=row is None and not is_placeholder(opening))
        self._size = SizeLimit(size_limit, limit, resume.size or unnamed)
        self._stored = row.next_seq if row else 0
        """The number of messages that are stored already."""
        replay = resume.replay
        self._seq = replay.seq if replay else self._stored
        self._until = replay.until if replay else 0
        """The number of the first message that was not played before the restart."""
        if known is None:
            self._until = self._seq + 1  # there may have been a part of one
        self._replay_place = replay.place if replay else None
        self._redactor = None if rules.record == "full" else Redactor(rules)
        self._checkpoints = Checkpoints()
        self.inflates = False
        """What is said on it may be much longer than it is in the journal."""
        self.faults = FaultNotes()
        if replay is not None:
            self._checkpoints.keep(Checkpoint(replay.seq, twilio, backend, replay.place), replay.seq)
        self._decoders = {
            EntryKind.TWILIO_CHUNK: self._decoder("twilio", twilio),
            EntryKind.BACKEND_CHUNK: self._decoder("backend", backend),
        }
        self._replay_from = {
            EntryKind.TWILIO_CHUNK: twilio.at if twilio else None,
            EntryKind.BACKEND_CHUNK: backend.at if backend else None,
        }

    @classmethod
    def restore(
        cls,
        row: ConnectionRow,
        facts: ConnectionFacts,
        limit: int,
        size_limit: int,
        rules: Rules = EVERYTHING,
        stored: Iterable[Message] = (),
        windows: Windows | None = None,
    ) -> "DecodedConnection":
        """The connection as it was when the row was committed; `facts` are those of the row, `stored` its messages so
        far, `windows` those that the row refers to."""
        connection = cls(
            facts.opening,
            journal=row.journal,
            number=row.number,
            opened_mono=row.opened_mono,
            limit=limit,
            size_limit=size_limit,
            row=row,
            raw_opening=row.opening if facts.whole else None,
            windows=windows,
            rules=rules,
        )
        if connection._redactor is not None:
            try:
                connection._redactor.recall(stored)
            except Exception as problem:
                connection._redaction_failed(problem)
                connection._redactor.fail()
        return connection

    def follows(self, redacted: Collection[str]) -> None:
        """Takes what kinds of secrets were masked in earlier connections of its session."""
        if self._redactor is not None:
            self._redactor.follows(redacted)

    @property
    def wall(self) -> int:
        """Wall time of the relay's monotonic zero."""
        return self.opening.opened_at - self.opened_mono

    @property
    def pending(self) -> JournalPlace | None:
        """The beginning of the oldest message that is incomplete, on either side, or held back."""
        first = self._checkpoints.first
        place = None if first is None else first.needs
        for kind, decoder in self._decoders.items():
            for begun in (decoder.pending, self._replay_from[kind]):
                if begun is not None and (place is None or begun < place):
                    place = begun
        return place

    def answered(self, opening: Opening, raw: str) -> bool:
        """Takes the whole opening, once the backend has answered. False, and nothing taken, when this is another
        connection's, or bytes have come before."""
        if self._seq or opening.connection_id != self.id:
            return False
        stored = self._redacted(opening, self.opening)
        self.opening = stored
        self._raw_opening = raw if stored == opening else msgspec.json.encode(stored).decode()
        self._decoders = {kind: self._decoder(side, None) for kind, side in SIDES.items()}
        return True

    @property
    def unnamed(self) -> bool:
        """True when no setup message has come, and none can have been lost."""
        return self._size.unnamed

    @property
    def deadline(self) -> int | None:
        """Nanoseconds from the opening at which `due` may give messages; None while none are held."""
        return self._redactor.deadline if self._redactor is not None and self._checkpoints.first else None

    @property
    def held(self) -> frozenset[Side]:
        """The ends of whose words some are held back."""
        return frozenset() if self._redactor is None else self._redactor.held

    def due(self, t: int) -> list[Message]:
        """Takes that it is `t` nanoseconds after the opening, and nothing came."""
        return self._redact([], None, until=t)

    def chunks(self, entries: Iterable[tuple[JournalEntry, int]]) -> list[Message]:
        """Takes bytes that the two ends sent, chunk by chunk in order, each with its segment."""
        missing = self._missing() if self._until else []
        return missing + self._chunks(entries)

    def _chunks(self, entries: Iterable[tuple[JournalEntry, int]]) -> list[Message]:
        released: list[Message] = []
        decoded: list[Message] = []
        before: Checkpoint | None = None
        for entry, segment in entries:
            if self._size.exceeded:
                released += self._redact(decoded, before) + self._drop(entry)
                decoded, before = [], None
                continue
            if self._replay_from[entry.kind] is not None:
                # Where reading should have begun again was never found: the file is gone or damaged.
                released += self._redact(decoded, before) + self.lose(entry.kind, 0, DAMAGED)
                decoded, before = [], None
            place = (segment, entry.offset)
            if before is None and self._redactor is not None:
                before = self._checkpoint(place)
            decoded += self._decode(entry, place)
        return released + self._redact(decoded, before)

    def _decode(self, entry: JournalEntry, place: JournalPlace) -> list[Message]:
        t, took = self._time(entry), entry.took
        messages = self._feed(entry.kind, entry.body, t, t + took if took < MAX_TOOK else None, place)
        self._seq += len(messages)
        if self.inflates:
            self._size.inflated(self._decoders[entry.kind].excess())
        if took < MAX_TOOK:
            return messages
        return [msgspec.structs.replace(message, held=True) for message in messages]

    def replay(self, entry: JournalEntry, segment: int) -> list[Message]:
        """Takes bytes before the committed position. Those before the oldest message that was held are fed to a side
        whose pending message they are part of: all that comes out of it has been committed. The others are played
        again; of what comes out, that which was not committed is returned."""
        if self._replay_place is not None and (segment, entry.offset) >= self._replay_place:
            return self._chunks([(entry, segment)])
        self._feed_again(entry, segment)
        return []

    def _feed_again(self, entry: JournalEntry, segment: int) -> None:
        start = self._replay_from.get(entry.kind)
        decoder = self._decoders.get(entry.kind)
        if decoder is None or (start is None and decoder.pending is None):
            return
        skip = 0
        if start is not None:
            skip = max(0, start[1] - entry.offset) if segment == start[0] else 0
            if segment < start[0] or skip >= len(entry.body):
                return
            self._replay_from[entry.kind] = None
        t = self._time(entry)
        self._feed(entry.kind, entry.body[skip:], t, t + entry.took, (segment, entry.offset + skip))

    def gap(self, entry: JournalEntry) -> list[Message]:
        """Bytes that were dropped before they reached the journal."""
        missing, t = self._missing(), self._time(entry)
        try:
            gap = GapBody.unpack(entry.body)
        except (ValueError, struct.error):
            return missing + self.lose_all(t)
        return missing + self.lose(gap.side, gap.size, gap.cause.name.lower(), t)

    def lose_all(self, t: int | None = None) -> list[Message]:
        """Takes damage of the journal at this place: the missing bytes are of unknown number and side."""
        return [message for side in SIDES for message in self.lose(side, 0, DAMAGED, t)]

    def lose(self, side: EntryKind, size: int, note: str, t: int | None = None) -> list[Message]:
        """Takes a loss of bytes of one side at this place."""
        self._size.name()
        return self._gap(side, size, note, self.last_t if t is None else t)

    def _drop(self, entry: JournalEntry) -> list[Message]:
        self.last_t = max(self.last_t, entry.t - self.opened_mono)
        # What is dropped is not played again: nothing before it may be held.
        held = self._redact([], None, until=END) if self._checkpoints.first else []
        return held + self._tell(self._size.dropped[entry.kind].add(self.last_t, len(entry.body)))

    def _tell(self, gap: tuple[int, GapBody] | None) -> list[Message]:
        return [] if gap is None else self._gap(gap[1].side, gap[1].size, gap[1].cause.name.lower(), gap[0])

    def _gap(self, side: EntryKind, size: int, note: str, t: int) -> list[Message]:
        self._replay_from[side] = None
        messages = self._decoders[side].gap(t, self._seq)
        messages.append(Message(self._seq + len(messages), t, SIDES[side], "gap", size=size, note=note))
        return self._add(messages, None, until=END)

    def abandon(self) -> list[Message]:
        """Stops waiting for messages that have been under way, or held, for too long; they stay incomplete."""
        messages = self._missing()
        for side, decoder in self._decoders.items():
            if self._replay_from[side] is not None:
                messages += self.lose(side, 0, DAMAGED)
            elif decoder.pending is not None:
                messages += self._add(decoder.gap(self.last_t, self._seq), None)
        return messages + self._redact([], None, until=END)

    def end(self, ending: Ending) -> list[Message]:
        """Takes the end of the connection: no bytes follow."""
        messages = self._missing()
        self.ending = ending
        self.last_t = max(self.last_t, ending.t)
        messages += self._redact([], None, until=END)
        messages += [gap for dropped in self._size.dropped.values() for gap in self._tell(dropped.rest())]
        for decoder in self._decoders.values():
            messages += self._add(decoder.end(ending.t, self._seq), None)
        return messages + self._redact([], None, until=END)

    def set_types(self, messages: Sequence[Message], types: Iterable[str | None]) -> None:
        """Sets the types of messages that were just returned, as their decoder says; it may know only the first."""
        known = list(types)
        if "setup" in known or len(known) < len(messages):  # fewer: the conversation could not be derived
            self._size.name()
        for message, type in zip(messages, known, strict=False):
            if type is not None:
                # Frozen from here on; nobody has it yet, and a copy would be made for this alone.
                msgspec.structs.force_setattr(message, "type", type)

    def row(self) -> ConnectionRow:
        """The connection's row as of the last entry."""
        first = self._checkpoints.first
        if first is not None:
            oldest = self._redactor.oldest if self._redactor is not None else None
            next_seq = max(self._stored, self._seq) if oldest is None else oldest
            replay = Replay(first.place, first.seq, max(self._seq, self._until))
            twilio, backend = first.twilio, first.backend
        else:
            replay, next_seq = None, self._seq
            twilio, backend = (self._decoders[kind].state() for kind in SIDES)
        self._set_windows(twilio, backend)
        resume = Resume(storable(twilio), storable(backend), self._size.state(), replay, self.windows.id)
        return ConnectionRow(
            id=self.id,
            session=self.session,
            journal=self.journal,
            number=self.number,
            opened_at=self.opening.opened_at,
            opened_mono=self.opened_mono,
            ended_at=None if self.ending is None else self.opening.opened_at + self.ending.t,
            trace_id=self.opening.trace_id,
            opening=self._raw_opening,
            ending=None if self.ending is None else msgspec.json.encode(self.ending).decode(),
            next_seq=next_seq,
            resume=None if self.ending is not None else resume.to_json(),
        )

    def _decoder(self, side: Side, state: DecoderState | None) -> Decoder:
        lost = is_placeholder(self.opening)  # what was agreed on is not known
        keeps = True if lost else takeover(self.opening.response_headers, side)
        inflater = None if keeps is None else Inflater(keeps)
        self.inflates = self.inflates or inflater is not None
        return Decoder(side, masked=side == "twilio", limit=self._limit, inflater=inflater, state=state)

    def _feed(self, kind: EntryKind, body: bytes, t: int, out: int | None, place: JournalPlace) -> list[Message]:
        try:
            messages = self._decoders[kind].feed(body, t, out, self._seq, place)
            return self.faults.join(messages) if kind is EntryKind.BACKEND_CHUNK else messages
        except Exception as problem:
            log_bug(f"decoding connection {self.id}", problem)
            self._decoders[kind] = self._decoder(SIDES[kind], DecoderState(mode="lost", skipped=len(body)))
            return []

    def _add(self, messages: list[Message], before: Checkpoint | None, until: int | None = None) -> list[Message]:
        """Numbers decoded messages and redacts them; as `_redact`."""
        self._seq += len(messages)
        return self._redact(messages, before, until)

    def _redact(self, messages: list[Message], before: Checkpoint | None, until: int | None = None) -> list[Message]:
        """Passes messages through redaction. `before`: how things were before their chunk; None where nothing may be
        held. `until`: redaction also passes to this time (`END`: nothing follows)."""
        if messages and messages[0].seq < self._stored:
            messages = [message for message in messages if message.seq >= self._stored]
        redactor = self._redactor
        if redactor is None:
            return self._release(messages)
        ready: list[Message] = []
        for more, message in zip(range(len(messages) - 1, -1, -1), messages, strict=True):
            try:
                ready += redactor.feed(message, more=more > 0)
            except Exception as problem:
                self._redaction_failed(problem)
                ready += redactor.fail(message)
        if until is not None:
            try:
                ready += redactor.end(self.last_t) if until == END else redactor.due(until)
            except Exception as problem:
                self._redaction_failed(problem)
                ready += redactor.fail()
        oldest = redactor.oldest
        if oldest is None and self._seq >= self._until:
            self._checkpoints.clear()
        else:
            self._checkpoints.keep(before, self._seq if oldest is None else oldest)
        return self._release(ready)

    def _release(self, messages: list[Message]) -> list[Message]:
        self._size.keep(messages)
        self.fresh += messages
        return messages

    def _set_windows(self, *states: DecoderState | None) -> None:
        twilio, backend = (b"" if state is None or self.ending is not None else state.window for state in states)
        if (twilio, backend) != self.windows[1:]:
            self.windows = Windows(secrets.token_hex(8) if twilio or backend else "", twilio, backend)

    def _checkpoint(self, place: JournalPlace) -> Checkpoint:
        decoders = self._decoders
        twilio, backend = decoders[EntryKind.TWILIO_CHUNK].state(), decoders[EntryKind.BACKEND_CHUNK].state()
        return Checkpoint(self._seq, twilio, backend, place)

    def _missing(self) -> list[Message]:
        """Takes that what follows is new: what was to be played again and was not found is lost."""
        until, self._until = self._until, 0
        self._replay_place = None
        if self._seq >= until:
            return []
        self._seq = max(self._seq, self._stored)
        return self.lose_all()

    def _redaction_failed(self, problem: Exception) -> None:
        self.failures += 1
        if self.failures == 1:
            log_bug(f"redacting connection {self.id}; metadata alone is kept", problem)

    def _redacted(self, opening: Opening, earlier: Opening | None = None) -> Opening:
        try:
            return self._rules.opening(opening, earlier)
        except Exception as problem:
            self._redaction_failed(problem)
            return without_words(opening)

    def _time(self, entry: JournalEntry) -> int:
        t = entry.t - self.opened_mono
        if t > self.last_t:
            self.last_t = t
        return t
