"""Any text decodes to something: a typed message, or Unknown with a reason; a backend's with the violation."""

import json
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from relayproxy.connection import Side
from relayproxy.conversation.message import Message
from relayproxy.conversation.protocol.decoding import Decoded, decode, decode_text, parse
from relayproxy.conversation.protocol.messages import (
    Config,
    Dtmf,
    End,
    Error,
    Hints,
    Info,
    Interrupt,
    Language,
    Play,
    Prompt,
    SendDigits,
    Setup,
    Text,
    Unknown,
)
from relayproxy.conversation.protocol.violations import Violation
from relayproxy.text import mended


def event(text: str | None) -> Any:
    """What a message says; who sent it makes no difference to that."""
    said, heard = decode_text(text, "backend").event, decode_text(text, "twilio").event
    assert said == heard
    return said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type":"prompt","voicePrompt":"Hi","lang":"en","last":false}', Prompt("Hi", "en", False)),
        ('{"type":"dtmf","digit":"#"}', Dtmf("#")),
        ('{"type":"interrupt","utteranceUntilInterrupt":"a","durationUntilInterruptMs":15}', Interrupt("a", 15)),
        ('{"type":"error","description":"no"}', Error("no")),
        ('{"type":"info","name":"agentSpeaking","value":"on"}', Info("agentSpeaking", "on")),
        ('{"type":"text","token":" a","last":true,"preemptible":true}', Text(" a", True, preemptible=True)),
        ('{"type":"play","source":"https://h/a.mp3","loop":0}', Play("https://h/a.mp3", loop=0)),
        ('{"type":"sendDigits","digits":"1w#"}', SendDigits("1w#")),
        ('{"type":"language","ttsLanguage":"es-ES","new":{}}', Language("es-ES")),
        ('{"type":"end","handoffData":"x"}', End("x")),
        ('{"type":"end"}', End(None)),
        ('{"type":"config","interruptible":"any"}', Config()),
        ('{"type":"hints"}', Hints()),
        ('{"token":"a","type":"text"}', Text("a")),
        ('{"type":"text","token":"a","token":"b"}', Text("b")),
        ('{"type":"text","token":"\\u0000"}', Text("\0")),
    ],
)
def test_both_vocabularies(text: str, message: object) -> None:
    assert event(text) == message


def test_setup_keeps_what_it_does_not_know() -> None:
    text = '{"type":"setup","sessionId":"VX1","from":"+15550100001","customParameters":{"plan":"gold"},"new":[1]}'

    decoded = decode_text(text, "twilio")
    setup = decoded.event

    assert isinstance(setup, Setup)
    assert (setup.session_id, setup.from_, setup.custom_parameters) == ("VX1", "+15550100001", {"plan": "gold"})
    assert decoded.fields == json.loads(text)


def test_a_setup_of_another_provider() -> None:
    """Telnyx: UUIDs instead of SIDs, its own call ids, no callType."""
    decoded = decode_text(
        '{"type":"setup","sessionId":"7a7e6a4f-1d44","accountSid":"1f1a","callSid":"v2:T02","callControlId":"v2:T02",'
        '"from":"+15550100001","to":"+15550100002","direction":"inbound","callerName":"","callStatus":"active"}',
        "twilio",
    )

    assert isinstance(decoded.event, Setup)
    assert decoded.event.call_sid == "v2:T02"
    assert decoded.event.custom_parameters is None
    assert decoded.fields is not None
    assert decoded.fields["callControlId"] == "v2:T02"


def test_an_interrupt_need_not_say_anything() -> None:
    assert event('{"type":"interrupt"}') == Interrupt(None, None)


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
        ('{"type":"new","x":' + "9" * 5000 + "}", "unknown_type"),
        ("5", "not_object"),
        ('["text"]', "not_object"),
        ("null", "not_object"),
        ("{}", "no_type"),
        ('{"type":7}', "no_type"),
        ('{"token":"a"}', "no_type"),
        ('{"type":"mute"}', "unknown_type"),
        ('{"type":"Text","token":"a"}', "unknown_type"),
        ('{"type":"text"}', "wrong_field"),
        ('{"type":"text","token":5}', "wrong_field"),
        ('{"type":"text","token":null}', "wrong_field"),
        ('{"type":"prompt","voicePrompt":{}}', "wrong_field"),
        ('{"type":"text","token":"a","type":"prompt"}', "wrong_field"),
    ],
)
def test_what_is_not_understood_says_why(text: str | None, why: str) -> None:
    message = event(text)

    assert isinstance(message, Unknown)
    assert message.why == why


def test_an_unknown_message_keeps_its_name_within_bounds() -> None:
    assert event('{"type":"mute"}') == Unknown("unknown_type", "mute")
    assert event(json.dumps({"type": "x" * 1000})) == Unknown("unknown_type", "x" * 64)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type":"text","token":"a","last":"true"}', Text("a", True)),
        ('{"type":"text","token":"a","last":[]}', Text("a")),
        ('{"type":"prompt","voicePrompt":"a","lang":5}', Prompt("a")),
        ('{"type":"interrupt","utteranceUntilInterrupt":[]}', Interrupt()),
        ('{"type":"text","token":"a","x":' + "9" * 400 + "}", Text("a")),
        ('{"type":"text","token":"a","x":' + "9" * 5000 + ',"last":5}', Text("a", None)),
        ('{"type":"end","handoffData":' + "9" * 5000 + "}", End("9" * 5000)),
        ('{"type":"text","token":"a","x":1e999}', Text("a")),
        ('{"type":"play","source":"","loop":-1,"interruptible":0}', Play("", loop=-1, interruptible=False)),
        ('{"type":"sendDigits","digits":"1 2"}', SendDigits("1 2")),
        ('{"type":"error","description":null}', Error(None)),
        ('{"type":"text","token":18446744073709551616}', Text("18446744073709551616")),
        ('{"type":"text","token":"\\ud83d"}', Text("\ud83d")),
        ('{"type":"prompt","voicePrompt":"\\ud83d"}', Prompt("\ufffd")),
        ('{"type":"text","token":"\\ud83d\\ude00"}', Text("😀")),
    ],
)
def test_an_optional_field_that_is_wrong_is_as_if_absent(text: str, message: object) -> None:
    assert event(text) == message


def test_foreign_json_is_kept_only_as_deep_as_can_be_shown() -> None:
    assert parse("[" * 60 + "]" * 60) is not None
    with pytest.raises(ValueError, match="deep"):
        parse("[" * 70 + "]" * 70)
    with pytest.raises(ValueError, match="deep"):
        parse("[" * 100_000)


@pytest.mark.parametrize("depth", [70, 5000])
def test_what_is_nested_too_deeply_is_known_by_its_strings(depth: int) -> None:
    deep = "[" * depth + "]" * depth

    assert event('{"type":"end","handoffData":' + deep + "}") == End(msgspec.UNSET)
    assert event('{"handoffData":' + deep + ',"type":"end"}') == End(msgspec.UNSET)
    assert decode_text('{"type":"setup","sessionId":"VX1","customParameters":' + deep + "}", "twilio") == Decoded(
        Setup(session_id="VX1"), fields={"type": "setup", "sessionId": "VX1"}
    )
    assert event('{"type":"mute","x":' + deep + "}") == Unknown("not_json", "mute")
    assert event('{"type":"end","handoffData":' + deep) == Unknown("not_json")


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


@given(st.text() | st.builds(json.dumps, json_values) | messages, st.sampled_from(get_args(Side)))
@example('{"type":"setup","customParameters":{"\\ud800":"\\udfff"}}', "twilio")
@example('{"type":"text","token":"\\ud800"}', "backend")
@example('{"type":"end","handoffData":' + "1" * 300 + "}", "backend")
def test_anything_decodes_to_what_can_be_written(text: str, sender: Side) -> None:
    message: Any = decode_text(text, sender).event

    assert isinstance(message, msgspec.Struct)
    if isinstance(message, Text):
        message = mended(message.token)
    msgspec.json.encode(message)


def test_a_message_that_was_cut_is_known_by_its_head_and_never_called_invalid() -> None:
    def recorded(text: str, **fields: Any) -> Message:
        return Message(0, 0, "backend", "text", text=text, cut=True, **fields)

    assert decode(recorded('{"type":"end","handoffData":"aaa')) == Decoded(End(msgspec.UNSET))
    assert decode(recorded('{"type":"text","token":"aaa')) == Decoded(Unknown("not_json", "text"))
    assert decode(recorded('{"type":"end","handoffData":"aaa', note="incomplete")) == Decoded(Unknown("not_json"))
    assert decode(recorded("x" * 99)) == Decoded(Unknown("not_json"))
    assert decode(recorded('{"type":"txt"}')) == Decoded(Unknown("unknown_type", "txt"))
    setup = decode(recorded('{"type":"setup","sessionId":"VX1","customParameters":{"a":"'))
    assert setup == Decoded(Setup(session_id="VX1"), fields={"type": "setup", "sessionId": "VX1"})


def test_one_decode_tells_the_event_and_the_violation() -> None:
    binary = Message(0, 0, "backend", "binary", data=b"x")

    assert decode(binary) == Decoded(Unknown("not_text"), Violation("invalid_message", "a binary message"))
    assert decode(msgspec.structs.replace(binary, sender="twilio")) == Decoded(Unknown("not_text"))
    assert decode_text('{"type":"text","token":"a","last":"true"}', "backend") == Decoded(
        Text("a", True), Violation("invalid_message", "last of text is a string")
    )
    assert decode_text('{"type":"text","token":"a","last":"true"}', "twilio") == Decoded(Text("a", True))
    assert decode_text('{"type":"prompt","voicePrompt":"a"}', "backend") == Decoded(
        Prompt("a"), Violation("invalid_message", 'unknown type "prompt"')
    )


@given(messages, st.sampled_from(get_args(Side)))
def test_half_a_character_elsewhere_changes_nothing(text: str, sender: Side) -> None:
    """Such a message is read in the careful way, which has to come to the same."""
    quick = decode_text(text, sender)
    careful = decode_text(f'{text[:-1]},"more":"\ud800"}}', sender)

    assert careful.violation == quick.violation
    assert careful.event == quick.event
