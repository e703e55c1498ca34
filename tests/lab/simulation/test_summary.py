"""What calls come to."""

import pytest
from websockets.exceptions import ConnectionClosed

from relayproxy.lab.agent import server as agent
from relayproxy.lab.scenarios.result import ScenarioResult
from relayproxy.lab.simulation.summary import P95_SAMPLES, CallSummary, LatencySummary
from relayproxy.lab.twilio import limits
from tests.lab.backend import Backend
from tests.lab.scenarios.stage import SPEED, called, played, scenario
from tests.lab.simulation.runs import call, failed, run, unconnected


async def result() -> ScenarioResult:
    turns = """
        turns:
          - expect: [{event: text}]
          - user: When are you open?
            expect: [{event: text, text_contains: sushi}]
    """
    async with agent.serving(speed=SPEED) as url:
        return await called(url, scenario(turns), patience=2)


async def test_the_numbers_of_a_call_are_those_of_its_fold() -> None:
    made = await result()
    kept = CallSummary.of(made)

    (conversation,) = made.call.conversations
    assert kept.latencies_ms
    assert list(kept.latencies_ms) == [
        turn.response_latency_ms for turn in conversation.turns if turn.response_latency_ms is not None
    ]
    assert kept.findings == conversation.totals.findings
    assert kept.ending == conversation.outcome == "caller_hangup"
    assert (kept.call_sid, kept.session_ids) == (conversation.call_sid, (conversation.session_id,))
    (failure,) = kept.failures
    assert kept.state == "failed"
    assert (failure.turn, failure.file, failure.line) == (2, "test.yaml", 6)
    assert failure.text == str(made.failures[0])


async def test_a_call_that_was_cut_off_is_no_call_without_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_MESSAGES", 2)

    async def talk(peer: Backend) -> None:
        for _ in range(3):
            await peer.send(type="text", token="Yes.", last=True)
        with pytest.raises(ConnectionClosed):
            await peer.closed()

    kept = CallSummary.of(await played("turns: [{expect: [{event: text}]}]", talk, patience=2))
    assert (kept.state, kept.problem) == ("cut_off", "the backend sent more than 2 messages in one call")
    assert run(kept).not_connected == 0


async def test_half_a_pair_of_surrogates_in_what_came_is_mended() -> None:
    async def talk(peer: Backend) -> None:
        await peer.connection.send(r'{"type":"text","token":"\ud83d.","last":true}')
        await peer.closed()

    expected = "turns: [{expect: [{event: text, text_contains: sushi}]}]"
    kept = CallSummary.of(await played(expected, talk, patience=2))
    assert "\N{REPLACEMENT CHARACTER}" in kept.failures[0].text


def test_a_p95_needs_as_many_answers_as_make_it_one() -> None:
    assert LatencySummary.of([]) == LatencySummary(0, None, None, "no answer whose latency could be measured")
    few = LatencySummary.of(range(P95_SAMPLES - 1, 0, -1))
    assert (few.n, few.median_ms, few.p95_ms, few.withheld) == (19, 10, None, "p95: fewer than 20 answers")
    assert LatencySummary.of(range(P95_SAMPLES, 0, -1)) == LatencySummary(20, 10, 19, None)


def test_calls_are_summed_up_by_scenario_and_all_together() -> None:
    summary = run(
        call(latencies_ms=(100,), findings={"asked_again": 1}),
        failed(latencies_ms=(300,), findings={"asked_again": 2}),
        unconnected(scenario="silent"),
        call(scenario="silent", state="violation", ending="protocol_error", latencies_ms=(200,)),
    )

    keypad, silent = summary.scenarios
    assert (keypad.name, keypad.calls, keypad.passed, keypad.failed, keypad.not_connected) == ("keypad", 2, 1, 1, 0)
    assert (keypad.endings, keypad.findings) == ({"caller_hangup": 2}, {"asked_again": 3})
    assert (silent.calls, silent.passed, silent.failed, silent.not_connected) == (2, 0, 2, 1)
    assert (summary.calls, summary.passed, summary.failed, summary.connected) == (4, 1, 3, 3)
    assert (summary.latency.n, summary.latency.median_ms) == (3, 200)
