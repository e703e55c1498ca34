"""Tags and notes in the database."""

import pytest
from sqlalchemy import Engine

from relayproxy.store.read.filters.criteria import Criteria, Criterion
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import Batch, SessionLabels
from relayproxy.store.write import annotations
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.annotations import AnnotationLimitError, Annotations
from relayproxy.store.write.archive import Archive
from tests.store import build


@pytest.fixture
def writer(engine: Engine) -> AnnotationWriter:
    return AnnotationWriter(engine)


@pytest.fixture
def sessions(archive: Archive) -> tuple[str, ...]:
    ids = ("s1", "s2", "s3")
    archive.commit(Batch(sessions=tuple(build.session(id, started_at=build.NOON + n) for n, id in enumerate(ids))))
    return ids


def test_tags_are_given_once_and_taken_away(
    writer: AnnotationWriter, queries: Queries, sessions: tuple[str, ...]
) -> None:
    assert annotations.add_tag(writer, "s1", "refund")
    assert annotations.add_tag(writer, "s1", "refund")
    assert annotations.add_tag(writer, "s1", "angry")
    assert annotations.read_annotations(queries, "s1").tags == ("angry", "refund")
    assert annotations.read_annotations(queries, "s2") == Annotations()

    assert annotations.remove_tag(writer, "s1", "refund")
    assert not annotations.remove_tag(writer, "s1", "refund")
    assert annotations.read_annotations(queries, "s1").tags == ("angry",)


def test_nobody_tags_a_session_that_is_gone(
    writer: AnnotationWriter, queries: Queries, sessions: tuple[str, ...]
) -> None:
    assert not annotations.add_tag(writer, "nobody", "refund")
    assert annotations.add_note(writer, "nobody", "alice", "Hello") is None
    assert annotations.read_tags(queries) == ()


def test_sessions_are_found_by_their_tags(
    writer: AnnotationWriter, queries: Queries, sessions: tuple[str, ...]
) -> None:
    annotations.add_tag(writer, "s1", "refund")
    annotations.add_tag(writer, "s3", "refund")
    found = queries.sessions(criteria=Criteria((Criterion("tag", "=", ("refund",)),)))

    assert [row.id for row in found.sessions] == ["s3", "s1"]


def test_tags_outlive_what_is_derived_anew(
    archive: Archive, writer: AnnotationWriter, queries: Queries, sessions: tuple[str, ...]
) -> None:
    annotations.add_tag(writer, "s1", "refund")
    labels = SessionLabels("s1", build.NOON, (("lang", "en-US"), ("lang", "es-ES"), ("finding", "slow_turn")))
    archive.commit(Batch(labels=(labels,)))

    assert annotations.read_annotations(queries, "s1") == Annotations(tags=("refund",), languages=("en-US", "es-ES"))


def test_known_tags_are_told_by_alphabet(writer: AnnotationWriter, queries: Queries, sessions: tuple[str, ...]) -> None:
    assert annotations.read_tags(queries) == ()
    for session, tag in (("s1", "b"), ("s2", "b"), ("s2", "a"), ("s3", "c"), ("s1", "c")):
        annotations.add_tag(writer, session, tag)

    assert annotations.read_tags(queries) == ("a", "b", "c")
    assert annotations.read_tags(queries, limit=2) == ("a", "b")


def test_a_session_has_only_so_many_tags(writer: AnnotationWriter, queries: Queries, sessions: tuple[str, ...]) -> None:
    for number in range(annotations.MAX_TAGS):
        annotations.add_tag(writer, "s1", f"t{number}")
    with pytest.raises(AnnotationLimitError, match="at most 30 tags"):
        annotations.add_tag(writer, "s1", "one-more")
    assert annotations.add_tag(writer, "s1", "t0")
    assert annotations.add_tag(writer, "s2", "one-more")


def test_notes_stay_in_order_and_go_one_by_one(
    writer: AnnotationWriter, queries: Queries, sessions: tuple[str, ...]
) -> None:
    first = annotations.add_note(writer, "s1", "alice", "Asked twice.\nHung up.")
    second = annotations.add_note(writer, "s1", "bob", "Called back \N{TELEPHONE RECEIVER}")
    assert first is not None
    assert second is not None
    assert annotations.read_annotations(queries, "s1").notes == (first, second)
    assert first.at <= second.at
    assert annotations.find_note(queries, "s1", second.id) == second
    assert annotations.find_note(queries, "s2", second.id) is None

    assert not annotations.delete_note(writer, "s2", first.id)
    assert annotations.delete_note(writer, "s1", first.id)
    assert not annotations.delete_note(writer, "s1", first.id)
    assert annotations.read_annotations(queries, "s1").notes == (second,)


def test_everything_that_is_added_or_taken_away_changes_the_token(
    writer: AnnotationWriter, queries: Queries, sessions: tuple[str, ...]
) -> None:
    first, second, *_ = sessions
    seen = [annotations.additions(queries)]

    def changed() -> bool:
        seen.append(annotations.additions(queries))
        return seen[-1] != seen[-2]

    assert not changed()
    annotations.add_tag(writer, first, "a")
    assert changed()
    annotations.remove_tag(writer, first, "a")
    annotations.add_tag(writer, first, "b")
    assert changed()
    note = annotations.add_note(writer, first, "kim", "one")
    assert note
    assert changed()
    annotations.delete_note(writer, first, note.id)
    annotations.add_note(writer, second, "kim", "one")
    assert changed()
    assert not changed()


def test_a_session_has_only_so_many_notes(
    writer: AnnotationWriter, queries: Queries, sessions: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(annotations, "MAX_NOTES", 2)
    for text in ("one", "two"):
        annotations.add_note(writer, "s1", "alice", text)
    with pytest.raises(AnnotationLimitError, match="at most 2 notes"):
        annotations.add_note(writer, "s1", "alice", "three")
