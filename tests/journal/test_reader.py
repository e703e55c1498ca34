"""The reader over real files: following a writer, torn tails, damage, and going on in the middle."""

import os
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relayproxy.journal.format import MAGIC, EntryKind, JournalEntry, pack_block, pack_entry
from relayproxy.journal.reader import Block, Damage, JournalReader, delete_journal, delete_segments
from relayproxy.journal.segments import create_journal, segment_numbers, segment_path
from relayproxy.journal.writer import JournalWriter

READ = 1 << 20


def entry(body: bytes, connection: int = 1) -> bytes:
    return pack_entry(EntryKind.TWILIO_CHUNK, connection, 5, 7, body)


def block(*bodies: bytes) -> bytes:
    return pack_block(b"".join(entry(body) for body in bodies))


class Journal:
    """A journal that the test writes byte by byte, as its living writer until `die`."""

    def __init__(self, folder: Path) -> None:
        self.path, self._lock = create_journal(folder)

    def add(self, number: int, data: bytes) -> None:
        with segment_path(self.path, number).open("ab") as file:
            file.write(data)

    def die(self) -> None:
        os.close(self._lock)

    def reader(self, segment: int = 1, offset: int = 0) -> JournalReader:
        return JournalReader(self.path, segment, offset)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


def bodies(found: list[Block | Damage]) -> list[bytes]:
    return [one.body for part in found if isinstance(part, Block) for one in part.entries]


def damage(found: list[Block | Damage]) -> list[tuple[int, int, int, str]]:
    return [(part.segment, part.offset, part.size, part.reason) for part in found if isinstance(part, Damage)]


def test_entries_come_as_they_were_written(journal: Journal) -> None:
    with journal.reader() as reader:
        assert reader.read(READ) == []
        journal.add(1, MAGIC)
        assert reader.read(READ) == []
        journal.add(1, block(b"one", b"") + block(b"three"))
        first, second = reader.read(READ)
        start = len(MAGIC) + 8
        assert first == Block(
            1,
            start + 21 + 3 + 21,
            (
                JournalEntry(EntryKind.TWILIO_CHUNK, 1, 5, 7, b"one", start + 21),
                JournalEntry(EntryKind.TWILIO_CHUNK, 1, 5, 7, b"", start + 21 + 3 + 21),
            ),
        )
        assert isinstance(second, Block)
        assert second.end == segment_path(journal.path, 1).stat().st_size
        assert reader.read(READ) == []
        assert not reader.finished


def test_a_tail_that_is_being_written_is_waited_for_at_every_byte(journal: Journal) -> None:
    whole = MAGIC + block(b"one") + block(b"two")
    got: list[bytes] = []
    with journal.reader() as reader:
        for at in range(len(whole)):
            journal.add(1, whole[at : at + 1])
            found = reader.read(READ)
            assert damage(found) == []
            got += bodies(found)
        assert got == [b"one", b"two"]


def test_a_torn_tail_is_cut_once_the_next_segment_is_there(journal: Journal) -> None:
    tail = block(b"torn")[:-1]
    journal.add(1, MAGIC + block(b"one") + tail)
    with journal.reader() as reader:
        assert bodies(reader.read(READ)) == [b"one"]
        assert reader.read(READ) == []
        journal.add(2, MAGIC[:3])
        found = reader.read(READ)
        assert damage(found) == [(1, len(MAGIC + block(b"one")), len(tail), "torn")]
        journal.add(2, MAGIC[3:] + block(b"two"))
        assert bodies(reader.read(READ)) == [b"two"]


def test_what_was_written_just_before_the_rotation_is_read(journal: Journal) -> None:
    journal.add(1, MAGIC + block(b"one"))
    with journal.reader() as reader:
        assert bodies(reader.read(READ)) == [b"one"]
        journal.add(1, block(b"last"))
        journal.add(2, MAGIC + block(b"two"))
        assert bodies(reader.read(READ)) == [b"last", b"two"]


def test_a_writer_that_rotates_and_dies_between_two_looks(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    def last_act(path: Path) -> bool:
        if not segment_path(path, 2).exists():
            journal.add(2, MAGIC + block(b"two"))
        return False

    journal.add(1, MAGIC + block(b"one"))
    monkeypatch.setattr("relayproxy.journal.reader.writer_is_alive", last_act)
    with journal.reader() as reader:
        assert bodies(reader.read(READ)) == [b"one", b"two"]
        assert reader.finished


def test_finished_when_the_writer_is_dead_and_all_is_read(journal: Journal) -> None:
    journal.add(1, MAGIC + block(b"one"))
    with journal.reader() as reader:
        reader.read(READ)
        journal.add(1, block(b"two") + block(b"torn")[:9])
        journal.die()
        found = reader.read(READ)
        assert bodies(found) == [b"two"]
        assert [reason for *_, reason in damage(found)] == ["torn"]
        assert reader.finished
        assert reader.read(READ) == []


def test_a_writer_that_died_before_its_first_segment(journal: Journal) -> None:
    with journal.reader() as reader:
        assert reader.read(READ) == []
        journal.die()
        assert reader.read(READ) == []
        assert reader.finished


def test_an_error_takes_nothing_along_that_was_read_before_it(journal: Journal) -> None:
    journal.add(1, MAGIC + block(b"one") + block(b"two"))
    segment_path(journal.path, 2).mkdir()  # every read of it fails
    with journal.reader() as reader:
        assert bodies(reader.read(READ)) == [b"one", b"two"]
        for _ in range(2):
            with pytest.raises(IsADirectoryError):
                reader.read(READ)
        segment_path(journal.path, 2).rmdir()
        journal.add(2, MAGIC + block(b"three"))
        assert bodies(reader.read(READ)) == [b"three"]


def test_small_reads_still_give_whole_blocks(journal: Journal) -> None:
    big = b"x" * 600_000
    journal.add(1, MAGIC + block(b"one") + block(big) + block(b"two"))
    with journal.reader() as reader:
        got: list[list[bytes]] = []
        while found := bodies(reader.read(1)):
            got.append(found)
    assert [body for part in got for body in part] == [b"one", big, b"two"]
    assert len(got) >= 2


def test_going_on_from_any_byte_starts_with_the_block_that_holds_it(journal: Journal) -> None:
    parts = [MAGIC, block(b"one"), block(b"two", b"2"), block(b"three")]
    journal.add(1, b"".join(parts))
    whole = [[b"one"], [b"two", b"2"], [b"three"]]
    for offset in range(sum(map(len, parts)) + 1):
        passed = sum(offset >= sum(map(len, parts[: at + 2])) for at in range(3))
        with journal.reader(1, offset) as reader:
            found = reader.read(READ)
            assert bodies(found) == [body for part in whole[passed:] for body in part]


def test_a_block_that_was_changed_is_skipped_once_another_follows(journal: Journal) -> None:
    good, bad = block(b"good"), bytearray(block(b"changed"))
    bad[-1] ^= 1
    journal.add(1, MAGIC + good + bad)
    with journal.reader() as reader:
        assert bodies(reader.read(READ)) == [b"good"]
        assert reader.read(READ) == []  # it might still be being written
        journal.add(1, good)
        found = reader.read(READ)
    assert bodies(found) == [b"good"]
    assert damage(found) == [(1, len(MAGIC + good), len(bad), "checksum")]


def test_one_flipped_bit_anywhere_never_stops_the_reading_of_a_living_journal(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relayproxy.journal.reader._DOUBT", 0.0)
    parts = [MAGIC, block(b"one"), block(b"two"), block(b"three"), block(b"four")]
    whole = b"".join(parts)
    expected = [b"one", b"two", b"three", b"four"]
    for bit in range(8 * (len(whole) - len(parts[-1]))):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        segment_path(journal.path, 1).write_bytes(changed)
        with journal.reader() as reader:
            found = reader.read(READ) + reader.read(READ)
        got = bodies(found)
        assert len(damage(found)) == 1
        assert got[-1] == b"four"
        # A length may just become that of two blocks together.
        assert len(got) >= 2, f"bit {bit}: {got}"
        assert got == [body for body in expected if body in got]


def test_a_block_that_a_peer_sent_inside_an_unfinished_one_is_never_taken_for_one(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relayproxy.journal.reader._DOUBT", 0.0)
    forged = block(b"forged")
    long = block(b"said " + forged + b" to us")
    journal.add(1, MAGIC + block(b"one"))
    with journal.reader() as reader:
        assert bodies(reader.read(READ)) == [b"one"]
        for byte in range(len(long) - 1):
            journal.add(1, long[byte : byte + 1])
            if not long[: byte + 1].endswith(forged):
                assert reader.read(READ) == []
        journal.add(1, long[-1:])
        assert len(bodies(reader.read(READ))) == 1


@pytest.mark.parametrize("length", [0, 64 * 1024 * 1024 + 1, 0xFFFFFFFF])
def test_behind_a_length_that_cannot_be_the_next_block_is_found(journal: Journal, length: int) -> None:
    rest = length.to_bytes(4, "little") + bytes(4)
    journal.add(1, MAGIC + rest + block(b"behind") + rest)
    journal.add(1, block(b"last"))
    journal.add(2, MAGIC + rest)
    with journal.reader() as reader:
        found = reader.read(READ)
        journal.die()
        found += reader.read(READ)
    assert bodies(found) == [b"last"]
    assert damage(found) == [
        (1, len(MAGIC), len(rest + block(b"behind") + rest), "format"),
        (2, len(MAGIC), len(rest), "format"),
    ]


@pytest.mark.parametrize("kind", EntryKind)
def test_behind_damage_a_block_is_found_whatever_it_begins_with(journal: Journal, kind: EntryKind) -> None:
    journal.add(1, MAGIC + bytes(8) + pack_block(pack_entry(kind, 1, 5, 0, b"found")))
    journal.die()
    with journal.reader() as reader:
        assert bodies(reader.read(READ)) == [b"found"]


def test_a_torn_block_that_looks_like_many_is_searched_once(journal: Journal) -> None:
    forged = pack_block(entry(b""))
    torn = pack_block(entry(forged * 1000))[:-3]
    journal.add(1, MAGIC + block(b"whole") + torn)
    journal.die()
    steps = 0

    def count(_: FrameType, event: str, called: Any) -> None:
        nonlocal steps
        steps += event == "c_call" and called.__name__ == "unpack_from"

    with journal.reader() as reader:
        sys.setprofile(count)
        found = reader.read(READ)
        sys.setprofile(None)
    assert bodies(found) == [b"whole"]
    assert damage(found) == [(1, len(MAGIC + block(b"whole")), len(torn), "torn")]
    assert steps < 3 * len(torn)


def test_a_file_that_is_no_segment(journal: Journal) -> None:
    journal.add(1, b"something else entirely, longer than the magic")
    journal.add(2, MAGIC + block(b"next"))
    with journal.reader() as reader:
        found = reader.read(READ)
    assert bodies(found) == [b"next"]
    assert damage(found) == [(1, 0, 46, "format")]


def test_entries_that_do_not_fit_their_block(journal: Journal) -> None:
    overlong = pack_entry(EntryKind.TWILIO_CHUNK, 1, 5, 7, b"abc")[:-1]
    stub = b"\x01\x02"
    later_kind = b"\x63" + entry(b"unknown")[1:]
    journal.add(1, MAGIC + pack_block(entry(b"ok") + overlong) + pack_block(later_kind + entry(b"fine") + stub))
    with journal.reader() as reader:
        found = reader.read(READ)
    assert bodies(found) == [b"ok", b"fine"]
    assert [(size, reason) for _, _, size, reason in damage(found)] == [(23, "format"), (2, "format")]


def test_missing_segments_are_reported(journal: Journal) -> None:
    journal.add(3, MAGIC + block(b"three"))
    journal.add(6, MAGIC + block(b"six"))
    with journal.reader() as reader:
        found = reader.read(READ)
    assert bodies(found) == [b"three", b"six"]
    assert [(segment, reason) for segment, _, _, reason in damage(found)] == [(1, "missing"), (3, "missing")]


def test_going_on_within_a_segment_that_is_gone_misses_its_rest(journal: Journal) -> None:
    journal.add(3, MAGIC + block(b"three"))
    with journal.reader(2, 5000) as reader:
        found = reader.read(READ)
    assert bodies(found) == [b"three"]
    assert damage(found) == [(2, 5000, 0, "missing")]


def test_a_journal_that_vanishes_is_finished(journal: Journal) -> None:
    journal.add(1, MAGIC + block(b"one"))
    with journal.reader() as reader:
        assert bodies(reader.read(READ)) == [b"one"]
        journal.die()
        delete_journal(journal.path)
        assert reader.read(READ) == []
        assert reader.finished
    assert not journal.path.exists()
    delete_journal(journal.path)


def test_deleting_what_is_done_with(journal: Journal) -> None:
    for number in (1, 2, 3, 4):
        journal.add(number, MAGIC)
    delete_segments(journal.path, 3)
    assert segment_numbers(journal.path) == [3, 4]
    delete_segments(journal.path, 3)
    delete_segments(journal.path.parent / "never", 3)
    assert segment_numbers(journal.path) == [3, 4]


def test_behind_the_real_writer(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "journal", quota=1 << 30, segment_size=64 * 1024)
    assert writer.path is not None
    sent = [bytes([at % 256]) * (5 * at) for at in range(400)]
    got: list[bytes] = []
    with JournalReader(writer.path) as reader:
        for at in range(0, 400, 10):
            writer.put(bytearray(b"".join(entry(body) for body in sent[at : at + 10])))
            got += bodies(reader.read(READ))
        writer.close()
        while not reader.finished:
            found = reader.read(READ)
            assert damage(found) == []
            got += bodies(found)
    assert got == sent
    assert len(segment_numbers(writer.path)) > 4


@settings(max_examples=100)
@given(st.lists(st.binary(max_size=40), max_size=4), st.data())
def test_any_bytes_on_disk_are_read_to_the_end(
    tmp_path_factory: pytest.TempPathFactory, real: list[bytes], data: st.DataObject
) -> None:
    journal = Journal(tmp_path_factory.mktemp("any"))
    for number in (1, 2):
        content = bytearray(MAGIC + b"".join(block(body) for body in real))
        for at, value in data.draw(
            st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=3)
        ):
            content[at] = value
        journal.add(number, bytes(content[: data.draw(st.integers(0, len(content)))]))
    journal.die()
    with journal.reader(1, data.draw(st.integers(0, 300))) as reader:
        for _ in range(20):
            reader.read(data.draw(st.sampled_from([1, READ])))
            if reader.finished:
                break
        assert reader.finished
    delete_journal(journal.path)
