"""Giving up a machine that is gone: its calls end, and nobody waits for it any more."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, update

from relayproxy.cli.main import main
from relayproxy.store.engine import open_engine, writing
from relayproxy.store.read.erasures import read_erasures, sought_number, sought_session
from relayproxy.store.read.health.heartbeat import Heartbeat, HeartbeatWriter, JournalHeartbeat
from relayproxy.store.read.recording_objects import RecordingMissingError
from relayproxy.store.schema.tables import journals
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.deletion.erasures import order
from tests.databases import migrated
from tests.store.moving import Objects, over
from tests.store.write.deleting import days_ago, deleter, spoken

pytestmark = pytest.mark.in_database

NAME = "0123456789abcdef"
GiveUp = Callable[..., Result]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path}/relayproxy.db"
    migrated(url)
    engine = open_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def give_up(tmp_path: Path) -> GiveUp:
    def run(*arguments: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(main, ["give-up", *arguments, "--data-dir", str(tmp_path)], input=typed)

    return run


def told(engine: Engine, ago: float, host: str = "relay-2", name: str = NAME) -> None:
    at = time.time_ns() - round(ago * 1e9)
    beat = Heartbeat("1", host, 1, at, "/data", recorder=name, journals=(JournalHeartbeat("j1", True, 1, 9, 9),))
    HeartbeatWriter(engine).write(f"recorder:{name}", beat, at)


def test_calls_of_a_lost_machine_end_and_an_erasure_is_done_and_says_so(engine: Engine, give_up: GiveUp) -> None:
    lost = Archive(engine, NAME)
    live, over = spoken(lost, days_ago(0.01), live=True), spoken(lost, days_ago(1))
    kept = spoken(lost, days_ago(0.01), caller="+15550100009", live=True)
    told(engine, 7200)
    with writing(engine).begin() as db:
        db.execute(update(journals).values(updated_at=days_ago(1)))
        order(db, sought_number("+15550100001"), 2, "alice", "", time.time_ns())
    assert deleter(engine).erase() == 1

    asked = give_up("relay-2", "--yes")

    assert f"relay-2:/data ({NAME}): told something 2 hours ago, 2 live connections" in asked.output
    assert "Given up: 2 connections ended, 1 erasure to go on without it." in asked.output
    ended = lost.session(kept.id)
    assert ended is not None
    assert (ended.outcome, ended.ended_at is None) == ("unknown", False)
    deleter(engine).erase()
    assert [lost.session(call.id) for call in (live, over)] == [None, None]
    with engine.connect() as db:
        (receipt,) = read_erasures(db, 10)
    assert (receipt.sessions, receipt.without) == (2, (f"relay-2:/data ({NAME})",))
    assert receipt.done_at is not None
    assert give_up().output == ""


def test_folders_are_shown_and_nothing_is_given_up_unless_it_is_typed(engine: Engine, give_up: GiveUp) -> None:
    told(engine, 86_400 * 3)
    told(engine, 0, "relay-1", "aa")

    shown = give_up().output.splitlines()
    assert [line.partition(",")[0] for line in shown] == [
        "relay-1:/data (aa): told something 0 seconds ago",
        f"relay-2:/data ({NAME}): told something 3 days ago",
    ]
    refused = give_up("relay-2", typed="yes\n")
    assert refused.exit_code == 1
    assert "It must never come back. Type lost to give it up" in refused.output
    assert refused.output.endswith("Nothing was given up.\n")
    assert len(give_up().output.splitlines()) == 2
    assert "Given up: 0 connections ended" in give_up(NAME, typed="lost\n").output
    assert len(give_up().output.splitlines()) == 1


def test_what_is_not_lost_not_known_or_not_clear_is_refused(engine: Engine, give_up: GiveUp) -> None:
    told(engine, 0, "relay-1", "aa")
    told(engine, 90, "relay-2", "bb")
    told(engine, 90, "relay-2", "cc")

    for name, said in (
        ("relay-1", "relay-1:/data (aa) is not lost: its recorder has told something within the last minute"),
        ("relay-3", "the database knows no data folder and no place of recordings relay-3: run it without a name"),
        ("relay-2", "relay-2 has 2 data folders: name one of cc, bb"),
    ):
        refused = give_up(name, "--yes")
        assert refused.exit_code == 2
        assert said in refused.output


def test_a_bucket_that_is_lost_is_not_waited_for_any_more(engine: Engine, give_up: GiveUp, tmp_path: Path) -> None:
    over(Archive(engine), "a", 3)
    over(Archive(engine), "b", 3)
    objects = Objects(engine, tmp_path / "objects")
    objects.move()
    root = objects.place.root
    with writing(engine).begin() as db:
        order(db, sought_session("a"), 1, "alice", "", time.time_ns())
    assert deleter(engine).erase() == 1
    objects.hide()

    assert f"{root}: 1 part of a recording, 1 object to be deleted" in give_up().output
    assert "is where recordings go by these settings" in give_up(root, "--yes", "--recordings", root).output
    for name in (root, f"{root}/", str(objects.folder)):
        assert "Nothing was given up" in give_up(name, typed="no\n").output
    asked = give_up(root, typed="lost\n")

    assert "Given up, with what lay there; 1 erasure to go on without it." in asked.output
    assert objects.sweeper.noted() == 0
    while deleter(engine).erase():
        pass
    with engine.connect() as db:
        (receipt,) = read_erasures(db, 10)
    assert receipt.without == (root,)
    assert receipt.done_at
    with pytest.raises(RecordingMissingError, match="the place of that is not known here"):
        list(Archive(engine).messages("b"))
