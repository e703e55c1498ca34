"""How sure a difference is that comes from a few values."""

import random

import pytest

from relayproxy.comparison.intervals import MAX_EXACT, chance_of_counts, shift


def interval(found: object) -> tuple[object, ...]:
    return tuple(getattr(found, name) for name in ("ms", "low_ms", "high_ms"))


def test_a_shift_of_values_of_the_same_turn() -> None:
    """Tables of Mann and Whitney: of 5 and 5 values, 2 pairs may be beyond each end at 5 %, of 3 and 3 none."""
    before, after = [600, 610, 620, 630, 640], [900, 910, 920, 930, 940]
    differences = sorted(b - a for a in before for b in after)
    assert interval(shift([(before, after)])) == (300, differences[2], differences[-3])
    assert interval(shift([(before[:3], after[:3])])) == (300, None, None)
    assert interval(shift([(before[:4], after[:4])])) == (300, 270, 330)


def test_one_run_of_each_side_is_the_sign_test() -> None:
    """Of 6 signs, all alike have a chance of 1 in 32; of 9, one may be other."""
    pairs = [([600], [600 + n]) for n in range(10, 100, 10)]
    assert interval(shift(pairs[:5])) == (30, None, None)
    assert interval(shift(pairs[:6])) == (35, 10, 60)
    assert interval(shift(pairs)) == (50, 20, 80)


def test_turns_that_take_unlike_long_do_not_blur_it() -> None:
    turns = [([500, 520, 510], [700, 720, 710]), ([3000, 3020, 3010], [3200, 3220, 3210])]
    assert interval(shift(turns)) == (200, 190, 210)


def test_nothing_to_compare() -> None:
    assert shift([([], [1]), ([2], [])]) is None


@pytest.mark.parametrize("turns", [1, 6])
def test_the_interval_holds_as_often_as_it_says(turns: int) -> None:
    rng, held = random.Random(3), 0
    for _ in range(400):
        strata = [([rng.randrange(1000) for _ in range(5)], [rng.randrange(1000) + 300 for _ in range(5)])] * turns
        strata = [([rng.randrange(1000) for _ in b], [rng.randrange(1000) + 300 for _ in a]) for b, a in strata]
        found = shift(strata)
        assert found is not None
        assert found.low_ms is not None
        assert found.high_ms is not None
        held += found.low_ms <= 300 <= found.high_ms
    assert held >= 370


def test_many_values_have_nearly_the_exact_interval() -> None:
    rng = random.Random(4)
    few = [([rng.randrange(1000)], [rng.randrange(1000)]) for _ in range(MAX_EXACT)]
    exact, normal = shift(few), shift([*few, ([0], [100])])
    assert exact is not None
    assert normal is not None
    assert abs((exact.low_ms or 0) - (normal.low_ms or 0)) < 20
    assert abs((exact.high_ms or 0) - (normal.high_ms or 0)) < 20


def test_the_chance_of_counts() -> None:
    """Fisher's own example: a lady who tells four cups out of eight."""
    assert chance_of_counts(4, 4, 0, 4) == pytest.approx(2 / 70)
    assert chance_of_counts(3, 4, 1, 4) == pytest.approx(34 / 70)
    assert chance_of_counts(0, 3, 0, 5) == 1.0
