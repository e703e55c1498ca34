"""What every page says when what it shows is old."""

from collections.abc import Iterator

import pytest

from relayproxy.console.health.diagnosis.diagnosis import diagnose, verdict
from relayproxy.console.health.diagnosis.health_facts import HealthFacts
from relayproxy.console.health.staleness import Notice, notice
from relayproxy.settings.model import Settings
from relayproxy.store.engine import open_engine
from relayproxy.store.read.health.heartbeat import HeartbeatWriter
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client
from tests.console.health.known import facts, report
from tests.console.health.test_health_page import HEARTBEAT, PROCESS


def told(found: HealthFacts) -> Notice:
    return notice(found, verdict(diagnose(found)))


def test_nothing_is_said_while_everything_works() -> None:
    assert told(facts()) == Notice("ok", "Everything works.", None)


def test_a_recorder_that_is_gone_makes_what_is_shown_old() -> None:
    silent = told(facts(report(42)))
    assert silent.state == "bad"
    assert silent.stale == "Nothing new has been recorded for 42 s: the recorder does not report."
    stopped = told(facts(report(300, ended=True)))
    assert stopped.stale == "Nothing new has been recorded for 5 min: the recorder was stopped."


def test_one_of_several_recorders_that_is_gone_is_named() -> None:
    found = told(facts(report(1), report(42, "recorder:there:1-1", host="there")))
    assert found.stale == "Some calls have not been recorded for 42 s: the recorder on there does not report."


def test_a_recorder_that_is_behind_says_how_far() -> None:
    assert told(facts(report(lag_ms=9_000))).stale is None
    assert told(facts(report(lag_ms=42_000))).stale == "What you see is 42 s old: recording is behind the calls."


def test_a_database_that_cannot_be_read_and_one_without_a_recorder() -> None:
    gone = told(facts(database=None, database_problem="it is locked"))
    assert gone.stale == "The database cannot be read: what you see may be old."
    assert told(HealthFacts(facts().now, "1.0", facts().relay, database=facts().database)).stale is None


@pytest.fixture
def heartbeat_writer(settings: Settings, archive: Archive) -> Iterator[HeartbeatWriter]:
    heartbeat_writer = HeartbeatWriter(open_engine(settings.database))
    yield heartbeat_writer
    heartbeat_writer.close()


async def test_a_page_that_is_made_then_carries_the_banner_itself(
    client: Client, archive: Archive, heartbeat_writer: HeartbeatWriter
) -> None:
    heartbeat_writer.write(PROCESS, HEARTBEAT, samples.ago(330))
    async with client.get("/health/notice") as response:
        answer = await response.json()
    assert answer["stale"].startswith("Nothing new has been recorded for 5 min")
    for path in ("/live", "/sessions", "/insight", "/connect", "/health"):
        async with client.get(path) as response:
            text = await response.text()
        assert 'data-stale="1"' in text, path
        assert 'data-state="bad"' in text, path
        assert "Nothing new has been recorded for 5 min" in text, path
