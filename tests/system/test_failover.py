"""A standby takes over in the middle of calls: the journal carries on, and everything is stored once."""

import asyncio
from pathlib import Path

import psycopg
from websockets.asyncio.client import connect

from relayproxy.lab.agent.server import serving
from tests.peers.postgres import Server, server
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


async def test_recording_goes_on_with_the_standby_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    with server() as primary, server(follows=primary) as standby:
        name = primary.database().removeprefix("postgresql://postgres@/").partition("?")[0]
        hosts = f"host={primary.folder}&host={standby.folder}"
        url = f"postgresql://postgres@/{name}?{hosts}&target_session_attrs=read-write"
        async with serving() as backend:
            with system(tmp_path, url, backend) as found:
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
                said = [words for words in texts(found, ended["id"])["twilio"] if "Is a table" in words]
                assert [words.partition("free at ")[2][:1] for words in said] == ["1", "2", "3"]
