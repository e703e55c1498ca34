"""How far recording is behind is told by the age of what waits, whether or not anything is being done."""

import os
import time
from pathlib import Path

from relayproxy.journal.format import MAGIC
from relayproxy.journal.reader import Position
from relayproxy.journal.segments import segment_path
from relayproxy.recorder.backlog import Backlog
from tests.recorder.stage import Journal

HOUR = 3600.0


def end(journal: Journal) -> Position:
    return Position(journal.segment, segment_path(journal.path, journal.segment).stat().st_size)


def written(journal: Journal, seconds_ago: float) -> None:
    """The newest segment was last written then."""
    at = time.time() - seconds_ago
    os.utime(segment_path(journal.path, journal.segment), (at, at))


def test_what_has_all_been_played_does_not_wait_however_old(tmp_path: Path) -> None:
    journal, waiting = Journal(tmp_path), Backlog()
    written(journal, HOUR)
    assert waiting.age([(journal.path, Position(1, 0))]) == 0
    assert waiting.age([(journal.path, Position(1, len(MAGIC)))]) == 0
    journal.raw(bytes(100))
    written(journal, HOUR)
    assert waiting.age([(journal.path, end(journal))]) == 0


def test_what_nobody_can_read_grows_old_while_more_is_written_behind_it(tmp_path: Path) -> None:
    journal, waiting = Journal(tmp_path), Backlog()
    here = end(journal)
    ages = []
    for _ in range(5):
        journal.raw(bytes(100))
        written(journal, -HOUR)  # the clock may say anything
        ages.append(waiting.age([(journal.path, here)]))
    assert ages[0] < ages[1] < ages[2] < ages[3] < ages[4]
    assert waiting.age([(journal.path, end(journal))]) == 0


def test_a_backlog_is_as_old_as_the_look_that_first_saw_it(tmp_path: Path) -> None:
    journal, waiting = Journal(tmp_path), Backlog()
    places = []
    for _ in range(3000):
        journal.raw(bytes(10))
        written(journal, -HOUR)
        places.append(end(journal))
        waiting.age([(journal.path, Position(1, 0))])
    # The oldest is asked for last: meanwhile all grow older.
    ages = [waiting.age([(journal.path, place)]) for place in reversed(places)]
    assert ages[-1] > ages[1500] > ages[100] > ages[0] == 0


def test_a_recorder_that_starts_late_knows_by_when_files_were_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.raw(bytes(100))
    written(journal, HOUR)
    assert HOUR <= Backlog().age([(journal.path, Position(1, 0))]) < 2 * HOUR
    journal.rotate()
    journal.raw(bytes(100))
    written(journal, HOUR / 2)
    assert Backlog().age([(journal.path, Position(1, 50))]) >= HOUR
    assert HOUR / 2 <= Backlog().age([(journal.path, Position(2, 0))]) < HOUR


def test_a_journal_that_is_gone_does_not_wait(tmp_path: Path) -> None:
    assert Backlog().age([(tmp_path / "gone", Position(1, 0))]) == 0
