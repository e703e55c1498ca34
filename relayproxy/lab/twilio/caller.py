"""The caller: performs a script against a session, at the pace of a person.

Knows: how long people speak, wait and hesitate.
Must not know: messages, sockets.
"""

import random
from collections.abc import Sequence

from relayproxy.lab.twilio import speech
from relayproxy.lab.twilio.script import HangUp, Listen, Pause, Press, Say, Step, Vanish
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


class SimulatedCaller:
    """A simulated caller. `patience`: seconds to wait for an answer, at any `speed`."""

    def __init__(self, session: SimulatedSession, rng: random.Random, speed: float, patience: float) -> None:
        self._session, self._rng, self._speed, self._patience = session, rng, speed, patience

    async def perform(self, steps: Sequence[Step]) -> None:
        """Do all steps, then hang up. Stops where the session is over."""
        for step in steps:
            if self._session.over:
                return
            match step:
                case Listen():
                    await self._listen()
                case Pause(ms):
                    await self._pause(ms)
                case Say():
                    await self._wait_for_words(step.after_words)
                    await self._say(step)
                case Press():
                    await self._wait_for_words(step.after_words)
                    await self._press(step)
                case HangUp():
                    await self._wait_for_words(step.after_words)
                    self._session.hangs_up()
                case Vanish():
                    self._session.vanishes()
        if not self._session.over:
            self._session.hangs_up()

    async def _pause(self, ms: int) -> None:
        await self._session.notifier.until(lambda: self._session.over, ms / 1000 / self._speed)

    async def _listen(self) -> None:
        session = self._session
        while not session.over:
            answered = await session.notifier.until(lambda: session.over or session.answered, self._patience)
            if not answered or not await session.notifier.until(
                lambda: session.over or session.playback.idle, MONOLOGUE_MS / 1000 / self._speed
            ):
                return
            quiet = max(QUIET_MS / 1000 / self._speed, 0.03)
            if not await session.notifier.until(lambda: session.over or not session.playback.idle, quiet):
                return

    async def _wait_for_words(self, count: int) -> None:
        """Wait until the agent has spoken that many words, or is through with fewer."""
        session, playback = self._session, self._session.playback
        if count:
            await session.notifier.until(lambda: session.over or session.answered, self._patience)
            await session.notifier.until(
                lambda: (
                    session.over
                    or (playback.speaking and playback.words >= count)
                    or (session.answered and playback.idle)
                ),
                MONOLOGUE_MS / 1000 / self._speed,
            )

    async def _say(self, step: Say) -> None:
        session, rng = self._session, self._rng
        first, *others = step.partials or speech.partials(step.text, rng)
        if not step.after_words and not session.playback.playing and rng.random() < 1 / 3:
            session.partial(first)
            await self._pause(EARLY_MS)
            first, *others = others or [first]
        session.begins_to_speak(first)
        for partial in others:
            await self._pause(rng.randint(*PARTIAL_MS))
            session.partial(partial)
        await self._pause(rng.randint(*FINAL_MS))
        session.has_spoken(step.text)

    async def _press(self, step: Press) -> None:
        for number, digit in enumerate(step.digits):
            if number:
                await self._pause(step.gap_ms)
            self._session.presses(digit)
