"""A recorded call is folded as the recorder folds it, however its connections lie in time."""

from dataclasses import replace

import msgspec

from relayproxy.conversation.checks.findings import Thresholds
from relayproxy.recordings.call import CallConnection, fold_connections
from relayproxy.recordings.files import read_call
from tests.recordings.test_files import FILES

RECONNECTED = FILES / "reconnected.v1.relayproxy.jsonl"


def test_the_connections_of_a_session_are_one_conversation() -> None:
    call = read_call(RECONNECTED)

    assert [len(one.messages) for one in call.connections] == [4, 4]
    assert [(turn.caller_text, turn.agent_text) for turn in call.conversation.turns if turn.caller_text] == [
        ("Is my table still booked?", "Yes, at eight."),
        ("Thank you, goodbye.", "Goodbye."),
    ]
    assert call.conversation.outcome == "caller_hangup"
    assert call.conversation.started_at == call.connections[0].opening.opened_at


def test_connections_that_overlap_are_taken_in_the_order_of_time() -> None:
    first, second = read_call(RECONNECTED).connections
    early = replace(second, opening=msgspec.structs.replace(second.opening, opened_at=first.opening.opened_at + 1))
    asked = [turn.caller_text for turn in fold_connections((first, early)).turns if turn.caller_text]

    assert asked == ["Thank you, goodbye.", "Is my table still booked?"]


def test_what_is_slow_is_a_matter_of_thresholds() -> None:
    assert "slow_turn" not in read_call(RECONNECTED).conversation.totals.findings
    assert "slow_turn" in read_call(RECONNECTED, Thresholds.of_seconds(0.5, 1.0)).conversation.totals.findings


def test_a_call_that_lived_has_no_end() -> None:
    connection = read_call(RECONNECTED).connections[0]

    assert fold_connections((CallConnection(connection.opening, connection.messages[:2], None),)).live
