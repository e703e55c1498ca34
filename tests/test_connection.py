"""What is known of a connection besides its bytes, as the relay writes it and the recorder reads it."""

from typing import Any

import msgspec
import pytest

from relayproxy.connection import REDACTED, Dial, Ending, Opening, sampled_by_caller

OPENING = Opening(
    connection_id="1" * 32,
    trace_id="2" * 32,
    span_id="3" * 16,
    route="default",
    backend="wss://agent.example.com/ws?token=" + REDACTED,
    target="/",
    opened_at=1_800_000_000_000_000_000,
    peer="203.0.113.9:4711",
)


def test_an_ending_of_an_earlier_version_can_be_read() -> None:
    old = msgspec.json.decode(b'{"t":5,"first":"twilio"}', type=Ending)

    assert (old.twilio_t, old.backend_t) == (None, None)


@pytest.mark.parametrize(
    "known",
    [
        OPENING,
        msgspec.structs.replace(
            OPENING,
            parent_span_id="4" * 16,
            request_headers=(("Host", "relay.example.com"), ("host", "twice")),
            status=101,
            response_headers=(("Upgrade", "websocket"),),
            connected_after=5,
            dial=Dial(connect=2, upgrade=3),
        ),
        msgspec.structs.replace(OPENING, status=502, error="the backend refused the connection"),
        Ending(t=5),
        Ending(5, "proxy", "closed_by_proxy", "reset", 1, 2, "drain", 4, 3),
    ],
)
def test_what_the_relay_notes_is_what_the_recorder_reads(known: Opening | Ending) -> None:
    assert msgspec.json.decode(msgspec.json.encode(known), type=type(known)) == known


def test_what_did_not_happen_takes_no_room_in_the_journal() -> None:
    assert msgspec.json.encode(Ending(t=5)) == b'{"t":5}'
    assert list(msgspec.json.decode(msgspec.json.encode(OPENING))) == [
        "connection_id",
        "trace_id",
        "span_id",
        "route",
        "backend",
        "target",
        "opened_at",
        "peer",
    ]


def test_what_a_later_version_notes_besides_is_passed_over() -> None:
    ending = msgspec.json.decode(b'{"t":5,"first":"twilio","mood":"good"}', type=Ending)

    assert ending == Ending(t=5, first="twilio")


@pytest.mark.parametrize(
    ("kind", "noted"),
    [(Ending, {"t": 5, "first": "caller"}), (Ending, {"first": "twilio"}), (Opening, {"connection_id": "1"})],
)
def test_what_is_no_such_note_is_refused(kind: Any, noted: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(noted, kind)


TRACE = f"00-{'a' * 32}-{'b' * 16}-"


@pytest.mark.parametrize(
    ("headers", "believed", "sampled"),
    [
        ((("Traceparent", TRACE + "01"),), True, True),
        ((("traceparent", TRACE + "00"),), True, False),
        ((("traceparent", TRACE + "02"),), True, False),
        ((("traceparent", TRACE + "01"),), False, None),
        ((), True, None),
    ],
)
def test_a_callers_own_trace_says_whether_it_is_sampled_where_it_was_believed(
    headers: tuple[tuple[str, str], ...], believed: bool, sampled: bool | None
) -> None:
    opening = msgspec.structs.replace(OPENING, parent_span_id="b" * 16 if believed else None, request_headers=headers)

    assert sampled_by_caller(opening) is sampled
