"""Decoding of one connection: two frame decoders, and the numbering of its messages.

Knows: how a connection's journal entries become messages, and how it goes on after a restart.
Must not know: sessions, the conversation, the database, files.
"""

import hashlib
import logging
import struct
import traceback
from collections.abc import Iterable, Sequence

import msgspec

from relayproxy.connection import Ending, Opening, Side
from relayproxy.conversation.message import Message
from relayproxy.journal.format import MAX_TOOK, EntryKind, GapBody, JournalEntry
from relayproxy.recorder.decoding.deflate import Inflater, takeover
from relayproxy.recorder.decoding.frames import Decoder, DecoderState, JournalPlace
from relayproxy.recorder.decoding.resume import Resume, read_resume
from relayproxy.recorder.decoding.size_limit import SizeLimit, SizeState
from relayproxy.store.schema.rows import ConnectionRow

log = logging.getLogger(__name__)

DAMAGED = "journal_damaged"
SIDES: dict[EntryKind, Side] = {EntryKind.TWILIO_CHUNK: "twilio", EntryKind.BACKEND_CHUNK: "backend"}


def log_bug(what: str, problem: Exception) -> None:
    """Logs a bug of ours with where it happened; never with values, which may be what callers said."""
    where = "".join(traceback.format_tb(problem.__traceback__))
    log.error("%s: %s\n%s", what, type(problem).__name__, where)


def placeholder(journal: str, number: int, opened_at: int) -> Opening:
    """Stands for an opening that was lost in a gap. The same lost opening always gives the same ids."""
    digest = hashlib.sha256(f"{journal}/{number}".encode()).hexdigest()
    return Opening(
        connection_id=digest[:32],
        trace_id=digest[:32],
        span_id=digest[32:48],
        route="",
        backend="",
        target="",
        opened_at=opened_at,
        peer="",
        status=101,
    )


class DecodedConnection:
    """A live connection of one journal. `session` is the session it belongs to, by its id. `limit` bounds the payload
    kept of a message, `size_limit` what is kept of all of them.

    `fresh` are the messages that are not committed yet. Entry methods return the new messages among them.
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
    ) -> None:
        self.id = opening.connection_id
        self.opening = opening
        self.number = number
        self.session = row.session if row else self.id
        self.ending: Ending | None = None
        self.fresh: list[Message] = []
        self.last_t = 0
        """Nanoseconds from the opening to the last sign of life."""
        self.journal = journal
        self._raw_opening = raw_opening or msgspec.json.encode(opening).decode()
        self._opened_mono = opened_mono
        self._limit = limit
        self._seq = row.next_seq if row else 0
        resume = read_resume(row.resume if row else None)
        unnamed = SizeState(unnamed=row is None and bool(opening.peer))
        self._size = SizeLimit(size_limit, limit, resume.size or unnamed)
        self._decoders = {
            EntryKind.TWILIO_CHUNK: self._decoder("twilio", resume.twilio),
            EntryKind.BACKEND_CHUNK: self._decoder("backend", resume.backend),
        }
        self._replay_from = {
            EntryKind.TWILIO_CHUNK: resume.twilio.at if resume.twilio else None,
            EntryKind.BACKEND_CHUNK: resume.backend.at if resume.backend else None,
        }

    @classmethod
    def restore(cls, row: ConnectionRow, limit: int, size_limit: int) -> "DecodedConnection":
        """The connection as it was when the row was committed."""
        return cls(
            msgspec.json.decode(row.opening, type=Opening),
            journal=row.journal,
            number=row.number,
            opened_mono=row.opened_mono,
            limit=limit,
            size_limit=size_limit,
            row=row,
            raw_opening=row.opening,
        )

    @property
    def wall(self) -> int:
        """Wall time of the relay's monotonic zero."""
        return self.opening.opened_at - self._opened_mono

    @property
    def pending(self) -> JournalPlace | None:
        """The beginning of the oldest incomplete message, on either side."""
        places = [*(decoder.pending for decoder in self._decoders.values()), *self._replay_from.values()]
        return min((place for place in places if place is not None), default=None)

    @property
    def unnamed(self) -> bool:
        """True when no setup message has come, and none can have been lost."""
        return self._size.unnamed

    def chunk(self, entry: JournalEntry, segment: int) -> list[Message]:
        """Takes bytes that one end sent."""
        if self._size.exceeded:
            return self._drop(entry)
        # Where reading should have begun again was never found: the file is gone or damaged.
        lost = [] if self._replay_from[entry.kind] is None else self.lose(entry.kind, 0, DAMAGED)
        t = self._time(entry)
        if entry.took < MAX_TOOK:
            return lost + self._add(self._feed(entry.kind, entry.body, t, t + entry.took, (segment, entry.offset)))
        held = self._feed(entry.kind, entry.body, t, None, (segment, entry.offset))
        return lost + self._add([msgspec.structs.replace(message, held=True) for message in held])

    def replay(self, entry: JournalEntry, segment: int) -> None:
        """Bytes before the committed position: fed to a side whose pending message they are part of. All that comes
        out of it has been committed."""
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
        t = self._time(entry)
        try:
            gap = GapBody.unpack(entry.body)
        except (ValueError, struct.error):
            return self.lose_all(t)
        return self.lose(gap.side, gap.size, gap.cause.name.lower(), t)

    def lose_all(self, t: int | None = None) -> list[Message]:
        """Takes damage of the journal at this place: the missing bytes are of unknown number and side."""
        return [message for side in SIDES for message in self.lose(side, 0, DAMAGED, t)]

    def lose(self, side: EntryKind, size: int, note: str, t: int | None = None) -> list[Message]:
        """Takes a loss of bytes of one side at this place."""
        self._size.name()
        return self._gap(side, size, note, self.last_t if t is None else t)

    def _drop(self, entry: JournalEntry) -> list[Message]:
        self.last_t = max(self.last_t, entry.t - self._opened_mono)
        return self._tell(self._size.dropped[entry.kind].add(self.last_t, len(entry.body)))

    def _tell(self, gap: tuple[int, GapBody] | None) -> list[Message]:
        return [] if gap is None else self._gap(gap[1].side, gap[1].size, gap[1].cause.name.lower(), gap[0])

    def _gap(self, side: EntryKind, size: int, note: str, t: int) -> list[Message]:
        self._replay_from[side] = None
        before = self._add(self._decoders[side].gap(t, self._seq))
        return before + self._add([Message(self._seq, t, SIDES[side], "gap", size=size, note=note)])

    def abandon(self) -> list[Message]:
        """Stops waiting for messages that have been under way for too long; they stay incomplete."""
        messages: list[Message] = []
        for side, decoder in self._decoders.items():
            if self._replay_from[side] is not None:
                messages += self.lose(side, 0, DAMAGED)
            elif decoder.pending is not None:
                messages += self._add(decoder.gap(self.last_t, self._seq))
        return messages

    def end(self, ending: Ending) -> list[Message]:
        """Takes the end of the connection: no bytes follow."""
        self.ending = ending
        self.last_t = max(self.last_t, ending.t)
        messages = [gap for dropped in self._size.dropped.values() for gap in self._tell(dropped.rest())]
        for decoder in self._decoders.values():
            messages += self._add(decoder.end(ending.t, self._seq))
        return messages

    def set_types(self, messages: Sequence[Message], types: Iterable[str | None]) -> None:
        """Sets the types of the last messages of `fresh`, as their decoder says; it may know only the first."""
        known = list(types)
        if "setup" in known or len(known) < len(messages):  # fewer: the conversation could not be derived
            self._size.name()
        start = len(self.fresh) - len(messages)
        for place, type in enumerate(known, start):
            if type is not None:
                self.fresh[place] = msgspec.structs.replace(self.fresh[place], type=type)

    def row(self) -> ConnectionRow:
        """The connection's row as of the last entry."""
        states = {kind: decoder.state() for kind, decoder in self._decoders.items()}
        resume = Resume(states[EntryKind.TWILIO_CHUNK], states[EntryKind.BACKEND_CHUNK], self._size.state())
        return ConnectionRow(
            id=self.id,
            session=self.session,
            journal=self.journal,
            number=self.number,
            opened_at=self.opening.opened_at,
            opened_mono=self._opened_mono,
            ended_at=None if self.ending is None else self.opening.opened_at + self.ending.t,
            opening=self._raw_opening,
            ending=None if self.ending is None else msgspec.json.encode(self.ending).decode(),
            next_seq=self._seq,
            resume=None if self.ending is not None else resume.to_json(),
        )

    def _decoder(self, side: Side, state: DecoderState | None) -> Decoder:
        lost = not self.opening.peer  # a placeholder: what was agreed on is not known
        keeps = True if lost else takeover(self.opening.response_headers, side)
        inflater = None if keeps is None else Inflater(keeps)
        return Decoder(side, masked=side == "twilio", limit=self._limit, inflater=inflater, state=state)

    def _feed(self, kind: EntryKind, body: bytes, t: int, out: int | None, place: JournalPlace) -> list[Message]:
        try:
            return self._decoders[kind].feed(body, t, out, self._seq, place)
        except Exception as problem:
            log_bug(f"decoding connection {self.id}", problem)
            self._decoders[kind] = self._decoder(SIDES[kind], DecoderState(mode="lost", skipped=len(body)))
            return []

    def _add(self, messages: list[Message]) -> list[Message]:
        self._size.keep(messages)
        self.fresh += messages
        self._seq += len(messages)
        return messages

    def _time(self, entry: JournalEntry) -> int:
        t = entry.t - self._opened_mono
        self.last_t = max(self.last_t, t)
        return t
