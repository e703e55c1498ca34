"""The waterfall of a turn."""

import random

import pytest

from relayproxy.console.calls.drawing.waterfall import MIN_WIDTH, WIDTH, waterfall
from relayproxy.conversation.model import Budget

MS = 1_000_000


def number(text: str) -> float:
    return float(text.removesuffix(" ms").replace(",", "").replace("−", "-"))


def test_a_turn_without_a_latency_has_none() -> None:
    assert waterfall(Budget(), 2000) is None
    assert waterfall(Budget(300 * MS, 1, None, None, None), 2000) is None


def test_each_part_begins_where_the_one_before_ends() -> None:
    fall = waterfall(Budget(250 * MS, 0, 500 * MS, 0, 250 * MS), 2000)
    assert fall
    assert [(bar.name, bar.x, bar.width, bar.text) for bar in fall.bars] == [
        ("input_delay", 0, 250, "250.0 ms"),
        ("proxy_in", 250, 0, "0.0 ms"),
        ("backend", 250, 500, "500.0 ms"),
        ("proxy_out", 750, 0, "0.0 ms"),
        ("output_delay", 750, 250, "250.0 ms"),
    ]
    assert (fall.response, fall.total, fall.outer) == ("500.0 ms", "1,000.0 ms", True)


def test_without_speaker_events_there_are_three_parts_and_one_sum() -> None:
    fall = waterfall(Budget(None, 120_000, 749 * MS, 120_000, None), 2000)
    assert fall
    assert [bar.text for bar in fall.bars] == ["0.1 ms", "749.0 ms", "0.1 ms"]
    assert fall.response == fall.total == "749.2 ms"
    assert not fall.outer


@pytest.mark.parametrize("seed", range(30))
def test_the_numbers_that_are_shown_add_up(seed: int) -> None:
    chance = random.Random(seed)
    budget = Budget(
        chance.randrange(-200 * MS, 800 * MS),
        chance.randrange(5 * MS),
        chance.randrange(9_000 * MS),
        chance.randrange(5 * MS),
        chance.choice([None, chance.randrange(900 * MS)]),
    )
    fall = waterfall(budget, 2000)
    assert fall
    shown = [number(bar.text) for bar in fall.bars]
    assert round(sum(shown), 1) == number(fall.total)
    inner = [number(bar.text) for bar in fall.bars if not bar.name.endswith("_delay")]
    assert round(sum(inner), 1) == number(fall.response)
    whole = sum(part for part in (budget.input_delay, budget.response_latency, budget.output_delay) if part is not None)
    assert abs(number(fall.total) - whole / MS) <= 0.051
    for bar in (*fall.bars, *fall.short):
        assert bar.x >= 0
        assert bar.x + bar.width <= WIDTH


def test_a_part_that_took_any_time_can_be_seen() -> None:
    fall = waterfall(Budget(None, 1000, 9_000 * MS, 1000, None), 2000)
    assert fall
    assert [bar.width for bar in fall.bars] == [MIN_WIDTH, 1000, MIN_WIDTH]
    assert fall.bars[2].x == WIDTH - MIN_WIDTH


def test_a_prompt_before_the_end_of_speech_reaches_back() -> None:
    fall = waterfall(Budget(-100 * MS, 0, 400 * MS, 0, 0), 2000)
    assert fall
    assert [(bar.x, bar.width) for bar in fall.bars if bar.width] == [(0, 250), (0, 1000)]
    assert fall.bars[0].text == "−100.0 ms"
    assert fall.total == "300.0 ms"


def test_in_short_all_turns_are_drawn_to_one_scale_with_the_slow_ones_beyond_its_mark() -> None:
    quick, slow, endless = (waterfall(Budget(None, 0, ms * MS, 0, None), 2000) for ms in (1000, 2000, 60_000))
    assert quick
    assert slow
    assert endless
    assert [(fall.short[1].width, fall.slow, fall.over) for fall in (quick, slow, endless)] == [
        (200, False, False),
        (400, True, False),
        (1000, True, True),
    ]
