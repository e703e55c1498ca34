"""What comes from Twilio's side, well formed or not: the same bytes arrive, the record says what they were, and
neither a log nor a health check has words of a call."""

import hashlib
import json
import random
import zlib
from typing import Any

import pytest

from tests import wire
from tests.faults.harness import (
    BINARY,
    MORE,
    PING,
    PONG,
    TEXT,
    System,
    answer,
    long_text,
    new_id,
    prompt,
    reset,
    setup,
    text,
    token,
)
from tests.wire import ANSWER, REQUEST

SECRET = "swordfish"
LIMIT = 262_144
"""The default of `message_limit`."""


def carried(weather: System, *frames: bytes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Session and messages of a call in which Twilio sends these and hangs up, each arriving as it was sent; the call
    goes on behind each of them."""
    with weather.call() as call:
        for one in frames:
            call.says(one)
            call.hears(answer(token("go on")))
        call.hangs_up()
    session = weather.recorded(call.peer)
    assert session["connection"]["ending"]["twilio_bytes"] == sum(map(len, frames)) + 33
    weather.is_quiet(SECRET)
    return session, [one for one in weather.messages(session) if one["from"] == "twilio"]


PAYLOADS: dict[str, tuple[bytes, str]] = {
    "half an object": (b'{"type":"prompt","voicePrompt":"swordfish', "not JSON"),
    "an unknown type": (b'{"type":"swordfish","a":1}', "swordfish"),
    "no type": (b'{"voicePrompt":"swordfish"}', "no type"),
    "a type that is a number": (b'{"type":7}', "no type"),
    "a number": (b"12", "no type"),
    "a list": (b'["setup"]', "no type"),
    "null": (b"null", "no type"),
    "nothing": (b"", "not JSON"),
    "nested a hundred thousand deep": (b"[" * 100_000, "not JSON"),
    "a number of 5,000 digits": (b'{"type":"prompt","voicePrompt":' + b"9" * 5000 + b"}", "prompt"),
    "NaN": (b'{"type":"dtmf","digit":NaN}', "not JSON"),
    "the same key twice": (b'{"type":"prompt","type":"dtmf","digit":"1"}', "dtmf"),
    "a byte order mark": (b'\xef\xbb\xbf{"type":"prompt"}', "not JSON"),
    "a null character": (b'{"type":"prompt","voicePrompt":"a\\u0000b","last":true}', "prompt"),
    "half a character": (b'{"type":"prompt","voicePrompt":"a\\ud800b","last":true}', "prompt"),
}


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_message_that_is_none(name: str, weather: System) -> None:
    payload, kind = PAYLOADS[name]
    session, messages = carried(weather, text(setup()), text(payload), text(prompt("and on")))

    assert [one["type"] for one in messages] == ["setup", kind, "prompt", "close"]
    assert messages[1]["text"].encode() == payload
    assert (session["outcome"], session["ended_by"]) == ("caller_hangup", "caller")
    assert "and on" in weather.shown(session)
    assert weather.ready()["journal"] == "ok"


def test_bytes_that_are_no_text_are_kept_as_bytes(weather: System) -> None:
    binary = bytes(range(256))
    _, messages = carried(
        weather, text(setup()), text(b"\xff\xfe"), wire.frame(BINARY, binary, mask=True), text(prompt("and on"))
    )
    assert [(one["kind"], one["note"]) for one in messages[1:3]] == [("text", "invalid_utf8"), ("binary", None)]
    assert [one["size"] for one in messages[1:3]] == [2, 256]
    assert messages[1]["data"] == "//4="


def test_a_message_of_15_mb_is_passed_on_and_kept_as_head_length_and_hash(weather: System) -> None:
    payload = ('{"type":"prompt","voicePrompt":"' + "w" * (15 << 20) + '"}').encode()
    with weather.call() as call, weather.call() as other:
        call.says(text(setup()) + long_text(payload))
        other.says(text(prompt("meanwhile")))
        call.hangs_up()
        other.hangs_up()
    session = weather.recorded(call.peer)
    message = weather.messages(session)[1]
    assert (message["cut"], message["size"], message["type"]) == (True, len(payload), "prompt")
    assert message["sha256"] == hashlib.sha256(payload).hexdigest()
    assert message["text"].encode() == payload[: len(message["text"])]
    assert len(message["text"]) <= LIMIT
    assert weather.recorded(other.peer)["totals"]["messages"] == 1
    assert session["totals"]["gaps"] == 0


def test_fragments_and_control_frames(weather: System) -> None:
    whole = prompt("in three parts").encode()
    frames = (
        wire.frame(TEXT, whole[:5], mask=True, fin=False)
        + wire.frame(PING, b"still there?", mask=True)
        + wire.frame(MORE, whole[5:9], mask=True, fin=False)
        + wire.frame(MORE, whole[9:], mask=True)
        + wire.frame(PONG, b"unasked", mask=True)
        + wire.frame(PING, b"p" * 200, mask=True)
    )
    session, messages = carried(weather, text(setup()), frames)
    assert [(one["kind"], one["frames"], one["note"]) for one in messages[1:5]] == [
        ("ping", 1, None),
        ("text", 3, None),
        ("pong", 1, None),
        ("ping", 1, "oversized_control"),
    ]
    assert "in three parts" in weather.shown(session)


BROKEN = {
    "reserved bits": (wire.frame(TEXT, b"?", mask=True, rsv=2), "reserved_bits"),
    "a reserved opcode": (wire.frame(3, b"?", mask=True), "reserved_opcode"),
    "no mask": (wire.frame(TEXT, b"?"), "wrong_mask"),
    "a continuation of nothing": (wire.frame(MORE, b"?", mask=True), "unexpected_continuation"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_frames_against_the_protocol_are_passed_on_and_end_the_decoding_of_that_side(
    name: str, weather: System
) -> None:
    frames, note = BROKEN[name]
    session, messages = carried(weather, text(setup()), frames, text(prompt(SECRET)))
    assert [(one["type"], one["note"]) for one in messages[:2]] == [("setup", None), ("undecodable", note)]
    assert [one["type"] for one in weather.messages(session) if one["from"] == "backend"] == ["text"] * 3 + ["close"]
    assert session["totals"]["messages"] == 4
    assert session["ended_at"]


def test_compression_is_agreed_by_the_two_ends_and_a_bomb_costs_little(weather: System) -> None:
    offer = REQUEST.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
    agreed = ANSWER.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n")

    def deflated(payload: bytes) -> bytes:
        squeeze = zlib.compressobj(1, zlib.DEFLATED, -15)
        packed = squeeze.compress(payload) + squeeze.flush(zlib.Z_SYNC_FLUSH)
        return wire.frame(TEXT, packed.removesuffix(b"\0\0\xff\xff"), mask=True, rsv=4)

    bomb, named = 50 << 20, new_id()
    with weather.call(offer, agreed) as call:
        call.says(deflated(setup(named).encode()))
        call.says(deflated(bytes(bomb)))
        call.hangs_up()
    session = weather.recorded(call.peer)
    messages = weather.messages(session)
    assert [(one["compressed"], one["cut"]) for one in messages[:2]] == [(True, False), (True, True)]
    assert messages[1]["size"] == bomb
    assert session["session_id"] == named
    assert session["totals"]["gaps"] == 0


def test_a_call_without_setup_is_a_session_of_its_own(weather: System) -> None:
    session, messages = carried(weather, text(prompt("who is this")))
    assert session["session_id"] is None
    assert [one["type"] for one in messages] == ["prompt", "close"]
    assert "who is this" in weather.shown(session)


def test_the_first_setup_of_a_connection_counts(weather: System) -> None:
    session, messages = carried(weather, text(setup(first := new_id())), text(setup()), text(prompt("and on")))
    assert session["session_id"] == first
    assert [one["type"] for one in messages] == ["setup", "setup", "prompt", "close"]
    assert any(finding["code"] == "second_setup" for finding in session["findings"]), session["findings"]


def test_a_megabyte_of_custom_parameters(weather: System) -> None:
    parameters = {f"k{number}": "v" * 100 for number in range(10_000)}
    frame = long_text(setup(named := new_id(), customParameters=parameters).encode())
    session, messages = carried(weather, frame, text(prompt("and on")))
    assert messages[0]["cut"]
    assert messages[0]["size"] > LIMIT
    assert session["session_id"] == named, "a head that was cut still tells whose call it is"
    assert len(json.dumps(session)) < 200_000
    assert "and on" in weather.shown(session)


def test_messages_out_of_order_are_kept_in_the_order_in_which_they_came(weather: System) -> None:
    keys = '{"type":"dtmf","digit":"1"}'
    with weather.call() as call:
        call.says(text(keys))
        call.says(text('{"type":"prompt","voicePrompt":"no last"}'))
        call.says(text(setup(named := new_id())))
        call.hears(answer('{"type":"end"}'))
        call.says(text(prompt("after the end")))
        call.hangs_up()
    session = weather.recorded(call.peer)
    messages = weather.messages(session)
    assert [one["type"] for one in messages] == ["dtmf", "prompt", "setup", "end", "prompt", "close", "close"]
    assert [one["seq"] for one in messages] == list(range(7))
    assert session["session_id"] == named


def test_a_call_that_comes_back_on_another_connection_is_one_session(weather: System) -> None:
    named = new_id()
    with weather.call() as first:
        first.says(text(setup(named)) + text(prompt("first part")))
        reset(first.twilio)
        assert wire.how_it_ends(first.backend) == "reset"
    assert weather.recorded(first.peer)["connection"]["ending"]["twilio"] == "reset"
    with weather.call() as second:
        second.says(text(setup(named)) + text(prompt("second part")))
        second.hangs_up()
    session = weather.recorded(second.peer)
    assert [one["index"] for one in session["connections"]] == [0, 1]
    page = weather.shown(session)
    assert "first part" in page
    assert "second part" in page


def test_two_live_connections_with_one_id_are_both_relayed_and_flagged(weather: System) -> None:
    named = new_id()
    with weather.call() as one:
        one.says(text(setup(named)) + text(prompt("the first")))
        weather.recorded(one.peer, ended=False, messages=2)
        with weather.call() as other:
            other.says(text(setup(named)) + text(prompt("the second")))
            other.hangs_up()
        one.hangs_up()
    first, second = weather.recorded(one.peer), weather.recorded(other.peer)
    assert first["id"] != second["id"], "neither writes into the other's record"
    assert "the second" not in weather.shown(first)
    for session in (first, second):
        assert "Another connection claims the same session id" in weather.shown(session)


@pytest.mark.parametrize("how", ["eof", "reset"])
def test_a_twilio_that_vanishes_while_an_answer_is_under_way(how: str, weather: System) -> None:
    half = text(prompt("never finished"))[:20]
    with weather.call() as call:
        call.says(text(setup()) + text(prompt("tell me")))
        call.hears(answer(token("well", last=False)))
        call.says(half)
        if how == "eof":
            call.twilio.close()
        else:
            reset(call.twilio)
        assert wire.how_it_ends(call.backend) == how
    session = weather.recorded(call.peer)
    ending = session["connection"]["ending"]
    assert (ending["first"], ending["twilio"], ending["backend_bytes"]) == (
        "twilio",
        how,
        len(answer(token("well", last=False))),
    )
    assert weather.messages(session)[-1]["note"] == "incomplete"
    assert session["ended_by"] == "twilio"
    assert session["end_reason"] in weather.shown(session)


def test_a_twilio_that_has_said_all_still_hears(weather: System) -> None:
    with weather.call() as call:
        call.says(text(setup()))
        call.twilio.shutdown(1)
        assert wire.how_it_ends(call.backend) == "eof"
        call.hears(answer(token("Goodbye then.")))
        call.backend.close()
        assert wire.how_it_ends(call.twilio) == "eof"
    session = weather.recorded(call.peer)
    assert (session["connection"]["ending"]["first"], session["connection"]["ending"]["twilio"]) == ("twilio", "eof")
    assert "Goodbye then." in weather.shown(session)


def test_a_flood_of_partial_prompts_is_recorded_whole(weather: System) -> None:
    chance, said = random.Random(23), ""
    with weather.call() as call:
        call.says(text(setup()))
        for _ in range(400):
            said += chance.choice(["well ", "so ", "I mean ", "you know "])
            call.says(text(json.dumps({"type": "prompt", "voicePrompt": said, "last": False})))
        call.says(text(prompt(said)))
        call.hangs_up()
    session = weather.recorded(call.peer)
    assert session["totals"]["messages"] == 402
    assert session["totals"]["turns"] == 2
    assert len(weather.shown(session)) < 400_000


def test_a_caller_who_hangs_up(weather: System) -> None:
    session, messages = carried(weather, text(setup()))
    assert (messages[-1]["code"], messages[-1]["reason"]) == (1000, "Closing websocket session")
    assert (session["outcome"], session["ended_by"]) == ("caller_hangup", "caller")
    assert session["end_reason"] in weather.shown(session)
