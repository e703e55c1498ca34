"""What alerts measure over the calls of the last minutes, on either kind of database."""

from typing import Any

from relayproxy.store.read.alert_measures import REACH, Measure, failure_rate, gaps, last_call, p95_latency
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import Batch, JournalGapRow
from relayproxy.store.write.archive import Archive
from tests.store.build import NOON, session, turn

MINUTE = 60_000_000_000


def kept(archive: Archive, id: str, latencies: tuple[int | None, ...] = (), **known: Any) -> None:
    begun = known.get("started_at", NOON)
    turns = [turn(id, at, started_at=begun + at, response_latency_ms=ms) for at, ms in enumerate(latencies)]
    archive.commit(Batch(sessions=(session(id, **known),), turns=tuple(turns), turn_counts=((id, len(turns)),)))


def test_the_95th_of_a_hundred_answers_and_the_session_of_the_slowest(archive: Archive, queries: Queries) -> None:
    kept(archive, "usual", tuple(range(10, 1000, 10)))
    kept(archive, "slow", (9000, None), route="sales")

    assert p95_latency(queries, NOON, None) == Measure(0.95, 100, "slow")
    assert p95_latency(queries, NOON, "sales") == Measure(9.0, 1, "slow")
    assert p95_latency(queries, NOON, "none") == Measure(None, 0)


def test_a_turn_counts_when_it_began_in_time_and_its_call_not_long_before(archive: Archive, queries: Queries) -> None:
    kept(archive, "early", (100, 200, 300), started_at=NOON - 2)
    kept(archive, "older", (9000,), started_at=NOON - REACH - 1)

    assert p95_latency(queries, NOON, None) == Measure(0.3, 1, "early")


def test_the_share_of_ended_calls_that_failed_and_the_newest_of_these(archive: Archive, queries: Queries) -> None:
    for at, transition in enumerate(("ended", "failed", "failed", None)):
        kept(archive, f"s{at}", started_at=NOON + at, ended_at=NOON + MINUTE, studio_transition=transition)
    kept(archive, "live", started_at=NOON)
    kept(archive, "past", started_at=NOON - 10, ended_at=NOON - 1, studio_transition="failed")

    assert failure_rate(queries, NOON, None) == Measure(0.5, 4, "s2")
    assert failure_rate(queries, NOON, "sales") == Measure(None, 0)


def test_gaps_of_calls_and_without_a_route_of_journals(archive: Archive, queries: Queries) -> None:
    kept(archive, "cut", gaps=2, route="sales", ended_at=NOON + 1)
    kept(archive, "live", gaps=1, started_at=NOON + 1)
    kept(archive, "past", gaps=5, started_at=NOON - 2, ended_at=NOON - 1)
    archive.commit(Batch(journal_gaps=(JournalGapRow("j1", 1, 0, 100, "damaged", since=NOON, until=NOON + 1),)))

    assert gaps(queries, NOON, None) == Measure(4, 2, "live")
    assert gaps(queries, NOON, "sales") == Measure(2, 1, "cut")
    assert gaps(queries, NOON + MINUTE, "sales") == Measure(0, 0)


def test_the_last_call_of_all_or_of_a_route(archive: Archive, queries: Queries) -> None:
    assert last_call(queries, None) is None
    kept(archive, "a", started_at=NOON)
    kept(archive, "b", started_at=NOON + 5, route="sales")

    assert (last_call(queries, None), last_call(queries, "default"), last_call(queries, "none")) == (
        NOON + 5,
        NOON,
        None,
    )
