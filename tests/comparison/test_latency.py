"""Durations of turns."""

import random
from collections.abc import Sequence

from relayproxy.comparison.latency import compare_durations, differences, sample
from relayproxy.comparison.limits import LatencyLimit
from relayproxy.comparison.model import Difference
from relayproxy.conversation.model import Turn
from tests.comparison.calls import call


def turn(latency: int) -> Turn:
    return call((latency, 600, 600)).conversation.turns[1]


def slower(before: Sequence[int], after: Sequence[int], others: int = 0) -> list[Difference]:
    """The differences of a turn, beside others that stay as they are."""
    steady = ([turn(ms) for ms in (600, 650)], [turn(ms) for ms in (610, 640)])
    one = (list(map(turn, before)), list(map(turn, after)))
    numbers, _, _ = compare_durations([one, *[steady] * others], LatencyLimit())
    return list(differences(numbers[0], (1, 1)))


def test_one_run_of_each_has_the_limit_alone() -> None:
    assert len(slower([600], [800])) == 1
    assert slower([600], [740]) == []
    assert slower([1000], [1180]) == []


def test_few_runs_have_to_differ_by_more_than_noise() -> None:
    assert len(slower([600, 620], [800, 810])) == 1
    assert slower([500, 700], [800, 1000]) == []
    assert slower([600, 610], [605, 1500]) == []
    # Of other turns it is known that runs differ by 50 ms.
    assert slower([600, 600], [690, 690], others=3) == []
    assert len(slower([600, 600], [800, 800], others=3)) == 1


def test_many_runs_tell_it_from_chance() -> None:
    rng = random.Random(5)
    before = [rng.randrange(300, 900) for _ in range(12)]
    assert slower(before, [rng.randrange(300, 900) for _ in range(12)]) == []
    (found,) = slower(before, [ms + 400 for ms in before])
    assert found.exceeds
    assert "% confidence" in found.text


def test_the_more_is_compared_the_surer_a_difference_has_to_be() -> None:
    before, after = [500, 510, 520, 530, 540, 550, 560, 570], [555, 800, 810, 820, 830, 840, 850, 860]
    one = (list(map(turn, before)), list(map(turn, after)))

    def found(at_once: int) -> tuple[bool, bool]:
        numbers, whole, _ = compare_durations([one], LatencyLimit(), at_once)
        return any(number.exceeds for number in numbers[0]), whole.exceeds

    assert found(1) == (True, True)
    assert found(10) == (False, True)
    assert found(30) == (False, False)


def test_the_whole_call_is_what_its_turns_are_one_by_one() -> None:
    turns = [([turn(ms)], [turn(ms + 300)]) for ms in (300, 500, 900, 1200, 1500, 400, 700, 800)]
    _, whole, difference = compare_durations(turns, LatencyLimit())
    assert whole.shift is not None
    assert (whole.shift.ms, whole.shift.low_ms) == (300, 300)
    assert difference is not None
    assert difference.text.startswith("Answers began 300 ms later, +300 to +300 ms with 99 % confidence")


def test_one_slow_turn_does_not_make_the_call_slow() -> None:
    turns = [([turn(600)], [turn(ms)]) for ms in (600, 3000)]
    assert compare_durations(turns, LatencyLimit())[2] is None


def test_p95_is_withheld_below_20_values() -> None:
    assert sample(range(19)).p95_ms is None
    assert sample(range(20)).p95_ms == 18
    assert sample([]).median_ms is None
