"""A standby takes over in the middle of calls: the journal carries on, and everything is stored once. What had been
committed and had not reached it is recorded again, and what the journal had deleted by then is a gap."""

import asyncio
import json
from pathlib import Path

import psycopg
import pytest
from websockets.asyncio.client import connect

from relayproxy.journal.segments import journal_paths, segment_numbers
from relayproxy.lab.agent.server import serving
from tests.peers.postgres import Server, server
from tests.running import running
from tests.system.stack import Stack, until
from tests.system.test_postgres import say, setup, system, texts


def has_followed(primary: Server) -> bool:
    """Whether the standby has all that the primary has."""
    with psycopg.connect(primary.url) as db:
        query = "SELECT bool_and(replay_lsn = pg_current_wal_lsn()) FROM pg_stat_replication"
        return db.execute(query).fetchone() == (True,)


def is_recorded(found: Stack, number: int) -> bool:
    """Whether what was said there is shown."""
    return f"free at {number}?" in str(found.messages(found.sessions()[0]["id"]))


def url_of(primary: Server, standby: Server) -> str:
    """The URL of a database that nobody has used, on whichever of the two takes writes."""
    name = primary.database().removeprefix("postgresql://postgres@/").partition("?")[0]
    hosts = f"host={primary.folder}&host={standby.folder}"
    return f"postgresql://postgres@/{name}?{hosts}&target_session_attrs=read-write"


def is_alone(primary: Server) -> bool:
    """Whether no standby follows it any more."""
    with psycopg.connect(primary.url) as db:
        return db.execute("SELECT count(*) FROM pg_stat_replication").fetchone() == (0,)


def oldest_segment(found: Stack) -> int:
    """The number of the first file of the journal that is still there."""
    return min(number for one in journal_paths(found.data_dir / "journal") for number in segment_numbers(one))


def numbers(found: Stack, session: str) -> list[str]:
    """What was asked for, in order."""
    said = [words for words in texts(found, session)["twilio"] if "Is a table" in words]
    return [words.partition("free at ")[2][:1] for words in said]


async def test_recording_goes_on_with_the_standby_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    with server() as primary, server(follows=primary) as standby:
        async with serving() as backend:
            with system(tmp_path, url_of(primary, standby), backend) as found:
                async with connect(found.url(), proxy=None) as call:
                    await call.send(setup("VX-1"))
                    await say(call, "Is a table free at 1?")
                    await until(found.sessions)
                    await until(lambda: is_recorded(found, 1))
                    await until(lambda: has_followed(primary))

                    await asyncio.to_thread(primary.stop, "immediate")
                    await say(call, "Is a table free at 2?")
                    log = found.recorder.log
                    await until(lambda: "nothing can be recorded" in log.read_text())
                    await asyncio.to_thread(standby.promote)
                    await until(lambda: "recording goes on" in log.read_text())
                    await say(call, "Is a table free at 3?")
                    await until(lambda: is_recorded(found, 3))
                (ended,) = await found.ended(1)
                assert ended["totals"]["gaps"] == 0
                assert numbers(found, ended["id"]) == ["1", "2", "3"]


@pytest.mark.parametrize("journal_has_it", [True, False])
async def test_commits_that_did_not_reach_the_standby_are_made_again_or_told_as_a_gap(
    tmp_path: Path, journal_has_it: bool
) -> None:
    with server() as primary, server(follows=primary) as standby:
        url = url_of(primary, standby)
        async with serving() as backend:
            with system(tmp_path, url, backend, journal_segment=65_536) as found:
                async with connect(found.url(), proxy=None) as call:
                    await call.send(setup("VX-1"))
                    await say(call, "Is a table free at 1?")
                    await until(found.sessions)
                    await until(lambda: is_recorded(found, 1))
                    await until(lambda: has_followed(primary))
                    standby.execute("ALTER SYSTEM SET primary_conninfo = ''")
                    standby.execute("SELECT pg_reload_conf()")
                    await until(lambda: is_alone(primary))

                    await say(call, "Is a table free at 2?")
                    await until(lambda: is_recorded(found, 2))
                    if not journal_has_it:
                        first = oldest_segment(found)
                        for _ in range(10):
                            await call.send(json.dumps({"type": "info", "name": "x" * 8000}))
                        await until(lambda: oldest_segment(found) > first)
                    await asyncio.to_thread(primary.stop, "immediate")
                    await asyncio.to_thread(standby.promote)
                    await say(call, "Is a table free at 3?")
                    assert await asyncio.to_thread(found.recorder.wait) == 2
                    assert "the database does not have what was written to it last" in found.recorder.log.read_text()
                    with running("recorder", data_dir=found.data_dir, database_url=url):
                        await until(lambda: is_recorded(found, 3))
                        await call.close()
                        (ended,) = await found.ended(1)
                gaps = [one["cause"] for one in found.get("/api/health")["journal_gaps"]]
                asked = numbers(found, ended["id"])
                if journal_has_it:
                    assert (asked, gaps, ended["totals"]["gaps"]) == (["1", "2", "3"], [], 0)
                else:
                    assert (asked, gaps, ended["totals"]["gaps"]) == (["1", "3"], ["missing"], 2)
