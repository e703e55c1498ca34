"""Summaries as series: which there are, on which steps, and how high their scale reaches."""

from collections import Counter

import pytest

from relayproxy.console.http.times import NS
from relayproxy.console.insight.charts import (
    WEIGHTY,
    calls_over_time,
    compared_rows,
    edge_names,
    histogram,
    histogram_compared,
    latency_over_time,
    percentile_compared,
    step_name,
)
from relayproxy.console.insight.statistics import EDGES, Latencies
from relayproxy.console.insight.summary import ENDINGS, CallsSummary, Release, TimeStep
from relayproxy.store.read.insight.figures import Reach, Sums

HOUR = 3600 * NS


def summary(*steps: dict[int, int], begins: int = 0, releases: tuple[Release, ...] = ()) -> CallsSummary:
    """One step an hour from hour `begins` on, each with its turns by latency, and as many failed calls as its place."""
    together = sum((Counter(step) for step in steps), Counter[int]())
    made = tuple(
        TimeStep((begins + at) * HOUR, Counter(failed=at, live=1), Latencies(step)) for at, step in enumerate(steps)
    )
    reach = Reach(1, 1, begins * HOUR, (begins + len(steps)) * HOUR, 1)
    return CallsSummary(reach, HOUR, Sums(), Latencies(together), made, (), releases=releases)


def test_latencies_are_drawn_step_by_step_with_the_turns_that_they_stand_on() -> None:
    chart = latency_over_time(summary({100: 3, 900: 1}, {}, releases=(Release("2.0", HOUR // 2),)), 2000)

    assert (chart["times"], chart["step"]) == ([0, 3600], 3600)
    assert {one["name"]: one["values"] for one in chart["series"]} == {
        "95th percentile": [900, None],
        "Median": [100, None],
        "Turns (n)": [4, 0],
    }
    assert chart["marks"] == [{"at": 1800.0, "name": "2.0"}]
    assert chart["rule"] == {"at": 2000, "name": "slow"}


@pytest.mark.parametrize(
    ("steps", "top", "clipped"),
    [
        (({500: WEIGHTY}, {9000: 1}), 2200, True),
        (({500: 1}, {9000: 1}), 9540, False),
        (({5000: WEIGHTY}, {9000: 1}), 5300, True),
        (({}, {}), 2200, False),
    ],
)
def test_one_slow_turn_in_a_quiet_hour_does_not_flatten_everything_else(
    steps: tuple[dict[int, int], ...], top: int, clipped: bool
) -> None:
    chart = latency_over_time(summary(*steps), 2000)

    assert (chart["top"], chart["clipped"]) == (top, clipped)


def test_calls_are_stacked_by_how_they_ended_failed_ones_at_the_ground() -> None:
    chart = calls_over_time(summary({}, {}))

    assert chart["stacked"]
    assert [one["colour"] for one in chart["series"]] == list(ENDINGS)
    assert [one["values"] for one in chart["series"]] == [[0, 1], [0, 0], [0, 0], [1, 1]]


def test_turns_are_drawn_by_latency_and_two_sides_by_their_shares() -> None:
    few, many = summary({100: 1, 30_000: 1}), summary({100: 300, 150: 100})

    assert len(edge_names()) == len(EDGES)
    assert sum(histogram(few)["series"][0]["values"]) == 2
    assert histogram(few)["series"][0]["values"][-1] == 1
    a, b = (one["values"] for one in histogram_compared(few, many)["series"])
    assert (sum(a), sum(b), max(b)) == (100, 100, 75)
    assert sum(histogram_compared(summary({}), many)["series"][0]["values"]) == 0


def test_two_sides_are_drawn_over_each_other_from_where_each_begins() -> None:
    chart = percentile_compared(summary({100: 1}, {200: 1}), summary({300: 1}, begins=24), 0.5, 2000)

    assert [(one["name"], one["values"]) for one in chart["series"]] == [
        ("A", [100, 200]),
        ("B", [300, None]),
        ("Turns of A (n)", [1, 1]),
        ("Turns of B (n)", [1, 0]),
    ]
    assert chart["times"] == [24 * 3600, 25 * 3600]
    assert chart["before"] == [0, 3600]
    assert compared_rows(chart) == [(86_400, 100, 300, 1, 1), (90_000, 200, None, 1, 0)]


def test_sides_of_the_same_time_have_one_time_and_steps_without_turns_are_no_rows() -> None:
    chart = percentile_compared(summary({}, {200: 1}), summary({}, {300: 1}), 0.95, 2000)

    assert "before" not in chart
    assert compared_rows(chart) == [(3600, 200, 300, 1, 1)]


@pytest.mark.parametrize(("seconds", "name"), [(1, "second"), (90, "90 seconds"), (7200, "2 hours"), (86_400, "day")])
def test_a_step_is_named_in_its_largest_unit(seconds: int, name: str) -> None:
    assert step_name(seconds * NS) == name
