"""The journal's bytes: what was packed is what is unpacked, and the bytes on disk do not change."""

import zlib
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relayproxy.journal.format import (
    ERASED,
    MAX_TOOK,
    EntryKind,
    GapBody,
    GapCause,
    JournalEntry,
    OpenConnections,
    pack_block,
    pack_entry,
    unpack_entries,
)

U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(EntryKind), U32, U64, U32, st.binary(max_size=50))))
def test_entries_come_out_as_they_were_packed(entries: list[tuple[EntryKind, int, int, int, bytes]]) -> None:
    content = b"".join(pack_entry(*entry) for entry in entries)

    unpacked = list(unpack_entries(content, 1000))

    assert [(e.kind, e.connection, e.t, e.took, e.body) for e in unpacked] == entries
    assert all(content[e.offset - 1000 :].startswith(e.body) for e in unpacked)


def test_a_journal_of_today_is_read_by_every_later_version() -> None:
    entry = pack_entry(EntryKind.BACKEND_CHUNK, 3, 0x0102030405060708, 9, b"hi")

    assert entry == b"\x02\x03\0\0\0\x02\0\0\0\x08\x07\x06\x05\x04\x03\x02\x01\x09\0\0\0hi"
    assert pack_block(entry) == len(entry).to_bytes(4, "little") + zlib.crc32(entry).to_bytes(4, "little") + entry
    assert [(kind.name, kind.value) for kind in EntryKind] == [
        ("TWILIO_CHUNK", 1),
        ("BACKEND_CHUNK", 2),
        ("OPENING", 3),
        ("ENDING", 4),
        ("GAP", 5),
        ("REQUEST", 7),
        ("FAULT", 8),
        ("OPEN_CONNECTIONS", 9),
    ]
    assert ERASED == 6
    assert OpenConnections(0x0102, frozenset({7})).pack() == b"\x02\x01\0\0\x07\0\0\0"


@pytest.mark.parametrize("numbers", [(), (3,), range(1, 5001)])
def test_open_connections_come_out_as_they_were_packed(numbers: Iterable[int]) -> None:
    told = OpenConnections(2**32 - 1, frozenset(numbers))

    assert OpenConnections.unpack(told.pack()) == told


@pytest.mark.parametrize("body", [b"", b"\x01\0\0", b"\x01\0\0\0\x01"])
def test_what_is_no_list_of_connections_is_none(body: bytes) -> None:
    with pytest.raises(ValueError, match="no list of connections"):
        OpenConnections.unpack(body)


def test_an_entry_says_where_in_the_file_its_body_begins() -> None:
    content = pack_entry(EntryKind.OPENING, 1, 5, 0, b"{}") + pack_entry(EntryKind.TWILIO_CHUNK, 1, 6, 7, b"abc")

    assert list(unpack_entries(content, 29)) == [
        JournalEntry(EntryKind.OPENING, 1, 5, 0, b"{}", 29 + 21),
        JournalEntry(EntryKind.TWILIO_CHUNK, 1, 6, 7, b"abc", 29 + 21 + 2 + 21),
    ]


def test_a_write_that_took_longer_than_can_be_said_took_the_most_that_can() -> None:
    (entry,) = unpack_entries(pack_entry(EntryKind.TWILIO_CHUNK, 1, 0, MAX_TOOK + 1, b""), 0)

    assert entry.took == MAX_TOOK


@pytest.mark.parametrize("cause", GapCause)
@pytest.mark.parametrize("side", [EntryKind.TWILIO_CHUNK, EntryKind.BACKEND_CHUNK])
def test_a_gap_tells_why_what_and_how_much_is_missing(cause: GapCause, side: EntryKind) -> None:
    gap = GapBody(cause, side, chunks=2**32 - 1, size=2**40, last_t=2**63)

    assert GapBody.unpack(gap.pack()) == gap
