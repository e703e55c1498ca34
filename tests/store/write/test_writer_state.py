"""A writer notices that the database was changed by another one since its last commit."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from relayproxy.store.engine import writing
from relayproxy.store.errors import OvertakenError, ReplacedError
from relayproxy.store.schema.rows import Batch, JournalRow
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.writer_state import WriterState
from tests.store.build import NOON, session


def test_a_database_that_has_lost_what_was_written_last_is_another_one(engine: Engine) -> None:
    archive = Archive(engine)
    old, new = JournalRow("j1", 1, 100), JournalRow("j1", 2, 200)
    archive.commit(Batch(journals=(old,)))
    archive.commit(Batch(journals=(new,)))
    Archive(engine).commit(Batch(journals=(old,)))  # as a backup would

    with pytest.raises(ReplacedError, match="does not have what was written"):
        archive.commit(Batch(journals=(replace(new, offset=300),)))
    archive.commit(Batch(journals=(replace(old, offset=150),)))


def test_a_session_that_another_writer_has_written_meanwhile_is_overtaken_once(engine: Engine) -> None:
    ours, theirs = Archive(engine), Archive(engine)
    ours.commit(Batch(sessions=(session("a"), session("b"))))
    theirs.commit(Batch(sessions=(session("a", messages=1),)))

    with pytest.raises(OvertakenError) as overtaken:
        ours.commit(Batch(sessions=(session("a", messages=2), session("b", messages=2))))
    assert overtaken.value.sessions == ("a",)
    stored = [ours.session(id) for id in ("a", "b")]
    assert [row.messages for row in stored if row] == [1, 0], "nothing of the batch was written"

    ours.commit(Batch(sessions=(session("a", messages=3), session("b", messages=3))))
    stored = [ours.session(id) for id in ("a", "b")]
    assert [(row.messages, row.revision) for row in stored if row] == [(3, 3), (3, 2)]


def test_a_session_that_is_followed_is_as_if_written_by_oneself(engine: Engine) -> None:
    ours, theirs = Archive(engine), Archive(engine)
    theirs.commit(Batch(sessions=(session("a"),)))
    ours.follow("a")
    theirs.commit(Batch(sessions=(session("a", messages=1),)))

    with pytest.raises(OvertakenError):
        ours.commit(Batch(sessions=(session("a", messages=2),)))


def test_of_an_ended_session_nothing_is_remembered(engine: Engine) -> None:
    ours, theirs = Archive(engine), Archive(engine)
    ours.commit(Batch(sessions=(session("a", ended_at=NOON),)))
    theirs.commit(Batch(sessions=(session("a", ended_at=NOON, messages=1),)))

    ours.commit(Batch(sessions=(session("a", ended_at=NOON, messages=2),)))
    row = ours.session("a")
    assert row is not None
    assert (row.messages, row.revision) == (2, 3)


def test_a_batch_whose_commit_worked_without_an_answer_is_not_written_again(engine: Engine) -> None:
    state = WriterState()
    first = Batch(journals=(JournalRow("j1", 1, 100),), sessions=(session("a"),))
    second = Batch(journals=(JournalRow("j1", 1, 200),), sessions=(session("a", messages=1),))
    with writing(engine).begin() as db:
        assert not state.check(db, first)
    Archive(engine).commit(first)
    state.committed(first)
    with writing(engine).begin() as db:
        assert not state.check(db, second)
    Archive(engine).commit(second)  # and the connection breaks

    with writing(engine).begin() as db:
        assert state.check(db, second)
    state.committed(second)
    with writing(engine).begin() as db:
        assert not state.check(db, Batch(sessions=(session("a", messages=2),))), "its revision is known"


def test_after_forgetting_whatever_is_there_is_taken(engine: Engine) -> None:
    state = WriterState()
    batch = Batch(journals=(JournalRow("j1", 2, 200),), sessions=(session("a"),))
    Archive(engine).commit(batch)
    with writing(engine).begin() as db:
        state.check(db, batch)
    state.committed(batch)
    for messages in (1, 2):
        Archive(engine).commit(Batch(journals=(JournalRow("j1", 1, 100),), sessions=(session("a", messages=messages),)))

    state.forget()

    with writing(engine).begin() as db:
        assert not state.check(db, batch)
