"""Texts that somebody made to keep the detection busy. Work is counted, in function calls, not timed."""

import sys
from types import FrameType

import pytest

from relayproxy.redaction.detection import detection
from relayproxy.redaction.detection.detection import find
from relayproxy.redaction.values import Context, Policy
from tests.redaction.masks import masked

UNITS = [
    "double ",
    "one ",
    "four ",
    "4 ",
    "4111 ",
    "4111 1111 1111 1111 ",
    "forty one ",
    "forty one hundred thousand ",
    "forty one hundred " * 12 + "card ",
    "soixante quatre vingt dix ",
    "four times four and ",
    "four x ",
    "4 o ",
    "pin is 1 is my ",
    "expires april ",
    "a@",
    "@",
    "dot a at ",
    "a b at example dot com ",
    "a dot ",
    "j a n e ",
    "jane dot doe ",
    "<b> ",
    "<4111 ",
    "x4 ",
    "4x",
    "4111 no 1111 ",
    "four one no sorry ",
    "uno one un eins ",
    "phone 415 ",
    "press 3 ",
    "DE89 3704 0044 ",
    "a",
    "1",
    "é",
    ". , ",
    "\n",
]


CONTEXT = Context(card=True, known=("4111111111111111",), forgot=True, mail=True, mailboxes=("janedoe", "aaaa"))


def work(text: str) -> int:
    """How many calls of functions, Python's and C's, it takes to search a text."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        find(text, language="en", policy=Policy(), context=CONTEXT, final=False)
    finally:
        sys.setprofile(before)
    return calls


def of(unit: str, size: int) -> str:
    return (unit * (size // len(unit) + 1))[:size]


@pytest.mark.parametrize("unit", UNITS)
def test_work_grows_no_faster_than_the_text(unit: str) -> None:
    size = 700
    work(of(unit, 4 * size))  # what is looked up once for a word is looked up
    large = work(of(unit, 4 * size))

    assert large <= 4.5 * work(of(unit, size)) + 500
    assert large <= 150 * 4 * size


def test_what_is_too_much_to_search_is_masked() -> None:
    text = "my card is " + ("forty one hundred " * 70 + "and another thing that has nothing to do with it ") * 3

    shown = masked(text, find(text, language="en", policy=Policy(), context=Context()).secrets)

    assert "forty" not in shown
    assert shown.count("another thing") == 3


def test_nothing_that_may_be_secret_is_kept_in_memory() -> None:
    before = len(detection._PLAIN), len(detection._SIGNS)
    for number in range(200):
        find(
            f"{number}4111 a{number}@example.com {'x' * (100 + number)}",
            language="en",
            policy=Policy(),
            context=Context(),
        )

    assert (len(detection._PLAIN), len(detection._SIGNS)) == before


def test_addresses_that_overlap_are_one_stretch() -> None:
    found = find("a dot " * 500, language="en", policy=Policy(), context=CONTEXT, final=False)
    assert found.secrets
    assert all(one.spans == ((one.start, one.end),) for one in found.secrets)
