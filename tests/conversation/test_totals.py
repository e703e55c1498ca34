"""The numbers of a session as a value: absent is absent, and rates are of what they are said to be of."""

import msgspec
import pytest

from relayproxy.conversation.totals import Silence, Spread, Totals, milliseconds


@pytest.mark.parametrize(
    ("ns", "ms"), [(None, None), (0, 0), (1_499_999, 1), (1_500_001, 2), (-2_400_000, -2), (10**15, 10**9)]
)
def test_nanoseconds_are_rounded_to_milliseconds(ns: int | None, ms: int | None) -> None:
    assert milliseconds(ns) == ms


def test_an_agent_that_speaks_over_its_caller_was_not_interrupted() -> None:
    totals = Totals(interruptions={"caller_speech": 2, "caller_dtmf": 1, "preempt": 3, "agent_over_caller": 5})

    assert totals.interruption_count == 6
    assert Totals().interruption_count == 0


def test_the_rate_of_interruptions_is_of_responses_and_absent_of_none() -> None:
    assert Totals(responses=4, interrupted_responses=1, turns=9).interruption_rate == 0.25
    assert Totals(turns=9).interruption_rate is None


def test_of_nothing_no_duration_is_zero() -> None:
    totals, spread = Totals(), Spread()

    assert (spread.n, spread.p50_ms, spread.p95_ms, spread.max_ms) == (0, None, None, None)
    absent = {name for name in totals.__struct_fields__ if getattr(totals, name) is None}
    assert absent == {
        "longest_wait_ms",
        "backend_connect_ms",
        "greeting_latency_ms",
        "greeting_null_reason",
        "handoff_latency_ms",
        "clipped_chars",
        "teardown_ms",
        "speaking_rate",
    }


def test_totals_that_were_stored_are_read_again() -> None:
    totals = Totals(
        turns=3,
        response_latency=Spread(2, 700, 900, 900, {"no_prompt": 1}),
        silence={"caller": Silence(9000, 8500, 1)},
        greeting_null_reason="tier",
        findings={"slow_turn": 2},
    )

    assert msgspec.json.decode(msgspec.json.encode(totals), type=Totals) == totals
    assert msgspec.json.decode(b'{"turns":3,"of_tomorrow":1}', type=Totals) == Totals(turns=3)


def test_two_sessions_share_no_counts() -> None:
    one, other = Totals(), Totals()
    one.findings["slow_turn"] = 1

    assert other.findings == {}
