"""Numbers as people read them: the value with its unit, or why there is none."""

from typing import Any

import msgspec
import pytest

from relayproxy.console.calls.number_views import NumberGroup, definitions, of_session, of_turn
from relayproxy.conversation.measures.numbers import TURN_NUMBERS
from relayproxy.conversation.model import Budget, ChunkGaps
from relayproxy.conversation.totals import Silence, Spread
from tests.script import script

MS = 1_000_000
CONVERSATION = script("""
    0.0          twilio   setup sessionId=VX1 callSid=CA1 from=+15550100001 to=+15550100002 direction=inbound
    2.000/2.001  twilio   prompt "Hello" last
    2.750/2.7525 backend  text "Good morning. "
    3.000        backend  text "Who is it?" last
    3.100        twilio   interrupt "Good" 300
""")
TURN = CONVERSATION.turns[1]


def told(group: NumberGroup) -> dict[str, Any]:
    return {view.number.name: view.texts or view.absent for view in group.numbers}


def changed(**fields: Any) -> dict[str, Any]:
    return told(of_turn(msgspec.structs.replace(TURN, **fields))[0])


@pytest.mark.parametrize(
    ("name", "fields", "texts"),
    [
        ("response_latency_ms", {"budget": Budget(None, MS, 749 * MS, 2_500_000, None)}, ("752 ms",)),
        ("proxy_out_ms", {"budget": Budget(None, MS, 749 * MS, 2_500_000, None)}, ("2.5 ms",)),
        ("backend_latency_ms", {"budget": Budget(None, MS, 12_345 * MS, 0, None)}, ("12.3 s",)),
        ("input_delay_ms", {"budget": Budget(-120 * MS, MS, MS, MS, None)}, ("−120 ms",)),
        ("longest_wait_ms", {"longest_wait_ms": 1200}, ("1,200 ms",)),
        ("chunks", {"chunks": 1}, ("1 chunk",)),
        ("stalls", {"stalls": 0}, ("0 gaps",)),
        ("char_rate", {"char_rate": 14.52}, ("14.5 characters/s",)),
        ("chunk_gaps", {"chunk_gaps": ChunkGaps(80, 120, 1500)}, ("p50 80 ms", "p95 120 ms", "max 1,500 ms")),
    ],
)
def test_a_value_has_its_unit(name: str, fields: dict[str, Any], texts: tuple[str, ...]) -> None:
    assert changed(**fields)[name] == texts


def test_what_is_absent_says_why() -> None:
    gone = changed(
        budget=Budget(),
        null_reason="handed_off",
        stream_duration_ms=None,
        null_reasons={"stream_duration_ms": "no_text"},
    )

    assert gone["response_latency_ms"] == gone["proxy_in_ms"] == "handed off without a word"
    assert gone["stream_duration_ms"] == "no text"
    assert changed(null_reason=None, null_reasons={}, longest_wait_ms=None)["longest_wait_ms"] == "not known"


def test_each_interruption_has_numbers_of_its_own() -> None:
    own, cut = of_turn(TURN)

    assert [view.number for view in own.numbers] == [*TURN_NUMBERS]
    assert (own.title, cut.title) == ("", "Interruption 1, by speaking")
    assert told(cut)["heard_ms"] == ("300 ms",)
    assert told(cut)["recovery_ms"] == "no response to it yet, or none within a minute"


def test_an_estimate_says_so() -> None:
    estimated = msgspec.structs.replace(TURN, reply_complete_ms=3000, reply_complete_estimated=True)

    assert [view.number.name for view in of_turn(estimated)[0].numbers if view.estimated] == ["reply_complete_ms"]


def test_the_numbers_of_a_session_have_all_of_their_parts() -> None:
    totals = msgspec.structs.replace(
        CONVERSATION.totals,
        silence={"caller": Silence(60_500, 9_000, 2, True)},
        overhead_in=Spread(12, 0.1, 0.25, 3, {}),
        user_bot_latency=Spread(),
        interruptions={},
    )
    found = told(of_session(msgspec.structs.replace(CONVERSATION, totals=totals, gap_bytes=2048))[0])

    assert found["silence"] == ("caller about 60.5 s", "longest 9,000 ms")
    assert found["overhead_in_ms"] == ("p50 0.1 ms", "p95 0.2 ms", "max 3 ms", "of 12")
    assert found["user_bot_latency_ms"] == "no turn has one"
    assert found["interruptions_by_kind"] == "none"
    assert found["gap_bytes"] == ("2.0 KiB",)
    assert found["duration_ms"] == "the call is live"


def test_what_is_counted_by_kind_is_called_as_on_the_other_pages() -> None:
    totals = msgspec.structs.replace(
        CONVERSATION.totals,
        interruptions={"caller_speech": 2, "caller_dtmf": 1, "agent_over_caller": 1},
        findings={"invalid_message": 1_200, "of_a_later_version": 1},
    )
    found = told(of_session(msgspec.structs.replace(CONVERSATION, totals=totals))[0])

    assert found["interruptions_by_kind"] == ("by speaking 2", "by a key 1", "Agent spoke over caller 1")
    assert found["findings_by_code"] == ("Invalid message 1,200", "of a later version 1")


def test_every_number_has_a_definition_to_lead_to() -> None:
    known = {id for numbers in definitions().values() for id, _ in numbers}

    assert {view.id for group in (*of_turn(TURN), *of_session(CONVERSATION)) for view in group.numbers} <= known
