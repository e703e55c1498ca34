"""The JSON Schema says of a file what the reader says of it."""

import copy
import json
from collections.abc import Iterator
from functools import reduce
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from relayproxy.lab.scenarios import schema
from relayproxy.lab.scenarios.builtin import FILES
from relayproxy.lab.scenarios.reading import ScenarioError, read

VALIDATOR = Draft202012Validator(schema.schema())
Path = tuple[str | int, ...]
DOCUMENTS: tuple[dict[str, Any], ...] = (
    {
        "name": "full",
        "about": "All that there is.",
        "twiml": {"greeting": "Hi.", "interruptible": "speech", "events": False},
        "parameters": {"plan": "gold"},
        "turns": [],
        "expect": {
            "handoff": {"a": "b", "c": 1, "d": None, "e": {"pattern": "x"}, "f": {"present": True}},
            "ending": "caller_hangup",
            "findings": ["slow_turn"],
            "latency_p95_ms": 5,
            "interruptions": 0,
        },
    },
    *(
        {"name": "x", "turns": [turn]}
        for turn in (
            {"expect": [{"event": "text", "text_contains": ["a"], "within_ms": 5}]},
            {"expect": [{"event": "play", "present": False, "text_matches": "a", "within_ms": 5}]},
            {"user": "Hello", "partials": ["Hel"], "language": "en-US", "send_after": {"event": "turn", "delay_ms": 5}},
            {"dtmf": "12#", "interrupt": {"after_chars": 5}},
            {"noise": 5, "interrupt": {"after_chars": 5}, "expect": [{"event": "interrupt"}]},
            {"silence": 5, "expect": [{"event": "speech_ended"}]},
            {"reconnect": True, "interrupt": {"after_ms": 5}},
            {"hangup": True},
            {"drop": True},
        )
    ),
)
OTHERS: tuple[Any, ...] = (None, 5, -1, 1.5, True, False, "", "x", "none", "text", "12", [], ["x"], [1], {}, {"x": 1})
"""What is put in the place of every value."""
ADDED: tuple[tuple[str, Any], ...] = (
    *(
        ("user", "x"),
        ("dtmf", "1"),
        ("noise", 1),
        ("silence", 1),
        ("hangup", True),
        ("drop", True),
        ("reconnect", True),
    ),
    *(("interrupt", {"after_ms": 1}), ("send_after", {}), ("partials", ["x"]), ("language", "x")),
    *(("expect", [{"event": "text"}]), ("text_contains", "x"), ("text_matches", "x"), ("present", False)),
    *(("within_ms", 1), ("pattern", "x"), ("after_ms", 1), ("after_chars", 1), ("event", "hints"), ("wibble", 1)),
)
"""Keys that are added to every mapping."""
GONE = object()
"""In place of a value: its key goes."""
ONLY_READ = ("never reached", "nothing can come between drop and reconnect")
"""Of what only the reader knows."""


def changed() -> Iterator[Any]:
    """Documents that differ from one of those above in one place."""
    for document in DOCUMENTS:
        for path in [(), *_paths(document)]:
            for other in OTHERS:
                yield _with(document, path, other)
            if path:
                yield _with(document, path, GONE)
            if isinstance(_at(document, path), dict):
                for name, value in ADDED:
                    yield _with(document, (*path, name), value)


def _paths(value: Any, path: Path = ()) -> Iterator[Path]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield (*path, key)
        yield from _paths(each, (*path, key))


def _at(value: Any, path: Path) -> Any:
    return reduce(lambda found, key: found[key], path, value)


def _with(document: Any, path: Path, value: Any) -> Any:
    holder = [copy.deepcopy(document)]
    *above, key = (0, *path)
    parent = _at(holder, tuple(above))
    if value is GONE:
        del parent[key]
    else:
        parent[key] = value
    return holder[0]


def accepted(text: str) -> bool:
    try:
        read(text, "x.yaml")
    except ScenarioError as problem:
        return all(any(only in what for only in ONLY_READ) for _, what in problem.problems)
    return True


def test_both_say_the_same_of_every_change_of_a_scenario() -> None:
    documents = [(document, VALIDATOR.is_valid(document)) for document in changed()]
    assert [document for document, valid in documents if accepted(json.dumps(document)) is not valid] == []
    assert len(documents) > 1000
    assert len(documents) / 20 < sum(valid for _, valid in documents) < len(documents) / 2


@pytest.mark.parametrize("file", sorted(FILES.rglob("*.yaml")), ids=lambda file: file.stem)
def test_the_built_in_scenarios_are_valid(file: Any) -> None:
    VALIDATOR.validate(yaml.safe_load(file.read_text("utf-8")))


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(schema.schema())
    described = schema.schema()["$defs"]["Turn"]["properties"]
    assert [name for name, value in described.items() if not {"description", "$ref"} & value.keys()] == []


def test_the_file_is_the_schema() -> None:
    assert schema.FILE.read_text("utf-8") == schema.text(), "python -m relayproxy.lab.scenarios.schema writes it anew"
