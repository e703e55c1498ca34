"""Rows of the store from a conversation: which value stands in which column, and what no column can hold."""

import json
from dataclasses import astuple, replace
from typing import Any

import msgspec
import pytest

from relayproxy.connection import Opening
from relayproxy.conversation.model import Conversation
from relayproxy.recordings.derive import MAX_LABELS, session_labels, session_row, to_json, turn_of, turn_row
from relayproxy.store.read.filters.criteria import LABEL_TEXT
from tests.recorder.stage import Stage, prompt, setup
from tests.script import Played, play


def test_text_that_databases_refuse(stage: Stage) -> None:
    call = stage.journal().call()
    call.twilio(setup("VX\0", "CA1", customParameters={"a\0": "b\0"}))
    call.twilio(prompt("nul \0 and \ud800 alone"))
    call.backend('{"type":"text","token":"nul \\u0000 and \\ud83d\\ude00","last":true}')
    said = {"type": "interrupt", "utteranceUntilInterrupt": "nul \0 and \ud800", "durationUntilInterruptMs": 900}
    call.twilio(json.dumps(said))
    call.backend('{"type":"end","handoffData":"\\u0000"}')
    stage.recorder().finish()
    stored = stage.stored(call.id)
    assert stored.session.session_id == "VX\ufffd"
    for value in [*astuple(stored.session), *(value for turn in stored.turns for value in astuple(turn))]:
        if isinstance(value, str):
            assert "\0" not in value
            value.encode()
    assert stored.turns[-1].agent_text == "nul \ufffd and 😀"
    assert [m.kind for m in stored.messages[call.id]] == ["text"] * 5


CALL = """
    0.000  twilio   setup sessionId=VX1 callSid=CA1 accountSid=AC1 from=+15550100001 to=+15550100002 plan=gold
    1.000  twilio   prompt "A table for two" last
    1.750  backend  text "For when?" last
    3.000  twilio   prompt "Tonight" last
    7.200  backend  end '{"reasonCode":"live-agent","plan":"gold"}'
    7.300  -        gone first=backend
"""


def row(played: Played, opening: Opening | None = None) -> Any:
    return session_row("s", opening or played.opening, played.fold.conversation(), "2.4.1")


def test_what_lists_are_sorted_and_filtered_by_stands_in_columns_of_its_own() -> None:
    played = play(CALL)
    found = row(played)

    assert (found.id, found.session_id, found.call_sid, found.account_sid) == ("s", "VX1", "CA1", "AC1")
    assert (found.from_number, found.to_number) == ("+15550100001", "+15550100002")
    assert json.loads(found.custom_parameters) == {"plan": "gold"}
    assert (found.outcome, found.ended_by, found.studio_transition) == ("ended_by_backend", "backend", "success")
    assert (found.handoff_reason, json.loads(found.handoff)["reason_code"]) == ("live-agent", "live-agent")
    totals = played.fold.conversation().totals
    assert (found.turns, found.messages, found.responses) == (totals.turns, 5, totals.responses)
    assert (found.response_p50_ms, found.response_max_ms, found.response_n) == (750, 750, 1)
    assert found.longest_wait_ms == totals.longest_wait_ms
    assert (found.backend_version, found.signature, found.revision) == ("2.4.1", "missing", 0)
    assert found.ended_at - found.started_at == 7_300_000_000


def test_findings_are_counted_by_how_bad_they_are() -> None:
    found = row(
        play("""
        0.000  twilio   setup
        1.000  twilio   prompt "Hello?" last
        2.000  backend  raw '{"type":"text","token":5}'
        2.100  backend  raw '{"type":"text","token":5}'
        7.000  backend  text "Hi." last
        9.000  -        gone first=twilio
        """)
    )

    assert (found.errors, found.warnings) == (2, 1)


def test_a_backend_is_stored_without_its_query() -> None:
    played = play("0.000 twilio setup")
    opening = msgspec.structs.replace(played.opening, backend="wss://agent.example.com/ws?token=***")

    assert row(played, opening).backend == "wss://agent.example.com/ws"


def test_a_handoff_without_a_reason_has_an_empty_one_and_no_handoff_has_none() -> None:
    assert row(play("0.000 backend end '{}'")).handoff_reason == ""
    without = row(play("0.000 twilio setup"))
    assert (without.handoff, without.handoff_reason) == (None, None)


def test_the_detail_is_the_conversation_without_what_has_a_place_of_its_own() -> None:
    conversation = play(CALL).fold.conversation()
    detail = msgspec.json.decode(row(play(CALL)).detail, type=Conversation)

    assert conversation.turns
    assert conversation.strip
    assert detail == msgspec.structs.replace(conversation, turns=(), strip="")


def test_a_turn_is_read_whole_from_a_row_that_has_what_was_said_once() -> None:
    turn = play(CALL).fold.conversation().turns[1]
    found = turn_row("s", turn)

    assert (found.session, found.number, found.caller_text, found.agent_text) == (
        "s",
        1,
        "A table for two",
        "For when?",
    )
    assert (found.response_latency_ms, found.backend_latency_ms, found.interrupted) == (750, 750, False)
    assert (turn.heard_basis, found.detail.count("For when?")) == ("all", 0)
    assert turn_of(found) == turn
    assert len(found.detail) < 0.9 * len(to_json(turn)), "what is as by default is not stored"


@pytest.mark.parametrize("text", ["nul \0 and all", "", "plain"])
@pytest.mark.parametrize("heard", ["plain", "", "pla"])
def test_a_turn_is_read_whole_whatever_was_said_and_heard(text: str, heard: str) -> None:
    known = play(CALL).fold.conversation().turns[1]
    unheard = text.removeprefix(heard)
    for basis in ("all", "interrupt"):
        texts = {"caller_text": text, "agent_text": text, "heard_text": heard, "unheard_text": unheard}
        turn = msgspec.structs.replace(known, **texts, heard_basis=basis)

        assert turn_of(turn_row("s", turn)) == turn


def test_a_turn_that_was_stored_with_its_texts_is_read_as_it_is() -> None:
    turn = play(CALL).fold.conversation().turns[1]

    assert turn_of(replace(turn_row("s", turn), detail=to_json(turn))) == turn


def test_a_number_that_no_column_holds_is_none() -> None:
    turn = play(CALL).fold.conversation().turns[1]
    for number, stored in ((2**31 - 1, 2**31 - 1), (2**31, None), (-(2**31) - 1, None)):
        assert turn_row("s", msgspec.structs.replace(turn, longest_wait_ms=number)).longest_wait_ms == stored


def test_a_session_is_found_by_its_parameters_findings_and_languages() -> None:
    conversation = play(CALL).fold.conversation()
    conversation = msgspec.structs.replace(
        conversation, custom_parameters={"plan": "gold", "vip": True, "empty": " ", "n": {"a": 1}}
    )
    labels = session_labels("s", conversation, ["en-US", "es-ES", "en-US"])

    assert (labels.session, labels.started_at) == ("s", conversation.started_at)
    assert labels.labels[:3] == (("param.plan", "gold"), ("param.vip", "true"), ("param.n", '{"a":1}'))
    assert labels.labels[-2:] == (("lang", "en-US"), ("lang", "es-ES"))
    assert [value for name, value in labels.labels if name == "finding"] == list(conversation.totals.findings)


def test_labels_are_bounded_in_number_and_length() -> None:
    conversation = play(CALL).fold.conversation()
    many = {f"p{number}": "x" for number in range(1000)} | {"a": "b"}

    langs = [f"x-{number}" for number in range(1000)]
    found = session_labels("s", msgspec.structs.replace(conversation, custom_parameters=many), langs).labels
    assert len(found) == MAX_LABELS
    long = msgspec.structs.replace(conversation, custom_parameters={"n" * 500: "v" * 500})
    name, value = session_labels("s", long, []).labels[0]
    assert (name, value) == ("param." + "n" * LABEL_TEXT, "v" * LABEL_TEXT)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"a": [1, None, True]}, '{"a":[1,null,true]}'),
        ({"a": "é\ud800"}, '{"a":"é\ufffd"}'),
        ({"\ud800": 2**63}, '{"\ufffd":"9223372036854775808"}'),
        ([-(2**63), 2**63 - 1, "\udfff"], '[-9223372036854775808,9223372036854775807,"\ufffd"]'),
    ],
)
def test_what_json_cannot_hold_is_kept_as_near_as_possible(value: object, written: str) -> None:
    assert to_json(value) == written
