"""References: what Liquid reads, and which variables hold handoff data."""

import time

import pytest

from relayproxy.doctor.studio.flow import read_flow
from relayproxy.doctor.studio.references import handoff_variables, has_liquid, references, without_liquid
from tests.doctor.studio.flows import content


def reads(text: str) -> list[str]:
    flow = read_flow(content({"states": [{"name": "say", "type": "say-play", "properties": {"say": text}}]}))
    return [reference.text for reference in references(flow)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{widgets.agent.HandoffData}}", ["widgets.agent.HandoffData"]),
        ("{{- widgets.agent.HandoffData.a-b | default: 'x' -}}", ["widgets.agent.HandoffData.a-b"]),
        ("a {{widgets.x.y}} b {{ flow.variables.z.q }}", ["widgets.x.y", "flow.variables.z.q"]),
        (
            '{% if widgets.a.HandoffData.x == "1" and flow.variables.b != widgets.c.d %}',
            ["widgets.a.HandoffData.x", "flow.variables.b", "widgets.c.d"],
        ),
        ("{{ widgets[\"my agent\"]['HandoffData'].items[0].name }}", ["widgets.my agent.HandoffData.items.0.name"]),
        ("{{ widgets.a.HandoffData.size }}{{ widgets.a.list.first }}", ["widgets.a.HandoffData", "widgets.a.list"]),
        ("widgets.a.b {widgets.a.b} {{ my.widgets.a.b }} {{ mywidgets.a.b }} {{ flow.data.x }}", []),
        ("{{ widgets.a.b", []),
        ("{% {{widgets.a.b}}", []),
    ],
)
def test_what_is_read(text: str, expected: list[str]) -> None:
    assert reads(text) == expected


def test_text_that_was_made_to_take_long_does_not() -> None:
    began = time.process_time()
    for text in ("{{" * 500_000, "{{widgets" + ".a" * 500_000, "{{ widgets." * 100_000 + "}}", "widgets[" * 100_000):
        reads(text)
    assert time.process_time() - began < 20, "quadratic, it takes minutes"


def test_liquid_is_told_from_the_rest() -> None:
    assert has_liquid("wss://{{flow.variables.host}}/ws")
    assert not has_liquid("wss://relay.example.com/{ws}")
    assert without_liquid("a{{b}}c{% d %}e{{f", "-") == "a-c-e{{f"


def test_variables_that_hold_handoff_data_are_known() -> None:
    variables = [
        {"key": "whole", "value": " {{ widgets.agent.HandoffData | strip }} ", "type": "json_object"},
        {"key": "text", "value": "{{widgets.agent.HandoffData}}", "type": "string"},
        {"key": "plain", "value": "{{widgets.agent.HandoffData}}"},
        {"key": "plain", "value": "{}"},
        {"key": "part", "value": "{{widgets.agent.HandoffData.reason}}"},
        {"key": "both", "value": "{{widgets.agent.HandoffData}}{{widgets.agent.HandoffData}}"},
        {"key": "beside", "value": "It was {{widgets.agent.HandoffData}}"},
        {"key": 1, "value": None},
        "nothing",
    ]
    flow = read_flow(
        content({"states": [{"name": "set", "type": "set-variables", "properties": {"variables": variables}}]})
    )

    assert [(one.key, one.widget, one.parsed, one.otherwise) for one in handoff_variables(flow)] == [
        ("whole", "agent", True, False),
        ("text", "agent", False, False),
        ("plain", "agent", False, True),
    ]
