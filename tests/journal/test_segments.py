"""The journal's files: which there are, who holds them, how large they are."""

import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path

from relayproxy.journal.segments import (
    create_journal,
    journal_paths,
    life_shown_at,
    segment_numbers,
    segment_path,
    size_of,
    writer_is_alive,
)


def test_a_journal_appears_only_once_it_is_locked(tmp_path: Path) -> None:
    path, lock = create_journal(tmp_path)
    assert journal_paths(tmp_path) == [path]
    assert writer_is_alive(path)
    (tmp_path / ".half-made").mkdir()
    assert journal_paths(tmp_path) == [path]
    os.close(lock)


def test_segments_are_found_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (100_000_000, 2, 10):
        segment_path(tmp_path, number).touch()
    for other in ("lock", "notes.seg", "00000003.seg.part"):
        (tmp_path / other).touch()

    assert segment_path(tmp_path, 2).name == "00000002.seg"
    assert segment_numbers(tmp_path) == [2, 10, 100_000_000]
    assert segment_numbers(tmp_path / "gone") == []


def test_journals_are_found_oldest_first_and_other_folders_are_none(tmp_path: Path) -> None:
    names = [f"2026{month:02}01T000000-{9 - month}a" for month in range(1, 10)]
    for name in names[4:] + names[:4]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "lock").touch()
    (tmp_path / "lost+found").mkdir()

    assert [path.name for path in journal_paths(tmp_path)] == names
    assert [path.name for path in journal_paths(tmp_path, but=names[2:])] == names[:2]
    assert journal_paths(tmp_path / "gone") == []


def test_a_new_journal_is_private_and_named_for_when_it_was_made(tmp_path: Path) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    paths = []
    for _ in range(2):
        path, lock = create_journal(tmp_path / "data/journal")
        os.close(lock)
        paths.append(path)

    assert len(set(paths)) == 2
    made = datetime.strptime(paths[0].name.split("-")[0], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    assert before <= made <= datetime.now(UTC)
    assert paths[0].stat().st_mode & 0o777 == paths[0].parent.stat().st_mode & 0o777 == 0o700
    assert (paths[0] / "lock").stat().st_mode & 0o777 == 0o600


def test_a_writer_lives_until_it_lets_go_of_the_lock(tmp_path: Path) -> None:
    path, lock = create_journal(tmp_path)
    assert [writer_is_alive(path), writer_is_alive(path)] == [True, True]

    os.close(lock)
    assert [writer_is_alive(path), writer_is_alive(path)] == [False, False]
    assert not writer_is_alive(tmp_path / "gone")


def test_whoever_looks_at_the_same_time_is_not_taken_for_the_writer(tmp_path: Path) -> None:
    path, lock = create_journal(tmp_path)
    fcntl.flock(lock, fcntl.LOCK_SH)  # as another one that looks holds it for a moment

    assert not writer_is_alive(path)
    os.close(lock)


def test_a_writer_shows_life_by_the_time_of_its_lock(tmp_path: Path) -> None:
    path, lock = create_journal(tmp_path)
    os.utime(lock, ns=(5, 1_234_567_890_123_456_789))
    os.close(lock)

    assert life_shown_at(path) == 1_234_567_890_123_456_789
    assert life_shown_at(tmp_path / "gone") is None


def test_the_size_is_that_of_all_segments_of_all_journals(tmp_path: Path) -> None:
    for size in (10, 200):
        path, lock = create_journal(tmp_path)
        os.close(lock)
        segment_path(path, 1).write_bytes(bytes(size))
        segment_path(path, 2).write_bytes(bytes(3))
        (path / "other").write_bytes(bytes(5000))

    assert size_of(tmp_path) == 216
    assert size_of(tmp_path / "gone") == 0
