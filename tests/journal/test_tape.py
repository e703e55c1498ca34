"""The tape against a sink of our choosing: what fits is handed over in order, what does not is counted and said."""

from collections.abc import Callable

from relayproxy.journal.format import EntryKind, GapBody, GapCause, JournalEntry, OpenConnections, unpack_entries
from relayproxy.journal.tape import FLUSH_INTERVAL, HAND_OVER_SIZE, TELL_AGAIN, TELL_OPEN, CopyingTape, Tape


class Desk:
    """Stands for the writer and the event loop's timer; nothing is written until `write_all`."""

    def __init__(self) -> None:
        self.pending = 0
        self.buffers: list[bytearray] = []
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def put(self, entries: bytearray) -> None:
        self.pending += len(entries)
        self.buffers.append(entries)

    def later(self, seconds: float, callback: Callable[[], None]) -> None:
        self.timers.append((seconds, callback))

    def flush(self, until: float = FLUSH_INTERVAL) -> None:
        """Has the time go on by so many seconds."""
        due = [callback for seconds, callback in self.timers if seconds <= until]
        self.timers = [timer for timer in self.timers if timer[0] > until]
        for callback in due:
            callback()

    def write_all(self) -> list[JournalEntry]:
        entries = [entry for buffer in self.buffers for entry in unpack_entries(bytes(buffer), 0)]
        self.pending, self.buffers = 0, []
        return entries


def test_entries_come_out_as_they_went_in_at_the_next_flush() -> None:
    desk = Desk()
    tape = Tape(desk, 1000, desk.later)
    tape.note(EntryKind.OPENING, 1, 100, b"how it opened")
    tape.chunk(EntryKind.TWILIO_CHUNK, 1, 110, 7, b"hello")
    tape.chunk(EntryKind.BACKEND_CHUNK, 1, 120, 1 << 40, b"")
    assert not desk.buffers
    assert len(desk.timers) == 1
    desk.flush()
    assert [(e.kind, e.connection, e.t, e.took, e.body) for e in desk.write_all()] == [
        (EntryKind.OPENING, 1, 100, 0, b"how it opened"),
        (EntryKind.TWILIO_CHUNK, 1, 110, 7, b"hello"),
        (EntryKind.BACKEND_CHUNK, 1, 120, 0xFFFFFFFF, b""),
    ]
    assert not desk.timers


def test_an_opening_that_is_to_leave_a_trace_does_not_wait_for_the_flush() -> None:
    desk = Desk()
    tape = Tape(desk, 1000, desk.later)
    tape.chunk(EntryKind.TWILIO_CHUNK, 1, 1, 0, b"of another call")
    tape.note(EntryKind.OPENING, 2, 2, b"how it opened", at_once=True)
    tape.note(EntryKind.OPENING, 3, 3, b"and another one", at_once=True)
    desk.flush(0)
    assert [e.body for e in desk.write_all()] == [b"of another call", b"how it opened", b"and another one"]


def test_a_long_buffer_does_not_wait_for_the_flush() -> None:
    desk = Desk()
    tape = Tape(desk, 10 * HAND_OVER_SIZE, desk.later)
    tape.chunk(EntryKind.TWILIO_CHUNK, 1, 1, 0, b"x" * HAND_OVER_SIZE)
    tape.chunk(EntryKind.TWILIO_CHUNK, 1, 2, 0, b"y")
    assert [e.body[:1] for e in desk.write_all()] == [b"x"]
    desk.flush()
    assert [e.body[:1] for e in desk.write_all()] == [b"y"]


def test_what_does_not_fit_becomes_one_gap_a_side_in_the_place_where_it_is_missing() -> None:
    desk = Desk()
    tape = Tape(desk, 100, desk.later)
    tape.chunk(EntryKind.TWILIO_CHUNK, 1, 10, 0, b"a" * 90)
    desk.flush()
    tape.chunk(EntryKind.TWILIO_CHUNK, 1, 20, 0, b"b" * 50)
    tape.chunk(EntryKind.BACKEND_CHUNK, 1, 30, 0, b"c" * 5)
    tape.chunk(EntryKind.TWILIO_CHUNK, 1, 40, 0, b"d" * 7)
    desk.flush()
    assert [e.body[:1] for e in desk.write_all()] == [b"a"]
    tape.chunk(EntryKind.TWILIO_CHUNK, 1, 50, 0, b"e")
    desk.flush()
    first, second, chunk = desk.write_all()
    assert (first.kind, first.t, GapBody.unpack(first.body)) == (
        EntryKind.GAP,
        20,
        GapBody(GapCause.BUFFER, EntryKind.TWILIO_CHUNK, 2, 57, 40),
    )
    assert (second.t, GapBody.unpack(second.body)) == (30, GapBody(GapCause.BUFFER, EntryKind.BACKEND_CHUNK, 1, 5, 30))
    assert chunk.body == b"e"


def test_a_gap_is_written_although_nothing_follows_it() -> None:
    desk = Desk()
    tape = Tape(desk, 100, desk.later)
    tape.chunk(EntryKind.TWILIO_CHUNK, 1, 10, 0, b"a" * 101)
    desk.flush()
    tape.chunk(EntryKind.TWILIO_CHUNK, 1, 20, 0, b"b")
    desk.write_all()
    desk.flush()
    desk.flush()
    assert [e.kind for e in desk.write_all()] == [EntryKind.GAP]


def test_openings_and_endings_still_fit_when_chunks_do_not() -> None:
    desk = Desk()
    tape = Tape(desk, 100, desk.later)
    tape.chunk(EntryKind.TWILIO_CHUNK, 1, 10, 0, b"a" * 101)
    tape.note(EntryKind.ENDING, 1, 20, b"{}")
    for t in range(20):
        tape.note(EntryKind.ENDING, 1, t, b"{}")
    tape.close()
    assert [e.kind for e in desk.write_all()].count(EntryKind.ENDING) + tape.lost == 21
    assert 0 < tape.lost < 20


def test_a_copy_ends_with_a_gap_of_what_was_passed_on_and_not_with_one_of_what_was_not() -> None:
    desk = Desk()
    copied: list[bytes | None] = []
    tape = CopyingTape(Tape(desk, 1000, desk.later), copied.append)

    def gap(cause: GapCause, side: EntryKind) -> None:
        tape.note(EntryKind.GAP, 1, 10, GapBody(cause, side, 1, 5, 10).pack())

    tape.chunk(EntryKind.TWILIO_CHUNK, 1, 10, 0, b"hello")
    gap(GapCause.LIMIT, EntryKind.BACKEND_CHUNK)
    gap(GapCause.FAULT, EntryKind.TWILIO_CHUNK)
    assert copied == [b"hello"]
    gap(GapCause.LIMIT, EntryKind.TWILIO_CHUNK)
    assert copied == [b"hello", None]
    desk.flush()
    assert [e.kind for e in desk.write_all()].count(EntryKind.GAP) == 3


def told(desk: Desk) -> list[tuple[int, set[int]]]:
    """What has been told of open connections since the last look: the highest number, and those that are open."""
    entries = [entry for entry in desk.write_all() if entry.kind is EntryKind.OPEN_CONNECTIONS]
    assert {entry.connection for entry in entries} <= {0}
    found = [OpenConnections.unpack(entry.body) for entry in entries]
    return [(one.latest, {*one.numbers}) for one in found]


def test_after_endings_it_is_told_which_connections_are_open() -> None:
    desk = Desk()
    tape = Tape(desk, 1000, desk.later)
    tape.note(EntryKind.REQUEST, 1, 1, b"dialled, and open")
    tape.note(EntryKind.OPENING, 1, 1, b"answered")
    tape.note(EntryKind.REQUEST, 2, 2, b"still dialled")
    tape.note(EntryKind.REQUEST, 3, 3, b"soon over")
    desk.flush(TELL_OPEN)
    assert told(desk) == [], "nothing has ended"
    tape.note(EntryKind.ENDING, 3, 4, b"{}")
    tape.note(EntryKind.GAP, 3, 5, b"of one that has ended opens nothing")
    desk.flush(TELL_OPEN)
    desk.flush()
    assert told(desk) == [(3, {1, 2})]
    for number in (1, 2):
        tape.note(EntryKind.ENDING, number, 6, b"{}")
    desk.flush(TELL_OPEN)
    desk.flush()
    assert told(desk) == [(3, set())], "once for both"


def test_what_is_told_of_open_connections_stands_behind_all_that_there_is_of_the_others() -> None:
    desk = Desk()
    tape = Tape(desk, 50, desk.later)
    tape.note(EntryKind.OPENING, 1, 1, b"{}")
    tape.note(EntryKind.OPENING, 2, 1, b"{}")
    tape.chunk(EntryKind.TWILIO_CHUNK, 1, 2, 0, b"a" * 60)
    desk.flush()
    tape.chunk(EntryKind.TWILIO_CHUNK, 1, 3, 0, b"dropped")
    tape.note(EntryKind.ENDING, 1, 4, b"{}")
    assert tape.lost == 1
    desk.flush(TELL_OPEN)
    assert [entry.kind for entry in desk.write_all()][-1] is EntryKind.TWILIO_CHUNK, "there is no room for it either"
    desk.flush(TELL_OPEN)
    desk.flush()
    gap, last = desk.write_all()
    assert (gap.kind, gap.connection) == (EntryKind.GAP, 1)
    assert OpenConnections.unpack(last.body) == OpenConnections(2, frozenset({2}))


def test_which_connections_are_open_is_told_once_more_when_nothing_ends_meanwhile() -> None:
    desk = Desk()
    tape = Tape(desk, 1000, desk.later)
    for number in (1, 2):
        tape.note(EntryKind.OPENING, number, 1, b"{}")
    for number in (1, 2):
        tape.note(EntryKind.ENDING, number, 2, b"{}")
        desk.flush(TELL_OPEN)
    desk.flush()
    assert told(desk) == [(2, {2}), (2, set())]
    desk.flush(TELL_AGAIN)
    desk.flush()
    assert told(desk) == [(2, set())]
    assert not desk.timers, "a relay without calls writes nothing"
