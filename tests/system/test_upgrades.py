"""A database is migrated by a later version while processes of this one record and show calls."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from signal import SIGKILL

import psycopg
import pytest
from websockets.asyncio.client import connect

from relayproxy.lab.agent.server import serving
from relayproxy.store.schema.migrate import migrate
from relayproxy.store.schema.revisions import revisions
from tests.peers.postgres import Server
from tests.running import running
from tests.store.later import become_later, become_present
from tests.system.stack import Stack, until
from tests.system.test_postgres import say, setup, system, texts

WAITS = "was made by a newer relayproxy: upgrade relayproxy"


@pytest.fixture(autouse=True)
def _present(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield
    become_present(monkeypatch)


def is_recorded(found: Stack, number: int) -> bool:
    """Whether what was said there is shown."""
    return f"free at {number}?" in str(found.messages(found.sessions()[0]["id"]))


async def test_what_a_later_version_adds_stops_nobody_and_what_it_changes_makes_the_version_before_wait(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, before = postgres.database(), revisions()[0]
    async with serving() as backend:
        with system(tmp_path / "now", url, backend) as found:
            async with connect(found.url(), proxy=None) as call:
                await call.send(setup("VX-1"))
                await until(found.sessions)
                for number in range(1, 4):
                    statement = f"ALTER TABLE sessions ADD COLUMN mood_{number} TEXT DEFAULT '' NOT NULL"
                    become_later(monkeypatch, tmp_path, statement, additive=True)
                    migrate(url)
                    await say(call, f"Is a table free at {number}?")
                    await until(partial(is_recorded, found, number))
                # A recorder and a console that start now find what they know.
                found.recorder.stop(SIGKILL)
                with running("recorder", data_dir=found.data_dir, database_url=url) as recorder:
                    await say(call, "Is a table free at 4?")
                    await until(lambda: is_recorded(found, 4))
                    with running("console", data_dir=tmp_path / "two", database_url=url, console="127.0.0.1:0") as two:
                        found.console, one = two, found.console
                        assert len(found.sessions()) == 1
                        found.console = one
                    assert "nothing can be recorded" not in recorder.log.read_text()
                # One that starts when the tables are others than it knows waits, and the journal keeps what comes.
                statement = "ALTER TABLE sessions RENAME COLUMN backend_version TO agent_version"
                become_later(monkeypatch, tmp_path, statement, additive=False)
                migrate(url)
                with running("recorder", data_dir=found.data_dir, database_url=url) as recorder:
                    await say(call, "Is a table free at 5?")
                    await until(lambda: WAITS in recorder.log.read_text())
                    with psycopg.connect(url) as db:  # taken back by hand
                        db.execute("ALTER TABLE sessions RENAME COLUMN agent_version TO backend_version")
                        db.execute("UPDATE alembic_version SET version_num = %s", [before])
                    await until(lambda: is_recorded(found, 5))
                    await call.close()
                    (ended,) = await found.ended(1)
                    assert ended["totals"]["gaps"] == 0
                    texts(found, ended["id"])
