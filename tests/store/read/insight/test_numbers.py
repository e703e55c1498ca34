"""Numbers of many calls, as they are read."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, text

from relayproxy.store.engine import writing
from relayproxy.store.read.filters.criteria import Criteria, Criterion
from relayproxy.store.read.insight.figures import Calls, LatencyCounts, Sums
from relayproxy.store.read.insight.numbers import Numbers, first_call, label_names
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import Batch, JournalRow, SessionLabels, SessionRow, TurnRow
from relayproxy.store.write.archive import Archive
from tests.store import build
from tests.store.kinds import SQLITE

NOON = build.NOON
HOUR = 3_600_000_000_000
ALL = Criteria()


def record(archive: Archive, *sessions: SessionRow, turns: tuple[TurnRow, ...] = (), **labels: dict[str, str]) -> None:
    archive.commit(
        Batch(
            journals=(JournalRow("j1", 1, 1),),
            sessions=sessions,
            turns=turns,
            labels=tuple(
                SessionLabels(one.id, one.started_at, tuple(labels[one.id].items()))
                for one in sessions
                if one.id in labels
            ),
        )
    )


def ended(id: str, hour: float = 0, **known: Any) -> SessionRow:
    at = NOON + round(hour * HOUR)
    row = build.session(
        id, started_at=at, ended_at=at + 60 * 10**9, outcome="ended_by_backend", studio_transition="success"
    )
    return replace(row, **known)


def by_step(found: Mapping[Any, LatencyCounts]) -> dict[Any, dict[Any, int]]:
    return {place: {**counts, **excluded} for place, (counts, excluded) in found.items()}


def test_calls_belong_to_the_range_in_which_they_began(archive: Archive, queries: Queries) -> None:
    record(
        archive,
        ended("before", -0.001, response_n=9),
        ended("first", 0, response_n=2),
        ended("last", 0.999, response_n=3),
        ended("after", 1),
    )

    reach = Numbers(queries, Criteria(since=NOON, until=NOON + HOUR)).reach()

    assert (reach.matching, reach.counted, reach.responses) == (2, 2, 5)
    assert (reach.since, reach.until) == (NOON, NOON + HOUR)


def test_without_a_range_it_is_from_the_first_call_to_the_last(archive: Archive, queries: Queries) -> None:
    empty = Numbers(queries, ALL).reach()
    assert (empty.matching, empty.counted, empty.responses, empty.until - empty.since) == (0, 0, 0, 1)

    record(archive, ended("a", 0), ended("b", 5))
    reach = Numbers(queries, ALL).reach()
    assert (reach.since, reach.until, reach.matching) == (NOON, NOON + 5 * HOUR + 1, 2)


def test_what_began_before_a_range_is_counted_up_to_a_limit(archive: Archive, queries: Queries) -> None:
    assert first_call(queries) is None
    record(archive, ended("a", 0), ended("b", 1, route="other"), ended("c", 2), ended("d", 3), d={"tag": "x"})

    numbers = Numbers(queries, Criteria(since=NOON + 3 * HOUR))
    reach = numbers.reach()

    assert first_call(queries) == NOON
    assert (reach.first, reach.matching) == (NOON + 3 * HOUR, 1)
    assert numbers.before(reach.since, 10) == 3
    assert numbers.before(reach.since, 2) == 2
    of_one_route = Numbers(queries, Criteria((Criterion("route", "=", ("other",)),)))
    assert of_one_route.before(NOON + 3 * HOUR, 10) == 1
    tagged = Numbers(queries, Criteria((Criterion("tag", "=", ("x",)),), since=NOON + HOUR))
    assert (tagged.reach().matching, tagged.before(NOON + 3 * HOUR, 10)) == (1, 0)


def test_of_many_calls_the_newest_are_read(archive: Archive, queries: Queries) -> None:
    record(archive, *(ended(f"s{hour}", hour, turns=1) for hour in range(10)))

    numbers = Numbers(queries, ALL, most=4)
    reach = numbers.reach()

    assert (reach.matching, reach.counted, reach.since) == (5, 4, NOON + 6 * HOUR)
    assert sum(one.sums.calls for one in numbers.calls(reach.since, HOUR)) == 4


def test_calls_are_summed_by_step_and_ending(archive: Archive, queries: Queries) -> None:
    failed = {"outcome": "backend_disconnect", "studio_transition": "failed"}
    record(
        archive,
        ended("a", 0, turns=4, responses=3, interrupted_responses=1, stale_chunks=5),
        ended("b", 0.5, turns=2, responses=2, unanswered=1, asked_again=1, false_interruptions=1),
        ended("c", 1, **failed),
        build.session("live", started_at=NOON + HOUR, turns=7),
    )
    numbers = Numbers(queries, ALL)

    numbers.reach()
    found = numbers.calls(NOON, HOUR)

    assert sorted(found, key=lambda one: (one.step, one.outcome or "")) == [
        Calls(0, "ended_by_backend", "success", Sums(2, 6, 5, 1, 1, 1, 5, 1, 1, 1, 0, 2)),
        Calls(1, None, None, Sums(1, 7)),
        Calls(1, "backend_disconnect", "failed", Sums(calls=1, failed=1, ended=1)),
    ]


@SQLITE
def test_a_damaged_row_takes_no_number_of_other_calls_away(engine: Engine, archive: Archive, queries: Queries) -> None:
    record(archive, ended("whole", turns=2, errors=1), ended("damaged", turns=3))
    with writing(engine).begin() as db:
        damage = "turns = 'x', errors = x'ff', warnings = 'y', longest_wait_ms = x'00', response_n = 1.5"
        db.execute(text(f"UPDATE sessions SET {damage} WHERE id = 'damaged'"))
    numbers = Numbers(queries, ALL)

    assert numbers.reach().counted == 2
    ((sums,),) = [(one.sums,) for one in numbers.calls(NOON, HOUR)]
    assert (sums.calls, sums.turns) == (2, 2)
    assert [one.session for one in numbers.worst(9)] == ["whole"]
    numbers.slowest(9)
    with writing(engine).begin() as db:
        db.execute(text(f"UPDATE sessions SET turns = {2**63 - 1} WHERE id = 'damaged'"))
    again = Numbers(queries, ALL)
    again.reach()
    ((_, by_route),) = again.values("route", 9)
    assert (by_route.calls, by_route.turns) == (2, 2)


def test_a_damaged_time_of_a_turn_takes_no_latency_of_other_calls_away(
    engine: Engine, archive: Archive, queries: Queries
) -> None:
    turns = (
        build.turn("a", 0, started_at=NOON, response_latency_ms=1),
        build.turn("b", 0, started_at=-(2**63), response_latency_ms=2),
        build.turn("b", 1, started_at=NOON, response_latency_ms=3),
    )
    record(archive, ended("a"), ended("b"), turns=turns)
    numbers = Numbers(queries, ALL)

    assert numbers.latencies(numbers.reach(), NOON, HOUR)[0].counts == {1: 1, 3: 1}


def test_latencies_are_counted_one_by_one_and_so_are_those_that_are_not_there(
    archive: Archive, queries: Queries
) -> None:
    turns = (
        build.turn("a", 0, started_at=NOON, response_latency_ms=None, null_reason="no_prompt"),
        build.turn("a", 1, started_at=NOON + 1, response_latency_ms=1001),
        build.turn("a", 2, started_at=NOON + 2, response_latency_ms=1001),
        build.turn("a", 3, started_at=NOON + HOUR, response_latency_ms=1002),
        build.turn("a", 4, started_at=NOON + HOUR, response_latency_ms=None, null_reason="no_response"),
        build.turn("a", 5, started_at=NOON + HOUR, response_latency_ms=None, null_reason=None),
        build.turn("other", 1, started_at=NOON, response_latency_ms=5),
    )
    record(archive, ended("a", response_n=3), ended("other", route="other", response_n=1), turns=turns)
    numbers = Numbers(queries, Criteria((Criterion("route", "=", ("default",)),)))

    found = numbers.latencies(numbers.reach(), NOON, HOUR)

    # Where nothing had been asked, no answer is missing.
    assert by_step(found) == {0: {1001: 2}, 1: {1002: 1, "no_response": 1}}


def test_of_very_many_latencies_the_long_ones_are_rounded_by_less_than_a_percent(
    archive: Archive, queries: Queries
) -> None:
    real = (0, 1, 99, 127, 128, 255, 256, 999, 1000, 7777, 60_001, 999_999, 3_000_000)
    turns = tuple(build.turn("a", number, response_latency_ms=ms) for number, ms in enumerate(real))
    record(archive, ended("a", response_n=len(real)), turns=turns)
    numbers = Numbers(queries, ALL, exact=len(real) - 1)

    found = sorted(numbers.latencies(numbers.reach(), NOON, HOUR)[0].counts.elements())

    assert found[:4] == [0, 1, 99, 127]
    assert all(abs(told - ms) <= ms * 0.008 for told, ms in zip(found, real, strict=True))


def test_calls_are_told_apart_by_a_column(archive: Archive, queries: Queries) -> None:
    record(
        archive,
        ended("a", to_number="+1", response_n=1),
        ended("b", to_number="+1"),
        ended("c", to_number="+2", response_n=1),
        ended("d", to_number=None, response_n=1),
        ended("e", to_number=""),
        turns=tuple(build.turn(id, 1, response_latency_ms=ms) for id, ms in (("a", 10), ("c", 20), ("d", 30))),
    )
    numbers = Numbers(queries, ALL)
    reach = numbers.reach()

    found = numbers.values("to", 10)
    assert {value: sums.calls for value, sums in found} == {"+1": 2, "+2": 1, None: 2}
    assert numbers.values("to", 1)[0][1].calls == 2
    assert by_step(numbers.latencies_by(reach, "to", ("+1", None))) == {"+1": {10: 1}, None: {30: 1}}


def test_calls_are_told_apart_by_a_label_and_count_with_each_value(archive: Archive, queries: Queries) -> None:
    record(
        archive,
        ended("a", response_n=1),
        ended("b", response_n=1),
        ended("c"),
        turns=(build.turn("a", 1, response_latency_ms=10), build.turn("b", 1, response_latency_ms=20)),
        a={"param.release": "41", "lang": "en-US"},
        b={"param.release": "42"},
    )
    numbers = Numbers(queries, ALL)
    reach = numbers.reach()

    assert {value: sums.calls for value, sums in numbers.values("param.release", 9)} == {
        "41": 1,
        "42": 1,
        None: 1,
    }
    assert by_step(numbers.latencies_by(reach, "param.release", ("42", None))) == {"42": {20: 1}}
    assert label_names(queries) == ("lang", "param.release")


@pytest.mark.parametrize("field", ["turns", "is", "latency", "nonsense", ""])
def test_only_values_that_name_something_tell_calls_apart(archive: Archive, queries: Queries, field: str) -> None:
    numbers = Numbers(queries, ALL)
    with pytest.raises(ValueError, match="nothing that calls can be told apart by"):
        numbers.values(field, 5)


def test_the_slowest_turns_come_from_all_calls(archive: Archive, queries: Queries) -> None:
    record(
        archive,
        ended("a", response_max_ms=900),
        ended("b", response_max_ms=800),
        ended("c", response_max_ms=100),
        ended("d"),
        turns=(
            build.turn("a", 1, response_latency_ms=900),
            build.turn("a", 2, response_latency_ms=50),
            build.turn("b", 1, response_latency_ms=700, started_at=NOON + 7),
            build.turn("b", 2, response_latency_ms=800),
            build.turn("c", 1, response_latency_ms=100),
        ),
    )
    numbers = Numbers(queries, ALL)

    numbers.reach()
    slowest = numbers.slowest(3)

    assert [(one.session, one.turn, one.latency_ms) for one in slowest] == [("a", 1, 900), ("b", 2, 800), ("b", 1, 700)]
    assert slowest[2].started_at == NOON + 7


def test_the_slowest_turn_is_the_one_in_which_the_caller_waited_longest(archive: Archive, queries: Queries) -> None:
    record(
        archive,
        ended("slow", response_max_ms=2500, longest_wait_ms=2500),
        ended("asked again", response_max_ms=201, longest_wait_ms=4801),
        ended("lost", longest_wait_ms=12_000),
        turns=(
            build.turn("slow", 1, response_latency_ms=2500, longest_wait_ms=2500),
            build.turn("asked again", 1, response_latency_ms=201, longest_wait_ms=4801),
            build.turn("lost", 1, response_latency_ms=None, longest_wait_ms=12_000),
        ),
    )
    numbers = Numbers(queries, ALL)

    numbers.reach()
    slowest = numbers.slowest(3)

    assert [(one.session, one.longest_wait_ms, one.latency_ms) for one in slowest] == [
        ("lost", 12_000, None),
        ("asked again", 4801, 201),
        ("slow", 2500, 2500),
    ]


def test_failed_calls_lead_the_worst(archive: Archive, queries: Queries) -> None:
    record(
        archive,
        ended("errors", errors=3, studio_transition="success"),
        ended("failed", studio_transition="failed", outcome="backend_disconnect"),
    )
    numbers = Numbers(queries, ALL)

    numbers.reach()
    worst = numbers.worst(10)

    assert [(one.session, one.failed) for one in worst] == [("failed", True), ("errors", False)]


def test_the_worst_calls_have_errors_then_lost_turns_then_warnings(archive: Archive, queries: Queries) -> None:
    record(
        archive,
        ended("fine", response_max_ms=9000),
        ended("warned", warnings=1),
        ended("slow", warnings=1, response_max_ms=5000),
        ended("lost", unanswered=1),
        ended("broken", errors=1),
    )
    numbers = Numbers(queries, ALL)
    numbers.reach()

    assert [one.session for one in numbers.worst(10)] == ["broken", "lost", "slow", "warned"]
    assert len(numbers.worst(2)) == 2
