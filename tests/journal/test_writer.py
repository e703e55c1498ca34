"""The writer on real files, a real full disk and a real quota."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from relayproxy.journal.format import (
    BLOCK_HEAD,
    MAGIC,
    EntryKind,
    GapBody,
    GapCause,
    JournalEntry,
    pack_entry,
    unpack_entries,
)
from relayproxy.journal.segments import journal_paths, segment_numbers, segment_path, size_of, writer_is_alive
from relayproxy.journal.writer import JournalWriter
from tests.patience import PATIENCE

SEGMENT = 64 * 1024


def chunk(t: int, body: bytes, connection: int = 1) -> bytearray:
    return bytearray(pack_entry(EntryKind.TWILIO_CHUNK, connection, t, 0, body))


def read_all(journal: Path) -> list[JournalEntry]:
    """Every entry of a journal that is whole to its last byte."""
    entries = []
    for number in segment_numbers(journal):
        data = segment_path(journal, number).read_bytes()
        assert data.startswith(MAGIC)
        at = len(MAGIC)
        while at < len(data):
            length, _ = BLOCK_HEAD.unpack_from(data, at)
            at += BLOCK_HEAD.size
            entries += list(unpack_entries(data[at : at + length], at))
            at += length
        assert at == len(data)
    return entries


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_is_put_is_in_private_files_in_order(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "journal", quota=1 << 30, segment_size=SEGMENT)
    for t in range(100):
        writer.put(chunk(t, b"%d" % t))
    writer.close()
    (journal,) = journal_paths(tmp_path / "journal")
    assert [e.body for e in read_all(journal)] == [b"%d" % t for t in range(100)]
    assert {path.stat().st_mode & 0o777 for path in journal.iterdir()} == {0o600}
    assert journal.stat().st_mode & 0o777 == journal.parent.stat().st_mode & 0o777 == 0o700
    assert writer.pending == 0


def test_segments_rotate(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, quota=1 << 30, segment_size=SEGMENT)
    for t in range(10):
        writer.put(chunk(t, b"x" * SEGMENT))
    writer.close()
    (journal,) = journal_paths(tmp_path)
    assert segment_numbers(journal) == list(range(1, 11))
    assert [e.t for e in read_all(journal)] == list(range(10))


def test_a_journal_is_alive_for_as_long_as_its_writer(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, quota=1 << 30, segment_size=SEGMENT)
    assert writer.path is not None
    assert writer_is_alive(writer.path)
    writer.close()
    assert not writer_is_alive(writer.path)
    assert not writer_is_alive(tmp_path / "never")


def test_over_its_quota_it_counts_and_goes_on_once_there_is_room(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, quota=4 * SEGMENT, segment_size=SEGMENT)
    journal = writer.path
    assert journal is not None
    t = 0
    while writer.problem is None:
        writer.put(chunk(t, b"x" * SEGMENT))
        t += 1
        wait_until(lambda: writer.pending == 0)
    assert writer.problem is GapCause.QUOTA
    writer.put(bytearray(pack_entry(EntryKind.ENDING, 1, t, 0, b"the end")))
    writer.put(chunk(t + 1, b"too much"))
    for number in segment_numbers(journal)[:-1]:
        segment_path(journal, number).unlink()
    wait_until(lambda: writer.problem is None)
    writer.put(chunk(t + 2, b"again"))
    writer.close()
    entries = [e for e in read_all(journal) if e.kind is not EntryKind.TWILIO_CHUNK or len(e.body) < SEGMENT]
    assert [e.kind for e in entries] == [EntryKind.ENDING, EntryKind.GAP, EntryKind.TWILIO_CHUNK]
    gap = GapBody.unpack(entries[1].body)
    assert (gap.cause, gap.side, gap.chunks, gap.size) == (GapCause.QUOTA, EntryKind.TWILIO_CHUNK, 2, SEGMENT + 8)


def test_a_quota_that_has_room_again_is_no_problem_though_nobody_says_anything(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, quota=4 * SEGMENT, segment_size=SEGMENT)
    journal = writer.path
    assert journal is not None
    t = 0
    while writer.problem is None or writer._gaps:
        # From the first gap on only looks at the disk, until the gap is written.
        writer.put(chunk(t, b"x" * SEGMENT) if writer.problem is None else bytearray())
        t += 1
        wait_until(lambda: writer.pending == 0)
    assert writer.problem is GapCause.QUOTA
    for number in segment_numbers(journal)[:-1]:
        segment_path(journal, number).unlink()

    def looks() -> bool:
        writer.show_life()
        return writer.problem is None

    wait_until(looks)
    writer.close()


def test_of_more_calls_than_there_is_room_for_the_ends_are_kept(tmp_path: Path) -> None:
    calls, opening = 20, b"o" * (SEGMENT // 10)
    (tmp_path / "journal").write_text("a file where the folder should be")
    writer = JournalWriter(tmp_path / "journal", quota=100 * SEGMENT, segment_size=SEGMENT)
    for number in range(1, calls + 1):
        for kind, body in ((EntryKind.OPENING, opening), (EntryKind.ENDING, b"the end")):
            writer.put(bytearray(pack_entry(kind, number, number, 0, body)))
    wait_until(lambda: writer.pending == 0)
    (tmp_path / "journal").unlink()
    wait_until(lambda: writer.problem is None)
    writer.close()
    assert writer.path is not None
    entries = read_all(writer.path)
    opened = [entry.connection for entry in entries if entry.kind is EntryKind.OPENING]
    assert 0 < len(opened) < calls
    assert [entry.connection for entry in entries if entry.kind is EntryKind.ENDING] == [*range(1, calls + 1)]


def test_a_quota_smaller_than_a_segment_still_lets_the_recorder_make_room(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, quota=2 * SEGMENT, segment_size=16 * SEGMENT)
    journal = writer.path
    assert journal is not None
    for t in range(4):
        writer.put(chunk(t, b"x" * SEGMENT))
    writer.put(chunk(4, b"too much"))
    wait_until(lambda: len(segment_numbers(journal)) == 2)
    segment_path(journal, 1).unlink()
    wait_until(lambda: writer.problem is None)
    writer.put(chunk(5, b"again"))
    writer.close()
    assert read_all(journal)[-1].body == b"again"


def test_over_its_quota_what_is_missing_is_on_disk_before_the_end(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, quota=2 * SEGMENT, segment_size=SEGMENT)
    sent = 0
    for t in range(8):
        writer.put(chunk(t, b"x" * SEGMENT))
        sent += SEGMENT
    writer.put(bytearray(pack_entry(EntryKind.ENDING, 1, 9, 0, b"the end")))
    writer.close()
    (journal,) = journal_paths(tmp_path)
    entries = read_all(journal)
    taped = sum(len(e.body) for e in entries if e.kind is EntryKind.TWILIO_CHUNK)
    missing = sum(GapBody.unpack(e.body).size for e in entries if e.kind is EntryKind.GAP)
    assert missing > 0
    assert taped + missing == sent
    assert [e.body for e in entries if e.kind is EntryKind.ENDING] == [b"the end"]


def test_a_journal_never_stands_above_its_quota(tmp_path: Path) -> None:
    quota = 16 * SEGMENT
    writer = JournalWriter(tmp_path, quota=quota, segment_size=SEGMENT)
    for t in range(40):
        block = chunk(3 * t, b"x" * 300_000) + chunk(3 * t + 1, b"y" * 100, connection=2)
        writer.put(block + bytearray(pack_entry(EntryKind.ENDING, 3 + t, 3 * t + 2, 0, b"z" * 1000)))
        wait_until(lambda: writer.pending == 0)
        assert size_of(tmp_path) <= quota
    writer.close()
    assert quota * 3 // 4 < size_of(tmp_path) <= quota
    (journal,) = journal_paths(tmp_path)
    entries = read_all(journal)
    taped = sum(len(e.body) for e in entries if e.kind is EntryKind.TWILIO_CHUNK)
    missing = sum(GapBody.unpack(e.body).size for e in entries if e.kind is EntryKind.GAP)
    assert taped + missing == 40 * 300_100


def test_several_writers_keep_together_within_the_quota(tmp_path: Path) -> None:
    quota = 16 * SEGMENT
    writers = [JournalWriter(tmp_path, quota=quota, segment_size=SEGMENT) for _ in range(3)]
    for t in range(40):
        for writer in writers:
            writer.put(chunk(t, b"x" * 20_000))
            wait_until(lambda writer=writer: writer.pending == 0)  # type: ignore[misc]
            assert size_of(tmp_path) <= quota
    assert [writer.problem for writer in writers] == [GapCause.QUOTA] * 3
    for writer in writers:
        writer.close()
    assert size_of(tmp_path) <= quota
    entries = [entry for journal in journal_paths(tmp_path) for entry in read_all(journal)]
    taped = sum(len(e.body) for e in entries if e.kind is EntryKind.TWILIO_CHUNK)
    missing = sum(GapBody.unpack(e.body).size for e in entries if e.kind is EntryKind.GAP)
    assert taped + missing == 3 * 40 * 20_000


def test_a_journal_that_somebody_deletes_is_begun_anew(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "journal", quota=1 << 30, segment_size=SEGMENT)
    shutil.rmtree(tmp_path / "journal")
    first = writer.path

    def written_anew() -> bool:
        writer.put(chunk(1, b"x"))
        return writer.problem is None and writer.path not in (None, first)

    wait_until(written_anew)
    writer.close()
    (journal,) = journal_paths(tmp_path / "journal")
    assert read_all(journal)


def test_a_disk_that_is_full_costs_chunks_and_no_more(tmp_path: Path) -> None:
    """A file size limit fails writes half way, as a full disk does; it is the process's own, hence the child."""
    script = f"""
import resource, signal, time
from pathlib import Path
from relayproxy.journal.writer import JournalWriter
from tests.journal.test_writer import chunk, wait_until
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
writer = JournalWriter(Path({str(tmp_path)!r}), quota=1 << 30, segment_size=1 << 20)
writer.put(chunk(1, b"a" * 1000))
wait_until(lambda: writer.pending == 0)
resource.setrlimit(resource.RLIMIT_FSIZE, (1500, hard))
writer.put(chunk(2, b"b" * 1000))
wait_until(lambda: writer.pending == 0)
print(writer.problem.name)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
wait_until(lambda: writer.problem is None)
writer.put(chunk(3, b"c" * 1000))
writer.close()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert done.stdout == "DISK\n"
    (journal,) = journal_paths(tmp_path)
    first, gap, last = read_all(journal)
    assert (first.body[:1], last.body[:1]) == (b"a", b"c")
    assert (gap.t, GapBody.unpack(gap.body)) == (2, GapBody(GapCause.DISK, EntryKind.TWILIO_CHUNK, 1, 1000, 2))


def test_a_folder_that_cannot_be_made_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("in the way")
    writer = JournalWriter(tmp_path / "journal", quota=1 << 30, segment_size=SEGMENT)
    assert writer.problem is GapCause.DISK
    writer.put(chunk(1, b"lost"))
    wait_until(lambda: writer.pending == 0)
    (tmp_path / "journal").unlink()
    wait_until(lambda: writer.problem is None)
    writer.put(chunk(2, b"kept"))
    writer.close()
    (journal,) = journal_paths(tmp_path / "journal")
    assert [e.kind for e in read_all(journal)] == [EntryKind.GAP, EntryKind.TWILIO_CHUNK]


def test_what_is_told_of_open_connections_while_the_disk_refuses_takes_no_room_from_calls(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("in the way")
    writer = JournalWriter(tmp_path / "journal", quota=1 << 30, segment_size=SEGMENT)
    for _ in range(10):
        writer.put(bytearray(pack_entry(EntryKind.OPEN_CONNECTIONS, 0, 1, 0, bytes(SEGMENT))))
    writer.put(bytearray(pack_entry(EntryKind.OPENING, 7, 2, 0, b"{}")))
    wait_until(lambda: writer.pending == 0)
    (tmp_path / "journal").unlink()
    wait_until(lambda: writer.problem is None)
    writer.close()
    (journal,) = journal_paths(tmp_path / "journal")
    assert [e.kind for e in read_all(journal)] == [EntryKind.OPENING]


def test_a_segment_is_closed_in_time_so_that_a_recorder_can_delete_what_callers_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relayproxy.journal.writer.SEGMENT_AGE", 0.0)
    writer = JournalWriter(tmp_path, quota=1 << 30, segment_size=SEGMENT)
    (journal,) = journal_paths(tmp_path)
    writer.show_life()
    writer.put(chunk(1, b"4111"))
    for _ in range(3):
        writer.show_life()
    writer.close()
    assert [*segment_numbers(journal)] == [1, 2]
    assert [entry.body for entry in read_all(journal)] == [b"4111"]
