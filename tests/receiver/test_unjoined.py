"""Spans wait by trace, are looked at less and less often, and go when they are too many or too old."""

import pytest

from relayproxy.receiver import unjoined
from relayproxy.receiver.unjoined import PAUSES, ReceivedSpan, Unjoined
from tests.store.build import span


def received(number: int, trace: int = 0, size: int = 100) -> ReceivedSpan:
    return ReceivedSpan(span(number, trace_id=f"{trace or number:032x}"), size, "127.0.0.1")


def ids(waiting: Unjoined, now: float, most: int = 100) -> list[list[int]]:
    return [[int(one, 16) for one in trace.spans] for trace in waiting.due(now, most)]


def test_a_trace_is_due_at_once_and_then_after_growing_pauses() -> None:
    waiting = Unjoined(100, 1000)
    waiting.add(received(1), 5.0)
    now = 5.0
    for pause in (*PAUSES, PAUSES[-1]):
        (trace,) = waiting.due(now, 100)
        waiting.wait(trace, now)
        assert waiting.due(now + pause - 0.01, 100) == []
        assert waiting.next_look() == pytest.approx(now + pause)
        now += pause
    assert ids(waiting, now) == [[1]]


def test_what_comes_for_a_trace_has_it_looked_at_again() -> None:
    waiting = Unjoined(100, 1000)
    waiting.add(received(1, trace=7), 0.0)
    waiting.wait(waiting.due(0.0, 100)[0], 0.0)

    waiting.add(received(1, trace=7), 0.1)
    assert ids(waiting, 0.1) == []
    waiting.add(received(2, trace=7), 0.1)
    assert ids(waiting, 0.1) == [[1, 2]]


def test_a_look_is_bounded_but_for_one_trace() -> None:
    waiting = Unjoined(100, 1000)
    for number in range(1, 6):
        waiting.add(received(number, trace=7), 0.0)
    waiting.add(received(6), 0.0)

    assert ids(waiting, 0.0, 3) == [[1, 2, 3, 4, 5]]


def test_what_was_taken_is_gone() -> None:
    waiting = Unjoined(100, 1000)
    for number in (1, 2):
        waiting.add(received(number, trace=7), 0.0)
    (trace,) = waiting.due(0.0, 100)

    waiting.take(trace, {f"{1:016x}", "other"})
    assert (ids(waiting, 0.0), waiting.spans) == ([[2]], 1)
    waiting.take(trace, {f"{2:016x}"})
    assert (waiting.due(0.0, 100), waiting.spans, waiting.next_look()) == ([], 0, None)


def test_the_oldest_go_when_they_have_waited_long_enough() -> None:
    waiting = Unjoined(100, 60)
    waiting.add(received(1), 0.0)
    waiting.add(received(2), 30.0)

    assert [waiting.drop(now) for now in (59.0, 60.0, 60.0, 90.0)] == [0, 1, 0, 1]


def test_the_oldest_go_when_there_are_too_many() -> None:
    waiting = Unjoined(3, 1000)
    for number in range(1, 6):
        waiting.add(received(number), 0.0)

    assert waiting.drop(0.0) == 2
    assert ids(waiting, 0.0) == [[3], [4], [5]]


def test_or_when_they_are_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unjoined, "MAX_BYTES", 1000)
    waiting = Unjoined(100, 1000)
    for number in range(1, 5):
        waiting.add(received(number, trace=7, size=400), 0.0)

    assert waiting.drop(0.0) == 2
    assert ids(waiting, 0.0) == [[3, 4]]
