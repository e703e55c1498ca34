"""YAML text as nodes that know their places.

Knows: YAML; what of it a scenario file may not use.
Must not know: what a scenario is.
"""

from typing import Any

import yaml

from relayproxy.lab.scenarios.model import Place
from relayproxy.text import mended

MAX_CHARACTERS = 1_000_000
MAX_DEPTH = 20


class Unreadable(ValueError):
    """Raised for text that is no YAML, or YAML that a scenario file may not use."""

    def __init__(self, place: Place, problem: str) -> None:
        super().__init__(problem)
        self.place, self.problem = place, problem


def compose(text: str) -> yaml.Node:
    """The only document of the text. Raises Unreadable."""
    if len(text) > MAX_CHARACTERS:
        raise Unreadable(Place(1, 1), f"the file is larger than {MAX_CHARACTERS:,} characters")
    try:
        _check(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        what = ", ".join(part for part in (problem.context, problem.problem) if part)
        raise Unreadable(Place(1, 1) if mark is None else _place(mark), f"this is no YAML: {what}") from None
    except yaml.reader.ReaderError as problem:
        before = text[: problem.position]
        place = Place(before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise Unreadable(place, f"this is no YAML: {problem.reason}") from None
    if node is None:
        raise Unreadable(Place(1, 1), "the file is empty")
    return node


def place_of(node: yaml.Node) -> Place:
    """Where a node begins."""
    return _place(node.start_mark)


def _place(mark: Any) -> Place:
    # The marks of yaml and of its faster twin in C are alike, but not of one type.
    return Place(mark.line + 1, mark.column + 1)


def _check(text: str) -> None:
    """Refuse what could make nodes refer to each other or lie too deep, before there are any."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise Unreadable(_place(event.start_mark), "a file has one scenario; this begins another document")
        elif isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise Unreadable(_place(event.start_mark), "anchors (&) and aliases (*) are not taken; put text in quotes")
        elif isinstance(event, yaml.ScalarEvent) and mended(event.value) != event.value:
            problem = r"half a pair of surrogates (\ud83d) is no character; write it as it is, or as \U0001f600"
            raise Unreadable(_place(event.start_mark), problem)
        elif isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise Unreadable(_place(event.start_mark), "nested too deeply")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
