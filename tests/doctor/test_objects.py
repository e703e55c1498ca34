"""The place of recordings: an object is written, read and deleted, and what is in the way is explained."""

from pathlib import Path

from relayproxy.doctor.check import Result
from relayproxy.doctor.objects import objects
from relayproxy.settings.model import Settings


def told(settings: Settings, *, network: bool = True) -> list[Result]:
    return list(objects(settings, network=network))


def test_without_a_place_recordings_stay_in_the_database() -> None:
    (one,) = told(Settings())
    assert (one.state, one.text) == ("ok", "recordings of calls that are over stay in the database")


def test_a_folder_takes_an_object_and_nothing_is_left_of_it(tmp_path: Path) -> None:
    (one,) = told(Settings(recordings=str(tmp_path / "calls")), network=False)
    assert one.state == "ok"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (one,) = told(Settings(recordings=str(tmp_path / "file" / "calls")))
    assert one.state == "failed"
    assert "cannot be used: Not a directory" in one.text
    assert "stay in the database" in one.action


def test_a_bucket_is_not_asked_where_nobody_may_be() -> None:
    (one,) = told(Settings(recordings="s3://calls", recordings_endpoint="http://127.0.0.1:9"), network=False)
    assert one.state == "skipped"
