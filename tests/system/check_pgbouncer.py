"""Everything behind a real PgBouncer in transaction mode, where the next transaction has another session of the server.

Part of `make pooler-check`. PgBouncer: Debian's `pgbouncer`, and packages of that name elsewhere.
"""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from relayproxy.lab.agent.server import serving
from relayproxy.lab.scenarios.result import ScenarioResult
from relayproxy.lab.simulation.simulate import simulate
from relayproxy.store import engine as engines
from relayproxy.store.engine import open_engine, open_reader, writing
from relayproxy.store.errors import AwayError, SlowError, store_errors
from relayproxy.store.schema.migrate import migrate
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.archive import Archive
from tests.peers.pgbouncer import pgbouncer, through
from tests.peers.postgres import Server
from tests.store.build import session, turn
from tests.system.test_postgres import TALKS, by_side, command, system, texts

SESSIONS = 3
"""Of the server, for all processes together."""


@pytest.fixture(scope="module")
def pooler(postgres: Server) -> Iterator[Path]:
    with pgbouncer(postgres, SESSIONS) as folder:
        yield folder


@pytest.fixture
def direct(postgres: Server) -> str:
    """A database that nobody has used, as it is reached without PgBouncer."""
    return postgres.database()


@pytest.fixture
def url(pooler: Path, direct: str) -> str:
    """The same through it."""
    return through(pooler, direct)


async def test_calls_are_recorded_and_shown(url: str, tmp_path: Path) -> None:
    results: list[ScenarioResult] = []
    async with serving(speed=20) as backend:
        with system(tmp_path, url, backend) as found:
            await simulate(found.url(), scenarios=[TALKS], times=6, at_once=6, speed=20, seed=1, each=results.append)
            ended = await found.ended(6)
            assert sum(one["totals"]["gaps"] for one in ended) == 0
            wire = [by_side((one.sender, one.text or "") for one in result.call.messages) for result in results]
            stored = [texts(found, one["id"]) for one in ended]
            assert sorted(map(repr, stored)) == sorted(map(repr, wire))
            for path in ("/sessions?q=table", "/insight", f"/sessions/{ended[0]['id']}", "/health"):
                assert "<html" in found.get(path)
            assert found.get("/api/health")["database_problem"] is None
            assert "nothing can be recorded" not in (tmp_path / "relay" / "recorder.log").read_text()
            assert "6 of 6" in command("rebuild", url)
            assert "is up to date" in command("migrate", url)


def test_what_is_committed_again_and_again_needs_no_statement_of_another_session(url: str) -> None:
    migrate(url)
    archive = Archive(engine := open_engine(url))

    def commit(times: int) -> None:
        for _ in range(times):
            archive.commit(Batch(sessions=(session("a"),), turns=tuple(turn("a", at) for at in range(1, 20))))

    commit(10)
    with psycopg.connect(url, prepare_threshold=None) as busy:
        busy.execute("SELECT 1")  # has the session that the archive has had
        commit(10)
    commit(10)
    found = archive.session("a")
    assert found is not None
    assert found.revision == 30
    engine.dispose()


def test_nobody_is_waited_for_for_ever(url: str, direct: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "LOCK_TIMEOUT", "50ms")
    monkeypatch.setattr(engines, "READ_TIMEOUT", "50ms")
    migrate(url)
    writer, reader = open_engine(url), open_reader(url)
    for _ in range(2 * SESSIONS):
        with psycopg.connect(direct) as other:
            other.execute("LOCK TABLE sessions IN EXCLUSIVE MODE")
            with pytest.raises(AwayError, match="lock timeout"):
                Archive(writer).commit(Batch(sessions=(session("a"),)))
        with pytest.raises(SlowError), store_errors(), reader.connect() as db:
            db.execute(text("SELECT pg_sleep(60)"))
    writer.dispose()
    reader.dispose()


def test_a_reader_cannot_write_and_a_writer_can(url: str) -> None:
    migrate(url)
    writer, reader = open_engine(url), open_reader(url)
    for _ in range(2 * SESSIONS):
        with reader.connect() as db:
            assert db.execute(text("SHOW transaction_read_only")).scalar_one() == "on"
        with writing(writer).begin() as db:
            assert db.execute(text("SHOW transaction_read_only")).scalar_one() == "off"
    writer.dispose()
    reader.dispose()
