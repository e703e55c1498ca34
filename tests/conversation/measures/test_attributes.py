"""What spans say: every number under the name that the reference gives it, and nothing that was said."""

from itertools import chain

import msgspec
import pytest

from relayproxy.conversation.checks.handoff import handoff
from relayproxy.conversation.measures.attributes import (
    AttributeValue,
    interruption_attributes,
    session_attributes,
    turn_attributes,
)
from relayproxy.conversation.measures.numbers import TABLES
from relayproxy.conversation.totals import Silence, Spread, Totals
from tests.script import script

CALL = """
    0.0          twilio   setup sessionId=VX1 callSid=CA1 from=+15550100001 to=+15550100002 direction=inbound
    0.300        backend  text "Welcome." last
    0.500        twilio   info agentSpeaking on
    1.200        twilio   info agentSpeaking off
    1.300        twilio   info clientSpeaking on
    1.700        twilio   info clientSpeaking off
    2.000/2.001  twilio   prompt "Hello" last
    2.750/2.7525 backend  text "Good morning. "
    3.000        backend  text "Who is it?" last
    3.100        twilio   info agentSpeaking on
    5.000        twilio   info agentSpeaking off
    6.000        twilio   prompt "Me" last
    6.500        backend  text "Which me, "
    6.900        twilio   info agentSpeaking on
    7.000        twilio   info clientSpeaking on
    7.200        twilio   interrupt "Which" 300
    7.250        twilio   info agentSpeaking off
    7.400        backend  text "of the two?" last
    8.000        twilio   info clientSpeaking off
    8.100        twilio   prompt "Forget it" last
    8.500        backend  text "Goodbye." last
    8.600        backend  raw '{"type":"bye"}'
    9.000        twilio   prompt "Wait" last
    9.500        backend  end '{"reasonCode":"live-agent"}'
    9.600        twilio   close 1000
    9.700        -        gone first=backend
"""
CONVERSATION = script(CALL)
TURNS = [turn_attributes(turn) for turn in CONVERSATION.turns]
CUTS = [interruption_attributes(cut) for turn in CONVERSATION.turns for cut in turn.interruptions]
ROOT = session_attributes(CONVERSATION)


@pytest.mark.parametrize(
    ("level", "name"),
    [(level, number.attribute) for level, numbers in TABLES.items() for number in numbers if number.attribute],
)
def test_every_number_has_the_name_that_the_reference_gives_it(level: str, name: str) -> None:
    speculative = msgspec.structs.replace(CONVERSATION.turns[1], lead_time_ms=200)
    totals = msgspec.structs.replace(CONVERSATION.totals, backend_connect_ms=40, speaking_rate=14.5)
    said = {
        "turn": [turn_attributes(speculative)],
        "interruption": CUTS,
        "session": [session_attributes(msgspec.structs.replace(CONVERSATION, totals=totals))],
    }[level]

    assert any(one == name or one.startswith(f"{name}.") for one in chain(*said))


def test_a_name_has_one_type_and_is_no_namespace() -> None:
    types: dict[str, set[type]] = {}
    for name, value in chain.from_iterable(one.items() for one in (*TURNS, *CUTS, ROOT)):
        types.setdefault(name, set()).add(type(value))

    assert {name: found for name, found in types.items() if len(found) > 1} == {}
    assert [(a, b) for a in types for b in types if b.startswith(f"{a}.")] == []


def test_a_turn_tells_its_numbers_in_seconds() -> None:
    turn = TURNS[1]

    budget = ("input_delay", "proxy_in", "backend_latency", "proxy_out", "output_delay")
    assert [turn[f"relayproxy.turn.{part}"] for part in budget] == [0.3, 0.001, 0.749, 0.0025, 0.3475]
    assert turn["relayproxy.turn.response_latency"] == 0.7525
    assert turn["relayproxy.turn.user_bot_latency"] == turn["turn.user_bot_latency_seconds"] == 1.4
    assert turn["relayproxy.turn.time_to_last_token"] == 1.0
    assert (turn["turn.number"], turn["turn.was_interrupted"], turn["turn.duration_seconds"]) == (1, False, 4.0)
    assert turn["gen_ai.operation.name"] == "invoke_agent"
    assert turn["relayproxy.turn.chunk_gap.p50"] == turn["relayproxy.turn.chunk_gap.max"] == 0.25


def test_what_is_absent_is_left_out_and_zero_is_not() -> None:
    greeting, handed_off = TURNS[0], TURNS[-1]

    assert greeting["relayproxy.turn.null_reason"] == "no_prompt"
    assert "relayproxy.turn.response_latency" not in greeting
    assert "turn.user_bot_latency_seconds" not in greeting
    assert greeting["relayproxy.turn.stream_duration"] == 0
    assert handed_off["relayproxy.turn.unanswered"] is False
    assert handed_off["relayproxy.turn.null_reason"] == "handed_off"


def test_an_interruption_tells_its_numbers() -> None:
    (cut,) = CUTS

    assert cut["relayproxy.interruption.kind"] == "caller_speech"
    assert cut["relayproxy.interruption.heard_duration"] == 0.3
    assert cut["relayproxy.interruption.false"] is False
    assert (cut["relayproxy.barge_in.stale_chunks"], cut["relayproxy.barge_in.stale_chars"]) == (1, len("of the two?"))
    assert cut["relayproxy.barge_in.reaction_time"] == 0.2
    assert cut["relayproxy.barge_in.stop_time"] == 0.25
    assert cut["relayproxy.barge_in.recovery"] == 1.3


def test_the_root_tells_how_it_went() -> None:
    assert ROOT["relayproxy.session.outcome"] == "ended_by_backend"
    assert ROOT["relayproxy.session.confidence"] == "certain"
    assert ROOT["relayproxy.session.predicted_studio_transition"] == "success"
    assert ROOT["relayproxy.session.duration"] == 9.7
    assert ROOT["relayproxy.session.turns"] == 5
    assert ROOT["relayproxy.session.unanswered"] == ROOT["relayproxy.session.asked_again"] == 0
    assert ROOT["relayproxy.session.longest_wait"] == 1.1
    assert ROOT["relayproxy.session.interruptions"] == ROOT["relayproxy.interruption.count.caller_speech"] == 1
    assert ROOT["relayproxy.protocol.violations"] == 1
    assert "twilio.error_code" not in ROOT
    assert session_attributes(script("0.0 - refused status=401"))["twilio.error_code"] == 64102


def test_sums_are_those_of_the_totals_whatever_turns_are_left() -> None:
    totals = Totals(
        turns=900,
        interruptions={"caller_speech": 7, "agent_over_caller": 2},
        response_latency=Spread(890, 700, 2400, 3100, {"no_response": 4}),
        silence={"caller": Silence(60_500, 9_000, 2, True)},
        findings={"slow_turn": 3, "invalid_message": 1},
    )
    root = session_attributes(msgspec.structs.replace(CONVERSATION, turns=(), totals=totals))

    assert (root["relayproxy.session.turns"], root["relayproxy.session.interruptions"]) == (900, 7)
    latency = {name.rpartition("response_latency.")[2]: value for name, value in root.items() if ".response_" in name}
    assert latency == {"p50": 0.7, "p95": 2.4, "max": 3.1, "n": 890, "excluded.no_response": 4}
    silence = {name.rpartition("caller.")[2]: value for name, value in root.items() if ".dead_air.caller" in name}
    assert silence == {"total": 60.5, "longest": 9.0, "episodes": 2, "estimated": True}
    assert (root["relayproxy.finding.slow_turn"], root["relayproxy.finding.invalid_message"]) == (3, 1)
    levels = {level: root[f"relayproxy.session.findings.{level}"] for level in ("error", "warning", "info")}
    assert (sum(levels.values()), levels["error"]) == (4, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("live-agent", "live-agent"),
        ("E_42.1", "E_42.1"),
        ("404", "404"),
        ("he said my secret", None),
        ("a" * 65, None),
        ("15550100001", None),
        ("call.555-010-0001", None),
        ("+15550100001", None),
        ("naïve", None),
        ("code\n", None),
    ],
)
def test_a_reason_leaves_only_when_it_reads_like_a_code(reason: str, told: str | None) -> None:
    ended = msgspec.structs.replace(CONVERSATION, handoff=handoff({"reasonCode": reason}, 1, 100))

    assert session_attributes(ended).get("handoff.reason_code") == told


def test_a_language_that_is_none_does_not_leave() -> None:
    odd = msgspec.structs.replace(CONVERSATION.turns[1], lang="my secret")

    assert "relayproxy.turn.lang" not in turn_attributes(odd)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ('{"reasonCode":"x"}', {"present": True, "bytes": 18, "json_valid": True, "reason_code": "x"}),
        ("plain", {"present": True, "bytes": 5, "json_valid": False}),
        (None, {"present": False, "bytes": 0}),
        (msgspec.UNSET, {"present": True, "bytes": 9000}),
    ],
)
def test_a_handoff_tells_its_size_and_shape(data: object, told: dict[str, AttributeValue]) -> None:
    root = session_attributes(msgspec.structs.replace(CONVERSATION, handoff=handoff(data, 1, 9000)))

    assert {name.removeprefix("handoff."): value for name, value in root.items() if "handoff." in name} == told
    without = session_attributes(msgspec.structs.replace(CONVERSATION, handoff=None))
    assert {name: value for name, value in without.items() if "handoff." in name} == {"handoff.present": False}
