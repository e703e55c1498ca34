"""Turns and responses while they are being written.

Knows: what belongs to one turn and one response.
Must not know: which turn or response a message belongs to; how numbers are read off a turn; sessions.

All times are wall nanoseconds.
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

from relayproxy.conversation.barge_in import InterruptionDraft
from relayproxy.conversation.model import Mark, MarkKind, OpenedBy, Spoken, Tier, Turn
from relayproxy.conversation.moment import Moment
from relayproxy.conversation.speech import Speech
from relayproxy.conversation.stream import Stream
from relayproxy.conversation.vocabulary import mended

MOST_MARKS = 64
MARK_TEXT = 80
"""Characters of a mark's text."""
MOST_INTERRUPTIONS = 64
"""Interruptions of one turn that are listed."""


class Response:
    """One stream of speech from the backend, from its first message to `last: true`."""

    __slots__ = (
        "asks",
        "connection_id",
        "crossed",
        "cut_off",
        "interrupted_at_asks",
        "interruption",
        "last_at",
        "places",
        "speech",
        "speeches",
        "streams",
        "tokens",
        "turn",
    )

    def __init__(self, connection_id: str) -> None:
        self.connection_id = connection_id
        self.turn: TurnDraft | None = None
        """None until something speakable came."""
        self.tokens: list[str] = []
        self.places: list[int] = []
        """The seq of each token's message."""
        self.speeches: list[Speech] = []
        self.speech: Speech | None = None
        """What more text is added to; None after an interrupt, since what comes then is another stretch."""
        self.asks = 0
        """How many times the caller had asked when the last message of this response came."""
        self.crossed = False
        """It went on after the caller had asked anew."""
        self.cut_off = False
        """Its connection went away while it was being sent."""
        self.last_at = 0
        """When the last message of it had been read."""
        self.streams = False
        """Text has begun that must still be terminated; False for one of `play` alone."""
        self.interruption: InterruptionDraft | None = None
        """Set while what still comes is stale."""
        self.interrupted_at_asks = 0
        """How many times the caller had asked at the interrupt."""

    def touch(self) -> None:
        """Something about its speech has changed."""
        if self.turn is not None:
            self.turn.touch()

    def text(self) -> str:
        """All tokens as sent; halves of surrogate pairs are not joined."""
        return "".join(self.tokens)


class TurnDraft:
    """One turn. Change it, then call `touch`, which drops the value that was built of it."""

    __slots__ = (
        "agent_at",
        "agent_done_at",
        "agent_over_caller",
        "agent_place",
        "agent_read_at",
        "awaiting",
        "caller_at",
        "caller_begun_at",
        "caller_out",
        "caller_place",
        "client_off_at",
        "coalesced",
        "cut_short",
        "dtmf",
        "ended_at",
        "first_kind",
        "greeting",
        "greeting_from",
        "greeting_until",
        "interleaved",
        "interruptions",
        "lang",
        "languages",
        "longest_wait",
        "marks",
        "media",
        "number",
        "off_expected",
        "opened_by",
        "prompts",
        "rate",
        "reaction_out",
        "responses",
        "sent_digits",
        "sounding",
        "speculative",
        "started_at",
        "stream",
        "tier",
        "transferred",
        "unconfirmed",
        "value",
        "voice_lang",
    )

    def __init__(self, number: int, opened_by: OpenedBy, started_at: int) -> None:
        self.number = number
        self.opened_by = opened_by
        self.started_at = started_at
        self.ended_at: int | None = None
        self.transferred = False
        """It was closed by `end`."""
        self.prompts: list[str] = []
        self.caller_at: int | None = None
        self.caller_out = 0
        """When what was answered had been written to the backend."""
        self.caller_place: Moment | None = None
        self.caller_begun_at: int | None = None
        """When the first partial prompt of what was answered came, or the caller was first heard to say it."""
        self.marks: list[Mark] = []
        self.client_off_at: int | None = None
        """When the caller had stopped saying what was answered."""
        self.off_expected = False
        """The final prompt came while they were speaking."""
        self.coalesced = 0
        self.longest_wait: tuple[int, Moment] | None = None
        """Nanoseconds that the caller had waited when they spoke again, and where."""
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
        self.agent_over_caller = False
        self.interleaved: Moment | None = None
        """Where a second reply to the same words shows."""
        self.responses: list[Response] = []
        self.agent_at: int | None = None
        self.agent_read_at = 0
        self.agent_place: Moment | None = None
        self.agent_done_at: int | None = None
        self.first_kind: Literal["text", "play"] | None = None
        self.reaction_out: int | None = None
        """When the backend's first message of any type since the caller's asking had been written."""
        self.sounding = False
        """The agent was already speaking when the answer came."""
        self.stream = Stream()
        self.rate: float | None = None
        """The speaking rate that was known when the answer was complete."""
        self.interruptions: list[InterruptionDraft] = []
        self.media: list[str] = []
        self.languages: list[str] = []
        self.voice_lang: str | None = None
        """The language that speech was set to when the answer came."""
        self.sent_digits = ""
        self.greeting = ""
        self.greeting_from: int | None = None
        """Between these the greeting was at the caller's ear."""
        self.greeting_until: int | None = None
        self.tier: Tier = "A"
        self.value: Turn | None = None
        """Its value as last built, while nothing has changed since."""

    def touch(self) -> None:
        """Its value must be built anew."""
        self.value = None

    def asked_again(self, moment: Moment, heard_until: int) -> None:
        """The caller speaks again without having been answered. `heard_until`: so long the agent may have spoken."""
        if self.caller_at is None or self.sent_digits:
            return
        wait = moment.at - max(self.caller_at, heard_until)
        if self.longest_wait is None or wait > self.longest_wait[0]:
            self.longest_wait = wait, moment

    def play_greeting(self, chunk: str) -> None:
        """Adds what was played of the greeting."""
        apart = self.greeting and not self.greeting[-1].isspace() and not chunk[:1].isspace()
        self.greeting += f" {chunk}" if apart else chunk
        self.touch()

    def interrupt(self, draft: InterruptionDraft) -> None:
        """Its speech was interrupted."""
        if len(self.interruptions) < MOST_INTERRUPTIONS:
            self.interruptions.append(draft)
        self.touch()

    def mark(self, kind: MarkKind, at: int, text: str, spoken: tuple[Spoken, ...] = ()) -> None:
        """Something with a place in time happened in it. `spoken`: of a prompt, when it was said."""
        if len(self.marks) < MOST_MARKS:
            self.marks.append(Mark(at, kind, mended(text[:MARK_TEXT]), spoken))

    def end_prompt(self, spoken: tuple[Spoken, ...]) -> None:
        """When the last prompt was said is known only now."""
        for place, mark in reversed([*enumerate(self.marks)]):
            if mark.kind == "prompt":
                self.marks[place] = msgspec.structs.replace(mark, spoken=spoken)
                break
        self.touch()

    def last_spoken(self) -> tuple[Spoken, ...]:
        """When the last prompt was said."""
        return next((mark.spoken for mark in reversed(self.marks) if mark.kind == "prompt"), ())

    def speeches(self) -> Iterator[Speech]:
        """All that was said in it, in order."""
        for response in self.responses:
            yield from response.speeches
