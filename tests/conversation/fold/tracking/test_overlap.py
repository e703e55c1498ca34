"""Two replies streamed at once, told apart by their pace."""

from relayproxy.conversation.fold.tracking.overlap import second_reply


def test_what_falls_out_of_the_pace_of_the_first_is_the_second() -> None:
    assert second_reply([100] * 5, 500, [600, 650, 700, 770, 800]) == [1, 3]
    assert second_reply([100] * 5, 500, [610, 700, 810]) == []


def test_a_pause_now_and_then_leaves_the_pace_clear() -> None:
    assert second_reply([100] * 8 + [400], 500, [600, 630, 705]) == [1]


def test_without_a_pace_nothing_is_told() -> None:
    assert second_reply([100] * 3, 500, [600]) is None
    assert second_reply([20, 300, 50, 200, 90], 500, [600]) is None


def test_a_first_reply_that_had_ended_before_is_not_told_from_the_second() -> None:
    assert second_reply([100] * 5, 500, [600, 700, 760]) is None
