"""Flows: what is read of an export, where each value stands, and what is no flow."""

import json

import pytest

from relayproxy.doctor.studio.flow import FlowError, read_flow, written
from tests.doctor.studio.flows import GOOD, content


def test_widgets_are_read_with_what_follows_after_them() -> None:
    flow = read_flow(content(GOOD))

    assert [*flow.widgets] == ["Trigger", "agent", "parse", "which", "sorry"]
    (agent,) = flow.relay_widgets()
    assert (agent.name, agent.next("success"), agent.next("failed"), agent.next("else")) == (
        "agent",
        "parse",
        "sorry",
        None,
    )
    assert dict(agent.strings())[("states", 1, "properties", "parameters", 0, "value")] == "{{flow.variables.plan}}"


def test_a_flow_that_the_api_gave_is_read_too() -> None:
    flow = read_flow(b"\xef\xbb\xbf" + content({"sid": "FW1", "definition": GOOD}))

    (agent,) = flow.relay_widgets()
    assert written((*agent.path, "properties", "url")) == "definition.states[1].properties.url"


@pytest.mark.parametrize("indent", [None, 0, 1, 2])
def test_every_value_stands_on_the_line_on_which_it_is_written(indent: int | None) -> None:
    odd: dict[str, object] = {
        "a{[,:]}": ["x", "", {}, [], None, True, -1.5e3, {"\\\"'": [[{"": "q"}]]}],
        "": {"": {"b": ["\n", "ä", 2]}},
    }
    text = json.dumps({"states": [{"name": "one", "type": "t", "properties": odd}]}, indent=indent)
    flow = read_flow(text.encode())

    lines = text.splitlines()
    found = 0
    for path, line in flow.lines.items():
        value = json.loads(text)
        for step in path:
            value = value[step]
        if not isinstance(value, dict | list):
            assert json.dumps(value) in lines[line - 1], path
            found += 1
    assert found == 11
    assert flow.line(("states", 0, "properties", "not there", "nor this")) == flow.lines["states", 0, "properties"]


def test_a_path_is_written_as_people_write_it() -> None:
    assert written(("states", 3, "properties", "a name", "b-c", 0)) == 'states[3].properties["a name"].b-c[0]'


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", r"not JSON \(line 1, column 1: Expecting value\)"),
        (b'{\n "states": [}', r"not JSON \(line 2, column 13"),
        (b'{"states": "\xff"}', r"not UTF-8 \(byte 13\)"),
        ('{"states": []}'.encode("utf-16"), "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"states": ' + b"9" * 5000 + b"}", "not JSON that can be read"),
        (rb'{"states": [{"name": "\ud800", "type": "a"}]}', "half a pair of surrogates"),
        (b"[]", "no flow: an object with states"),
        (b'{"states": {}}', "no flow"),
        (b'{"states": [{"name": "a"}]}', "each with a name and a type"),
        (b'{"states": ["a"]}', "no flow"),
        (b'{"name": "package", "version": "1.0"}', "no flow"),
    ],
)
def test_what_is_no_flow_is_told(content: bytes, words: str) -> None:
    with pytest.raises(FlowError, match=words):
        read_flow(content)


def test_values_of_other_kinds_than_studio_writes_do_no_harm() -> None:
    flow = read_flow(
        b'{"states": [{"name": "a", "type": "run-conversation-relay", "properties": [], '
        b'"transitions": [1, {"event": 2}]}, {"name": "a", "type": "other"}]}'
    )

    (widget,) = flow.relay_widgets()
    assert (widget.properties, widget.next("success")) == ({}, None)
    assert [*widget.strings()] == []
