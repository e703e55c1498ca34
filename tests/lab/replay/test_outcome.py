"""A slower and a ruder agent are found, with the right turns named; what varies between calls of today is not."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed

from relayproxy.comparison.limits import LatencyLimit, Limits
from relayproxy.lab.replay.forms import document, junit, report
from relayproxy.lab.replay.outcome import ReplayedCall, ReplayOutcome, outcome
from relayproxy.lab.replay.performing import Replayed
from relayproxy.lab.replay.preparing import masking, prepare
from relayproxy.lab.replay.replaying import Recording, replay
from relayproxy.lab.simulation.summary import Settings
from relayproxy.lab.simulation.verdict import ExitCode
from relayproxy.lab.twilio import limits
from relayproxy.lab.twilio.connection import Line
from relayproxy.redaction.rules import Rules
from tests.lab.backend import Backend, backend
from tests.lab.replay.agents import Manner, agent
from tests.lab.replay.conftest import SPEED
from tests.lab.replay.recorded import of_parts, parts_of_script
from tests.patience import PATIENCE

TIMES = 8
SLOWER = 0.4
NEVER_LATE = Limits(LatencyLimit(floor_ms=3_600_000))
"""What this machine does besides makes no answer late by so much."""


async def replayed(
    recording: Recording,
    manner: Manner,
    today: Manner | None,
    times: int = 1,
    *,
    speed: float = SPEED,
    limits: Limits = NEVER_LATE,
    each: Callable[[Replayed], None] | None = None,
) -> ReplayOutcome:
    """The outcome of a replay to an agent of that manner, compared with one of today's or with the recording."""
    async with agent(manner) as url, agent(today or Manner()) as current:
        made = await replay(
            [recording],
            Line(url, speed=speed, patience=PATIENCE),
            current=Line(current, speed=speed, patience=PATIENCE) if today else None,
            times=times,
            at_once=2 * TIMES,
            seed=1,
            each=each,
        )
    return outcome([recording], made, Settings(times, 2 * TIMES, None, speed), limits)


def exceeding(found: ReplayOutcome) -> set[tuple[int | None, str]]:
    """The turns and kinds of what exceeds limits."""
    (one,) = found.recordings
    assert one.comparison is not None
    return {(difference.turn, difference.kind) for difference in one.comparison.exceeded}


async def test_a_slower_agent_is_found_in_the_turn_in_which_it_is_slower(booking: Recording) -> None:
    over, ended = asyncio.Event(), 0

    def count(_: Replayed) -> None:
        nonlocal ended
        ended += 1
        if ended == TIMES:
            over.set()

    # All calls begin at once. However long today's agent takes, the other one begins this answer after it has finished.
    slower = Manner(waits={3: over}, slow={3: SLOWER})
    limits = Limits(LatencyLimit(floor_ms=round(SLOWER * 500)))
    found = await replayed(booking, slower, Manner(), TIMES, limits=limits, each=count)

    # An answer that comes after seconds is a finding as well.
    assert exceeding(found) - {(3, "findings")} == {(3, "latency")}
    assert found.verdict.exit_code == ExitCode.FAILED
    assert found.verdict.text in ("1 limit exceeded", "2 limits exceeded")
    assert any(one.startswith("books: turn 3: The answer began after") for one in found.verdict.details)
    assert found.summary.calls == TIMES
    assert found.current is not None
    assert found.current.calls == TIMES


async def test_a_ruder_agent_is_found_in_the_turn_in_which_it_talks_over_the_caller(booking: Recording) -> None:
    # So slow that its words come while the caller speaks, whatever else this machine does.
    found = await replayed(booking, Manner(talks_over=frozenset({4})), Manner(), TIMES, speed=5.0)

    assert {turn for turn, _ in exceeding(found)} <= {4, 5}
    assert (4, "findings") in exceeding(found)
    (one,) = found.recordings
    assert one.comparison is not None
    assert "Yes, yes." in " ".join(turn.text_after for turn in one.comparison.turns)
    assert found.verdict.exit_code == ExitCode.FAILED


async def test_what_a_random_agent_says_otherwise_each_time_is_noise(booking: Recording) -> None:
    found = await replayed(booking, Manner(random=True), Manner(random=True), TIMES)

    (one,) = found.recordings
    assert one.comparison is not None
    assert list(one.comparison.all_differences()) == []
    assert "text" in {noise.kind for noise in one.comparison.noise}
    assert found.verdict.exit_code == ExitCode.CLEAN


async def test_what_a_random_agent_says_otherwise_is_told_of_one_call_and_fails_nothing(booking: Recording) -> None:
    found = await replayed(booking, Manner(random=True), None)

    assert exceeding(found) <= {(None, "latency")} | {(turn, "latency") for turn in range(7)}


async def test_an_agent_that_asks_something_else_stops_being_scored_at_that_turn(booking: Recording) -> None:
    found = await replayed(booking, Manner(says={2: "Which credit card do you use?"}), None)

    (one,) = found.recordings
    assert one.comparison is not None
    assert [turn.before for turn in one.comparison.turns if turn.compared] == [0, 1, 2]
    (call,) = found.summary.each_call
    assert call.state == "failed"
    assert call.failures[0].text == (
        "books, turn 2: diverged: it asked “Which credit card do you use?”, where it had asked “"
        f"{booking.conversation.turns[2].agent_text}”"
    )
    assert found.verdict.text == "1 call diverged"


async def test_a_question_that_todays_agent_asks_as_well_fails_nothing(booking: Recording) -> None:
    asks = Manner(says={2: "Which credit card do you use?"})
    found = await replayed(booking, asks, asks, 2)

    assert found.verdict.exit_code == ExitCode.CLEAN
    assert [call.state for call in found.summary.each_call] == ["passed", "passed"]


async def test_what_was_masked_in_the_recording_is_no_difference() -> None:
    async def talk(peer: Backend) -> None:
        said = (await peer.next("prompt"))["voicePrompt"]
        await peer.send(type="text", token=f"Thank you. You said: {said}", last=True)
        await peer.closed()

    text = """
        0.000 twilio  setup sessionId=VX1 callSid=CA1
        1.000 twilio  prompt "My PIN is ◦◦◦◦ ◦◦◦◦◦ ◦◦◦ ◦◦◦." last
        1.500 backend text "Thank you. You said: My PIN is ◦◦◦◦ ◦◦◦◦◦ ◦◦◦ ◦◦◦." last
        9.000 twilio  close 1000 'Closing websocket session'
        9.050 -       gone first=twilio twilio=eof backend=eof
        """
    ((opening, messages, ending),) = parts_of_script(text)
    told = tuple(msgspec.structs.replace(m, redacted={"pin": 1}) if "◦" in (m.text or "") else m for m in messages)
    call = of_parts([(opening, told, ending)])
    recording = Recording("pin", prepare(call, "pin", {}, fill=True), call.conversation, masking(call, Rules()))
    async with backend(talk) as peer:
        made = await replay([recording], Line(peer.url, speed=SPEED))
    found = outcome([recording], made, Settings(1, 1, None, SPEED), Limits(LatencyLimit(20.0, 60_000)))

    said = [turn.caller_text for turn in made.new["pin"][0].call.conversation.turns]
    assert said == ["", "My PIN is four three one six."]
    (one,) = found.recordings
    assert one.comparison is not None
    assert {difference.kind for difference in one.comparison.all_differences()} <= {"latency"}


@pytest.mark.parametrize("against_current", [False, True])
async def test_what_the_recording_hides_is_hidden_in_what_comes_of_it(against_current: bool) -> None:
    async def talk(peer: Backend) -> None:
        await peer.next("prompt")
        await peer.send(type="text", token="Your name is Ann, your card 4012 8888 8888 1881.", last=True)
        await peer.send(type="end", handoffData='{"reasonCode":"done","holder":"Ann Miller","order":"K17"}')
        await peer.closed()

    text = """
        0.000 twilio  setup sessionId=VX1 callSid=CA1
        1.000 twilio  prompt "Who am I?" last
        1.500 backend text "You are a good customer." last
        4.200 backend end '{"reasonCode":"done","holder":"◦◦◦ ◦◦◦◦◦◦"}'
        4.300 -       gone first=backend twilio=eof backend=eof
        """
    ((opening, messages, ending),) = parts_of_script(text)
    told = tuple(msgspec.structs.replace(m, redacted={"field": 1}) if "◦" in (m.text or "") else m for m in messages)
    call = of_parts([(opening, told, ending)])
    recording = Recording("who", prepare(call, "who", {}, fill=True), call.conversation, masking(call, Rules()))
    async with backend(talk) as peer, backend(talk) as today:
        current = Line(today.url, speed=SPEED) if against_current else None
        made = await replay([recording], Line(peer.url, speed=SPEED), current=current)
    found = outcome([recording], made, Settings(1, 1, None, SPEED), Limits())

    forms = document(found).decode() + junit(found).decode() + report(found)
    assert "4012" not in forms
    assert "Miller" not in forms
    assert "your card •••• •••• •••• 1881" in forms
    assert ("K17" in forms) is not against_current, "what is not hidden is told where it differs"


def test_a_recording_that_holds_everything_hides_nothing() -> None:
    call = of_parts(parts_of_script("0.000 twilio setup sessionId=VX1 callSid=CA1"))
    assert masking(call, Rules()) is None


async def test_a_number_that_is_cut_where_a_reason_quotes_it_is_masked() -> None:
    said = f"{'Is that really so? ' * 2}Your card is 4012 8888 8888 1881, is it not?"
    recording = of_day()
    async with agent(Manner(says={1: said})) as url:
        made = await replay([recording], Line(url, speed=SPEED))
    (call,) = outcome([recording], made, Settings(1, 1, None, SPEED), Limits()).summary.each_call

    assert isinstance(call, ReplayedCall)
    assert call.divergence is not None
    assert "4012" not in call.divergence.reason
    assert "Your card is •" in call.divergence.reason


def of_day() -> Recording:
    """A recorded call in which the agent asks for a day."""
    text = """
        0.000 twilio  setup sessionId=VX1 callSid=CA1
        1.000 twilio  prompt "I'd like to book a table." last
        1.500 backend text "For which day?" last
        4.000 twilio  prompt "Tomorrow." last
        5.000 twilio  close 1000 'Closing websocket session'
        5.050 -       gone first=twilio twilio=eof backend=eof
        """
    call = of_parts(parts_of_script(text))
    return Recording("day", prepare(call, "day", {}, fill=False), call.conversation)


async def test_an_agent_that_cannot_be_reached(booking: Recording) -> None:
    async with agent() as url:
        pass
    made = await replay([booking], Line(url, speed=SPEED))
    found = outcome([booking], made, Settings(1, 1, None, SPEED), Limits())

    assert found.verdict.exit_code == ExitCode.NO_CONNECTION
    assert found.recordings[0].comparison is None

    async with agent() as new:
        made = await replay([booking], Line(new, speed=SPEED), current=Line(url, speed=SPEED))
    found = outcome([booking], made, Settings(1, 1, None, SPEED), Limits())

    assert found.verdict.exit_code == ExitCode.NO_CONNECTION
    assert found.verdict.text == "1 call could not be connected to today's backend"


async def test_an_agent_that_floods_fails_whichever_it_is(booking: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_MESSAGES", 500)

    async def floods(peer: Backend) -> None:
        await peer.next("setup")
        with pytest.raises(ConnectionClosed):
            while True:
                await peer.send(type="text", token="la ", last=False)
                await asyncio.sleep(0)  # as this loop is the caller's too

    async with backend(floods) as flood, agent() as url:
        flooded, sound = Line(flood.url, speed=SPEED), Line(url, speed=SPEED)
        made = await replay([booking], flooded, current=sound)
        found = outcome([booking], made, Settings(1, 1, None, SPEED), Limits())
        assert (found.verdict.exit_code, found.verdict.text.partition(",")[0]) == (ExitCode.FAILED, "1 call cut off")
        assert found.summary.each_call[0].problem == "the backend sent more than 500 messages in one call"

        made = await replay([booking], sound, current=flooded)
        found = outcome([booking], made, Settings(1, 1, None, SPEED), Limits())
        assert found.verdict.exit_code == ExitCode.FAILED
