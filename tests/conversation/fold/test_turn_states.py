"""What opens and closes a turn, as the ledger of turns goes through the table."""

import pytest

from relayproxy.conversation.fold.turn_ledger import TurnLedger
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
