"""Places of recordings: known once, recognised, and given up when they are lost."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from relayproxy.objects.place import ObjectsError, Place
from relayproxy.store.engine import writing
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.moving.places import give_up_place, known_places, place_states, use_place
from relayproxy.store.write.object_deletions import note_object_deletions
from tests.peers.seaweed import CREDENTIALS, Seaweed
from tests.store.moving import Objects, over

pytestmark = pytest.mark.in_database


@pytest.fixture
def objects(engine: Engine, tmp_path: Path) -> Objects:
    return Objects(engine, tmp_path / "objects")


def test_a_place_is_known_once_by_its_root_and_reached_as_was_said_last(
    engine: Engine, objects: Objects, tmp_path: Path
) -> None:
    first = objects.known
    assert objects.known == first
    other = use_place(engine, Place((tmp_path / "other").as_uri()))
    assert other.id != first.id
    moved = use_place(engine, Place(first.place.root, None, path_style=False))
    assert (moved.id, moved.place.path_style) == (first.id, False)


def test_a_place_that_is_used_again_must_be_the_same(engine: Engine, objects: Objects) -> None:
    assert objects.known
    objects.hide()
    objects.folder.unlink()
    objects.folder.mkdir()
    with pytest.raises(ObjectsError, match="is not the place that recordings were moved to"):
        use_place(engine, objects.place)


def test_an_address_at_which_a_place_is_not_is_not_kept(
    engine: Engine, seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    place = seaweed.bucket()
    known = use_place(engine, place)
    with pytest.raises(ObjectsError):
        use_place(engine, replace(place, endpoint="http://127.0.0.1:9"))
    with engine.connect() as db:
        assert known_places(db) == {known.id: known}


def test_what_lies_at_a_place_is_told_until_it_is_given_up(archive: Archive, engine: Engine, objects: Objects) -> None:
    over(archive, "a", 3)
    over(archive, "b", 3)
    objects.move()
    with writing(engine).begin() as db:
        note_object_deletions(db, [objects.names()[0]], 1)
    (state,) = place_states(engine)
    assert str(state) == f"{objects.place.root}: 2 parts of recordings, 1 object to be deleted"

    assert give_up_place(engine, state.known) == 0
    assert place_states(engine) == []
    assert objects.sweeper.noted() == 0
    with engine.connect() as db:
        assert db.execute(text("SELECT count(object) FROM recordings")).scalar_one() == 2
