"""Work in slices is the same work."""

import time
from collections.abc import Iterator

import pytest

from relayproxy.recorder.giving_way import SLICE, giving_way


def test_every_item_comes_once_and_not_before_it_is_asked_for() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(5):
            made.append(number)
            yield number

    for number in giving_way(items()):
        assert made == [*range(number + 1)]
        begun = time.perf_counter()
        while time.perf_counter() - begun < SLICE:
            pass
    assert made == [0, 1, 2, 3, 4]


def test_what_goes_wrong_with_an_item_is_told() -> None:
    came = giving_way(int(text) for text in ("1", "x"))
    assert next(came) == 1
    with pytest.raises(ValueError, match="x"):
        next(came)
