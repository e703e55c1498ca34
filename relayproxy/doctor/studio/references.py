"""References: what the Liquid in a flow's texts reads of widgets and variables.

Knows: Liquid's tags, `widgets.NAME.…` and `flow.variables.NAME.…`, and which variables hold a widget's HandoffData.
Must not know: what a reference should be.

Names that Liquid itself assigns are not followed: what is read of a copy made by `{% assign %}` is not seen.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from relayproxy.doctor.studio.flow import Flow, Path, Widget

HANDOFF = "HandoffData"
LIQUIDS_OWN = frozenset({"size", "first", "last"})
"""What Liquid knows of every text and list."""

_CLOSING = {"{{": "}}", "{%": "%}"}
_OPENING = re.compile(r"\{[{%]")
_READ = re.compile(
    r"""(?<![\w.-])(?P<root>widgets|flow\.variables)"""
    r"""(?P<steps>(?>(?:\.[A-Za-z_][\w-]*+|\[\s*+(?:"[^"]*+"|'[^']*+'|\d++)\s*+\])+))"""
)
_STEP = re.compile(r"""\.([A-Za-z_][\w-]*)|\[\s*(?:"([^"]*)"|'([^']*)'|(\d+))\s*\]""")
_WHOLE = re.compile(r"\s*\{\{-?\s*(?P<read>[^\s|}]+)\s*(?:\|[^}]*)?-?\}\}\s*")


@dataclass(frozen=True, slots=True)
class Reference:
    """One place where a flow reads a value. `widget` is the one that reads, `name` the widget or variable that is read,
    `steps` what of it."""

    widget: str
    path: Path
    name: str
    steps: tuple[str, ...]
    of_variable: bool = False

    @property
    def text(self) -> str:
        """As it is written in Liquid, in its plainest form."""
        return ".".join(("flow.variables" if self.of_variable else "widgets", self.name, *self.steps))


@dataclass(frozen=True, slots=True)
class HandoffVariable:
    """A variable that a Set Variables widget gives a widget's HandoffData. `parsed`: as a JSON object. `otherwise`: it
    is given something else as well, somewhere in the flow."""

    key: str
    widget: str
    parsed: bool
    otherwise: bool


def references(flow: Flow) -> Iterator[Reference]:
    """All that the flow's Liquid reads of widgets and variables, in the flow's order."""
    for widget in flow.widgets.values():
        for path, text in widget.strings():
            for root, steps in _reads(text):
                yield Reference(widget.name, path, steps[0], steps[1:], root != "widgets")


def handoff_variables(flow: Flow) -> tuple[HandoffVariable, ...]:
    """The variables that hold the HandoffData of widgets, as a whole."""
    found = [one for widget in flow.widgets.values() for one in _set_by(widget)]
    others = {key for key, held, _ in found if held is None}
    return tuple(HandoffVariable(key, held, parsed, key in others) for key, held, parsed in found if held is not None)


def has_liquid(text: str) -> bool:
    """Whether part of a text is known to Studio alone, when the flow runs."""
    return any(True for _ in _tags(text))


def without_liquid(text: str, mark: str) -> str:
    """The text with a mark in the place of each tag."""
    parts, at = [], 0
    for start, end in _tags(text):
        parts += [text[at:start], mark]
        at = end
    return "".join([*parts, text[at:]])


def _set_by(widget: Widget) -> Iterator[tuple[str, str | None, bool]]:
    """Each variable that a Set Variables widget sets, the widget whose HandoffData it is given, and whether parsed."""
    variables = widget.properties.get("variables")
    if widget.type != "set-variables" or not isinstance(variables, list):
        return
    for one in variables:
        key, value = (one.get("key"), one.get("value")) if isinstance(one, dict) else (None, None)
        if isinstance(key, str) and isinstance(value, str):
            found = [*_reads(value)] if _WHOLE.fullmatch(value) else []
            whole = len(found) == 1 and found[0][0] == "widgets" and found[0][1][1:] == (HANDOFF,)
            yield key, found[0][1][0] if whole else None, one.get("type", "string") != "string"


def _reads(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for start, end in _tags(text):
        for found in _READ.finditer(text, start, end):
            steps = ["".join(filter(None, step)) for step in _STEP.findall(found["steps"])]
            while len(steps) > 1 and steps[-1] in LIQUIDS_OWN:
                steps.pop()
            yield found["root"], tuple(steps)


def _tags(text: str) -> Iterator[tuple[int, int]]:
    """Begin and end of each tag that is closed."""
    at = 0
    while opening := _OPENING.search(text, at):
        end = text.find(_CLOSING[opening[0]], opening.end())
        if end < 0:
            return
        at = end + 2
        yield opening.start(), at
