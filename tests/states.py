"""`docs/states.md`, made of the tables of states: `python -m tests.states` prints it.

Knows: the page's words around the tables, and how a table becomes a diagram.
Must not know: what tells one event from another.
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from relayproxy.conversation.checks import connection_states
from relayproxy.conversation.fold import response_states, turn_states

_HEAD = """\
# States

What opens and closes a turn, what makes a response stale, and how the end of a call is judged. The fold decides it by
tables, and this page is made of them: `python -m tests.states > docs/states.md`.

An event that a state does not list keeps the state. Messages come in any order, and none of them is an error here.
"""


class Machine(NamedTuple):
    """A table of states, and how it is shown."""

    title: str
    module: str
    words: str
    states: Mapping[Any, str]
    events: Mapping[Any, str]
    transitions: Mapping[Any, Mapping[Any, str]]
    judged: Mapping[Any, connection_states.Judgement] = {}
    """What the last states mean, where that is a table too: they are listed, not drawn."""

    @property
    def initial(self) -> str:
        return str(next(iter(self.states)))


MACHINES = (
    Machine(
        "A turn",
        "relayproxy/conversation/fold/turn_states.py",
        "`next_turn` is no state: the event closes the turn, where one is open, and opens the next one. A turn is in "
        "one state at a time; once it has ended it keeps the last one, which says what became of it.",
        turn_states.STATES,
        turn_states.EVENTS,
        turn_states.TRANSITIONS,
    ),
    Machine(
        "A response",
        "relayproxy/conversation/fold/response_states.py",
        "A response is text up to `last: true`, and the media between. Which event a message is to the response before "
        "it follows from pauses, from its pace, and from what the caller has asked meanwhile "
        "(`fold/tracking/continuation.py`).",
        response_states.STATES,
        response_states.EVENTS,
        response_states.TRANSITIONS,
    ),
    Machine(
        "The end of a connection",
        "relayproxy/conversation/checks/connection_states.py",
        "While a connection lives, its messages move it between four states. Its end is one more event, and the state "
        "that follows is judged. The connection that ended last speaks for the session.",
        connection_states.STATES,
        connection_states.EVENTS,
        connection_states.TRANSITIONS,
        connection_states.JUDGEMENTS,
    ),
)


def page() -> str:
    """The page as it should be, Markdown."""
    return "\n".join([_HEAD, *(part for machine in MACHINES for part in _section(machine))])


def diagram(machine: Machine) -> str:
    """A Mermaid state diagram of its table: one arrow for all events that lead from one state to another."""
    lines = ["stateDiagram-v2"]
    if machine is MACHINES[0]:
        lines.append(f"    state {turn_states.NEXT_TURN} <<choice>>")
    lines.append(f"    [*] --> {machine.initial}")
    lines += [f"    {before} --> {after} : {', '.join(events)}" for before, after, events in arrows(machine)]
    lines += [f"    {state} --> [*]" for state, row in machine.transitions.items() if not row and not machine.judged]
    return "\n".join(lines)


def arrows(machine: Machine) -> Iterator[tuple[str, str, list[str]]]:
    """The arrows of a diagram: from, to, and their events; none to states that are judged."""
    for state, row in machine.transitions.items():
        for after in dict.fromkeys(row.values()):
            if after not in machine.judged:
                yield state, after, [event for event, found in row.items() if found == after]
    if machine is MACHINES[0]:
        opened = {event: state for event, (_, state) in turn_states.OPENED.items()}
        for after in dict.fromkeys(opened.values()):
            yield turn_states.NEXT_TURN, after, [event for event, found in opened.items() if found == after]


def _section(machine: Machine) -> Iterator[str]:
    yield f"## {machine.title}\n"
    yield _wrapped(f"{machine.words} The table is `{machine.module}`.")
    yield f"```mermaid\n{diagram(machine)}\n```\n"
    yield _list("States", machine.states)
    yield _list("Events", machine.events)
    if machine.judged:
        yield from _judged(machine)


def _judged(machine: Machine) -> Iterator[str]:
    live = {state: row for state, row in machine.transitions.items() if row}
    last = dict.fromkeys(event for row in live.values() for event, after in row.items() if after in machine.judged)
    yield "### What follows at the end\n"
    yield _table(
        ["event", *(f"`{state}`" for state in live)],
        ([f"`{event}`", *(f"`{row[event]}`" for row in live.values())] for event in last),
    )
    rows = ([f"`{state}`", *("" if one is None else str(one) for one in row)] for state, row in machine.judged.items())
    yield "### How it is judged\n"
    yield _table(["state", *(name.replace("_", " ") for name in connection_states.Judgement._fields)], rows)


def _list(title: str, words: Mapping[Any, str]) -> str:
    return f"### {title}\n\n" + "".join(_wrapped(f"* `{name}`: {meaning}", "  ") for name, meaning in words.items())


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(text, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) + "\n"


if __name__ == "__main__":
    print(page(), end="")
