"""What is counted of calls, as conversations."""

import msgspec

from relayproxy.connection import Opening, SignatureCheck
from relayproxy.conversation.message import Message
from relayproxy.conversation.model import Conversation
from relayproxy.telemetry.metrics import metrics
from relayproxy.telemetry.metrics.call_meter import CallMeter
from relayproxy.telemetry.metrics.metric import Metric
from relayproxy.telemetry.metrics.metrics import METRICS
from relayproxy.telemetry.metrics.tally import Snapshot, Tally
from tests.script import script

CALL = """
    0.000  twilio   setup sessionId=VX1 callSid=CA1 from=+15550100001 to=+15550100002
    0.300  backend  text "Hello, how can I help?" last
    2.000  twilio   prompt "book me a table" last
    2.700  backend  text "Sure, "
    2.760  backend  text "for when?" last
    3.000  twilio   interrupt "Sure, for" 260
    3.900  twilio   prompt "tomorrow at eight" last
    9.000  backend  text "Done." last
    9.500  backend  end '{"reasonCode":"live-agent"}'
    9.900  twilio   close 1000
    9.910  -        gone first=twilio
"""


def counted(call: Conversation, version: str | None = "7") -> Snapshot:
    tally = Tally()
    meter = CallMeter(tally)
    for turn in call.turns:
        meter.turn(turn, "sales", version)
    meter.session(call, "sales", version)
    return tally.snapshot()


def of(found: Snapshot, metric: Metric) -> dict[tuple[str, ...], float]:
    """Counts, or the number of observed values, by labels."""
    return {point.labels: sum(point.counts) or point.value for point in found.get(metric.name, ())}


def buckets(found: Snapshot, name: str) -> dict[float, int]:
    """The buckets of a histogram of one series that are not empty, by their upper bound."""
    [point] = found[name]
    bounds = (*METRICS[name].bounds, float("inf"))
    return {bound: count for bound, count in zip(bounds, point.counts, strict=True) if count}


def test_latencies_fall_into_their_buckets_in_seconds() -> None:
    found = counted(script(CALL))

    assert buckets(found, "relayproxy.turn.response_latency") == {0.8: 1, 7.5: 1}
    [point] = found["relayproxy.turn.response_latency"]
    assert point.labels == ("sales", "7")
    assert round(point.value, 3) == 0.7 + 5.1
    assert buckets(found, "relayproxy.interruption.heard_duration") == {0.3: 1}
    assert buckets(found, "relayproxy.turn.chunk_gap.max") == {0.1: 1}
    assert buckets(found, "relayproxy.session.greeting_latency") == {0.3: 1}
    assert buckets(found, "relayproxy.session.teardown") == {0.4: 1}


def test_turns_responses_and_interruptions_are_counted() -> None:
    found = counted(script(CALL))

    assert of(found, metrics.TURNS_ENDED) == {("sales", "A", "setup", "7"): 1, ("sales", "A", "prompt", "7"): 2}
    assert of(found, metrics.RESPONSES) == {("sales",): 3}
    assert of(found, metrics.INTERRUPTED) == {("sales",): 1}
    assert of(found, metrics.INTERRUPTIONS) == {("sales", "caller_speech"): 1}
    assert of(found, METRICS["relayproxy.turn.chunks"]) == {("sales",): 4}
    assert of(found, metrics.UNANSWERED) == {}
    assert of(found, metrics.EXCLUDED) == {}


def test_a_session_counts_by_its_outcome() -> None:
    call = script(CALL)
    found = counted(call, version=None)

    assert of(found, metrics.SESSIONS) == {("sales", "ended_by_backend", "A", ""): 1}
    assert of(found, metrics.HANDOFFS) == {("sales", "yes"): 1}
    assert buckets(found, "relayproxy.session.duration") == {10: 1}
    assert buckets(found, "relayproxy.session.turns") == {3: 1}
    silences = {(route, who): of(found, metrics.DEAD_AIR)[route, who] for route, who in of(found, metrics.DEAD_AIR)}
    assert silences == {
        ("sales", who): silence.total_ms / 1000 for who, silence in call.totals.silence.items() if silence.total_ms
    }


def test_a_turn_without_an_answer_is_counted_and_is_in_no_histogram() -> None:
    found = counted(
        script("""
            0.000  twilio   setup sessionId=VX1 callSid=CA1
            1.000  twilio   prompt "hello?" last
            9.000  twilio   close 1000
            9.010  -        gone first=twilio
        """)
    )

    assert of(found, metrics.UNANSWERED) == {("sales", "no_answer"): 1}
    assert of(found, metrics.EXCLUDED) == {("sales", "session_closed"): 1}
    assert "relayproxy.turn.response_latency" not in found
    assert buckets(found, "relayproxy.turn.longest_wait") == {10: 1}


def test_findings_and_violations_count_by_code() -> None:
    call = script("""
        0.000  twilio   setup sessionId=VX1 callSid=CA1
        1.000  backend  raw "nonsense"
        1.500  backend  raw "502 Bad Gateway"
        1.600  backend  raw "nonsense"
        2.000  twilio   raw '{"type":"error","description":"Invalid message received: {\\"type\\":\\"play\\"}"}'
        2.500  twilio   close 1000
        2.510  -        gone first=twilio
    """)
    found = counted(call)

    violations = of(found, metrics.VIOLATIONS)
    assert violations == {("sales", "invalid_message"): 2, ("sales", "leaked_error"): 1}
    assert sum(violations.values()) == call.totals.violations
    assert of(found, metrics.FINDINGS)["sales", "invalid_message", "error"] == 2


def test_nothing_that_is_counted_names_a_call_or_quotes_it() -> None:
    told = repr(counted(script(CALL)))

    for secret in ("VX1", "CA1", "5550100", "table", "Sure", "live-agent"):
        assert secret not in told


OPENING = Opening("0" * 32, "0" * 32, "0" * 16, "sales", "ws://agent/", "/", 0, "127.0.0.1:1", status=101)


def handshakes(*openings: Opening) -> dict[tuple[str, ...], float]:
    tally = Tally()
    for opening in openings:
        CallMeter(tally).handshake(opening)
    return of(tally.snapshot(), metrics.HANDSHAKES)


def test_handshakes_count_by_result_status_and_signature() -> None:
    valid, wrong = SignatureCheck("valid"), SignatureCheck("wrong")
    change = msgspec.structs.replace
    said = (("Content-Type", "text/html"),)

    assert handshakes(
        change(OPENING, signature=valid),
        change(OPENING, signature=valid),
        change(OPENING, status=401, response_headers=said, error="the backend answered 401", signature=wrong),
        change(OPENING, status=502, error="no connection with the backend"),
        change(OPENING, status=None, error="the caller hung up"),
    ) == {
        ("sales", "relayed", "101", "valid"): 2,
        ("sales", "refused", "401", "wrong"): 1,
        ("sales", "unreachable", "502", "missing"): 1,
        ("sales", "abandoned", "", "missing"): 1,
    }


def test_messages_count_by_direction_with_what_the_relay_added_to_them() -> None:
    tally = Tally()
    ms = 1_000_000
    CallMeter(tally).messages(
        "sales",
        [
            Message(0, 1000 * ms, "twilio", "text", out=1000 * ms + ms // 5, size=10),
            Message(1, 1100 * ms, "backend", "text", out=1103 * ms, size=20),
            Message(2, 1200 * ms, "backend", "text", held=True, size=30),
            Message(3, 1300 * ms, "backend", "ping", out=1300 * ms),
            Message(4, 1400 * ms, "backend", "gap", size=500, note="quota"),
            Message(5, 1500 * ms, "twilio", "undecodable", size=7, note="wrong_mask"),
            Message(6, 1600 * ms, "twilio", "text", size=5, note="redaction_failed"),
            Message(7, 1700 * ms, "twilio", "text", size=5, redacted={"card_number": 2, "pin": 0}),
        ],
    )
    found = tally.snapshot()

    assert of(found, metrics.OVERHEAD) == {("in",): 1, ("out",): 1}
    assert {point.labels: point.counts.index(1) for point in found[metrics.OVERHEAD.name]} == {
        ("in",): metrics.FAST.index(0.00025), ("out",): metrics.FAST.index(0.005),
    }  # fmt: skip
    assert of(found, metrics.BACKPRESSURE) == {("out",): 1}
    assert of(found, metrics.MESSAGES) == {("sales", "in"): 3, ("sales", "out"): 2}
    assert of(found, metrics.MESSAGE_BYTES) == {("sales", "in"): 20, ("sales", "out"): 50}
    assert of(found, metrics.GAPS) == {("sales", "quota"): 1, ("sales", "undecodable"): 1}
    assert of(found, metrics.GAP_BYTES) == {("sales", "quota"): 500, ("sales", "undecodable"): 7}
    assert of(found, metrics.REDACTED) == {("sales", "card_number"): 2}
    assert of(found, metrics.REDACTION_FAILURES) == {("redaction_failed",): 1}
