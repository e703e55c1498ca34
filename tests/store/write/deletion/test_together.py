"""Many sessions go in one transaction of a server, and nothing of others."""

from dataclasses import asdict

import pytest
from sqlalchemy import Engine, insert, select

from relayproxy.store.engine import writing
from relayproxy.store.schema.rows import Batch, JournalRow
from relayproxy.store.schema.tables import journal_erasures, notes
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.deletion import together
from relayproxy.store.write.deletion.deletion import Deletion
from relayproxy.store.write.deletion.together import delete_together
from tests.store.kinds import POSTGRESQL
from tests.store.write.deleting import WORD, days_ago, spoken, tables_with

pytestmark = POSTGRESQL


@pytest.mark.parametrize("whole", [True, False])
def test_what_was_said_goes_and_what_goes_is_counted(
    archive: Archive, engine: Engine, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    monkeypatch.setattr(together, "SESSIONS", 2)
    calls = [spoken(archive, days_ago(3)) for _ in range(3)]
    with writing(engine).begin() as db:
        db.execute(insert(notes), [{"session": calls[0].id, "at": 1, "author": "ada", "text": WORD}] * 2)
    deletions = [Deletion(call.id, whole=whole) for call in calls]

    with writing(engine).begin() as db:
        delete_together(db, deletions)

    assert tables_with(engine, WORD) == []
    assert [(one.done, one.deleted, one.notes) for one in deletions] == [
        (True, True, 2),
        (True, True, 0),
        (True, True, 0),
    ]
    assert all(one.messages for one in deletions)
    assert [archive.session(call.id) is None for call in calls] == [whole] * 3


def test_one_that_lives_or_is_gone_and_all_others_stay_as_they_are(archive: Archive, engine: Engine) -> None:
    gone, live, other = (
        spoken(archive, days_ago(3)),
        spoken(archive, days_ago(3), live=True),
        spoken(archive, days_ago(2)),
    )
    before = (
        archive.session(live.id),
        archive.turn_rows(live.id),
        archive.session(other.id),
        archive.turn_rows(other.id),
    )
    deletions = [Deletion(id, whole=whole) for whole in (True, False) for id in (live.id, "nothing")]
    deletions.append(Deletion(gone.id, whole=True))

    with writing(engine).begin() as db:
        delete_together(db, deletions)

    assert [one.deleted for one in deletions] == [False] * 4 + [True]
    assert all(one.done for one in deletions)
    after = archive.session(live.id), archive.turn_rows(live.id), archive.session(other.id), archive.turn_rows(other.id)
    assert after == before


def test_it_leaves_the_same_as_the_deletion_of_one_by_one(archive: Archive, engine: Engine) -> None:
    began = days_ago(3)
    calls = [spoken(archive, began) for _ in range(2)]
    with writing(engine).begin() as db:
        Deletion(calls[0].id, whole=False).work(db, lambda: False)
        delete_together(db, [Deletion(calls[1].id, whole=False)])

    one, other = (archive.session(call.id) for call in calls)
    assert one is not None
    assert other is not None
    same = ("revision", "from_number", "to_number", "custom_parameters", "handoff", "handoff_reason", "end_reason")
    assert {name: asdict(one)[name] for name in same} == {name: asdict(other)[name] for name in same}
    kept = [[turn.detail.replace(call.id, "") for turn in archive.turn_rows(call.id)] for call in calls]
    assert kept[0] == kept[1]


def test_connections_whose_journal_is_still_there_are_to_be_overwritten_in_it(archive: Archive, engine: Engine) -> None:
    call = spoken(archive, days_ago(3))
    (connection,) = archive.session_connections(call.id)
    archive.commit(Batch(journals=(JournalRow(connection.journal, 1, 1),)))

    with writing(engine).begin() as db:
        delete_together(db, [Deletion(call.id, whole=True, erasure="e1")])

    with engine.connect() as db:
        noted = db.execute(select(journal_erasures.c.journal, journal_erasures.c.erasure)).all()
    assert noted == [(connection.journal, "e1")]
