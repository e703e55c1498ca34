"""The console's questions, answered while the recorder writes."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from relayproxy.conversation.message import Message
from relayproxy.store.engine import open_reader, writing
from relayproxy.store.errors import NotReady, StoreError
from relayproxy.store.read import recording_reader
from relayproxy.store.read.queries import PlacedMessage, Queries
from relayproxy.store.schema.migrate import migrate
from relayproxy.store.schema.rows import Batch, JournalRow
from relayproxy.store.write import chunks
from relayproxy.store.write.archive import Archive
from tests.store.build import NOON, chunk, connection, labels, said, session, turn
from tests.store.kinds import SQLITE


def ids(queries: Queries, limit: int) -> list[list[str]]:
    """Every page of the list of sessions."""
    pages, cursor = [], None
    while True:
        page = queries.sessions(limit, cursor)
        pages.append([row.id for row in page.sessions])
        cursor = page.next
        if cursor is None:
            return pages


def told(placed: tuple[PlacedMessage, ...]) -> list[tuple[str, int, int]]:
    return [(one.connection, one.index, one.message.seq) for one in placed]


def test_before_there_is_a_database_one_is_told_what_to_do(url: str) -> None:
    reader = open_reader(url)
    queries = Queries(reader)
    assert "run `relayproxy migrate`" in (queries.not_ready() or "")
    with pytest.raises(NotReady, match="run `relayproxy migrate`"):
        queries.sessions()
    migrate(url)
    assert queries.not_ready() is None
    assert queries.sessions().sessions == ()
    assert queries.empty()
    reader.dispose()


def test_a_snapshot_does_not_change_while_the_recorder_writes(archive: Archive, queries: Queries) -> None:
    archive.commit(Batch(sessions=(session("first"),)))
    with queries.snapshot() as seen:
        assert seen.count() == 1
        archive.commit(Batch(sessions=(session("second"),)))
        assert (seen.count(), ids(seen, 9)) == (1, [["first"]])
    assert queries.count() == 2


def test_an_error_of_a_snapshot_is_one_of_the_database(archive: Archive, engine: Engine, url: str) -> None:
    noted: list[StoreError | None] = []
    reader = open_reader(url)
    queries = Queries(reader, noted.append)
    with pytest.raises(StoreError), queries.snapshot() as seen, seen.reading() as db:
        db.execute(text("SELECT nothing FROM nowhere"))
    assert [type(one) for one in noted] == [type(noted[0])]
    assert isinstance(noted[0], StoreError)
    reader.dispose()


@SQLITE
def test_a_database_that_goes_away_and_comes_back_is_noticed(queries: Queries, tmp_path: Path) -> None:
    assert queries.empty()
    folder = tmp_path / "data"
    folder.rename(tmp_path / "away")
    with pytest.raises(NotReady):
        queries.empty()
    (tmp_path / "away").rename(folder)
    assert queries.empty()


@SQLITE
def test_a_damaged_database_is_not_taken_for_a_missing_one(queries: Queries, tmp_path: Path) -> None:
    assert queries.empty()
    for file in (tmp_path / "data").iterdir():
        file.unlink()
    (tmp_path / "data" / "relayproxy.db").write_bytes(b"damaged" * 1000)
    with pytest.raises(StoreError) as caught:
        queries.empty()
    assert not isinstance(caught.value, NotReady)


def test_live_sessions_come_first_and_the_newest_of_each_first(archive: Archive, queries: Queries) -> None:
    over = {"ended_at": NOON + 100}
    archive.commit(
        Batch(
            sessions=(
                session("old", started_at=NOON + 1, **over),
                session("new", started_at=NOON + 9, **over),
                session("live1", started_at=NOON + 2),
                session("live2", started_at=NOON + 3),
                session("same1", started_at=NOON + 5, **over),
                session("same2", started_at=NOON + 5, **over),
            )
        )
    )
    wanted = ["live2", "live1", "new", "same2", "same1", "old"]
    for limit in range(1, 8):
        pages = ids(queries, limit)
        assert [id for page in pages for id in page] == wanted
        assert all(len(page) == limit for page in pages[:-1])
        assert pages[-1]
    assert queries.sessions(1).sessions[0].revision == 1
    assert not queries.empty()
    assert queries.count() == 6


@SQLITE
def test_lists_and_pages_are_found_by_index(queries: Queries, engine: Engine) -> None:
    with engine.connect() as db:
        for live in ("ended_at IS NULL", "ended_at IS NOT NULL"):
            page = f"SELECT * FROM sessions WHERE {live} AND (started_at, id) < (1, 'a')"
            plan = db.execute(text(f"EXPLAIN QUERY PLAN {page} ORDER BY started_at DESC, id DESC LIMIT 5")).all()
            assert ["USING INDEX" in row.detail for row in plan] == [True]


def test_a_session_is_found_by_our_id_and_by_twilios(archive: Archive, queries: Queries) -> None:
    archive.commit(
        Batch(
            sessions=(
                session("a", session_id="VX1"),
                session("b", session_id="VX1", started_at=NOON - 5),
                session("c", session_id="VX2"),
            ),
            connections=(connection("b2", session="b", opened_at=NOON + 50), connection("b", opened_at=NOON + 5)),
            turns=(turn("b", 1), turn("b", 0), turn("a", 0)),
        )
    )
    ours, theirs = queries.session("a"), queries.session("VX1")
    assert ours is not None
    assert theirs is not None
    assert ours.session == session("a", session_id="VX1", revision=1)
    assert ours.connections == ()
    assert theirs.session.id == "b"
    assert [c.id for c in theirs.connections] == ["b", "b2"]
    assert theirs.turns == (turn("b", 0), turn("b", 1))
    assert queries.session("VX9") is None


def test_a_live_call_grows_while_one_watches(archive: Archive, queries: Queries) -> None:
    first = Batch((JournalRow("j1", 1, 1),), (session("a"),), (connection("a"),), chunks=(chunk("a", said(0, 2)),))
    archive.commit(first)
    seen = queries.messages("a")
    assert [one.message for one in seen] == said(0, 2)
    assert seen[0] == PlacedMessage("a", 0, NOON, said(0, 1)[0])
    revision, changes = queries.revision("a"), queries.changes()
    assert queries.messages("a", (0, 1)) == ()
    archive.commit(Batch((JournalRow("j1", 1, 2),), (session("a"),), chunks=(chunk("a", said(2, 3)),)))
    assert queries.revision("a") != revision
    assert queries.changes() != changes
    assert [one.message for one in queries.messages("a", (0, 1))] == said(2, 3)


def test_messages_of_a_call_that_reconnected_follow_each_other(archive: Archive, queries: Queries) -> None:
    archive.commit(
        Batch(
            sessions=(session("a", session_id="VX1"),),
            connections=(connection("a"), connection("b", session="a", opened_at=NOON + 9)),
            chunks=(chunk("a", said(0, 3)), chunk("b", said(0, 2))),
            finished=("a",),
        )
    )
    everything = [("a", 0, 0), ("a", 0, 1), ("a", 0, 2), ("b", 1, 0), ("b", 1, 1)]
    assert told(queries.messages("VX1")) == everything
    assert {(one.connection, one.opened_at) for one in queries.messages("a")} == {("a", NOON), ("b", NOON + 9)}
    for at, (_, index, seq) in enumerate(everything):
        assert told(queries.messages("a", (index, seq))) == everything[at + 1 :]
        assert told(queries.messages("a", limit=at)) == everything[:at]
    assert queries.messages("a", (7, 0)) == ()
    assert queries.messages("nobody") == ()


def test_pages_of_messages_run_through_parts_and_chunks(
    archive: Archive, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "PART_BYTES", 1000)
    monkeypatch.setattr(recording_reader, "CHUNKS_AT_ONCE", 2)
    archive.commit(Batch(sessions=(session("a"),), connections=(connection("a"),)))
    for first in range(0, 60, 3):
        archive.commit(Batch(chunks=(chunk("a", said(first, 3)),)))
    for limit in (1, 7, 60, 1000):
        found: list[Message] = []
        after = None
        while page := queries.messages("a", after, limit):
            found += [one.message for one in page]
            after = (page[-1].index, page[-1].message.seq)
            assert len(page) == limit or len(found) == 60
        assert found == said(0, 60)


def test_revisions_tell_which_sessions_changed(archive: Archive, queries: Queries) -> None:
    archive.commit(Batch(sessions=(session("a"), session("b", session_id="VX1"))))
    archive.commit(Batch(sessions=(session("b", session_id="VX1"),)))
    assert queries.revisions(["a", "b", "c"]) == {"a": 1, "b": 2}
    assert queries.revisions([]) == {}
    assert (queries.revision("VX1"), queries.revision("c")) == (2, None)


def test_the_token_of_changes_is_another_after_every_commit(archive: Archive, queries: Queries, engine: Engine) -> None:
    tokens = [queries.changes()]
    for batch in (
        Batch(journals=(JournalRow("j1", 1, 5),)),
        Batch(journals=(JournalRow("j1", 1, 9),)),
        Batch(journals=(JournalRow("j1", 2, 0), JournalRow("j2", 1, 1))),
        Batch(dropped_journals=("j1",)),
        Batch(sessions=(session("a"),), dropped_journals=("j2",)),
    ):
        archive.commit(batch)
        tokens.append(queries.changes())
    assert len(set(tokens)) == len(tokens)


def test_what_was_derived_anew_is_a_change_too(archive: Archive, queries: Queries) -> None:
    journals = (JournalRow("j1", 1, 5), JournalRow("j2", 1, 1))
    archive.commit(Batch(journals=journals, sessions=(session("a", ended_at=NOON),)))
    changes, revision = queries.changes(), queries.revision("a")

    assert archive.replace_session(session("a", ended_at=NOON, revision=1), (), labels("a"))

    assert queries.changes() != changes
    assert queries.revision("a") != revision
    assert set(archive.journals()) == set(journals)


def test_a_writer_in_the_middle_of_its_work_holds_nobody_up(archive: Archive, queries: Queries, engine: Engine) -> None:
    archive.commit(Batch(sessions=(session("a"),)))
    with writing(engine).begin() as db:
        db.execute(text("DELETE FROM sessions"))
        assert queries.count() == 1
    assert queries.count() == 0
