"""One ConversationRelay session as Twilio runs it, without a socket.

Knows: which messages Twilio sends when the caller speaks, presses a key or hangs up, and when the agent is heard;
what it does with each message of the backend.
Must not know: how messages travel, what the caller's script says.
"""

import asyncio
import json
import random
from collections.abc import Callable

from relayproxy.conversation.protocol.decoding import decode_text
from relayproxy.conversation.protocol.messages import (
    Config,
    Dtmf,
    End,
    Error,
    Event,
    FromTwilio,
    Info,
    Interrupt,
    Language,
    Play,
    Prompt,
    SendDigits,
    Text,
)
from relayproxy.conversation.protocol.rejections import MAX_IN_A_ROW, TOO_MANY, rejection
from relayproxy.lab.twilio.events import EventLog, handoff_text
from relayproxy.lab.twilio.playback import SimulatedPlayback
from relayproxy.lab.twilio.result import CallEnding, Caller
from relayproxy.lab.twilio.twiml import Input, TwiML
from relayproxy.text import mended

CLOSE_MS = 90
"""From `end`, once everything has been played, to the close frame."""
DRAIN_MS = 60_000
"""The longest that what is queued is played after `end`."""

CLOSED = (1000, "Closing websocket session")
"""The close frame with which Twilio ends a session."""

Close = tuple[int, str] | None
"""Code and reason of the close frame to send; None resets the connection instead."""


class SimulatedSession:
    """The state of a session. `send` and `finish` are called in the order in which things happen on the wire.

    The notifier of `events` rings after every change. Acts of the caller are without effect once the session is `over`.
    """

    def __init__(
        self,
        twiml: TwiML,
        rng: random.Random,
        speed: float,
        send: Callable[[FromTwilio], None],
        finish: Callable[[CallEnding, Close], None],
        events: EventLog | None = None,
    ) -> None:
        self.events = events or EventLog()
        """Those of the whole call, when it has further sessions."""
        self.notifier = self.events.notifier
        self.playback = SimulatedPlayback(self.notifier, rng, speed, self._agent_speaking, self._played)
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
        """Takes that the connection is open."""
        self._send(caller.setup())
        if self._twiml.greeting:
            self.playback.greet(self._twiml.greeting, interruptible=self._twiml.greeting_interruptible)

    # The caller

    def begins_to_speak(self, partial: str | None, lang: str | None = None) -> None:
        """The caller's voice is heard, and these first words of it; None for a sound without any. It interrupts the
        agent where that is allowed."""
        if self.over:
            return
        playing = self._playing()
        self._reported = not playing or self._twiml.report_input_during_agent_speech in ("speech", "any")
        self._event("clientSpeaking", "on")

        def words() -> None:
            if partial is not None:
                self.partial(partial, lang)

        if playing and self.playback.interruptible in ("speech", "any"):
            self._interrupt(words)
        else:
            words()

    def falls_silent(self) -> None:
        """The caller's voice is heard no more."""
        if not self.over:
            self._event("clientSpeaking", "off")

    def partial(self, text: str, lang: str | None = None) -> None:
        """The text that has been understood so far."""
        if self._reported and self._twiml.partial_prompts and not self.over:
            self._send(Prompt(text, lang or self._lang, False))

    def has_spoken(self, text: str, lang: str | None = None) -> None:
        """Ends an utterance of the caller: `text` was said, in `lang` rather than in the session's language."""
        self.falls_silent()
        if self._reported and not self.over:
            self.answered = False
            self._send(Prompt(text, lang or self._lang, True))

    def presses(self, digit: str) -> None:
        """Presses a key. It interrupts the agent where that is allowed."""
        if self.over or not self._twiml.dtmf:
            return
        playing, interruptible = self._playing(), self.playback.interruptible in ("dtmf", "any")
        if not playing or self._twiml.report_input_during_agent_speech in ("dtmf", "any"):
            self.answered = False
            self._send(Dtmf(digit))
        if playing and interruptible:
            self._interrupt(lambda: None)

    def _playing(self) -> bool:
        """Whether the caller hears the agent. What comes after the caller acted in silence is another reply, also where
        the one before had no end."""
        if not self.playback.playing:
            self.events.close_reply()
        return self.playback.playing

    def hangs_up(self) -> None:
        """Ends the call, even while something is being played."""
        self._end("hung_up", CLOSED)

    def vanishes(self) -> None:
        """The connection is lost on Twilio's side."""
        self._end("vanished", None)

    def lose(self) -> None:
        """Takes that the connection is gone for good."""
        self.over = True
        self.events.close_reply()
        self.notifier.notify()

    def _interrupt(self, words: Callable[[], None]) -> None:
        was_speaking = self.playback.speaking
        heard, ms = self.playback.stop()
        self.events.close_reply()
        self.events.add("interrupt", heard)
        if heard:
            self._played(heard)
        self._send(Interrupt(heard, ms))
        words()
        if was_speaking:
            self._agent_speaking(False)

    # The backend

    def receive(self, frame: str, *, binary: bool = False) -> None:
        """Obey a message of the backend, or complain of it. After `end` it is noticed at most."""
        decoded = decode_text(None if binary else frame, "backend")
        if decoded.violation is None:
            self.events.receive(decoded.event)
        if self.over:
            return
        if decoded.violation is not None:
            self._malformed += 1
            description = rejection(frame)
            self.events.add("error", description)
            self._send(Error(description))
            if self._malformed == MAX_IN_A_ROW:
                self._end("malformed", TOO_MANY)
            return
        self._malformed = 0
        self._obey(decoded.event)
        if isinstance(decoded.event, Config):
            self._config_updated(frame)
        self.notifier.notify()

    def _obey(self, message: Event) -> None:
        match message:
            case Text(token):
                self.answered |= message.speakable
                preemptible = self._twiml.preemptible if message.preemptible is None else message.preemptible
                self.playback.say(
                    mended(token),
                    last=message.last is True,
                    interruptible=self._interruptible(message.interruptible),
                    preemptible=preemptible,
                )
            case Play(loop=loop):
                self.answered = True
                self.playback.play(
                    1 if loop is None else loop,
                    interruptible=self._interruptible(message.interruptible),
                    preemptible=message.preemptible is True,
                )
            case SendDigits(digits):
                self.answered = True
                self.playback.send_digits(digits, interruptible=self._twiml.interruptible)
            case Language():
                self._lang = message.transcription_language or self._lang
            case End():
                self.handoff_data = handoff_text(message)
                self.over = self._leaving = True

    def _interruptible(self, allowed: bool | None) -> Input:
        """The kinds of input that can interrupt a message, by its `interruptible`."""
        return self._twiml.interruptible if allowed is None else "any" if allowed else "none"

    async def leave(self) -> None:
        """Wait for `end`, let the caller hear what is queued, then close."""
        await self.notifier.until(lambda: self._leaving)
        await self.notifier.until(lambda: self.playback.idle, DRAIN_MS / 1000 / self._speed)
        await asyncio.sleep(CLOSE_MS / 1000 / self._speed)
        self._end("ended", CLOSED)

    # What both lead to

    def _end(self, ending: CallEnding, close: Close) -> None:
        self.over = True
        self._finish(ending, close)
        self.notifier.notify()

    def _event(self, name: str, value: str) -> None:
        if self._twiml.events:
            self._send(Info(name, value))

    def _config_updated(self, frame: str) -> None:
        # What Twilio puts there is not documented; values of `info` are always strings.
        settings = {key: value for key, value in json.loads(frame).items() if key != "type"}
        self._event("configUpdated", mended(json.dumps(settings, ensure_ascii=False, separators=(",", ":"))))

    def _agent_speaking(self, speaking: bool) -> None:
        self.events.add("speech_started" if speaking else "speech_ended")
        self._event("agentSpeaking", "on" if speaking else "off")

    def _played(self, text: str) -> None:
        self._event("tokensPlayed", text)
