"""One ConversationRelay session as Twilio runs it, without a socket.

Knows: which messages Twilio sends when the caller speaks, presses a key or hangs up, and when the agent is heard;
what it does with each message of the backend.
Must not know: how messages travel, what the caller's script says.
"""

import asyncio
import random
from collections.abc import Callable

from relayproxy.lab import twilio_messages
from relayproxy.lab.bell import Bell
from relayproxy.lab.playback import Playback
from relayproxy.lab.result import Caller, Ending
from relayproxy.lab.script import Input, TwiML

CLOSE_MS = 90
"""From `end`, once everything has been played, to the close frame."""
DRAIN_MS = 60_000
"""The longest that what is queued is played after `end`."""

Close = tuple[int, str] | None
"""Code and reason of the close frame to send; None resets the connection instead."""


class Session:
    """The state of a session. `send` and `finish` are called in the order in which things happen on the wire.

    The bell rings after every change. Acts of the caller are without effect once the session is `over`.
    """

    def __init__(
        self,
        twiml: TwiML,
        rng: random.Random,
        speed: float,
        send: Callable[[twilio_messages.Json], None],
        finish: Callable[[Ending, Close], None],
    ) -> None:
        self.bell = Bell()
        self.playback = Playback(self.bell, rng, speed, self._agent_speaking, self._played)
        self.answered = bool(twiml.greeting)
        """Something to play has come since the caller's last reported act (or since the start)."""
        self.over = False
        """No more is heard of the caller: the backend sent `end`, or the session is finished."""
        self.handoff_data: str | None = None
        self._twiml, self._speed, self._send, self._finish = twiml, speed, send, finish
        self._lang = twiml.language
        self._reported = True
        self._malformed = 0
        self._leaving = False

    def begin(self, caller: Caller) -> None:
        """The connection is open."""
        self._send(caller.setup(self._twiml.parameters))
        if self._twiml.greeting:
            self.playback.greet(self._twiml.greeting, interruptible=self._twiml.greeting_interruptible)

    # The caller

    def begins_to_speak(self, partial: str) -> None:
        """The caller's voice is heard, and these first words of it. It interrupts the agent where that is allowed."""
        if self.over:
            return
        playing = self.playback.playing
        self._reported = not playing or self._twiml.report_input_during_agent_speech in ("speech", "any")
        self._event("clientSpeaking", "on")
        if playing and self.playback.interruptible in ("speech", "any"):
            self._interrupt(lambda: self.partial(partial))
        else:
            self.partial(partial)

    def partial(self, text: str) -> None:
        """What has been understood so far."""
        if self._reported and self._twiml.partial_prompts and not self.over:
            self._send(twilio_messages.prompt(text, self._lang, last=False))

    def has_spoken(self, text: str) -> None:
        """The caller is done; this was said."""
        if self.over:
            return
        self._event("clientSpeaking", "off")
        if self._reported:
            self.answered = False
            self._send(twilio_messages.prompt(text, self._lang, last=True))

    def presses(self, digit: str) -> None:
        """A key. It interrupts the agent where that is allowed."""
        if self.over or not self._twiml.dtmf:
            return
        playing, interruptible = self.playback.playing, self.playback.interruptible in ("dtmf", "any")
        if not playing or self._twiml.report_input_during_agent_speech in ("dtmf", "any"):
            self.answered = False
            self._send(twilio_messages.dtmf(digit))
        if playing and interruptible:
            self._interrupt(lambda: None)

    def hangs_up(self) -> None:
        """The call is over, whatever is still being played."""
        self._end("hung_up", twilio_messages.CLOSED)

    def vanishes(self) -> None:
        """The connection is lost on Twilio's side."""
        self._end("vanished", None)

    def _interrupt(self, words: Callable[[], None]) -> None:
        was_speaking = self.playback.speaking
        heard, ms = self.playback.stop()
        if heard:
            self._played(heard)
        self._send(twilio_messages.interrupt(heard, ms))
        words()
        if was_speaking:
            self._agent_speaking(False)

    # The backend

    def receive(self, frame: str, *, binary: bool = False) -> None:
        """Obey a message of the backend, or complain of it."""
        if self.over:
            return
        message = None if binary else twilio_messages.accept(frame)
        if message is None:
            self._malformed += 1
            self._send(twilio_messages.complaint(frame))
            if self._malformed == twilio_messages.MALFORMED_LIMIT:
                self._end("malformed", twilio_messages.TOO_MANY_MALFORMED)
            return
        self._malformed = 0
        self._obey(message)
        self.bell.ring()

    def _obey(self, message: twilio_messages.Json) -> None:
        allowed = message.get("interruptible")
        interruptible: Input = "any" if allowed is True else "none" if allowed is False else self._twiml.interruptible
        marked = message.get("preemptible")
        preemptible = self._twiml.preemptible if marked is None else bool(marked)
        match message["type"]:
            case "text":
                self.answered |= bool(message["token"].strip())
                last = bool(message.get("last"))
                self.playback.say(message["token"], last=last, interruptible=interruptible, preemptible=preemptible)
            case "play":
                self.answered = True
                loop = message.get("loop")
                self.playback.play(
                    1 if loop is None else int(loop), interruptible=interruptible, preemptible=bool(marked)
                )
            case "sendDigits":
                self.answered = True
                self.playback.send_digits(message["digits"], interruptible=interruptible)
            case "language":
                self._lang = message.get("transcriptionLanguage") or self._lang
            case "end":
                data = message.get("handoffData")
                self.handoff_data = data if data is None or isinstance(data, str) else twilio_messages.encode(data)
                self.over = self._leaving = True

    async def leave(self) -> None:
        """Wait for `end`, let the caller hear what is queued, then close."""
        await self.bell.until(lambda: self._leaving)
        await self.bell.until(lambda: self.playback.idle, DRAIN_MS / 1000 / self._speed)
        await asyncio.sleep(CLOSE_MS / 1000 / self._speed)
        self._end("ended", twilio_messages.CLOSED)

    # What both lead to

    def _end(self, ending: Ending, close: Close) -> None:
        self.over = True
        self._finish(ending, close)
        self.bell.ring()

    def _event(self, name: str, value: str) -> None:
        if self._twiml.events:
            self._send(twilio_messages.info(name, value))

    def _agent_speaking(self, speaking: bool) -> None:
        self._event("agentSpeaking", "on" if speaking else "off")

    def _played(self, text: str) -> None:
        self._event("tokensPlayed", text)
