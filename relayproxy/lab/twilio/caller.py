"""The caller: speaks, presses keys, listens and waits, at the pace of a person.

Knows: how long people speak, wait and hesitate.
Must not know: messages, sockets; what is said and why.
"""

import random
from collections.abc import Callable
from typing import Protocol

from relayproxy.lab.twilio import speech
from relayproxy.lab.twilio.connection import Line
from relayproxy.lab.twilio.session import SimulatedSession

QUIET_MS = 600
"""So long an agent is silent before the caller believes that it is done."""
MONOLOGUE_MS = 120_000
"""The longest that a caller listens to one answer."""
PARTIAL_MS = (200, 300)
"""Between partial transcripts."""
FINAL_MS = (350, 800)
"""From the last partial transcript to the final one."""
EARLY_MS = 250
"""By so much the first partial transcript can precede the notice that the caller speaks."""
GAP_MS = 380
"""Between two keys."""


class Phone(Protocol):
    """What a caller needs of a call (`SimulatedCall`)."""

    @property
    def session(self) -> SimulatedSession: ...
    @property
    def line(self) -> Line: ...
    @property
    def rng(self) -> random.Random: ...


class SimulatedCaller:
    """A person in a call. Acts are without effect and waiting is over once the session is."""

    def __init__(self, call: Phone) -> None:
        self._call = call
        self._rng, self._speed, self._patience = call.rng, call.line.speed, call.line.patience

    @property
    def over(self) -> bool:
        return self._call.session.over

    async def pause(self, ms: float) -> None:
        """Do nothing for a while."""
        await self._until(lambda: False, ms / 1000 / self._speed)

    async def listen(self) -> None:
        """Wait until the agent has answered what the caller did last, and has been quiet for a moment; or until
        patience is at an end."""
        call = self._call
        while not self.over:
            answered = await self._until(lambda: call.session.answered, self._patience)
            if not answered or not await self._until(lambda: call.session.playback.idle, self._monologue):
                return
            quiet = max(QUIET_MS / 1000 / self._speed, 0.03)
            if not await self._until(lambda: not call.session.playback.idle, quiet):
                return

    async def hear(self, *, chars: int = 0, ms: int = 0) -> None:
        """Wait until that much of the agent's answer has been played, or all of it when it is shorter."""
        call = self._call

        def heard() -> bool:
            playback = call.session.playback
            enough = playback.playing and playback.heard_chars >= chars and playback.heard_ms >= ms
            return enough or (call.session.answered and playback.idle)

        await self._until(lambda: call.session.answered, self._patience)
        await self._until(heard, self._monologue)

    async def say(self, text: str, partials: tuple[str, ...] = (), lang: str | None = None) -> None:
        """Speak: partial prompts (made up unless given), then the final one."""
        call, rng = self._call, self._rng
        first, *others = partials or speech.partials(text, rng)
        if not call.session.playback.playing and rng.random() < 1 / 3:
            call.session.partial(first, lang)
            await self.pause(EARLY_MS)
            first, *others = others or [first]
        call.session.begins_to_speak(first, lang)
        for partial in others:
            await self.pause(rng.randint(*PARTIAL_MS))
            call.session.partial(partial, lang)
        await self.pause(rng.randint(*FINAL_MS))
        call.session.has_spoken(text, lang)

    async def make_noise(self, ms: float) -> None:
        """Cough, or let others in the room be heard: the agent is interrupted, and nothing is understood."""
        self._call.session.begins_to_speak(None)
        await self.pause(ms)
        self._call.session.falls_silent()

    async def press(self, digits: str) -> None:
        """Press keys, one after the other."""
        for number, digit in enumerate(digits):
            if number:
                await self.pause(GAP_MS)
            self._call.session.presses(digit)

    @property
    def _monologue(self) -> float:
        return MONOLOGUE_MS / 1000 / self._speed

    async def _until(self, holds: Callable[[], bool], seconds: float) -> bool:
        return await self._call.session.notifier.until(lambda: self.over or holds(), seconds)
