"""What opens and closes a turn, as the ledger of turns goes through the table."""

import pytest

from relayproxy.conversation.fold.tracking.turn_ledger import TurnLedger
from relayproxy.conversation.fold.turn_states import TRANSITIONS, TurnEvent, TurnState
from tests.script import script

CASES: dict[str, tuple[str, list[tuple[int, TurnState]]]] = {
    "a prompt before any answer joins the turn": (
        "setup prompt prompt",
        [(0, "greeting"), (1, "waiting"), (1, "waiting")],
    ),
    "a prompt after an answer opens the next turn": (
        "prompt reply prompt",
        [(0, "waiting"), (0, "answered"), (1, "waiting")],
    ),
    "a reply that nothing waits for is a turn of its own": (
        "setup reply reply",
        [(0, "greeting"), (0, "unprompted"), (1, "unprompted")],
    ),
    "a greeting of the TwiML is not joined by what comes after it": (
        "setup reply_after_greeting",
        [(0, "greeting"), (1, "unprompted")],
    ),
    "what asks the caller to wait leaves the turn open for the answer": (
        "prompt reply filler reply",
        [(0, "waiting"), (0, "answered"), (0, "on_hold"), (0, "answered")],
    ),
    "an answer to a partial prompt is confirmed by the final one": (
        "reply_to_partial prompt reply reply",
        [(0, "speculative"), (0, "confirmed"), (0, "confirmed_answered"), (1, "unprompted")],
    ),
    "an answer to a partial prompt that nothing follows is left alone": (
        "reply_to_partial lapse prompt",
        [(0, "speculative"), (0, "lapsed"), (1, "waiting")],
    ),
    "an earlier reply that goes on hides where the answer begins": (
        "prompt overlap prompt",
        [(0, "waiting"), (0, "overlapped"), (1, "waiting")],
    ),
    "a key while the caller waits joins, a key after the answer does not": (
        "prompt key reply key",
        [(0, "waiting"), (0, "waiting"), (0, "answered"), (1, "waiting")],
    ),
    "after the end only a new opener opens a turn": (
        "prompt end setup interrupt prompt",
        [(0, "waiting"), (0, "closed"), (0, "closed"), (0, "closed"), (1, "waiting")],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_turns_open_and_close(name: str) -> None:
    events, expected = CASES[name]
    ledger, seen = TurnLedger(), []
    for at, event in enumerate(events.split()):
        ledger.happens(event, at)  # type: ignore[arg-type]
        seen.append((ledger.count - 1, ledger.state))

    assert seen == expected


@pytest.mark.parametrize("event", sorted({event for row in TRANSITIONS.values() for event in row}))
def test_no_event_at_any_time_is_an_error(event: TurnEvent) -> None:
    for before in ([], ["setup"], ["prompt"], ["reply_to_partial", "prompt"], ["prompt", "end"]):
        ledger = TurnLedger()
        for at, one in enumerate([*before, event]):
            ledger.happens(one, at)  # type: ignore[arg-type]
        assert all(turn.state in TRANSITIONS for turn in ledger.drafts)


def test_a_call_that_is_transferred_while_the_caller_waits_says_so() -> None:
    call = script("""
        0.000  twilio   setup sessionId=VX1
        1.000  twilio   prompt "A person, please." last
        1.500  backend  end "live-agent"
    """)

    assert [(turn.null_reason, turn.unanswered) for turn in call.turns[1:]] == [("handed_off", False)]


OPEN = sorted(set(TRANSITIONS) - {"start", "closed"})


def after(state: TurnState, event: TurnEvent) -> tuple[int, TurnState]:
    """The number of the turn, and its state, when an event happens in turn 0 that is in that state."""
    ledger = TurnLedger()
    if state != "start":
        ledger.begin("prompt", 0).state = state
    if state == "closed":
        ledger.happens("end", 1)
    ledger.happens(event, 2)
    return ledger.count - 1, ledger.state


@pytest.mark.parametrize("state", OPEN)
def test_end_closes_any_turn(state: TurnState) -> None:
    assert after(state, "end") == after(state, "handoff") == (0, "closed")


@pytest.mark.parametrize("state", TRANSITIONS)
def test_a_key_opens_a_turn_unless_the_caller_waits_for_an_answer(state: TurnState) -> None:
    assert after(state, "key") == ((0, "waiting") if state in ("start", "waiting") else (1, "waiting"))


@pytest.mark.parametrize("state", TRANSITIONS)
def test_a_prompt_opens_a_turn_unless_the_caller_waits_or_was_answered_too_early(state: TurnState) -> None:
    joined: dict[str, tuple[int, TurnState]] = {"waiting": (0, "waiting"), "speculative": (0, "confirmed")}

    assert after(state, "prompt") == joined.get(state, (0 if state == "start" else 1, "waiting"))


@pytest.mark.parametrize("state", ["waiting", "overlapped", "on_hold"])
def test_the_next_reply_answers_a_caller_who_waits(state: TurnState) -> None:
    assert after(state, "reply") == after(state, "assigned") == (0, "answered")


@pytest.mark.parametrize("state", ["closed", "unprompted", "answered", "speculative", "confirmed_answered", "lapsed"])
def test_a_reply_that_nothing_awaits_opens_a_turn(state: TurnState) -> None:
    assert after(state, "reply") == (1, "unprompted")
    assert after(state, "reply_to_partial") == ((0, state) if state == "speculative" else (1, "speculative"))


@pytest.mark.parametrize("event", ["reply", "digits", "late_reply", "interrupt"])
def test_a_call_without_setup_begins_with_whatever_comes(event: TurnEvent) -> None:
    assert after("start", event) == (0, "unprompted")


def test_digits_after_the_end_are_a_turn_of_their_own() -> None:
    assert after("closed", "digits") == (1, "unprompted")


def test_a_reply_to_a_partial_prompt_is_no_part_of_the_greeting() -> None:
    assert after("greeting", "reply_to_partial") == (1, "speculative")


def test_a_caller_waits_again_once_the_overlap_is_known_to_be_an_earlier_reply() -> None:
    assert after("overlapped", "overlap_resolved") == (0, "waiting")


@pytest.mark.parametrize("state", ["on_hold", "answered"])
def test_a_turn_whose_reply_answers_another_prompt_waits_again(state: TurnState) -> None:
    assert after(state, "unassigned") == (0, "waiting")


def test_a_filler_after_the_final_prompt_confirms_nothing_more() -> None:
    assert after("confirmed", "filler") == after("confirmed", "partial") == (0, "confirmed_answered")


def test_speech_after_the_close_is_no_greeting_that_a_later_reply_could_join() -> None:
    assert after("greeting", "late_reply") == (0, "unprompted")
