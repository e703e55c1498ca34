"""Recorded calls are replayed several times, to one backend or two."""

import asyncio

from relayproxy.lab.replay.performing import Replayed
from relayproxy.lab.replay.replaying import Recording, replay
from relayproxy.lab.twilio.connection import Line
from tests.lab.replay.agents import agent
from tests.lab.replay.conftest import SPEED


async def test_each_backend_gets_the_same_calls_with_ids_of_their_own(booking: Recording) -> None:
    async with agent() as url, agent() as today:
        made = await replay(
            [booking], Line(url, speed=SPEED), current=Line(today, speed=SPEED), times=2, at_once=4, seed=5
        )
        again = await replay([booking], Line(url, speed=SPEED), times=2, at_once=4, seed=5)

    assert made.current is not None
    calls = [*made.new["books"], *made.current["books"]]
    assert len({one.call.caller.session_id for one in calls}) == 4
    said = {tuple(turn.caller_text for turn in one.call.conversation.turns) for one in calls}
    assert said == {tuple(turn.caller_text for turn in booking.conversation.turns)}
    assert not made.interrupted
    assert again.current is None


async def test_calls_that_are_over_are_kept_when_it_is_stopped(booking: Recording) -> None:
    stop, over = asyncio.Event(), list[Replayed]()

    def each(made: Replayed) -> None:
        over.append(made)
        stop.set()

    async with agent() as url:
        made = await replay([booking], Line(url, speed=SPEED), times=3, at_once=1, each=each, stop=stop)

    assert made.new["books"] == over
    assert len(over) == 1
    assert made.interrupted
