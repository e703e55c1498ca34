"""The queue takes whole requests, and nothing once it is full or closed."""

import threading

from relayproxy.receiver.intake import Intake
from tests.patience import PATIENCE
from tests.receiver.test_unjoined import received


def test_spans_come_out_in_order_and_in_pieces() -> None:
    intake = Intake()
    intake.put([received(1), received(2)])
    intake.put([received(3)])

    assert [int(one.span.span_id, 16) for one in intake.take(2, 0)] == [1, 2]
    assert len(intake) == 1
    assert len(intake.take(5, 0)) == 1
    assert intake.take(5, 0) == []


def test_a_request_is_taken_whole_or_not_at_all() -> None:
    intake = Intake(spans=3)

    assert intake.put([received(1), received(2)])
    assert intake.put([received(3), received(4)])
    assert intake.full
    assert not intake.put([received(5)])
    intake.take(2, 0)
    assert intake.put([received(5)])


def test_large_spans_fill_it_too() -> None:
    intake = Intake(size=1000)

    assert intake.put([received(1, size=1200)])
    assert not intake.put([received(2)])
    intake.take(1, 0)
    assert not intake.full


def test_who_waits_is_woken() -> None:
    intake, found = Intake(), []
    taker = threading.Thread(target=lambda: found.extend(intake.take(5, 30)))
    taker.start()
    intake.put([received(1)])
    taker.join(PATIENCE)

    assert len(found) == 1
    intake.close()
    assert intake.take(5, 30) == []
    assert not intake.put([received(2)])
