"""Tables are read by spreadsheets: a row for each session or turn, and nothing in them is computed."""

import csv
import io

import msgspec
import pytest

from relayproxy.recordings.derive import session_row
from relayproxy.recordings.files import read_call
from relayproxy.recordings.table import SESSION_COLUMNS, TURN_COLUMNS, header, session_line, turn_line
from tests.recordings.test_files import FILES


def cells(line: bytes, columns: tuple[str, ...]) -> dict[str, str]:
    (row,) = csv.reader(io.StringIO(line.decode(), newline=""))
    return dict(zip(columns, row, strict=True))


def test_a_session_is_a_row() -> None:
    call = read_call(FILES / "booking.v1.relayproxy.jsonl.gz")
    row = session_row(call.header.id, call.connections[0].opening, call.conversation)
    found = cells(session_line(row), SESSION_COLUMNS)

    assert found["session_id"] == call.header.session_id
    assert (found["from"], found["outcome"], found["turns"]) == ("'+15550100001", "ended_by_backend", "6")
    assert (found["started_at"], found["duration_ms"]) == ("2026-08-29T10:40:00.000000Z", "36320")
    assert found["handoff_reason"] == "live-agent"
    assert (found["treatment"], found["shadow_of"]) == ("", "")
    found = cells(session_line(row, "shadow", "f" * 32), SESSION_COLUMNS)
    assert (found["treatment"], found["shadow_of"]) == ("shadow", "f" * 32)
    assert header(SESSION_COLUMNS).decode().strip().split(",") == [*SESSION_COLUMNS]


def test_a_turn_is_a_row() -> None:
    call = read_call(FILES / "booking.v1.relayproxy.jsonl.gz")
    row = session_row(call.header.id, call.connections[0].opening, call.conversation)
    found = cells(turn_line(row, call.conversation.turns[2]), TURN_COLUMNS)

    assert (found["turn"], found["caller_text"]) == ("2", "Four people at half past seven.")
    assert (found["response_latency_ms"], found["interruptions"]) == ("2640", "1")
    assert found["heard_text"].endswith("We have a table by the window at half")
    assert "slow_turn" in found["findings"].split()


@pytest.mark.parametrize("words", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1"])
def test_nothing_is_computed(words: str) -> None:
    call = read_call(FILES / "booking.v1.relayproxy.jsonl.gz")
    row = session_row(call.header.id, call.connections[0].opening, call.conversation)
    turn = msgspec.structs.replace(call.conversation.turns[1], caller_text=words, agent_text='Two, "he said"\nand more')
    found = cells(turn_line(row, turn), TURN_COLUMNS)

    assert found["caller_text"] == f"'{words}"
    assert found["agent_text"] == turn.agent_text
