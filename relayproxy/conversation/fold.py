"""The fold: the messages of one session in, the conversation out.

Knows: which message goes where; a session's connections, parties and end.
Must not know: files, SQL, clocks; who asks for the result and how often.

Pure and incremental: the same messages in the same order give the same conversation, however often it is asked for.
"""

from typing import Any

from relayproxy.connection import Ending, Opening
from relayproxy.conversation.ending import Closing, Verdict, refused, verdict
from relayproxy.conversation.exchange import Exchange
from relayproxy.conversation.handoff import handoff
from relayproxy.conversation.message import Message
from relayproxy.conversation.model import Conversation, Handoff
from relayproxy.conversation.vocabulary import (
    Dtmf,
    End,
    Error,
    Info,
    Interrupt,
    Play,
    Prompt,
    SendDigits,
    Setup,
    Text,
    Typed,
    Unknown,
    decode,
    read,
)

MAX_SETUP = 64 * 1024
"""A setup message of more bytes is kept without its custom parameters (the recording has them)."""

_INVALID_MESSAGE = "64107"


class _Connection:
    __slots__ = ("closing", "ended", "ending", "opening")

    def __init__(self, opening: Opening) -> None:
        self.opening = opening
        self.ending: Ending | None = None
        self.closing: Closing | None = None
        self.ended = False
        """`end` reached Twilio before Twilio closed."""

    @property
    def ended_at(self) -> int | None:
        if self.ending is not None:
            return self.opening.opened_at + self.ending.t
        return self.opening.opened_at + (self.opening.connected_after or 0) if refused(self.opening) else None


class Fold:
    """One session. `open` a connection before feeding its messages, in order; several may be open at once."""

    def __init__(self) -> None:
        self._connections: dict[str, _Connection] = {}
        self._exchange = Exchange()
        self._setup: Setup | None = None
        self._whole: dict[str, Any] = {}
        self._custom_parameters: dict[str, Any] = {}
        self._handoff: Handoff | None = None
        self._messages = 0
        self._gaps = 0
        self._gap_bytes = 0
        self._now = 0

    def open(self, opening: Opening) -> None:
        """A connection of the session has opened, or was refused. Opening it again changes nothing."""
        self._connections.setdefault(opening.connection_id, _Connection(opening))

    def feed(self, connection_id: str, message: Message) -> None:
        """The next message of a connection. Raises KeyError when it was never opened, and nothing else."""
        connection = self._connections[connection_id]
        opened_at = connection.opening.opened_at
        at = opened_at + message.t
        if at > self._now:
            self._now = at
        if message.kind == "text":
            self._messages += 1
            event = read(message)
            if message.sender == "backend":
                out = at if message.out is None else opened_at + message.out
                self._from_backend(connection, event, message.size, at, out)
            elif isinstance(event, Setup):
                self._set_up(event, message.size, at)
            else:
                self._from_twilio(connection, event, at)
        elif message.kind == "binary":
            self._messages += 1
        elif message.kind == "gap":
            self._gaps += 1
            self._gap_bytes += message.size
        elif message.kind == "close" and connection.closing is None:
            connection.closing = Closing(message.sender, message.code, message.reason)

    def end(self, connection_id: str, ending: Ending) -> None:
        """A connection has ended. Raises KeyError when it was never opened."""
        connection = self._connections[connection_id]
        if connection.ending is None:
            connection.ending = ending
            self._exchange.disconnected(connection_id)

    def conversation(self) -> Conversation:
        """The session so far. Turns that did not change since the last call are the same objects."""
        ended_at, end = self._ended()
        turns = self._exchange.turns(ended_at)
        setup = self._setup or Setup()
        return Conversation(
            session_id=setup.session_id or None,
            call_sid=setup.call_sid or None,
            account_sid=setup.account_sid or None,
            from_number=setup.from_ or None,
            to_number=setup.to or None,
            direction=setup.direction or None,
            caller_name=setup.caller_name or None,
            custom_parameters=self._custom_parameters,
            setup=self._whole,
            started_at=min((c.opening.opened_at for c in self._connections.values()), default=0),
            ended_at=ended_at,
            outcome=end.outcome if end else None,
            ended_by=end.ended_by if end else None,
            end_reason=end.end_reason if end else None,
            studio_transition=end.studio_transition if end else None,
            twilio_error_code=end.twilio_error_code if end else None,
            handoff=self._handoff,
            turns=turns,
            messages=self._messages,
            gaps=self._gaps,
            gap_bytes=self._gap_bytes,
            settled_turns=len(turns) if end else self._exchange.settled(self._now),
        )

    def _ended(self) -> tuple[int | None, Verdict | None]:
        latest: tuple[int, _Connection] | None = None
        for connection in self._connections.values():
            ended_at = connection.ended_at
            if ended_at is None:
                return None, None
            if latest is None or ended_at >= latest[0]:
                latest = ended_at, connection
        if latest is None:
            return None, None
        ended_at, last = latest
        return ended_at, verdict(last.opening, last.ending, last.closing, last.ended)

    def _from_backend(self, connection: _Connection, event: Typed | Unknown, size: int, at: int, out: int) -> None:
        exchange = self._exchange
        match event:
            case Text(token, last):
                exchange.text(connection.opening.connection_id, token, last is True, event.speakable, at, out)
            case Play(source):
                exchange.play(connection.opening.connection_id, source, at, out)
            case SendDigits(digits):
                exchange.send_digits(digits, at)
            case End(handoff_data):
                if not connection.ended:
                    self._handoff = handoff(handoff_data, at, size)
                    closing = connection.closing
                    connection.ended = closing is None or closing.sender != "twilio"
                exchange.close(at)

    def _from_twilio(self, connection: _Connection, event: Typed | Unknown, at: int) -> None:
        exchange = self._exchange
        match event:
            case Prompt(text, lang):
                if event.final:
                    exchange.prompt(text, lang, at)
                else:
                    exchange.partial(at)
            case Info("tokensPlayed", str(text)):
                exchange.tokens_played(text, at)
            case Info("agentSpeaking", value):
                exchange.agent_speaking(value == "on", at)
            case Dtmf(digit):
                exchange.key(digit, at)
            case Interrupt(heard):
                exchange.interrupt(heard or "", event.heard_ms, at)
            case Error(description) if connection.ended and _rejects_end(description or ""):
                connection.ended = False

    def _set_up(self, event: Setup, size: int, at: int) -> None:
        if self._setup is None:
            if size > MAX_SETUP:
                self._whole = {k: v for k, v in event.whole.items() if isinstance(v, str) and len(v) < 256}
            else:
                self._whole, self._custom_parameters = event.whole, event.custom_parameters or {}
            self._setup = event
        self._exchange.setup(at)


def _rejects_end(description: str) -> bool:
    """Twilio rejects a message by quoting it."""
    start = description.find("{")
    return _INVALID_MESSAGE in description and start >= 0 and isinstance(decode(description[start:]), End)
