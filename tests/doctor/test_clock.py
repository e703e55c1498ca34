"""Clocks: those of others, by what their answers say."""

import time
from email.utils import formatdate

import pytest

from relayproxy.doctor.clock import Clocks


@pytest.mark.parametrize(
    ("ahead", "state", "words"),
    [
        (0, "ok", "within 5 s"),
        (-3, "ok", "within 5 s"),
        (3600, "warning", "s ahead of this machine's"),
        (-90, "warning", "s behind this machine's"),
    ],
)
def test_a_clock_that_differs_is_a_warning(ahead: float, state: str, words: str) -> None:
    clocks, now = Clocks(), time.time()
    clocks.note("collector", formatdate(now + ahead, usegmt=True), now)

    (result,) = clocks.results()

    assert (result.state, result.name) == (state, "collector")
    assert words in result.text


def test_an_answer_that_took_long_says_less() -> None:
    clocks, now = Clocks(), time.time()
    clocks.note("backend", formatdate(now - 60, usegmt=True), now - 120)

    assert [one.state for one in clocks.results()] == ["ok"]


@pytest.mark.parametrize("date", [None, "", "yesterday", "Thu, 99 Foo 2026 00:00:00 GMT"])
def test_nobody_tells_the_time(date: str | None) -> None:
    clocks = Clocks()
    clocks.note("collector", date, time.time())

    assert [(one.state, one.text) for one in clocks.results()] == [("skipped", "nobody who was asked tells the time")]
