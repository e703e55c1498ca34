"""What goes of a session, what stays, and how a deletion that was interrupted goes on."""

import msgspec
import pytest
from sqlalchemy import Engine

from relayproxy.conversation.model import Conversation, Turn
from relayproxy.store.engine import writing
from relayproxy.store.read.filters.criteria import Criteria
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import SessionLabels
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.deletion.deletion import Deletion
from tests.store.contents import everything
from tests.store.write.deleting import WORD, days_ago, spoken, tables_with


def delete(engine: Engine, session: str, *, whole: bool) -> Deletion:
    deletion = Deletion(session, whole=whole)
    with writing(engine).begin() as db:
        deletion.work(db, lambda: False)
    return deletion


def test_content_goes_and_numbers_outcome_findings_and_times_stay(
    archive: Archive, engine: Engine, queries: Queries
) -> None:
    call = spoken(archive, days_ago(40))
    before = archive.session(call.id)
    turns = archive.turn_rows(call.id)
    assert before is not None

    deletion = delete(engine, call.id, whole=False)

    after = archive.session(call.id)
    assert after is not None
    assert deletion.deleted
    assert deletion.messages == before.messages > 10
    assert tables_with(engine, WORD) == []
    assert tables_with(engine, "+15550100001") == []
    assert after.content_deleted_at is not None
    assert after.revision > before.revision
    stays = (
        "session_id",
        "call_sid",
        "outcome",
        "turns",
        "interruptions",
        "response_p50_ms",
        "strip",
        "handoff_reason",
    )
    assert [getattr(after, name) for name in stays] == [getattr(before, name) for name in stays]
    assert msgspec.json.decode(after.detail, type=Conversation).totals == (
        msgspec.json.decode(before.detail, type=Conversation).totals
    )
    for stored, known in zip(archive.turn_rows(call.id), turns, strict=True):
        assert stored.response_latency_ms == known.response_latency_ms
        assert (
            msgspec.json.decode(stored.detail, type=Turn).budget == msgspec.json.decode(known.detail, type=Turn).budget
        )
    assert queries.sessions(criteria=Criteria(words=(WORD,))).sessions == ()
    assert [one.id for one in queries.sessions().sessions] == [call.id]


def test_a_whole_session_leaves_nothing(archive: Archive, engine: Engine) -> None:
    call = spoken(archive, days_ago(1))

    assert delete(engine, call.id, whole=True).deleted

    left = everything(engine)
    assert {name for name, rows in left.items() if rows} == {"journals"}
    assert not delete(engine, call.id, whole=True).deleted


@pytest.mark.parametrize("whole", [True, False])
def test_a_deletion_in_the_smallest_pieces_does_the_same(archive: Archive, engine: Engine, *, whole: bool) -> None:
    call = spoken(archive, days_ago(1))
    deletion, steps = Deletion(call.id, whole=whole), 0

    while not deletion.done:
        with writing(engine).begin() as db:
            deletion.work(db, lambda: True)
        steps += 1

    assert steps > 2
    assert tables_with(engine, WORD) == []


def test_an_interrupted_deletion_goes_on_from_the_beginning(archive: Archive, engine: Engine) -> None:
    call = spoken(archive, days_ago(1))
    for _ in range(2):
        with writing(engine).begin() as db:
            Deletion(call.id, whole=False).work(db, lambda: True)

    delete(engine, call.id, whole=False)

    assert tables_with(engine, WORD) == []


def test_a_rebuild_that_had_read_the_session_before_does_not_write_it_back(archive: Archive, engine: Engine) -> None:
    call = spoken(archive, days_ago(1))
    read, turns = archive.session(call.id), archive.turn_rows(call.id)
    assert read is not None
    with writing(engine).begin() as db:
        Deletion(call.id, whole=False).work(db, lambda: True)

    assert not archive.replace_session(read, turns, SessionLabels(call.id, read.started_at, ()))


def test_a_live_session_is_left_alone(archive: Archive, engine: Engine) -> None:
    call = spoken(archive, days_ago(1), live=True)

    assert not delete(engine, call.id, whole=True).deleted
    assert archive.session(call.id) is not None
