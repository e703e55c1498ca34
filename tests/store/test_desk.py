"""Tags and notes in the database."""

import pytest
from sqlalchemy import Engine

from relayproxy.store import desk
from relayproxy.store.archive import Archive
from relayproxy.store.criteria import Criteria, Criterion
from relayproxy.store.desk import Desk, Full
from relayproxy.store.pen import Pen
from relayproxy.store.queries import Queries
from relayproxy.store.rows import Batch, SessionLabels

from . import build


@pytest.fixture
def pen(engine: Engine) -> Pen:
    return Pen(engine)


@pytest.fixture
def sessions(archive: Archive) -> tuple[str, ...]:
    ids = ("s1", "s2", "s3")
    archive.commit(Batch(sessions=tuple(build.session(id, started_at=build.NOON + n) for n, id in enumerate(ids))))
    return ids


def test_tags_are_given_once_and_taken_away(pen: Pen, queries: Queries, sessions: tuple[str, ...]) -> None:
    assert desk.add_tag(pen, "s1", "refund")
    assert desk.add_tag(pen, "s1", "refund")
    assert desk.add_tag(pen, "s1", "angry")
    assert desk.read_desk(queries, "s1").tags == ("angry", "refund")
    assert desk.read_desk(queries, "s2") == Desk()

    assert desk.remove_tag(pen, "s1", "refund")
    assert not desk.remove_tag(pen, "s1", "refund")
    assert desk.read_desk(queries, "s1").tags == ("angry",)


def test_nobody_tags_a_session_that_is_gone(pen: Pen, queries: Queries, sessions: tuple[str, ...]) -> None:
    assert not desk.add_tag(pen, "nobody", "refund")
    assert desk.add_note(pen, "nobody", "alice", "Hello") is None
    assert desk.read_tags(queries) == ()


def test_sessions_are_found_by_their_tags(pen: Pen, queries: Queries, sessions: tuple[str, ...]) -> None:
    desk.add_tag(pen, "s1", "refund")
    desk.add_tag(pen, "s3", "refund")
    found = queries.sessions(criteria=Criteria((Criterion("tag", "=", ("refund",)),)))

    assert [row.id for row in found.sessions] == ["s3", "s1"]


def test_tags_outlive_what_is_derived_anew(
    archive: Archive, pen: Pen, queries: Queries, sessions: tuple[str, ...]
) -> None:
    desk.add_tag(pen, "s1", "refund")
    labels = SessionLabels("s1", build.NOON, (("lang", "en-US"), ("lang", "es-ES"), ("finding", "slow_turn")))
    archive.commit(Batch(labels=(labels,)))

    assert desk.read_desk(queries, "s1") == Desk(tags=("refund",), languages=("en-US", "es-ES"))


def test_known_tags_are_told_by_alphabet(pen: Pen, queries: Queries, sessions: tuple[str, ...]) -> None:
    assert desk.read_tags(queries) == ()
    for session, tag in (("s1", "b"), ("s2", "b"), ("s2", "a"), ("s3", "c"), ("s1", "c")):
        desk.add_tag(pen, session, tag)

    assert desk.read_tags(queries) == ("a", "b", "c")
    assert desk.read_tags(queries, limit=2) == ("a", "b")


def test_a_session_has_only_so_many_tags(pen: Pen, queries: Queries, sessions: tuple[str, ...]) -> None:
    for number in range(desk.MOST_TAGS):
        desk.add_tag(pen, "s1", f"t{number}")
    with pytest.raises(Full, match="at most 30 tags"):
        desk.add_tag(pen, "s1", "one-more")
    assert desk.add_tag(pen, "s1", "t0")
    assert desk.add_tag(pen, "s2", "one-more")


def test_notes_stay_in_order_and_go_one_by_one(pen: Pen, queries: Queries, sessions: tuple[str, ...]) -> None:
    first = desk.add_note(pen, "s1", "alice", "Asked twice.\nHung up.")
    second = desk.add_note(pen, "s1", "bob", "Called back \N{TELEPHONE RECEIVER}")
    assert first is not None
    assert second is not None
    assert desk.read_desk(queries, "s1").notes == (first, second)
    assert first.at <= second.at
    assert desk.find_note(queries, "s1", second.id) == second
    assert desk.find_note(queries, "s2", second.id) is None

    assert not desk.delete_note(pen, "s2", first.id)
    assert desk.delete_note(pen, "s1", first.id)
    assert not desk.delete_note(pen, "s1", first.id)
    assert desk.read_desk(queries, "s1").notes == (second,)


def test_everything_that_is_added_or_taken_away_changes_the_token(
    pen: Pen, queries: Queries, sessions: tuple[str, ...]
) -> None:
    first, second, *_ = sessions
    seen = [desk.additions(queries)]

    def changed() -> bool:
        seen.append(desk.additions(queries))
        return seen[-1] != seen[-2]

    assert not changed()
    desk.add_tag(pen, first, "a")
    assert changed()
    desk.remove_tag(pen, first, "a")
    desk.add_tag(pen, first, "b")
    assert changed()
    note = desk.add_note(pen, first, "kim", "one")
    assert note
    assert changed()
    desk.delete_note(pen, first, note.id)
    desk.add_note(pen, second, "kim", "one")
    assert changed()
    assert not changed()


def test_a_session_has_only_so_many_notes(
    pen: Pen, queries: Queries, sessions: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "MOST_NOTES", 2)
    for text in ("one", "two"):
        desk.add_note(pen, "s1", "alice", text)
    with pytest.raises(Full, match="at most 2 notes"):
        desk.add_note(pen, "s1", "alice", "three")
