"""The sums of a session, turn by turn."""

import msgspec

from relayproxy.conversation.checks.findings import MAX_LISTED
from relayproxy.conversation.measures.totals_accumulator import FindingList, TotalsAccumulator
from relayproxy.conversation.model import Finding, Turn
from relayproxy.conversation.totals import Spread, Totals
from tests.script import script

CALL = """
    0.000  twilio   setup
    1.000  twilio   prompt "A table" last
    1.700  backend  text "For "
    2.000  twilio   interrupt "For" 200
    2.100  backend  text "when?" last
    3.000  twilio   prompt "Tonight" last
    3.900  backend  text "Gladly. " last
    5.000  twilio   prompt "Are you there?" last
    9.000  -        gone first=twilio
"""


def turns() -> tuple[Turn, ...]:
    return script(CALL).turns


def added(*some: Turn) -> Totals:
    made = TotalsAccumulator()
    for turn in some:
        made.add(turn)
    return made.totals()


def test_totals_are_the_sums_of_all_turns() -> None:
    found, some = added(*turns()), turns()

    assert (found.turns, found.responses, found.unanswered) == (len(some), 2, 1)
    assert (found.interrupted_responses, found.interruptions) == (1, {"caller_speech": 1})
    assert (found.stale_chunks, found.stale_chars) == (1, 5)
    assert found.sent_chars == sum(len(turn.agent_text) for turn in some)
    assert found.unheard_chars == sum(len(turn.unheard_text) for turn in some)
    assert found.longest_wait_ms == max(turn.longest_wait_ms or 0 for turn in some) == 4000


def test_a_turn_that_has_no_latency_is_left_out_of_it_with_its_reason_and_a_greeting_without() -> None:
    found = added(*turns()).response_latency

    assert found == Spread(2, 700, 900, 900, {"session_closed": 1})


def test_turns_that_are_added_later_change_no_copy() -> None:
    made = TotalsAccumulator()
    made.add(turns()[1])
    copy = made.copy()
    for turn in turns()[2:]:
        made.add(turn)

    assert copy.totals() == added(turns()[1])
    assert made.totals() == added(*turns()[1:])


def test_of_no_turn_all_is_as_in_a_session_that_begins() -> None:
    assert added() == Totals()


def test_a_caller_who_asked_again_went_unanswered_too() -> None:
    again = msgspec.structs.replace(turns()[1], findings=(Finding("asked_again", 1, ""),))

    assert (added(again).asked_again, added(again).unanswered) == (1, 1)


def finding(at: int, code: str = "slow_turn") -> Finding:
    return Finding(code, at, "")


def test_of_one_kind_only_so_many_findings_are_listed_and_all_are_counted() -> None:
    found = FindingList()
    found.add(*(finding(at) for at in range(MAX_LISTED + 5)), finding(3, "stall"))

    assert found.counts == {"slow_turn": MAX_LISTED + 5, "stall": 1}
    assert len(found.listed()) == MAX_LISTED + 1


def test_findings_are_listed_in_order_of_time_in_whatever_order_they_came() -> None:
    found = FindingList()
    found.add(finding(9), finding(1, "stall"))
    found.extend([msgspec.structs.replace(turns()[1], findings=(finding(4),))])

    assert [one.at for one in found.listed()] == [1, 4, 9]


def test_two_lists_together_count_also_what_neither_lists() -> None:
    one, other = FindingList(), FindingList()
    one.add(*(finding(at) for at in range(MAX_LISTED)))
    other.add(*(finding(at) for at in range(MAX_LISTED + 7)))
    copy = one.copy()
    one.merge(other)

    assert one.counts == {"slow_turn": 2 * MAX_LISTED + 7}
    assert len(one.listed()) == MAX_LISTED
    assert copy.counts == {"slow_turn": MAX_LISTED}
