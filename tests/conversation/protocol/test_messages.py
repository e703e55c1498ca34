"""Any text decodes to something: a typed message, or Unknown with a reason."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from relayproxy.conversation.protocol.messages import (
    Dtmf,
    End,
    Error,
    Info,
    Interrupt,
    Language,
    Play,
    Prompt,
    SendDigits,
    Setup,
    Text,
    Unknown,
    decode,
    parse,
    type_in,
)
from relayproxy.text import mended


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type":"prompt","voicePrompt":"Hi","lang":"en","last":false}', Prompt("Hi", "en", False)),
        ('{"type":"dtmf","digit":"#"}', Dtmf("#")),
        ('{"type":"interrupt","utteranceUntilInterrupt":"a","durationUntilInterruptMs":15}', Interrupt("a", 15)),
        ('{"type":"error","description":"no"}', Error("no")),
        ('{"type":"info","name":"agentSpeaking","value":"on"}', Info("agentSpeaking", "on")),
        ('{"type":"text","token":" a","last":true,"preemptible":true}', Text(" a", True, None, True)),
        ('{"type":"play","source":"https://h/a.mp3","loop":0}', Play("https://h/a.mp3")),
        ('{"type":"sendDigits","digits":"1w#"}', SendDigits("1w#")),
        ('{"type":"language","ttsLanguage":"es-ES","new":{}}', Language("es-ES")),
        ('{"type":"end","handoffData":"x"}', End("x")),
        ('{"type":"end"}', End(None)),
        ('{"token":"a","type":"text"}', Text("a")),
        ('{"type":"text","token":"a","token":"b"}', Text("b")),
        ('{"type":"text","token":"\\u0000"}', Text("\0")),
    ],
)
def test_both_vocabularies(text: str, message: object) -> None:
    assert decode(text) == message


def test_setup_keeps_what_it_does_not_know() -> None:
    text = '{"type":"setup","sessionId":"VX1","from":"+15550100001","customParameters":{"plan":"gold"},"new":[1]}'

    setup = decode(text)

    assert isinstance(setup, Setup)
    assert (setup.session_id, setup.from_, setup.custom_parameters) == ("VX1", "+15550100001", {"plan": "gold"})
    assert setup.whole == json.loads(text)


def test_a_setup_of_another_provider() -> None:
    """Telnyx: UUIDs instead of SIDs, its own call ids, no callType."""
    setup = decode(
        '{"type":"setup","sessionId":"7a7e6a4f-1d44","accountSid":"1f1a","callSid":"v2:T02","callControlId":"v2:T02",'
        '"from":"+15550100001","to":"+15550100002","direction":"inbound","callerName":"","callStatus":"active"}'
    )

    assert isinstance(setup, Setup)
    assert setup.call_sid == "v2:T02"
    assert setup.custom_parameters is None
    assert setup.whole["callControlId"] == "v2:T02"


@pytest.mark.parametrize(
    ("value", "heard_ms"),
    [
        ("460", 460), ("12.5", 12), (" 7 ", 7), (15, 15), (12.6, 13), (0, 0), (None, None), ("", None), ("soon", None),
        (True, None), (-3, None), ([1], None), ("nan", None), ("inf", None), (1e300, None), ("9" * 5000, None),
    ],
)  # fmt: skip
def test_the_duration_of_an_interrupt_takes_many_forms(value: object, heard_ms: int | None) -> None:
    text = json.dumps({"type": "interrupt", "durationUntilInterruptMs": value})

    message = decode(text)

    assert isinstance(message, Interrupt)
    assert message.heard_ms == heard_ms


def test_an_interrupt_need_not_say_anything() -> None:
    assert decode('{"type":"interrupt"}') == Interrupt(None, None)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "not_text"),
        ("", "not_json"),
        ("this is not json #1", "not_json"),
        ('{"type":"text","token":', "not_json"),
        ('{"type":"text","token":NaN}', "not_json"),
        ('{"type":"text","token":"a"} x', "not_json"),
        ('\ufeff{"type":"text","token":"a"}', "not_json"),
        ("[" * 100_000, "not_json"),
        ('{"type":"text","token":"a","x":' + "[" * 100_000, "not_json"),
        ('{"type":"new","x":' + "9" * 5000 + "}", "not_json"),
        ("5", "not_object"),
        ('["text"]', "not_object"),
        ("null", "not_object"),
        ("{}", "no_type"),
        ('{"type":7}', "no_type"),
        ('{"token":"a"}', "no_type"),
        ('{"type":"config"}', "unknown_type"),
        ('{"type":"Text","token":"a"}', "unknown_type"),
        ('{"type":"text"}', "wrong_field"),
        ('{"type":"text","token":5}', "wrong_field"),
        ('{"type":"text","token":null}', "wrong_field"),
        ('{"type":"prompt","voicePrompt":{}}', "wrong_field"),
        ('{"type":"text","token":"a","type":"prompt"}', "wrong_field"),
    ],
)
def test_what_is_not_understood_says_why(text: str | None, why: str) -> None:
    message = decode(text)

    assert isinstance(message, Unknown)
    assert message.why == why


def test_an_unknown_message_keeps_its_name_within_bounds() -> None:
    assert decode('{"type":"config"}') == Unknown("unknown_type", "config")
    assert decode(json.dumps({"type": "x" * 1000})) == Unknown("unknown_type", "x" * 64)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type":"text","token":"a","last":"true"}', Text("a", True)),
        ('{"type":"text","token":"a","last":[]}', Text("a", False)),
        ('{"type":"prompt","voicePrompt":"a","lang":5}', Prompt("a")),
        ('{"type":"interrupt","utteranceUntilInterrupt":[]}', Interrupt()),
        ('{"type":"text","token":"a","x":' + "9" * 400 + "}", Text("a")),
        ('{"type":"text","token":"a","x":1e999}', Text("a")),
        ('{"type":"error","description":null}', Error(None)),
        ('{"type":"text","token":"\\ud83d"}', Text("\ud83d")),
        ('{"type":"prompt","voicePrompt":"\\ud83d"}', Prompt("\ufffd")),
        ('{"type":"text","token":"\\ud83d\\ude00"}', Text("😀")),
    ],
)
def test_an_optional_field_that_is_wrong_is_as_if_absent(text: str, message: object) -> None:
    assert decode(text) == message


@pytest.mark.parametrize(("last", "final"), [("", True), (',"last":null', True), (',"last":false', False)])
def test_a_prompt_that_does_not_say_is_final(last: str, final: bool) -> None:
    message = decode('{"type":"prompt","voicePrompt":"a"' + last + "}")

    assert isinstance(message, Prompt)
    assert message.final is final


def test_foreign_json_is_kept_only_as_deep_as_can_be_shown() -> None:
    assert parse("[" * 60 + "]" * 60) is not None
    with pytest.raises(ValueError, match="deep"):
        parse("[" * 70 + "]" * 70)
    with pytest.raises(ValueError, match="deep"):
        parse("[" * 100_000)


def test_the_type_in_a_head() -> None:
    assert type_in('{"a":{"type":"x"},"type" : "config","b":"') == "config"
    assert type_in('{"a":{"type":"x"}') is None
    assert type_in("aaaa") is None


@pytest.mark.parametrize("depth", [70, 5000])
def test_what_is_nested_too_deeply_is_known_by_its_strings(depth: int) -> None:
    deep = "[" * depth + "]" * depth

    assert decode('{"type":"end","handoffData":' + deep + "}") == End(msgspec.UNSET)
    assert decode('{"handoffData":' + deep + ',"type":"end"}') == End(msgspec.UNSET)
    assert decode('{"type":"setup","sessionId":"VX1","customParameters":' + deep + "}") == Setup(
        session_id="VX1", whole={"type": "setup", "sessionId": "VX1"}
    )
    assert decode('{"type":"config","x":' + deep + "}") == Unknown("not_json", "config")
    assert decode('{"type":"end","handoffData":' + deep) == Unknown("not_json")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(
    ["setup", "prompt", "dtmf", "interrupt", "error", "info", "text", "play", "sendDigits", "language", "end", "x"]
)
fields = st.sampled_from(
    ["voicePrompt", "lang", "last", "digit", "token", "source", "digits", "handoffData", "name", "value", "whole"]
)
messages = st.builds(
    lambda name, rest: json.dumps({"type": name} | rest), names, st.dictionaries(fields, json_values, max_size=4)
)


@given(st.text() | st.builds(json.dumps, json_values) | messages)
@example('{"type":"setup","customParameters":{"\\ud800":"\\udfff"}}')
@example('{"type":"text","token":"\\ud800"}')
@example('{"type":"end","handoffData":' + "1" * 300 + "}")
def test_anything_decodes_to_what_can_be_written(text: str) -> None:
    message: Any = decode(text)

    assert isinstance(message, msgspec.Struct)
    if isinstance(message, Text):
        message = mended(message.token)
    msgspec.json.encode(message)
