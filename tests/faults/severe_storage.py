"""Faults of disks and databases that take long or need root: `make faults` runs them."""

import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGCONT, SIGSTOP

import psycopg

from tests.faults.harness import System, answer, prompt, setup, system, text, token, until
from tests.peers.postgres import server
from tests.running import running

SLOW = 6.0
"""Seconds that a commit takes; from 5 on Health says that recording is behind."""
WORDS = "and so on and so forth " * 40


def slowest_exchange(weather: System, number: int = 60) -> float:
    """Seconds of the slowest of so many exchanges in one call, which is held to its end and recorded."""
    slowest = 0.0
    with weather.call() as call:
        call.says(text(setup()))
        for at in range(number):
            before = time.monotonic()
            call.says(text(prompt(f"question {at}")))
            call.hears(answer(token(f"answer {at}")))
            slowest = max(slowest, time.monotonic() - before)
        call.hangs_up()
    return slowest


def test_a_database_that_takes_seconds_for_each_commit() -> None:
    with server() as postgres:
        database = postgres.migrated()
        with running("recorder", database_url=database):
            pass
        slow = (
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN PERFORM pg_sleep({SLOW}); RETURN NULL; END $$;"
            "CREATE TRIGGER slow AFTER INSERT OR UPDATE ON sessions FOR EACH STATEMENT EXECUTE FUNCTION slow()"
        )
        with psycopg.connect(database, autocommit=True) as admin:
            for statement in slow.split(";CREATE"):
                admin.execute((statement if statement.startswith("CREATE") else "CREATE" + statement).encode())
        folder = postgres.folder / "data-of-relay"
        folder.mkdir()
        with system(folder, database=database) as weather:
            assert slowest_exchange(weather) < SLOW / 2, "an exchange waited for the database"
            late = until(lambda: found if (found := weather.check("lag"))["state"] in ("warn", "bad") else None)
            assert "behind the calls" in late["title"]
            with psycopg.connect(database, autocommit=True) as admin:
                admin.execute("DROP TRIGGER slow ON sessions")
            peer = next(iter(weather._dialled))
            assert weather.recorded(peer)["totals"]["messages"] == 121
            until(lambda: weather.check("lag")["state"] == "ok")


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of that size; logs of processes lie elsewhere."""
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk], check=True)
    try:
        for name in ("relay", "recorder", "console"):
            (folder / f"{name}.log").touch()
            (disk / f"{name}.log").symlink_to(folder / f"{name}.log")
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_disk_that_is_full_and_has_room_again(tmp_path: Path) -> None:
    with small_disk(tmp_path, "5m") as disk, system(disk) as weather:
        sent = 0
        with weather.call() as call:
            call.says(text(setup()))
            while weather.ready()["journal"] != "disk":
                call.says(frame := text(prompt(f"{sent} {WORDS}")))
                sent += len(frame)
                assert sent < 30 << 20, "the disk does not fill"
            call.says(text(prompt("said while the disk is full")))
            assert weather.ready()["status"] == "degraded"
            health = until(lambda: weather.get("/api/health"))
            assert {one["name"]: one["state"] for one in health["checks"]}["relay"] == "bad"
            with weather.call() as unheard:
                unheard.says(text(setup()) + text(prompt("nobody answers")))
                unheard.hangs_up()
            subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
            until(lambda: weather.ready()["journal"] == "ok")
            call.says(text(prompt("and there is room again")))
            call.hangs_up()
        session = weather.recorded(call.peer)
        messages = weather.messages(session)
        gaps = [one for one in messages if one["kind"] == "gap"]
        assert "disk" in {one["note"] for one in gaps}
        assert [one["text"] for one in messages if one["kind"] == "text"][-1] == prompt("and there is room again")
        assert "is missing here" in weather.shown(session)
        ending = session["connection"]["ending"]
        kept = sum(one["size"] + 8 for one in messages if one["from"] == "twilio" and one["kind"] == "text")
        lost = sum(one["size"] for one in gaps if one["from"] == "twilio")
        assert abs(kept + lost + 33 - ending["twilio_bytes"]) < 4096, "what is missing is counted"
        until(lambda: weather.check("gaps")["state"] == "warn")
        other = weather.recorded(unheard.peer)
        if other["totals"]["gaps"]:
            assert "is missing here" in weather.shown(other)
        with sqlite3.connect(disk / "relayproxy.db") as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        database.close()
        log = weather.relay.log.read_text()
        assert log.count("the journal cannot be written") <= 5, "said once for each change"
        assert "WORDS" not in log


def test_a_machine_that_loses_power(tmp_path: Path) -> None:
    """Its disk as it is at one moment: everything stands still, and the files are copied."""
    with system(tmp_path / "one") as weather, weather.call() as call:
        call.says(text(setup()))
        for said in range(400):
            call.says(text(prompt(f"sentence {said}")))
            if said == 299:
                weather.recorded(call.peer, ended=False, messages=1 + said)
        stopped = (weather.recorder, weather.relay)
        for process in stopped:
            process.signal(SIGSTOP)
        shutil.copytree(tmp_path / "one", tmp_path / "two")
        for process in stopped:
            process.signal(SIGCONT)
        call.hangs_up()
        peer, dialled = call.peer, dict(weather._dialled)
    with sqlite3.connect(tmp_path / "two/relayproxy.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
    with system(tmp_path / "two") as again:
        again._dialled.update(dialled)
        session = again.recorded(peer)
        words = [one["text"] for one in again.messages(session) if one["type"] == "prompt"]
        assert words == [prompt(f"sentence {number}") for number in range(len(words))], "the beginning, without a hole"
        assert len(words) >= 300, "what was said in the last moments alone is lost"
        assert session["connection"]["ending"]["cause"] == "relay_died"
