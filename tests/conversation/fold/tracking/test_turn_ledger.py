"""The turns of a session in order: numbers, the open one, and what is forgotten."""

from relayproxy.conversation.fold.tracking.turn_ledger import TurnLedger


def test_a_turn_keeps_the_state_that_it_ended_in_and_what_closed_it() -> None:
    ledger = TurnLedger()
    ledger.happens("prompt", 1)
    ledger.happens("handoff", 2)
    (turn,) = ledger.drafts

    assert (turn.state, turn.closed_by, turn.ended_at) == ("waiting", "handoff", 2)


def test_a_turn_ends_when_the_next_one_opens_and_never_before_it_began() -> None:
    ledger = TurnLedger()
    ledger.happens("setup", 5)
    ledger.happens("prompt", 9)
    ledger.happens("end", 7)

    assert [(turn.number, turn.opened_by, turn.started_at, turn.ended_at) for turn in ledger.drafts] == [
        (0, "setup", 5, 9),
        (1, "prompt", 9, 9),
    ]
    assert ledger.open is None


def test_numbers_go_on_when_turns_are_forgotten() -> None:
    ledger = TurnLedger()
    for at in range(4):
        ledger.begin("prompt", at)
    ledger.forget(3)
    ledger.begin("key", 9)

    assert [turn.number for turn in ledger.drafts] == [3, 4]
    assert (ledger.count, ledger.numbered(1), ledger.numbered(4)) == (5, None, ledger.open)


def test_what_happens_between_turns_belongs_to_the_last_one() -> None:
    ledger = TurnLedger()
    first = ledger.turn_for("prompt", 1)
    ledger.happens("end", 2)

    assert ledger.turn_for("late_reply", 3) is first
    assert ledger.turn_for("digits", 4).number == 1


def test_the_greeting_is_that_of_a_first_turn_that_setup_opened() -> None:
    greeted, asked = TurnLedger(), TurnLedger()
    greeted.happens("setup", 0)
    asked.happens("prompt", 0)
    asked.happens("setup", 1)

    assert greeted.greeted() is greeted.open
    assert asked.greeted() is None


def test_events_move_the_turns_that_are_not_settled_to_tier_b() -> None:
    ledger = TurnLedger()
    for at in range(3):
        ledger.begin("prompt", at)
    ledger.hear_events(1)
    ledger.begin("prompt", 4)

    assert [turn.tier for turn in ledger.drafts] == ["A", "B", "B", "B"]
