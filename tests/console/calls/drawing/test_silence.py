"""Silences between turns."""

import pytest

from relayproxy.console.calls.drawing.silence import MAX_HEIGHT, DrawnSilence, silence
from relayproxy.conversation.model import Played
from tests.console.calls.test_transcript import S, turn


def between(end: float | None, begin: float, *, estimated: bool = False) -> DrawnSilence | None:
    heard = Played(2 * S, None if end is None else round(end * S), estimated)
    before = turn(1, caller_begun_at=0, caller_done_at=S, played=(heard,))
    return silence(before, turn(2, caller_begun_at=round(begin * S), caller_done_at=round(begin * S) + S))


def test_a_silence_is_as_high_as_it_is_long_up_to_a_limit() -> None:
    assert between(10, 15) == DrawnSilence(5000, "5.0 s", 40, False, False)
    assert between(10, 20) == DrawnSilence(10_000, "0:10", 80, False, False)
    assert between(10, 70) == DrawnSilence(60_000, "1:00", MAX_HEIGHT, True, False)


@pytest.mark.parametrize(("end", "begin"), [(10, 11.9), (10, 9), (None, 20)])
def test_none_is_told_that_is_short_or_not_known(end: float | None, begin: float) -> None:
    assert between(end, begin) is None


def test_an_estimated_end_makes_it_an_estimate() -> None:
    found = between(10, 15, estimated=True)
    assert found
    assert found.estimated


def test_after_an_unanswered_caller_it_lasts_until_somebody_speaks() -> None:
    lost = turn(1, agent_text="", agent_at=None, caller_begun_at=0, caller_done_at=S)
    greeted = turn(2, caller_begun_at=None, caller_done_at=None, played=(Played(9 * S, 10 * S),))
    found = silence(lost, greeted)
    assert found
    assert found.ms == 8000


def test_turns_of_an_earlier_version_claim_none() -> None:
    assert silence(turn(1), turn(2)) is None
