"""What the API says about turns and sessions: every number of the tables, and what belongs to it."""

from typing import Any

import msgspec

from relayproxy.console.calls.documents.turn_documents import turn_document
from relayproxy.console.openapi import document
from relayproxy.conversation.measures.numbers import TABLES, NumberLevel
from tests.script import script

CALL = """
    0.0          twilio   setup sessionId=VX1 callSid=CA1 from=+15550100001 to=+15550100002 direction=inbound
    2.000/2.001  twilio   prompt "Hello" last
    2.750/2.7525 backend  text "Good morning. "
    3.000        backend  text "Who is it?" last
    3.100        twilio   interrupt "Good" 300
    9.600        twilio   close 1000
    9.700        -        gone first=backend
"""


def told() -> dict[str, Any]:
    turn = script(CALL).turns[1]
    return dict(msgspec.json.decode(msgspec.json.encode(turn_document(turn, ()))))


def test_a_turn_tells_its_numbers() -> None:
    turn = told()

    assert (turn["response_latency_ms"], turn["null_reason"]) == (752, None)
    assert (turn["input_delay_ms"], turn["null_reasons"]["input_delay_ms"]) == (None, "tier")
    assert turn["chunk_gaps"] == {"p50_ms": 250, "p95_ms": 250, "max_ms": 250}
    assert turn["budget"]["proxy_in_ns"] == 1_000_000
    assert turn["interruptions"][0]["heard_ms"] == 300
    assert turn["interruption"] == turn["interruptions"][0]


def test_every_number_of_the_tables_is_in_the_api() -> None:
    schemas = document()["components"]["schemas"]
    names: dict[NumberLevel, str] = {"turn": "Turn", "interruption": "Interruption", "session": "Totals"}
    for level, name in names.items():
        fields = schemas[name]["properties"]
        assert [one.name for one in TABLES[level] if one.name not in fields] in ([], ["duration_ms"])
    assert "duration_ms" in schemas["SessionItem"]["properties"]


def test_what_says_the_same_twice_is_deprecated() -> None:
    fields = document()["components"]["schemas"]["Turn"]["properties"]

    assert [name for name, field in fields.items() if field.get("deprecated")] == [
        "input_delay_ms",
        "proxy_in_ms",
        "backend_latency_ms",
        "proxy_out_ms",
        "output_delay_ms",
        "interruption",
    ]
