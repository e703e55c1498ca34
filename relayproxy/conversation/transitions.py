"""State machines as tables: which state follows when an event happens in a state.

Knows: that an event for which a state has no transition keeps the state.
Must not know: what any state or event means.
"""

from collections.abc import Mapping
from typing import TypeVar

StateT = TypeVar("StateT", bound=str)
EventT = TypeVar("EventT", bound=str)


def following(transitions: Mapping[StateT, Mapping[EventT, StateT]], state: StateT, event: EventT) -> StateT:
    """The state after `event`: the one in the table, or `state` where the table has none for it. Calls come in any
    order and from any backend, so no event is an error."""
    return transitions[state].get(event, state)
