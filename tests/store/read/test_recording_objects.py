"""Reading recordings that lie in objects: what is read, what is said when they cannot be, and what is kept."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from relayproxy.conversation.message import Message
from relayproxy.objects.place import ObjectsError
from relayproxy.store.read import recording_objects
from relayproxy.store.read.queries import Queries
from relayproxy.store.read.recording_objects import RecordingAwayError, RecordingMissingError
from relayproxy.store.read.recording_streams import stored_lines
from relayproxy.store.write import chunks
from relayproxy.store.write.archive import Archive
from tests.store.build import said
from tests.store.moving import Objects, over

pytestmark = pytest.mark.in_database


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_objects, "_cache", recording_objects._Cache())


@pytest.fixture
def objects(engine: Engine, tmp_path: Path) -> Objects:
    return Objects(engine, tmp_path / "objects")


def messages(queries: Queries, id: str, after: int | None = None, limit: int = 1000) -> list[Message]:
    found = queries.messages(id, None if after is None else (0, after), limit)
    return [placed.message for placed in found]


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_a_recording_in_objects_is_read_as_in_the_database(
    archive: Archive, queries: Queries, objects: Objects, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(chunks, "PART_BYTES", 400)
    over(archive, "a", 36)
    objects.move()
    assert len(objects.names()) > 5
    found: list[Message] = []
    while some := messages(queries, "a", len(found) - 1, limit):
        found += some
    assert found == said(0, 36)
    assert list(archive.messages("a")) == said(0, 36)
    assert b"".join(stored_lines(queries, "a")).count(b"\n") == 36


def test_what_was_fetched_is_kept_for_the_next_reader_as_long_as_there_is_room(
    archive: Archive, queries: Queries, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    over(archive, "a", 3)
    over(archive, "b", 3)
    objects.move()
    for id in ("a", "b", "a"):
        assert messages(queries, id) == said(0, 3)
    objects.hide()
    assert messages(queries, "a") == said(0, 3)

    monkeypatch.setattr(recording_objects, "CACHED", 10)
    monkeypatch.setattr(recording_objects, "_cache", recording_objects._Cache())
    objects.show()
    assert messages(queries, "a") == said(0, 3)
    objects.hide()
    with pytest.raises(RecordingAwayError):
        messages(queries, "a")


def test_a_place_that_is_away_is_told_of_and_nothing_is_called_missing(
    archive: Archive, queries: Queries, objects: Objects
) -> None:
    over(archive, "a", 3)
    objects.move()
    objects.hide()
    root = (objects.folder).as_uri()
    with pytest.raises(
        RecordingAwayError, match=rf"^the recording lies in {root}/.+\.jsonl\.gz, and cannot be fetched: "
    ):
        messages(queries, "a")
    with pytest.raises(RecordingAwayError):
        list(archive.messages("a"))
    with pytest.raises(RecordingAwayError):
        list(stored_lines(queries, "a"))
    objects.show()
    assert messages(queries, "a") == said(0, 3)


def test_another_folder_in_its_stead_has_not_lost_anything(
    archive: Archive, queries: Queries, objects: Objects
) -> None:
    over(archive, "a", 3)
    objects.move()
    objects.hide()
    objects.folder.unlink()
    objects.folder.mkdir()
    with pytest.raises(
        RecordingAwayError, match=r"is not the place that recordings were moved to .+ folder is mounted"
    ):
        messages(queries, "a")


def test_what_answers_everything_with_the_same_page_is_another_place(
    archive: Archive, queries: Queries, objects: Objects
) -> None:
    over(archive, "a", 3)
    objects.move()
    for file in objects.folder.rglob("*"):
        if file.is_file():
            file.write_bytes(b"<html>Please sign in to this network</html>")
    with pytest.raises(RecordingAwayError, match="is not the place that recordings were moved to"):
        messages(queries, "a")
    with pytest.raises(ObjectsError, match="is not the place"):
        objects.known.require()


def test_an_object_that_is_gone_or_another_one_is_told_of(archive: Archive, queries: Queries, objects: Objects) -> None:
    over(archive, "a", 3)
    over(archive, "b", 3)
    objects.move()
    a, b = objects.names()
    (objects.folder / a).unlink()
    (objects.folder / b).write_bytes(b"something else")
    with pytest.raises(RecordingMissingError, match=rf"should lie in .+{a}, and is not there any more"):
        messages(queries, "a")
    with pytest.raises(RecordingMissingError, match=rf"{b} is not what was written there"):
        list(archive.messages("b"))


def test_a_part_that_comes_back_while_it_is_read_is_found_in_the_database(
    archive: Archive, queries: Queries, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    over(archive, "a", 3)
    objects.move()
    fetch = recording_objects.fetch

    def late(part: recording_objects.MovedPart) -> bytes:
        monkeypatch.setattr("relayproxy.store.read.recording_reader.fetch", fetch)
        objects.bring_back()
        objects.delete_noted()
        recording_objects._cache.__init__()  # type: ignore[misc]
        return fetch(part)

    monkeypatch.setattr("relayproxy.store.read.recording_reader.fetch", late)
    assert messages(queries, "a") == said(0, 3)
