"""Percentiles, rates, and when a difference means something."""

import pytest

from relayproxy.console.insight.statistics import EDGES, Figure, Latencies, Rate, verdict
from relayproxy.conversation.measures.percentiles import nearest_rank

MANY = {ms: 1 + ms % 7 for ms in range(200, 900)}


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9, 0.95, 1.0])
def test_percentiles_are_nearest_ranks_as_in_a_single_call(share: float) -> None:
    ranked = [ms for ms, turns in MANY.items() for _ in range(turns)]
    assert Latencies(MANY).percentile(share) == nearest_rank(ranked, share)
    assert Latencies({7: 1}).percentile(share) == 7


def test_of_nothing_there_is_no_percentile_and_no_interval() -> None:
    nothing = Latencies({}, {"no_response": 3})
    assert (nothing.n, nothing.max, nothing.percentile(0.5), nothing.interval(0.5)) == (0, None, None, None)
    assert nothing.excluded["no_response"] == 3
    assert sum(nothing.histogram()) == 0


def test_an_interval_holds_its_percentile_and_narrows_with_n() -> None:
    few, many = Latencies(dict.fromkeys(range(0, 1000, 50), 1)), Latencies(dict.fromkeys(range(1000), 1))
    for share in (0.5, 0.95):
        wide, narrow = few.interval(share), many.interval(share)
        assert wide
        assert narrow
        assert narrow[0] <= (many.percentile(share) or 0) <= narrow[1]
        assert narrow[1] - narrow[0] < wide[1] - wide[0]
    assert Latencies({5: 1}).interval(0.95) == (5, 5)


def test_the_histogram_has_a_turn_on_an_edge_in_the_bucket_below() -> None:
    histogram = Latencies({50: 2, 51: 3, 100: 1, 20_000: 4, 20_001: 5}).histogram()
    assert len(histogram) == len(EDGES) + 1
    assert (histogram[0], histogram[1], histogram[-2], histogram[-1]) == (2, 4, 4, 5)


def test_a_rate_is_some_of_all() -> None:
    assert Rate(3, 12).value == 0.25
    assert (Rate(0, 0).value, Rate(0, 0).interval) == (None, None)
    # Wilson's interval for 3 of 12, as textbooks have it.
    assert Rate(3, 12).interval == pytest.approx((0.0889, 0.5323), abs=0.0001)
    # As damaged counts of a call may make it.
    assert Rate(-(2**31), 12).interval == pytest.approx(Rate(0, 12).interval)
    assert (Rate(99, 12).interval, Rate(1, -12).interval) == (Rate(12, 12).interval, None)
    low, high = Rate(0, 50).interval or (1, 1)
    assert low == pytest.approx(0)
    assert high > 0.05


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (Figure(800, 500, (780, 820)), Figure(700, 500, (690, 710)), "better"),
        (Figure(800, 500, (780, 820)), Figure(900, 500, (860, 940)), "worse"),
        (Figure(800, 500, (780, 820)), Figure(830, 500, (815, 850)), "unclear"),
        (Figure(800, 500, (780, 820)), Figure(2000, 29, (1900, 2100)), "few"),
        (Figure(800, 29, (780, 820)), Figure(2000, 500, (1900, 2100)), "few"),
        (Figure(800, 500, (780, 820)), Figure(None, 0, None), "none"),
    ],
)
def test_better_and_worse_are_only_said_when_it_is_hardly_chance(a: Figure, b: Figure, said: str) -> None:
    assert verdict(a, b) == said
