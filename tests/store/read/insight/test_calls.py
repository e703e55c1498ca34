"""Calls that are read one by one are added up as the database would."""

from typing import Any

from sqlalchemy import select

from relayproxy.store.read.insight.calls import CallRead, by_ending, first_starts, is_among, slowest, worst
from relayproxy.store.read.insight.figures import Calls, Sums
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import Batch
from relayproxy.store.schema.tables import sessions
from relayproxy.store.write.archive import Archive
from tests.store import build

NOTHING = CallRead("", 0, "caller_hangup", "success", None, None, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def call(id: str, **known: Any) -> CallRead:
    return NOTHING._replace(id=id, **known)


def test_calls_that_ended_alike_in_the_same_step_are_one() -> None:
    found = by_ending(
        [
            call("a", started_at=3, turns=2, responses=1, stale_chunks=4),
            call("b", started_at=9, turns=3, unanswered=1, asked_again=2, interrupted_responses=1),
            call("next", started_at=13),
            call("failed", started_at=3, transition="failed"),
            call("live", started_at=3, outcome=None, transition=None, false_interruptions=1),
            call("before", started_at=-1),
        ],
        origin=3,
        step=10,
    )

    assert {(one.step, one.outcome, one.transition): one for one in found} == {
        how: Calls(*how, sums)
        for how, sums in {
            (0, "caller_hangup", "success"): Sums(
                calls=2,
                turns=5,
                responses=1,
                interrupted_responses=1,
                unanswered=1,
                stale_chunks=4,
                stale_calls=1,
                unanswered_calls=1,
                asked_again=2,
                ended=2,
            ),
            (1, "caller_hangup", "success"): Sums(calls=1, ended=1),
            (0, "caller_hangup", "failed"): Sums(calls=1, failed=1, ended=1),
            (0, None, None): Sums(calls=1, false_interruptions=1),
            (-1, "caller_hangup", "success"): Sums(calls=1, ended=1),
        }.items()
    }


def test_the_slowest_are_those_in_which_callers_waited_longest_and_of_equal_ones_the_newest() -> None:
    calls = [
        call("nobody waited"),
        call("old", waited_ms=900, started_at=1),
        call("new", waited_ms=900, started_at=2),
        call("slow", waited_ms=901),
        call("quick", waited_ms=1),
    ]

    assert slowest(calls, 3) == ["slow", "new", "old"]


def test_the_worst_failed_then_have_errors_lost_turns_warnings_and_waits() -> None:
    calls = [
        call("nothing wrong", waited_ms=9000),
        call("warned", warnings=1),
        call("warned and slow", warnings=1, waited_ms=5),
        call("lost", unanswered=1),
        call("broken", errors=1),
        call("failed", transition="failed"),
    ]

    assert worst(calls, 9) == ["failed", "broken", "lost", "warned and slow", "warned"]
    assert worst(calls, 1) == ["failed"]


def test_a_version_began_with_its_first_call() -> None:
    calls = [call("c", version="2", started_at=3), call("b", started_at=2), call("a", version="2", started_at=1)]

    assert first_starts(calls) == {"2": 1, None: 2}


def test_of_very_many_ids_those_that_are_there_are_found(archive: Archive, queries: Queries) -> None:
    archive.commit(Batch(sessions=(build.session("here"), build.session("there"))))
    ids = ["here", "gone", *(f"no-{number}" for number in range(70_000))]

    with queries.reading() as db:
        query = select(sessions.c.id).where(is_among(sessions.c.id, ids, db.dialect.name))
        assert db.execute(query).scalars().all() == ["here"]
        nothing = select(sessions.c.id).where(is_among(sessions.c.id, [], db.dialect.name))
        assert db.execute(nothing).scalars().all() == []
