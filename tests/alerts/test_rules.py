"""When a rule fires, when that is over, and that it does not flap between the two."""

from typing import Any

import pytest

from relayproxy.alerts.rules import (
    SECOND,
    UNKNOWN,
    Measured,
    OpenAlert,
    Rule,
    Step,
    judge,
    severity,
    shown,
    step,
    summary,
)
from relayproxy.settings.alerts import Alert

NOON = 1_800_000_000 * SECOND


def rule(**known: Any) -> Rule:
    return Rule("slow", Alert(**{"kind": "p95_latency", "above": 2.0, "min_samples": 5, "resolve_after": 60, **known}))


def took(value: float, samples: int = 10) -> Measured:
    return Measured(value, samples)


FEW = Measured(None, 0, "few")


@pytest.mark.parametrize(
    ("measured", "state"),
    [
        (took(2.01), "firing"),
        (took(2.0), "between"),
        (took(1.81), "between"),
        (took(1.8), "well"),
        (took(9.0, samples=4), "few"),
        (FEW, "few"),
        (UNKNOWN, "unknown"),
    ],
)
def test_the_state_goes_by_limit_margin_and_samples(measured: Measured, state: str) -> None:
    assert judge(rule(), measured) == state


def test_a_count_above_nothing_is_over_at_nothing() -> None:
    gaps = rule(kind="gaps", above=0)

    assert judge(gaps, Measured(1, 1)) == "firing"
    assert judge(gaps, Measured(0, 0)) == "well"


@pytest.mark.parametrize("measured", [took(2.0), took(0.1), took(9.0, samples=4), FEW, UNKNOWN])
def test_nothing_opens_it_but_a_value_above_the_limit_of_enough_samples(measured: Measured) -> None:
    assert step(rule(), measured, None, NOON) == Step("none")
    assert step(rule(), took(3.0), None, NOON) == Step("open", 3.0)


def follow(found: OpenAlert, *seen: tuple[int, Measured]) -> list[str]:
    """The changes by measurements at so many seconds after noon."""
    changes: list[str] = []
    for at, measured in seen:
        after = step(rule(), measured, found, NOON + at * SECOND)
        changes.append(after.change)
        if after.change == "keep":
            found = OpenAlert(found.id, found.rule, found.opened_at, after.worst, after.well_since)
    return changes


OPEN = OpenAlert(1, "slow", NOON, 3.0)


def test_it_is_over_once_all_has_been_well_for_long_enough() -> None:
    assert follow(OPEN, (0, took(1.0)), (30, took(1.0)), (59, took(1.0)), (60, took(1.0))) == [*["keep"] * 3, "resolve"]


@pytest.mark.parametrize("again", [took(2.5), took(1.9)])
def test_a_value_that_comes_back_begins_the_wait_anew(again: Measured) -> None:
    assert follow(OPEN, (0, took(1.0)), (30, again), (60, took(1.0)), (119, took(1.0)), (120, took(1.0))) == [
        *["keep"] * 4,
        "resolve",
    ]


def test_what_is_not_known_neither_ends_it_nor_begins_the_wait_anew() -> None:
    assert follow(OPEN, (0, UNKNOWN), (600, UNKNOWN)) == ["none", "none"]
    assert follow(OPEN, (0, took(1.0)), (30, UNKNOWN), (60, took(1.0))) == ["keep", "none", "resolve"]


def test_it_is_over_when_there_is_nothing_to_measure_any_more() -> None:
    assert follow(OPEN, (0, FEW), (60, FEW)) == ["keep", "resolve"]
    assert step(rule(), FEW, OpenAlert(1, "slow", NOON, 3.0, NOON), NOON + 60 * SECOND).why == "few"


def test_the_worst_value_is_kept() -> None:
    assert step(rule(), took(2.5), OPEN, NOON) == Step("keep", 3.0)
    assert step(rule(), took(4.5), OPEN, NOON) == Step("keep", 4.5)


def test_a_clock_that_was_set_back_does_not_keep_it_open() -> None:
    ahead = OpenAlert(1, "slow", NOON, 3.0, NOON + 86_400 * SECOND)

    assert step(rule(), took(1.0), ahead, NOON) == Step("keep", 3.0, NOON)


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("p95_latency", 2.634, "2.63 s"),
        ("no_calls", 600, "10 min"),
        ("no_calls", 7500, "2 h 5 min"),
        ("no_calls", 7200, "2 h"),
        ("failure_rate", 0.125, "12.5%"),
        ("disk", 0.934, "93.4%"),
        ("gaps", 1234, "1,234"),
    ],
)
def test_values_have_their_units(kind: Any, value: float, words: str) -> None:
    assert shown(kind, value) == words


def test_the_summary_has_the_numbers() -> None:
    assert summary(rule(route="sales"), 3.1, 45) == (
        "p95 response latency of sales: 3.1 s, above 2 s (10 min, 45 answers)"
    )
    assert summary(rule(kind="disk", above=0.9), 0.95, None) == "used disk: 95%, above 90%"
    assert severity(rule(severity="critical")) == "critical"
