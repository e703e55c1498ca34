"""The tables of states: whole, drawn as they are, and never a reason to fail."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from relayproxy.conversation.checks.connection_states import JUDGEMENTS, ConnectionState, EndingEvent
from relayproxy.conversation.fold.response_states import ResponseEvent, ResponseState
from relayproxy.conversation.fold.turn_states import NEXT_TURN, OPENED, TurnEvent, TurnState
from relayproxy.conversation.transitions import following
from tests.states import MACHINES, Machine, arrows

PAGE = (Path(__file__).parents[2] / "docs/states.md").read_text("utf-8")
WORDS = {
    "A turn": (TurnState, TurnEvent),
    "A response": (ResponseState, ResponseEvent),
    "The end of a connection": (ConnectionState, EndingEvent),
}
every_machine = pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.title)


@every_machine
def test_every_state_and_event_has_its_row_and_its_words(machine: Machine) -> None:
    states, events = map(get_args, WORDS[machine.title])

    assert set(machine.states) == set(machine.transitions) == set(states)
    assert set(machine.events) == set(events)
    assert {event for row in machine.transitions.values() for event in row} == set(events)


@every_machine
def test_every_state_can_be_reached(machine: Machine) -> None:
    reached, todo = set(), [machine.initial]
    while todo:
        state = todo.pop()
        if state not in reached:
            reached.add(state)
            todo += [after for after in machine.transitions[state].values() if after != NEXT_TURN]
            todo += [after for _, after in OPENED.values()] if state == "start" else []

    assert reached == set(machine.transitions)


@every_machine
def test_an_event_that_a_state_does_not_list_keeps_the_state(machine: Machine) -> None:
    for state, row in machine.transitions.items():
        for event in machine.events:
            assert following(machine.transitions, state, event) == row.get(event, state)


@every_machine
def test_the_diagram_on_the_page_has_the_arrows_of_the_table(machine: Machine) -> None:
    drawn = PAGE.split(f"## {machine.title}\n", 1)[1].split("```mermaid\n", 1)[1].split("```", 1)[0]
    found = {
        (before, event, after)
        for before, after, events in re.findall(r"^ *(\w+) --> (\w+) : (.+)$", drawn, re.M)
        for event in events.split(", ")
    }
    opened = {(NEXT_TURN, event, state) for event, (_, state) in OPENED.items()}

    def expected() -> set[tuple[Any, ...]]:
        return {
            (state, event, after)
            for state, row in machine.transitions.items()
            for event, after in row.items()
            if after not in JUDGEMENTS or not machine.judged
        }

    assert found == expected() | (opened if machine.title == "A turn" else set())
    assert all(before in machine.states or before == NEXT_TURN for before, _, _ in arrows(machine))


def test_whatever_opens_a_turn_says_as_what() -> None:
    turns = MACHINES[0].transitions
    opening = {event for row in turns.values() for event, after in row.items() if after == NEXT_TURN}

    assert opening == set(OPENED)


def test_every_end_of_a_connection_is_judged_wherever_it_comes() -> None:
    ends = {event for row in MACHINES[2].transitions.values() for event, after in row.items() if after in JUDGEMENTS}

    for state in ("open", "end_sent", "closed", "closed_after_end"):
        assert {MACHINES[2].transitions[state][event] for event in ends} <= set(JUDGEMENTS)
