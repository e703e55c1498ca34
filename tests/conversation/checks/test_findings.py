"""The catalogue is complete and speaks plainly; the alarm of a caller who waits."""

import pytest

from relayproxy.conversation.checks.findings import CATALOGUE, FindingDefinition, Thresholds, severity, waiting_finding
from relayproxy.conversation.checks.handoff import handoff, handoff_findings
from relayproxy.conversation.model import Conversation, Finding, Waiting
from relayproxy.conversation.protocol.decoding import decode_text
from tests.script import START

SECOND = 1_000_000_000
SEVERITIES = {
    "error": "invalid_message leaked_error interrupt_sent too_many_invalid rejected_message unanswered waiting "
    "parameter_card_number greeting_card_number handoff_card_number call_failed",
    "warning": "twilio_error missing_last interleaved_replies reply_to_partial stale_speech slow_turn asked_again "
    "stall starved_speech goodbye_clipped markdown url missing_space wrong_language handoff_not_string "
    "handoff_too_large handoff_misplaced handoff_encoded_twice second_setup gap",
    "info": "unstreamed_reply held_reply agent_over_caller false_interruption raw_number handoff_not_json reconnected "
    "parameters_left_out",
}


def call_waiting_since(at: int | None) -> Conversation:
    return Conversation(
        session_id="VX1",
        call_sid="CA1",
        account_sid=None,
        from_number=None,
        to_number=None,
        direction=None,
        caller_name=None,
        custom_parameters={},
        setup={},
        started_at=0,
        ended_at=None,
        outcome=None,
        ended_by=None,
        end_reason=None,
        studio_transition=None,
        twilio_error_code=None,
        handoff=None,
        turns=(),
        messages=1,
        gaps=0,
        gap_bytes=0,
        waiting=None if at is None else Waiting(turn=3, since=at),
    )


def test_every_code_has_its_severity() -> None:
    listed = {code: level for level, codes in SEVERITIES.items() for code in codes.split()}

    assert {code: severity(code) for code in CATALOGUE} == listed
    assert severity("of a later version") == "info"


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=CATALOGUE)
def test_every_entry_says_what_it_means_and_what_to_do(entry: FindingDefinition) -> None:
    assert 2 <= len(entry.title.split()) <= 5
    assert all(text.endswith(".") and 40 < len(text) < 300 for text in (entry.meaning, entry.action))


def test_no_two_have_the_same_title() -> None:
    assert len({entry.title for entry in CATALOGUE.values()}) == len(CATALOGUE)


def test_what_others_find_is_in_the_catalogue() -> None:
    broken, leaked = (decode_text(text, "backend").violation for text in ("x", '{"error":1}'))
    payload = handoff({"card": "4111111111111111", "text": "a" * 5000}, at=0, size=0)
    text = handoff("done", at=0, size=0)

    codes = {found.code for found in (broken, leaked) if found} | {
        code for given in (payload, text) for code, _ in handoff_findings(given)
    }
    assert codes == {
        "invalid_message",
        "leaked_error",
        "handoff_not_string",
        "handoff_not_json",
        "handoff_too_large",
        "handoff_card_number",
    }
    assert codes <= CATALOGUE.keys()


def test_a_caller_who_waits_too_long_is_an_alarm() -> None:
    call = call_waiting_since(START + SECOND)

    assert waiting_finding(call, START + 3 * SECOND - 1, Thresholds()) is None
    assert waiting_finding(call, START + 3 * SECOND, Thresholds()) == Finding(
        "waiting", START + SECOND, "no answer for 2.0 s so far", turn=3
    )


def test_how_long_is_too_long_is_a_setting() -> None:
    call = call_waiting_since(START)

    assert waiting_finding(call, START + 3 * SECOND, Thresholds.of_seconds(slow_turn=4, stall=1)) is None
    assert waiting_finding(call, START + 4 * SECOND, Thresholds.of_seconds(slow_turn=4, stall=1)) is not None


def test_who_does_not_wait_is_no_alarm() -> None:
    assert waiting_finding(call_waiting_since(None), START + 99 * SECOND, Thresholds()) is None


def test_a_clock_that_was_set_back_is_no_alarm() -> None:
    assert waiting_finding(call_waiting_since(START), START - 99 * SECOND, Thresholds()) is None


def test_thresholds_are_whole_milliseconds_and_never_none() -> None:
    assert Thresholds.of_seconds(slow_turn=1.2346, stall=1e-9) == Thresholds(slow_turn_ms=1235, stall_ms=1)
