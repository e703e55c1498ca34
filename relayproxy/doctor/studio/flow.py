"""Flows: an exported Studio flow as its widgets, each value with its place in the file.

Knows: the JSON of a flow, as Studio exports it and as Twilio's API wraps it.
Must not know: files; what is wrong with a flow.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from relayproxy.errors import RelayproxyError
from relayproxy.text import mended

RELAY_WIDGET = "run-conversation-relay"
Path = tuple[str | int, ...]
"""Names and positions that lead to a value."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[][{},:]|[^][{},:"\s]++', re.DOTALL)
_NAME = re.compile(r"[A-Za-z_$][\w$-]*")


class FlowError(RelayproxyError):
    """The text is no flow. The message says what it is instead."""


@dataclass(frozen=True, slots=True)
class Widget:
    """A state of a flow."""

    name: str
    type: str
    path: Path
    properties: dict[str, Any]
    transitions: tuple[dict[str, Any], ...]

    def next(self, event: str) -> str | None:
        """The name of the widget that follows after an event; None where the event leads nowhere."""
        found = next((one.get("next") for one in self.transitions if one.get("event") == event), None)
        return found if isinstance(found, str) and found else None

    def strings(self) -> Iterator[tuple[Path, str]]:
        """Every text in it, with its place."""
        waiting: list[tuple[Path, Any]] = [
            ((*self.path, "transitions"), list(self.transitions)),
            ((*self.path, "properties"), self.properties),
        ]
        while waiting:
            path, value = waiting.pop()
            if isinstance(value, str):
                yield path, value
            elif isinstance(value, dict):
                waiting += [((*path, name), item) for name, item in reversed(value.items())]
            elif isinstance(value, list):
                waiting += [((*path, at), item) for at, item in reversed(list(enumerate(value)))]


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow: its widgets by name, in their order, and the lines of its values."""

    widgets: dict[str, Widget]
    lines: dict[Path, int]

    def relay_widgets(self) -> tuple[Widget, ...]:
        """The widgets that connect calls to a ConversationRelay server."""
        return tuple(widget for widget in self.widgets.values() if widget.type == RELAY_WIDGET)

    def line(self, path: Path) -> int:
        """The line on which a value begins; of one that is not there, that of what it would be in."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_flow(content: bytes) -> Flow:
    """The flow in a file's content. Raises FlowError."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise FlowError(f"it is not UTF-8 (byte {problem.start + 1}); a flow's JSON is expected") from None
    try:
        value = json.loads(text)
        again = json.dumps(value, ensure_ascii=False)
    except json.JSONDecodeError as problem:
        where = f"line {problem.lineno}, column {problem.colno}: {problem.msg}"
        raise FlowError(f"it is not JSON ({where}); a flow's JSON is expected, as Studio exports it") from None
    except RecursionError:
        raise FlowError("its JSON is nested too deeply for a flow") from None
    except ValueError as problem:  # a number of too many digits
        raise FlowError(f"it is not JSON that can be read ({problem})") from None
    if mended(again) != again:
        raise FlowError("a text in it has half a pair of surrogates, which is no character; export the flow anew")
    base: Path = ()
    if isinstance(value, dict) and "states" not in value and isinstance(value.get("definition"), dict):
        base, value = ("definition",), value["definition"]
    states = value.get("states") if isinstance(value, dict) else None
    if not isinstance(states, list) or not all(_is_state(state) for state in states):
        raise FlowError("it is JSON, and no flow: an object with states is expected, each with a name and a type")
    widgets: dict[str, Widget] = {}
    for at, state in enumerate(states):
        widgets.setdefault(state["name"], _widget(state, (*base, "states", at)))
    return Flow(widgets, _lines(text))


def written(path: Path) -> str:
    """A path as people write it: `states[3].properties.url`."""
    return "".join(
        f"[{step}]" if isinstance(step, int) else f".{step}" if _NAME.fullmatch(step) else f"[{json.dumps(step)}]"
        for step in path
    ).removeprefix(".")


def _is_state(state: object) -> bool:
    return isinstance(state, dict) and isinstance(state.get("name"), str) and isinstance(state.get("type"), str)


def _widget(state: dict[str, Any], path: Path) -> Widget:
    properties, transitions = state.get("properties"), state.get("transitions")
    return Widget(
        state["name"],
        state["type"],
        path,
        properties if isinstance(properties, dict) else {},
        tuple(one if isinstance(one, dict) else {} for one in transitions) if isinstance(transitions, list) else (),
    )


def _lines(text: str) -> dict[Path, int]:
    """The line of every value of a text that is known to be JSON."""
    found: dict[Path, int] = {}
    path: list[str | int] = []
    line, seen = 1, 0
    name: str | None = None
    for token in _TOKEN.finditer(text):
        line, seen = line + text.count("\n", seen, token.start()), token.start()
        mark = token[0]
        if mark in ("}", "]"):
            path.pop()
        elif mark == ",":
            last = path[-1]
            path[-1], name = last + 1 if isinstance(last, int) else "", None
        elif mark == ":":
            assert name is not None
            path[-1] = name
        elif path and path[-1] == "" and name is None and mark.startswith('"'):
            name = json.loads(mark)
        else:
            found.setdefault(tuple(path), line)
            if mark in ("{", "["):
                path.append("" if mark == "{" else 0)
                name = None
    return found
