"""Objects as files: whose they are, and what is no object. What every store does is in the tests of buckets."""

from pathlib import Path

import pytest

from relayproxy.objects.opening import open_objects
from relayproxy.objects.place import ObjectsError, Place


def test_files_are_for_their_owner_alone_and_parts_of_writing_are_no_objects(tmp_path: Path) -> None:
    store = open_objects(Place((tmp_path / "new" / "objects").as_uri()))
    store.put("a/b/1", b"x")
    (tmp_path / "new/objects/a/.broken-off.part").write_bytes(b"half")
    assert [one.key for one in store.list("a")] == ["a/b/1"]
    there = [tmp_path / "new", *(tmp_path / "new").rglob("*")]
    assert all(path.stat().st_mode & 0o077 == 0 for path in there if not path.name.endswith(".part"))


@pytest.mark.parametrize("key", ["", "../x", "a/../../x", "a//b", "/etc/passwd"])
def test_no_key_leads_out_of_the_folder(tmp_path: Path, key: str) -> None:
    store = open_objects(Place((tmp_path / "objects").as_uri()))
    for act in (store.get, lambda key: store.delete([key]), lambda key: store.put(key, b"x")):
        with pytest.raises(ObjectsError, match="no object can have such a key"):
            act(key)


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ObjectsError, match="cannot be used: Not a directory"):
        open_objects(Place((tmp_path / "file").as_uri())).put("a/1", b"x")
