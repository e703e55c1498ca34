"""Deflate windows lie in the journal's folder as long as their connection needs them, and come back whole or not."""

import os
from pathlib import Path

import pytest

from relayproxy.journal.reader import delete_journal
from relayproxy.journal.segments import create_journal, segment_numbers, segment_path
from relayproxy.journal.windows import Windows, delete_windows, read_windows, write_windows

WINDOWS = Windows("a1", b"twilio " * 4000, b"backend " * 4096)


def files(journal: Path) -> list[Path]:
    return sorted(journal.glob("*.window"))


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return create_journal(tmp_path)[0]


@pytest.mark.parametrize("windows", [WINDOWS, Windows("b2", b"", b"words"), Windows("c3", bytes(32768), b"")])
def test_what_was_written_is_read_and_is_its_owners_alone(journal: Path, windows: Windows) -> None:
    old = os.umask(0)
    try:
        write_windows(journal, 7, windows)
    finally:
        os.umask(old)
    assert read_windows(journal, 7, windows.id) == windows
    [file] = files(journal)
    assert file.stat().st_mode & 0o777 == 0o600
    assert segment_numbers(journal) == []


def test_what_is_not_as_it_was_written_is_none(journal: Path) -> None:
    write_windows(journal, 7, WINDOWS)
    [file] = files(journal)
    whole = file.read_bytes()
    assert read_windows(journal, 7, "b2") is None
    for damaged in (b"", whole[:11], whole[:-1], whole + b"!", whole.replace(b"twilio", b"Twilio", 1)):
        file.write_bytes(damaged)
        assert read_windows(journal, 7, WINDOWS.id) is None
    file.unlink()
    write_windows(journal, 7, WINDOWS._replace(id="b2"))
    files(journal)[0].rename(file)  # another's
    assert read_windows(journal, 7, WINDOWS.id) is None


def test_a_disk_that_refuses_leaves_none(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    opened = os.open

    def refusing(path: Path, flags: int, mode: int) -> int:
        os.close(opened(path, flags, mode))
        return full

    monkeypatch.setattr("relayproxy.journal.windows.os.open", refusing)
    with pytest.raises(OSError, match="No space left"):
        write_windows(journal, 7, WINDOWS)
    assert files(journal) == []


def test_those_that_are_not_needed_go_and_all_of_them_with_the_journal(journal: Path) -> None:
    segment_path(journal, 1).touch()
    for connection, id in ((7, "a1"), (7, "b2"), (8, "a1")):
        write_windows(journal, connection, WINDOWS._replace(id=id))
    (journal / "odd.window").touch()
    delete_windows(journal, lambda connection, id: (connection, id) == (7, "b2"))
    assert [file.name for file in files(journal)] == ["7-b2.window"]
    delete_journal(journal)
    assert not journal.exists()
    delete_windows(journal)
