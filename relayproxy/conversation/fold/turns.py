"""Turns and responses while they are being written.

Knows: what belongs to one turn and one response.
Must not know: which turn or response a message belongs to; how numbers are read off a turn; sessions.

All times are wall nanoseconds.
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

from relayproxy.conversation.fold.barge_in import InterruptionDraft
from relayproxy.conversation.fold.response_states import STALE, UNTERMINATED, ResponseEvent, ResponseState
from relayproxy.conversation.fold.response_states import TRANSITIONS as RESPONSE_TRANSITIONS
from relayproxy.conversation.fold.turn_states import AWAITING, NEXT_TURN, OPENED, SPECULATIVE, TurnEvent, TurnState
from relayproxy.conversation.fold.turn_states import TRANSITIONS as TURN_TRANSITIONS
from relayproxy.conversation.hearing.speech import Speech
from relayproxy.conversation.measures.stream import Stream, joined
from relayproxy.conversation.model import Mark, MarkKind, OpenedBy, Spoken, Tier, Turn
from relayproxy.conversation.moment import Moment
from relayproxy.conversation.transitions import following
from relayproxy.text import mended

MAX_MARKS = 64
MARK_TEXT = 80
"""Characters of a mark's text."""
MAX_STALE = 1000
MAX_INTERRUPTIONS = 64
"""Interruptions of one turn that are listed."""


class FinalPrompt:
    """A final prompt."""

    __slots__ = ("begun_at", "client_off_at", "lang", "moment", "text", "waited")

    def __init__(self, text: str, lang: str | None, moment: Moment) -> None:
        self.text = text
        self.lang = lang
        self.moment = moment
        self.begun_at = moment.at
        """When the caller began to say it, as far as is known."""
        self.client_off_at: int | None = None
        """`clientSpeaking` off after it."""
        self.waited: int | None = None
        """Nanoseconds that the caller had waited for an answer to what they had said before."""


class Response:
    """One stream of speech from the backend, from its first message to `last: true`."""

    __slots__ = (
        "began",
        "began_inputs",
        "connection_id",
        "crossed",
        "done_out",
        "first_kind",
        "inputs",
        "interleaved",
        "interrupted_at_inputs",
        "interruption",
        "last_at",
        "late",
        "media",
        "mixed",
        "outrun",
        "over_caller",
        "overlapped",
        "places",
        "rate",
        "sounding",
        "speech",
        "speeches",
        "stale_texts",
        "state",
        "stream",
        "tokens",
        "turn",
        "voice_lang",
    )

    def __init__(self, connection_id: str) -> None:
        self.connection_id = connection_id
        self.state: ResponseState = "new"
        self.turn: TurnDraft | None = None
        """None until something speakable came."""
        self.began: Moment | None = None
        """Its first speakable message."""
        self.first_kind: Literal["text", "play"] | None = None
        """What that was."""
        self.done_out: int | None = None
        """When `last: true` had been written."""
        self.sounding = False
        """The agent was already speaking when it came."""
        self.over_caller = False
        """It began while the caller was speaking."""
        self.voice_lang: str | None = None
        """The language that speech was set to when it came."""
        self.rate: float | None = None
        """The speaking rate that was known when it was complete."""
        self.interleaved: Moment | None = None
        """Where a second reply to the same words shows."""
        self.mixed = False
        """That second reply was being sent before this one had ended."""
        self.outrun: tuple[int, int] | None = None
        """Since the caller asked anew: how many gaps it had had, and when its last text had come."""
        self.late = False
        """It began after Twilio had closed the connection: nobody heard it."""
        self.overlapped = False
        """It was streamed while another one was, and nothing tells when it began."""
        self.stale_texts: list[tuple[Moment, str]] = []
        """The texts that came after its interruption, at most `MAX_STALE`."""
        self.stream = Stream()
        self.media: list[tuple[int, str]] = []
        """When each was sent, and its source."""
        self.tokens: list[str] = []
        self.places: list[int] = []
        """The seq of each token's message."""
        self.speeches: list[Speech] = []
        self.speech: Speech | None = None
        """What more text is added to; None after an interrupt, since what comes then is another stretch."""
        self.inputs = 0
        """How many times the caller had asked when the last message of this response came."""
        self.began_inputs = 0
        """The same of its first message."""
        self.crossed = False
        """It went on after the caller had asked anew."""
        self.last_at = 0
        """When the last message of it had been read."""
        self.interruption: InterruptionDraft | None = None
        """The last one that stopped it while more of it could come."""
        self.interrupted_at_inputs = 0
        """How many times the caller had asked at the interrupt."""

    @property
    def streams(self) -> bool:
        """Text has begun that was not terminated; False for one of `play` alone."""
        return self.state in UNTERMINATED

    @property
    def stale(self) -> bool:
        """More of it may come, which is stale."""
        return self.state in STALE

    def happens(self, event: ResponseEvent) -> None:
        """Moves it to the state that follows."""
        self.state = following(RESPONSE_TRANSITIONS, self.state, event)

    def invalidate(self) -> None:
        """Something about its speech has changed."""
        if self.turn is not None:
            self.turn.invalidate()

    def longest_gap(self) -> int:
        """The longest pause between two texts of it so far, nanoseconds, stale ones included; 0 while there is none."""
        longest = self.stream.longest_gap
        within = 0 if longest is None else longest[0]
        return within if self.interruption is None else max(within, self.interruption.longest_gap)

    def text(self) -> str:
        """All tokens as sent; halves of surrogate pairs are not joined."""
        return "".join(self.tokens)


class TurnDraft:
    """One turn. Change it, then call `invalidate`, which drops the value that was built of it."""

    __slots__ = (
        "agent_over_caller",
        "caller_at",
        "caller_begun_at",
        "caller_moment",
        "caller_out",
        "client_off_at",
        "closed_by",
        "cut_off",
        "cut_short",
        "dtmf",
        "ended_at",
        "greeting",
        "greeting_at",
        "greeting_from",
        "greeting_until",
        "inferred",
        "interruptions",
        "lang",
        "languages",
        "longest_wait",
        "marks",
        "number",
        "off_expected",
        "opened_by",
        "partials",
        "prompts",
        "reaction_out",
        "responses",
        "sent_digits",
        "started_at",
        "state",
        "tier",
        "to_partials",
        "value",
    )

    def __init__(self, number: int, event: TurnEvent, started_at: int) -> None:
        self.number = number
        self.opened_by: OpenedBy
        self.state: TurnState
        """The state that it is in or, once it has ended, was in then."""
        self.opened_by, self.state = OPENED[event]
        self.started_at = started_at
        self.ended_at: int | None = None
        self.closed_by: TurnEvent | None = None
        self.prompts: list[FinalPrompt] = []
        """Its final prompts."""
        self.caller_at: int | None = None
        self.caller_out = 0
        """When what was answered had been written to the backend."""
        self.caller_moment: Moment | None = None
        self.caller_begun_at: int | None = None
        """When the first partial prompt of what was answered came, or the caller was first heard to say it."""
        self.marks: list[Mark] = []
        self.client_off_at: int | None = None
        """When the caller had stopped saying what was answered."""
        self.off_expected = False
        """The final prompt came while they were speaking."""
        self.longest_wait: tuple[int, Moment] | None = None
        """Nanoseconds that the caller had waited when they spoke again, and where."""
        self.dtmf = ""
        self.lang: str | None = None
        self.partials = 0
        """Partial prompts that came before its final ones."""
        self.to_partials: Moment | None = None
        """Where another reply to the same words shows that partial prompts are answered too."""
        self.inferred = False
        """What answers it was told by words."""
        self.cut_off = False
        """Its connection failed while the answer was being sent."""
        self.cut_short = False
        """An interrupt came between the caller's asking and the first token."""
        self.agent_over_caller = False
        """It began between a partial prompt and its final one."""
        self.responses: list[Response] = []
        self.reaction_out: int | None = None
        """When the backend's first message of any type since the caller's asking had been written."""
        self.interruptions: list[InterruptionDraft] = []
        self.languages: list[str] = []
        self.sent_digits = ""
        self.greeting = ""
        self.greeting_at: int | None = None
        """When Twilio reported some of it as played last."""
        self.greeting_from: int | None = None
        """Between these the greeting was at the caller's ear."""
        self.greeting_until: int | None = None
        self.tier: Tier = "A"
        self.value: Turn | None = None
        """Its value as last built, while nothing has changed since."""

    @property
    def awaiting(self) -> bool:
        """The next reply belongs to it."""
        return self.state in AWAITING

    @property
    def speculative(self) -> bool:
        """The response began before the final prompt."""
        return self.state in SPECULATIVE

    @property
    def first(self) -> Response | None:
        """The response that answers."""
        return next(iter(self._heard()), None)

    @property
    def agent_at(self) -> int | None:
        """When the answer's first speakable message had been written."""
        return None if self.answer_moment is None else self.answer_moment.out

    @property
    def answer_moment(self) -> Moment | None:
        """The answer's first speakable message."""
        return None if self.first is None else self.first.began

    @property
    def agent_done_at(self) -> int | None:
        """When `last: true` had been written."""
        return next((reply.done_out for reply in reversed(self._heard()) if reply.done_out is not None), None)

    @property
    def stream(self) -> Stream:
        """The text messages of all responses."""
        return joined([response.stream for response in self._heard()])

    @property
    def closed_before(self) -> bool:
        """All that was sent came after Twilio had closed."""
        return bool(self.responses) and not self._heard()

    def _heard(self) -> list[Response]:
        return [response for response in self.responses if not response.late]

    def happens(self, event: TurnEvent) -> None:
        """Moves it to the state that follows within the turn."""
        state = TURN_TRANSITIONS[self.state].get(event, self.state)
        if state != NEXT_TURN and state != self.state:
            self.state = state
            self.invalidate()

    def invalidate(self) -> None:
        """Its value must be built anew."""
        self.value = None

    def reassign(self, prompts: list[FinalPrompt], marks: list[Mark], *, anew: bool) -> None:
        """These are its prompts, and not those that were taken for it. `marks`: of all turns that they were in.
        `anew`: its responses are others too."""
        first, last = prompts[0], prompts[-1]
        self.prompts, self.started_at, self.ended_at = prompts, first.moment.at, None
        self.caller_at, self.caller_out, self.caller_moment = last.moment.at, last.moment.out, last.moment
        self.caller_begun_at, self.client_off_at, self.lang = first.begun_at, last.client_off_at, last.lang
        waits = [(prompt.waited, prompt.moment) for prompt in prompts[1:] if prompt.waited is not None]
        self.longest_wait = max(waits, key=lambda wait: wait[0], default=None)
        sent = {at for response in self.responses for at, _ in response.media}
        places = {"prompt": {prompt.moment.at for prompt in prompts}, "play": sent}
        own = [mark for mark in self.marks if mark.kind not in places]
        self.marks = sorted([*own, *(m for m in marks if m.at in places.get(m.kind, ()))], key=lambda mark: mark.at)
        if anew:
            self.reaction_out = self.agent_at
        self.invalidate()

    def asked_again(self, prompt: FinalPrompt, heard_until: int) -> None:
        """The caller speaks again without having been answered. `heard_until`: so long the agent may have spoken."""
        if self.caller_at is None or self.sent_digits:
            return
        wait = prompt.moment.at - max(self.caller_at, heard_until)
        prompt.waited = wait
        if self.longest_wait is None or wait > self.longest_wait[0]:
            self.longest_wait = wait, prompt.moment

    def play_greeting(self, chunk: str, at: int) -> None:
        """Adds what was played of the greeting."""
        self.greeting_at = at
        apart = self.greeting and not self.greeting[-1].isspace() and not chunk[:1].isspace()
        self.greeting += f" {chunk}" if apart else chunk
        self.invalidate()

    def interrupt(self, draft: InterruptionDraft) -> None:
        """Its speech was interrupted."""
        if len(self.interruptions) < MAX_INTERRUPTIONS:
            self.interruptions.append(draft)
        self.invalidate()

    def mark(self, kind: MarkKind, at: int, text: str, spoken: tuple[Spoken, ...] = ()) -> None:
        """Something with a place in time happened in it. `spoken`: of a prompt, when it was said."""
        if len(self.marks) < MAX_MARKS:
            self.marks.append(Mark(at, kind, mended(text[:MARK_TEXT]), spoken))

    def end_prompt(self, spoken: tuple[Spoken, ...]) -> None:
        """When the last prompt was said is known only now."""
        for place, mark in reversed([*enumerate(self.marks)]):
            if mark.kind == "prompt":
                self.marks[place] = msgspec.structs.replace(mark, spoken=spoken)
                break
        self.invalidate()

    def last_spoken(self) -> tuple[Spoken, ...]:
        """When the last prompt was said."""
        return next((mark.spoken for mark in reversed(self.marks) if mark.kind == "prompt"), ())

    def speeches(self) -> Iterator[Speech]:
        """All that was said in it, in order; not what came too late to be heard."""
        for response in self._heard():
            yield from response.speeches

    def too_late(self) -> str:
        """What came too late to be heard."""
        return "".join(response.text() for response in self.responses if response.late)
