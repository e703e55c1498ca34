"""Performing a script: its acts, each at its moment of the conversation.

Knows: how each moment is waited for, how acts are done, when the agent is judged.
Must not know: how a script came about; what the call is compared with.
"""

import random
import time
from collections.abc import Callable, Sequence

import msgspec

from relayproxy.comparison.divergence import BELOW, common, divergence, request
from relayproxy.lab.replay.deeds import Deed, Drop, HangUp, Key, Reconnect, Utterance
from relayproxy.lab.replay.script import Act, Anchor, Reply, Script
from relayproxy.lab.twilio.call import SimulatedCall, call
from relayproxy.lab.twilio.caller import MONOLOGUE_MS, SimulatedCaller
from relayproxy.lab.twilio.connection import Line
from relayproxy.lab.twilio.events import Event
from relayproxy.lab.twilio.result import Caller, CallResult
from relayproxy.text import mended

MAX_PAUSE_MS = 5000
"""People think and are silent for so long at most, whatever the recording says."""
ASKS_AGAIN_MS = 3000
"""A caller who goes on after so long without an answer goes on because there was none."""
OPEN_SECONDS = 3.0
"""So long an unfinished reply that has gone silent is waited for."""
TOGETHER_MS = 150
"""A partial prompt this soon after the caller began to speak is the beginning."""
SAME = 0.5
"""Share of common words from which on the caller only repeats."""
JUDGED = 100_000
"""Characters of a reply that are compared with the recorded one."""
HEADER = ("x-relayproxy-replay", "1")
"""Header of every request that a replay makes."""


class Divergence(msgspec.Struct, frozen=True):
    """Where a replayed call parts from the recorded one."""

    turn: int
    """Number of the recorded turn."""
    turn_now: int
    """Number of the turn in the call that was made."""
    reason: str
    """One sentence, without its full stop."""


class Replayed(msgspec.Struct, frozen=True):
    """A call that was made by a script."""

    script: Script
    call: CallResult
    divergence: Divergence | None
    left_out: tuple[str, ...]
    """What the caller did not do this time, and why, in words."""


async def perform(
    line: Line, script: Script, *, rng: random.Random, below: float = BELOW, keep_going: bool = False
) -> Replayed:
    """Make one call by a script. Where it diverges the caller hangs up, unless `keep_going`. Ids are new ones."""
    performance = _Performance(script, below, keep_going=keep_going)
    line = msgspec.structs.replace(line, headers=(*line.headers, HEADER))
    made = await call(line, script.twiml, performance.run, caller=_caller(script, rng), rng=rng)
    return Replayed(script, made, performance.divergence(made), tuple(performance.left_out))


def _caller(script: Script, rng: random.Random) -> Caller:
    known = {name: value for name, value in msgspec.structs.asdict(script.parties).items() if value is not None}
    return msgspec.structs.replace(Caller.random(rng), parameters=script.parameters, **known)


class _Performance:
    def __init__(self, script: Script, below: float, *, keep_going: bool) -> None:
        self._script, self._below, self._keep_going = script, below, keep_going
        self._diverged: tuple[int, int, str] | None = None
        """The recorded turn, when (wall nanoseconds), and why."""
        self.left_out: list[str] = []
        self._before: list[Reply] = []
        """The recorded replies since the agent was judged last."""
        self._judged = self._acted = 0
        """Events of the call when the agent was judged last, and when the caller acted last."""
        self._previous: Deed | None = None

    async def run(self, call: SimulatedCall) -> None:
        self._call, self._caller = call, SimulatedCaller(call)
        self._patience = max(call.line.patience, self._script.longest_wait_ms * 1.5 / 1000)
        for act in self._script.acts:
            said = await self._wait(act)
            if not self._judge(act.anchor, act.before, act.turn, act.deed) and not self._keep_going:
                return
            if said and not self._over():
                self._acted = len(call.events.events)
                await self._do(act.deed)
                self._previous = act.deed
        if self._script.ending is not None:
            await self._await_ending(self._script.ending)
            self._judge(self._script.ending, self._script.last, self._script.last_turn, None)

    def divergence(self, made: CallResult) -> Divergence | None:
        """Where the call that was made parted from the recorded one."""
        if self._diverged is None:
            return None
        turn, at, reason = self._diverged
        turns = made.conversation.turns
        return Divergence(turn, max((one.number for one in turns if one.started_at < at), default=0), reason)

    # Moments

    async def _wait(self, act: Act) -> bool:
        """Wait for the moment of an act; False when the caller has no reason for it any more."""
        anchor = act.anchor
        if isinstance(act.deed, Reconnect):
            await self._caller.pause(min(anchor.delay_ms, MAX_PAUSE_MS))
            return True
        await self._stay_connected()
        match anchor.after:
            case "act" if anchor.delay_ms > ASKS_AGAIN_MS and self._previous is not None:
                return await self._wait_in_vain(act)
            case "act":
                await self._caller.pause(min(anchor.delay_ms, MAX_PAUSE_MS))
            case "answer_begins":
                await self._until_answered()
                await self._caller.pause(min(anchor.delay_ms, MAX_PAUSE_MS))
            case "heard":
                await self._until_answered()
                await self._pauses(anchor.pauses_ms)
                await self._hear(anchor)
            case "quiet":
                await self._until_answered()
                await self._pauses(anchor.pauses_ms)
                await self._quiet(min(anchor.delay_ms, MAX_PAUSE_MS))
        return True

    async def _wait_in_vain(self, act: Act) -> bool:
        """The caller waited for an answer, none came, and the caller went on. When one comes now, the caller does not
        ask again, and says anything else once it has been heard."""
        if not await self._until(self._answered, min(act.anchor.delay_ms / 1000, self._patience)):
            return True
        if isinstance(act.deed, Utterance) and self._asks_again(act.deed):
            self.left_out.append(
                f"turn {act.turn}: “{act.deed.text}” was not said again: this time there was an answer"
            )
            return False
        await self._quiet(0)
        return True

    def _asks_again(self, deed: Utterance) -> bool:
        before, text = self._previous, deed.text or ""
        repeated = isinstance(before, Utterance) and before.text and common(before.text, text) >= SAME
        return bool(repeated) or len(text.split()) <= 2

    async def _until_answered(self) -> bool:
        return await self._until(self._answered, self._patience)

    def _answered(self) -> bool:
        if not self._acted and self._script.twiml.greeting:
            return True
        return self._call.events.last_sound >= self._acted

    async def _pauses(self, pauses: Sequence[int]) -> None:
        """Wait until the agent has gone on by itself as often as it had; not for ever."""
        for pause in pauses:
            await self._quiet(0)
            enough = pause * 1.5 / 1000 / self._speed + min(OPEN_SECONDS, self._patience)
            await self._until(lambda: not self._idle(), enough)

    async def _hear(self, anchor: Anchor) -> None:
        def heard() -> bool:
            playback = self._call.session.playback
            enough = playback.heard_chars >= anchor.chars and playback.heard_ms >= anchor.media_ms
            return (playback.playing and enough) or playback.idle

        await self._until(heard, MONOLOGUE_MS / 1000 / self._speed)

    async def _quiet(self, ms: int) -> None:
        """Wait until the agent has been quiet for so long."""
        while not self._over():
            if not await self._until(self._idle, MONOLOGUE_MS / 1000 / self._speed):
                return
            if self._open() and await self._until(lambda: not self._open() or not self._idle(), OPEN_SECONDS):
                continue
            if not await self._until(lambda: not self._idle(), max(ms / 1000 / self._speed, 0.03)):
                return

    def _idle(self) -> bool:
        return self._call.session.playback.idle

    def _open(self) -> bool:
        """Whether a reply is unfinished."""
        return self._call.events.reply_open(self._acted)

    async def _await_ending(self, anchor: Anchor) -> None:
        """Wait for the agent to end the call, for as long as it took and a half more."""
        if anchor.after != "act":
            await self._until_answered()
            await self._pauses(anchor.pauses_ms)
            await self._quiet(0)
        enough = anchor.delay_ms * 1.5 / 1000 / self._speed + min(OPEN_SECONDS, self._patience)
        await self._until(self._over, enough)

    async def _stay_connected(self) -> None:
        """A call that is to be connected again is, also where its connection was not lost before."""
        session = self._call.session
        if self._script.twiml.application_reconnect and not session.over and not self._call.connected:
            await self._call.reconnect()

    async def _until(self, holds: Callable[[], bool], seconds: float) -> bool:
        """True when it came true, False when the time passed or the call was over first."""
        await self._call.session.notifier.until(lambda: self._over() or holds(), seconds)
        return holds()

    def _over(self) -> bool:
        return self._call.session.over

    @property
    def _speed(self) -> float:
        return self._call.line.speed

    # Acts

    async def _do(self, deed: Deed) -> None:
        match deed:
            case Utterance():
                await self._speak(deed)
            case Key(digit):
                self._call.session.presses(digit)
            case HangUp():
                self._call.session.hangs_up()
            case Drop():
                self._call.drop()
            case Reconnect():
                await self._stay_connected()

    async def _speak(self, deed: Utterance) -> None:
        session, partials, at = self._call.session, list(deed.partials), 0
        if partials and partials[0].at_ms <= TOGETHER_MS:
            first = partials.pop(0)
            session.begins_to_speak(first.text, first.lang)
        else:
            session.begins_to_speak(None)
        for partial in partials:
            await self._caller.pause(min(partial.at_ms - at, MAX_PAUSE_MS))
            session.partial(partial.text, partial.lang)
            at = partial.at_ms
        await self._caller.pause(min(deed.lasts_ms - at, MAX_PAUSE_MS))
        if deed.text is None:
            session.falls_silent()
        else:
            session.has_spoken(deed.text, deed.lang)

    # The agent

    def _judge(self, anchor: Anchor, before: Reply, turn: int, deed: Deed | None) -> bool:
        """Compares what the agent said with what it had said; False once the call has diverged."""
        if self._diverged is not None:
            return False
        self._before.append(before)
        if isinstance(deed, Reconnect) or (anchor.after == "act" and not self._over()):
            return True
        events = self._call.events.events[self._judged :]
        said, now = _joined(self._before), _reply(events)
        reason = None
        if self._over() and isinstance(deed, Utterance | Key):
            did = "spoken" if isinstance(deed, Utterance) else "pressed a key"
            reason = f"the call was over, where the caller had {did}"
        elif anchor.after == "quiet" or (request(said.text) and all(event.over for event in events)):
            reason = divergence(said, now, self._below)
        self._before, self._judged = [], len(self._call.events.events)
        if reason is not None:
            self._diverged = turn, time.time_ns(), reason
        return reason is None


def _reply(events: Sequence[Event]) -> Reply:
    # From the end, where requests are; nobody listens to more.
    texts = " ".join(event.text[-JUDGED:] for event in events if event.name == "text")[-JUDGED:]
    other = tuple(event.name for event in events if event.name in ("play", "sendDigits", "end"))
    return Reply(mended(" ".join(texts.split())), other)


def _joined(replies: Sequence[Reply]) -> Reply:
    texts = " ".join(reply.text for reply in replies if reply.text)
    return Reply(texts, tuple(name for reply in replies for name in reply.other))
