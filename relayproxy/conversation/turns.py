"""Turns and responses while they are being written.

Knows: what belongs to one turn and how its value is read off it.
Must not know: which turn or response a message belongs to; sessions and connections.

All times are wall nanoseconds.
"""

import msgspec

from relayproxy.conversation.model import Interruption, NullReason, OpenedBy, Turn
from relayproxy.conversation.vocabulary import mended


class Response:
    """One stream of speech from the backend, from its first message to `last: true`."""

    __slots__ = (
        "_normalised",
        "_words",
        "asks",
        "chunks",
        "connection_id",
        "interrupted_at_asks",
        "last_at",
        "played",
        "queued",
        "quiet_at",
        "sent_at",
        "streams",
        "turn",
    )

    def __init__(self, connection_id: str) -> None:
        self.connection_id = connection_id
        self.turn: TurnDraft | None = None
        """None until something speakable came."""
        self.chunks: list[str] = []
        self.asks = 0
        """How many times the caller had asked when the last message of this response came."""
        self.last_at = 0
        """When the last message of it had been read."""
        self.streams = False
        """Text has begun that must still be terminated; False for one of `play` alone."""
        self.interrupted_at_asks: int | None = None
        """Set while what still comes is stale: how many times the caller had asked at the interrupt."""
        self.sent_at = 0
        """When the first speakable message had been written to Twilio."""
        self.quiet_at = 0
        """Latest moment at which it may be heard."""
        self.queued = False
        self.played = 0
        """How far into `words()` it is known to have been played."""
        self._words = ""
        self._normalised = 0

    def text(self) -> str:
        """All tokens as sent; halves of surrogate pairs are not joined."""
        if len(self.chunks) > 1:
            self.chunks[:] = ["".join(self.chunks)]
        return self.chunks[0] if self.chunks else ""

    def words(self) -> str:
        """The normalised words of `text()`; only what is new is normalised."""
        text = self.text()
        known = self._normalised
        if known < len(text):
            fresh = words(text[known:])
            goes_on = known > 0 and text[known - 1].isalnum() and text[known].isalnum()
            self._words += fresh[1:] if goes_on else fresh
            self._normalised = len(text)
        return self._words


class TurnDraft:
    """One turn. Change it, then call `touch`; `value` builds it anew only after a touch."""

    __slots__ = (
        "_value",
        "agent_at",
        "agent_done_at",
        "awaiting",
        "caller_at",
        "coalesced",
        "cut_short",
        "dtmf",
        "ended_at",
        "greeting",
        "interruptions",
        "lang",
        "media",
        "number",
        "opened_by",
        "prompts",
        "responses",
        "sent_digits",
        "speculative",
        "started_at",
        "unconfirmed",
    )

    def __init__(self, number: int, opened_by: OpenedBy, started_at: int) -> None:
        self.number = number
        self.opened_by = opened_by
        self.started_at = started_at
        self.ended_at: int | None = None
        self.prompts: list[str] = []
        self.caller_at: int | None = None
        self.coalesced = 0
        self.dtmf = ""
        self.lang: str | None = None
        self.awaiting = False
        """The caller has asked and no response has begun since."""
        self.speculative = False
        """The response began before the final prompt."""
        self.unconfirmed = False
        """Speculative, and the final prompt has not come yet."""
        self.cut_short = False
        """An interrupt came between the caller's asking and the first token."""
        self.responses: list[Response] = []
        self.agent_at: int | None = None
        self.agent_done_at: int | None = None
        self.interruptions: list[Interruption] = []
        self.media: list[str] = []
        self.sent_digits = ""
        self.greeting = ""
        self._value: Turn | None = None

    def touch(self) -> None:
        self._value = None

    def value(self) -> Turn:
        """The turn as it stands."""
        if self._value is None:
            self._value = self._build(self.ended_at, session_closed=False)
        return self._value

    def closed_value(self, at: int) -> Turn:
        """The turn as it stands when the session is over: a turn that is open then ended with it."""
        if self.ended_at is not None:
            return self.value()
        return self._build(max(at, self.started_at), session_closed=True)

    def play_greeting(self, chunk: str) -> None:
        """Adds what was played of the greeting."""
        apart = self.greeting and not self.greeting[-1].isspace() and not chunk[:1].isspace()
        self.greeting += f" {chunk}" if apart else chunk
        self.touch()

    def add_stale(self, chars: int) -> None:
        """Counts a stale chunk for the latest interruption."""
        if self.interruptions:
            latest = self.interruptions[-1]
            self.interruptions[-1] = msgspec.structs.replace(
                latest, stale_chunks=latest.stale_chunks + 1, stale_chars=latest.stale_chars + chars
            )

    def _build(self, ended_at: int | None, *, session_closed: bool) -> Turn:
        latency, reason = self._latency(session_closed)
        return Turn(
            number=self.number,
            opened_by=self.opened_by,
            started_at=self.started_at,
            ended_at=ended_at,
            caller_text=" ".join(prompt for prompt in self.prompts if prompt),
            caller_at=self.caller_at,
            agent_text=mended("".join(response.text() for response in self.responses)),
            agent_at=self.agent_at,
            agent_done_at=self.agent_done_at,
            dtmf=self.dtmf,
            response_latency_ms=latency,
            null_reason=reason,
            coalesced_prompts=self.coalesced,
            interruptions=tuple(self.interruptions),
            unanswered=ended_at is not None and self.caller_at is not None and self.agent_at is None,
            lang=self.lang,
            media=tuple(self.media),
            sent_digits=self.sent_digits,
            greeting=self.greeting,
        )

    def _latency(self, session_closed: bool) -> tuple[int | None, NullReason | None]:
        if self.speculative:
            return None, "speculative"
        if self.caller_at is None:
            return None, "no_prompt"
        if self.agent_at is not None:
            return max(0, round((self.agent_at - self.caller_at) / 1_000_000)), None
        if self.cut_short:
            return None, "interrupted_before_first_token"
        return None, "session_closed" if session_closed else "no_response"


def words(text: str) -> str:
    """Words in lower case, each with one space before it: what is left when punctuation and spacing differ."""
    spaced = "".join(c if c.isalnum() else " " for c in text.casefold())
    return "".join(f" {word}" for word in spaced.split())
