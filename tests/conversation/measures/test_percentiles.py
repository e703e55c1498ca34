"""How numbers are spread: exactly for the turns of a call, within a percent for its messages."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relayproxy.conversation.measures.percentiles import Histogram, Sample, nearest_rank
from relayproxy.conversation.totals import Spread


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 15), (0.05, 15), (0.3, 20), (0.4, 20), (0.41, 35), (0.5, 35), (0.95, 50), (1.0, 50)]
)
def test_a_percentile_is_a_value_that_was_there(share: float, value: int) -> None:
    assert nearest_rank([15, 20, 35, 40, 50], share) == value


def test_of_nothing_there_is_no_percentile() -> None:
    with pytest.raises(IndexError):
        nearest_rank([], 0.5)
    assert Sample().spread() == Histogram().spread() == Spread()


def test_a_sample_is_exact_in_whatever_order_it_came_and_says_what_it_has_left_out() -> None:
    sample = Sample()
    for ms, why in ((900, None), (None, "no_response"), (100, None), (None, None), (500, None), (None, "no_response")):
        sample.add(ms, why)

    assert sample.spread() == Spread(3, 500, 900, 900, {"no_response": 2})


def test_a_number_that_no_column_holds_is_the_most_that_one_holds() -> None:
    sample = Sample()
    sample.add(2**40, None)
    sample.add(-(2**40), None)

    assert (sample.spread().p50_ms, sample.spread().max_ms) == (-(2**31), 2**31 - 1)


def test_a_copy_stays_as_it_was() -> None:
    sample = Sample()
    sample.add(100, None)
    copy = sample.copy()
    sample.add(900, None)
    sample.add(None, "overlap")

    assert copy.spread() == Spread(1, 100, 100, 100)
    assert sample.spread() == Spread(2, 100, 900, 900, {"overlap": 1})


@settings(max_examples=30)
@given(st.lists(st.integers(1000, 10**11), min_size=1, max_size=200))
def test_a_histogram_is_within_a_percent(durations: list[int]) -> None:
    histogram = Histogram()
    for ns in durations:
        histogram.add(ns)
    spread, ranked = histogram.spread(), sorted(durations)

    assert (spread.n, spread.max_ms) == (len(durations), round(ranked[-1] / 1e6, 3))
    for share, told in ((0.5, spread.p50_ms), (0.95, spread.p95_ms)):
        exact = nearest_rank(ranked, share) / 1e6
        assert told is not None
        assert abs(told - exact) <= exact / 100 + 0.001, "and a microsecond, to which it is rounded"


def test_a_histogram_does_not_grow_with_the_number_of_messages() -> None:
    histogram, rng = Histogram(), random.Random(1)
    for _ in range(20_000):
        histogram.add(round(rng.lognormvariate(13, 1)))

    assert len(histogram._buckets) < 600


def test_what_had_to_wait_for_its_reader_is_counted_apart() -> None:
    histogram = Histogram()
    histogram.hold()
    assert histogram.spread() == Spread(excluded={"backpressure": 1})
    histogram.add(0)
    assert histogram.spread() == Spread(1, 0.0, 0.0, 0.0, {"backpressure": 1})
