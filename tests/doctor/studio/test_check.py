"""Checks of flows: one thing is wrong at a time, and said with its place."""

from typing import Any

import pytest

from relayproxy.doctor.studio.check import Finding, check_flow
from relayproxy.doctor.studio.fields import SeenFields
from relayproxy.settings.model import Settings
from relayproxy.settings.tables import Route
from tests.doctor.studio.flows import Widget, read

SETTINGS = Settings(public_url="wss://relay.example.com", routes={"sales": Route(backend="ws://127.0.0.1:9/ws")})
SEEN = {"sales": SeenFields(12, 12, {"reason_code": 12, "summary": 3})}


def findings(seen: dict[str, SeenFields] | None = SEEN, **changed: Widget) -> list[Finding]:
    return [one for one in check_flow(read(**changed), SETTINGS, seen) if one.code != "handoff_fields"]


def told(**changed: Widget) -> list[tuple[str, str, str, str]]:
    return [(one.severity, one.code, one.widget, one.place) for one in findings(**changed)]


def say(text: str) -> Widget:
    return {"properties": {"say": text}}


def test_a_good_flow_has_none_and_tells_which_fields_there_are() -> None:
    (one,) = check_flow(read(), SETTINGS, SEEN)

    assert (one.severity, one.code, one.widget, one.place) == ("note", "handoff_fields", "agent", "states[1]")
    assert one.text == "its route sales has 12 recorded handoffs with the fields reason_code, summary"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (True, "interruptible_boolean"),
        (False, "interruptible_boolean"),
        ("any", "interruptible_wrong"),
        ("True", "interruptible_wrong"),
        (1, "interruptible_wrong"),
        ([], "interruptible_wrong"),
    ],
)
def test_interruptible_is_a_text(value: Any, code: str) -> None:
    (one,) = findings(agent={"properties": {"interruptible": value}})

    assert (one.severity, one.code, one.widget) == ("error", code, "agent")
    assert one.place == "states[1].properties.interruptible"
    assert one.line > 30


@pytest.mark.parametrize("value", ["true", "false", "{{flow.variables.may}}", None])
def test_interruptible_as_studio_wants_it(value: Any) -> None:
    assert told(agent={"properties": {"interruptible": value}}) == []


@pytest.mark.parametrize("event", ["success", "failed"])
def test_both_transitions_are_to_lead_somewhere(event: str) -> None:
    other = {"next": "parse", "event": "success"} if event == "failed" else {"next": "sorry", "event": "failed"}
    code = f"{event}_not_wired"

    def wired(*transitions: Any) -> list[tuple[str, str]]:
        found = findings(agent={"transitions": [*transitions]})
        return [(one.code, one.place) for one in found if one.code.endswith("wired")]

    assert wired(other) == [(code, "states[1].transitions")]
    assert wired(other, {"event": event}) == [(code, "states[1].transitions[1]")]
    assert wired(other, {"event": event, "next": ""}) == [(code, "states[1].transitions[1]")]
    assert wired(other, {"event": event, "next": "gone"}) == [(code, "states[1].transitions[1].next")]


def test_a_widget_that_is_read_is_to_be_there() -> None:
    (one,) = findings(sorry=say("{{widgets.Agent.SessionId}}"))

    assert (one.severity, one.code, one.widget, one.place) == (
        "error",
        "widget_unknown",
        "sorry",
        "states[4].properties.say",
    )
    assert one.text == "reads widgets.Agent.SessionId, and there is no widget Agent; there is agent"


def test_handoff_data_is_a_relay_widgets_and_has_one_name() -> None:
    (one,) = findings(sorry=say("{{widgets.parse.HandoffData}}"))
    assert (one.code, one.text) == (
        "handoff_of_other_widget",
        "reads widgets.parse.HandoffData, and parse is a set-variables widget, which has none",
    )
    for name in ("handoffData", "handoff_data", "HANDOFFDATA"):
        (one,) = findings(sorry=say(f"{{{{widgets.agent.{name}}}}}"))
        assert (one.severity, one.code) == ("error", "handoff_misspelt")


def test_handoff_data_comes_after_success_alone() -> None:
    lost = {"next": "lost", "event": "failed"}
    agent = {"transitions": [{"next": "parse", "event": "success"}, lost]}

    assert told(agent=agent, lost=say("{{widgets.agent.HandoffData}}")) == [
        ("warning", "handoff_after_failed", "lost", "states[5].properties.say")
    ]
    assert told(agent=agent, lost=say("{{flow.variables.handoff}}")) == [
        ("warning", "handoff_after_failed", "lost", "states[5].properties.say")
    ]
    # Both ways lead there: after success there is something to read.
    assert told(sorry=say("{{widgets.agent.HandoffData}}")) == []
    assert told(lost=say("{{widgets.agent.HandoffData}}")) == [
        ("error", "handoff_not_after", "lost", "states[5].properties.say")
    ]


def test_a_second_try_is_a_way_of_its_own() -> None:
    again = {"transitions": [{"next": "agent", "event": "audioComplete"}]}
    agent = {"transitions": [{"next": "parse", "event": "success"}, {"next": "retry", "event": "failed"}]}

    assert told(agent=agent, retry=again) == []
    assert told(agent=agent, retry=again | say("{{widgets.agent.HandoffData}}")) == [
        ("warning", "handoff_after_failed", "retry", "states[5].properties.say")
    ]


def test_a_variable_that_is_given_something_else_too_may_be_read_anywhere() -> None:
    agent = {"transitions": [{"next": "parse", "event": "success"}, {"next": "lost", "event": "failed"}]}
    default = {"type": "set-variables", "properties": {"variables": [{"key": "handoff", "value": "{}"}]}}

    assert told(agent=agent, default=default, lost=say("{{flow.variables.handoff}}")) == []


def test_a_field_is_read_of_what_was_parsed() -> None:
    (one,) = findings(sorry=say("{{widgets.agent.HandoffData.reason_code}}"))
    assert (one.severity, one.code) == ("warning", "handoff_not_parsed")
    assert one.text.endswith('with {{widgets.agent.HandoffData}} and "Parse as JSON object" makes fields of it')

    text = {"properties": {"variables": [{"key": "handoff", "value": "{{widgets.agent.HandoffData}}"}]}}
    assert [(one.code, one.widget) for one in findings(parse=text)] == [("handoff_not_parsed", "which")] * 2


def test_fields_that_no_handoff_had_are_named_with_those_that_there_were() -> None:
    assert [(one.code, one.place) for one in findings(sorry=say("{{flow.variables.handoff.reasonCode}}"))] == [
        ("handoff_field_unseen", "states[4].properties.say")
    ]
    (one,) = findings(sorry=say("{{flow.variables.handoff.reasonCode}}"))
    assert one.text == (
        "reads the field reasonCode, which none of 12 recorded handoffs of sales had; they had reason_code, summary"
    )
    (one,) = findings(sorry=say("{{flow.variables.handoff.summary}}"))
    assert (one.severity, one.code) == ("note", "handoff_field_rare")
    assert "which 3 of 12 recorded handoffs of sales had" in one.text


def test_a_variable_may_have_the_handoff_of_several_widgets() -> None:
    settings = SETTINGS.model_copy(update={"routes": {**SETTINGS.routes, "support": Route(backend="ws://127.0.0.1:9")}})
    second = {
        "type": "run-conversation-relay",
        "properties": {"url": "wss://relay.example.com/r/support"},
        "transitions": [{"event": "success", "next": "again"}, {"event": "failed", "next": "last"}],
    }
    again = {
        "type": "set-variables",
        "properties": {
            "variables": [{"key": "handoff", "value": "{{widgets.second.HandoffData}}", "type": "json_object"}]
        },
        "transitions": [{"event": "next", "next": "last"}],
    }
    read_there = say("{{flow.variables.handoff.ticket}} {{flow.variables.handoff.reason_code}}")
    seen = {**SEEN, "support": SeenFields(5, 5, {"ticket": 5})}
    both = read(second=second, again=again, last=read_there)

    found = [one for one in check_flow(both, settings, seen) if one.widget == "last"]

    assert [(one.severity, one.code) for one in found] == [("note", "handoff_field_rare")] * 2
    assert "the field ticket, which 5 of 17 recorded handoffs of sales, support had" in found[0].text
    routes = [
        one.text.partition(" has ")[0] for one in check_flow(both, settings, seen) if one.code == "handoff_fields"
    ]
    assert routes == ["its route sales", "its route support"]


@pytest.mark.parametrize(
    ("seen", "code", "words"),
    [
        (None, "handoff_not_compared", "there is no database to read"),
        ({}, "handoff_fields", "of route sales there are none"),
        ({"sales": SeenFields(4, 0)}, "handoff_fields", "4 recorded handoffs and none is a JSON object"),
    ],
)
def test_what_there_is_nothing_to_compare_with_is_noted(
    seen: dict[str, SeenFields] | None, code: str, words: str
) -> None:
    (one,) = check_flow(read(), SETTINGS, seen)

    assert (one.severity, one.code) == ("note", code)
    assert words in one.text


def test_a_route_that_is_not_known_is_not_compared() -> None:
    found = findings(agent={"properties": {"url": "{{flow.variables.url}}"}})

    assert [one.code for one in found] == ["handoff_not_compared", "url_liquid"]


def test_findings_are_in_the_order_of_the_file() -> None:
    found = findings(
        sorry=say("{{widgets.gone.x}}"), agent={"transitions": [], "properties": {"url": "", "interruptible": True}}
    )

    assert [one.line for one in found] == sorted(one.line for one in found)
    assert {"url_missing", "interruptible_boolean", "success_not_wired", "failed_not_wired", "widget_unknown"} <= {
        one.code for one in found
    }
