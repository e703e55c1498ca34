"""Performing a scenario: its turns, one after the other, as a person on the phone.

Knows: when a turn begins, what each kind of turn does.
Must not know: messages, sockets; how expectations are judged.
"""

import random

import msgspec

from relayproxy.lab.scenarios.judging import failure, judge
from relayproxy.lab.scenarios.model import Scenario, Turn
from relayproxy.lab.scenarios.result import Failure, ScenarioResult
from relayproxy.lab.scenarios.watching import Watch, described
from relayproxy.lab.twilio.call import SimulatedCall, call
from relayproxy.lab.twilio.caller import SimulatedCaller
from relayproxy.lab.twilio.connection import Line
from relayproxy.lab.twilio.result import Caller


async def perform(line: Line, scenario: Scenario, *, caller: Caller, rng: random.Random) -> ScenarioResult:
    """Make one call by a scenario, and judge it. Of a call that was never connected nothing is judged."""
    performance = _Performance(scenario)
    caller = msgspec.structs.replace(caller, parameters=scenario.parameters)
    made = await call(line, scenario.twiml, performance.run, caller=caller, rng=rng)
    connected = made.connections[0].opening.status == 101
    return ScenarioResult(scenario, made, (*performance.failures, *judge(scenario, made)) if connected else ())


class _Performance:
    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self.failures: list[Failure] = []

    async def run(self, call: SimulatedCall) -> None:
        caller, watch = SimulatedCaller(call), Watch(call)
        for place, turn in enumerate(self._scenario.turns):
            if turn.acts:
                await _wait(turn, caller, watch)
                if caller.over and not turn.reconnect:
                    self._unreached(place, turn)
                    continue
                watch.act()
                await _act(turn, caller, call)
            if not turn.silence:
                watch.restart()
            await self._expect(place, turn, watch)
        await caller.listen()

    async def _expect(self, place: int, turn: Turn, watch: Watch) -> None:
        """Wait for what a turn expects; what comes after a failure has nothing to follow."""
        for number, expected in enumerate(turn.expect):
            got = await watch.expect(expected)
            if got is not None:
                path = ("turns", place, "expect", number)
                self.failures.append(failure(self._scenario, path, described(expected), got))
                return

    def _unreached(self, place: int, turn: Turn) -> None:
        for number, expected in enumerate(turn.expect[:1]):
            path = ("turns", place, "expect", number)
            got = "the end of the call before this turn"
            self.failures.append(failure(self._scenario, path, described(expected), got))


async def _wait(turn: Turn, caller: SimulatedCaller, watch: Watch) -> None:
    """Wait for the moment at which a turn begins."""
    if turn.interrupt is not None:
        await caller.hear(chars=turn.interrupt.after_chars or 0, ms=turn.interrupt.after_ms or 0)
        return
    after = turn.send_after
    if after is None or after.event == "quiet":
        await caller.listen()
    elif after.event != "turn":
        await watch.wait(after.event)
    if after is not None:
        await caller.pause(after.delay_ms)


async def _act(turn: Turn, caller: SimulatedCaller, call: SimulatedCall) -> None:
    if turn.user is not None:
        await caller.say(turn.user, turn.partials, turn.language)
    elif turn.dtmf is not None:
        await caller.press(turn.dtmf)
    elif turn.noise is not None:
        await caller.make_noise(turn.noise)
    elif turn.silence is not None:
        await caller.pause(turn.silence)
    elif turn.hangup:
        call.session.hangs_up()
    elif turn.drop:
        call.drop()
    elif turn.reconnect:
        await call.reconnect()
