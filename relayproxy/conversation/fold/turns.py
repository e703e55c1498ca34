"""Turns and responses under construction.

Knows: what belongs to one turn and one response.
Must not know: which turn or response a message belongs to; how numbers are read off a turn; sessions.

All times are wall nanoseconds.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Literal

import msgspec

from relayproxy.conversation.checks.speakability import SpeakabilityIssue, speakability_issues
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
TEXT_LIMIT = 100_000
"""Characters of the agent that are kept of a turn, which is two hours of speech; its messages have all of them. What is
derived of a turn takes forty times as much memory as its text."""
MAX_STALE = 1000
MAX_INTERRUPTIONS = 64
"""Interruptions of one turn that are listed."""


class FinalPrompt:
    """A final prompt of a turn."""

    __slots__ = ("begun_at", "client_off_at", "lang", "moment", "text", "waited")

    def __init__(self, text: str, lang: str | None, moment: Moment) -> None:
        self.text = text
        self.lang = lang
        self.moment = moment
        self.begun_at = moment.at
        """When the caller began to say it, as far as is known."""
        self.client_off_at: int | None = None
        """When `clientSpeaking` went off for it."""
        self.waited: int | None = None
        """Nanoseconds that the caller had waited for an answer to what they had said before."""


class Response:
    """One stream of speech from the backend, from its first message to `last: true`."""

    __slots__ = (
        "began",
        "began_inputs",
        "chars",
        "connection_id",
        "crossed",
        "done_out",
        "first_kind",
        "inputs",
        "interleaved",
        "interrupted_at_inputs",
        "interruption",
        "issues",
        "last_at",
        "late",
        "media",
        "mixed",
        "outrun",
        "over_caller",
        "overlapped",
        "rate",
        "seqs",
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
        """The turn it belongs to; None until its first speakable message came."""
        self.began: Moment | None = None
        """Its first speakable message."""
        self.first_kind: Literal["text", "play"] | None = None
        """The kind of that message."""
        self.done_out: int | None = None
        """When `last: true` had been written."""
        self.sounding = False
        """The agent was already speaking when it came."""
        self.over_caller = False
        """It began while the caller was speaking."""
        self.voice_lang: str | None = None
        """The language that speech was set to when it came."""
        self.issues: tuple[SpeakabilityIssue, ...] | None = None
        """What is hard to speak in it, once that was asked for."""
        self.rate: float | None = None
        """The speaking rate that was known when it was complete."""
        self.interleaved: Moment | None = None
        """The first message of a second reply to the same words."""
        self.mixed = False
        """Whether that second reply was sent among the texts of this one."""
        self.outrun: tuple[int, int] | None = None
        """As of the caller's next prompt or key: the number of its gaps, and when its last text had come."""
        self.late = False
        """It began after Twilio had closed the connection, so it was never heard."""
        self.overlapped = False
        """It was streamed together with another one, and nothing tells when it began."""
        self.stale_texts: list[tuple[Moment, str]] = []
        """The texts that came after its interruption, at most `MAX_STALE`."""
        self.stream = Stream()
        self.media: list[tuple[int, str]] = []
        """Media of it: when each was sent, and its source."""
        self.tokens: list[str] = []
        """Those of its turn beyond `TEXT_LIMIT` are empty."""
        self.chars = 0
        """Characters that were sent."""
        self.seqs: list[int] = []
        """The `seq` of the message of each token."""
        self.speeches: list[Speech] = []
        self.speech: Speech | None = None
        """The stretch of speech that more text is added to; None after an interrupt, which begins another one."""
        self.inputs = 0
        """Number of prompts and keys that were to be answered when its last message came."""
        self.began_inputs = 0
        """The same when its first message came."""
        self.crossed = False
        """It went on after the caller's next prompt or key."""
        self.last_at = 0
        """When the last message of it had been read."""
        self.interruption: InterruptionDraft | None = None
        """The last interruption that stopped it while more of it could come."""
        self.interrupted_at_inputs = 0
        """Number of prompts and keys that were to be answered at that interruption."""

    @property
    def streams(self) -> bool:
        """Whether text has begun that was not terminated; False of media alone."""
        return self.state in UNTERMINATED

    @property
    def stale(self) -> bool:
        """More of it may come, which is stale."""
        return self.state in STALE

    def happens(self, event: ResponseEvent) -> None:
        """Moves the response to the state that follows."""
        self.state = following(RESPONSE_TRANSITIONS, self.state, event)

    def invalidate(self) -> None:
        """Marks its turn as changed."""
        if self.turn is not None:
            self.turn.invalidate()

    def longest_gap(self) -> int:
        """The longest pause between two texts of it so far, nanoseconds, stale ones included; 0 while there is none."""
        longest = self.stream.longest_gap
        within = 0 if longest is None else longest[0]
        return within if self.interruption is None else max(within, self.interruption.longest_gap)

    def keep(self, token: str) -> str:
        """Adds a token; what of it is kept."""
        before = self.chars if self.turn is None else self.turn.agent_chars
        if before + len(token) <= TEXT_LIMIT:
            kept = token
        else:
            kept = token[: TEXT_LIMIT - before] + "…" if before <= TEXT_LIMIT else ""
        self.tokens.append(kept)
        self.issues = None
        self.chars += len(token)
        if self.turn is not None:
            self.turn.agent_chars += len(token)
        return kept

    def text(self) -> str:
        """All tokens as sent; halves of surrogate pairs are not joined."""
        return "".join(self.tokens)

    def speakability(self) -> tuple[SpeakabilityIssue, ...]:
        """What is hard to speak in it."""
        if self.issues is None:
            self.issues = speakability_issues(self.tokens, self.voice_lang)
        return self.issues


class TurnDraft:
    """A turn under construction. After a change call `invalidate`, which drops the value that was built of it."""

    __slots__ = (
        "agent_chars",
        "agent_over_caller",
        "asked_at",
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
        "unrecorded",
        "value",
    )

    def __init__(self, number: int, event: TurnEvent, started_at: int) -> None:
        self.number = number
        self.opened_by: OpenedBy
        self.state: TurnState
        """Its state; once it has ended, the one that it ended in."""
        self.opened_by, self.state = OPENED[event]
        self.started_at = started_at
        self.ended_at: int | None = None
        self.closed_by: TurnEvent | None = None
        self.prompts: list[FinalPrompt] = []
        """Its final prompts."""
        self.asked_at: int | None = None
        """When the caller began to wait, where they had pressed keys before its first prompt that nothing answered."""
        self.caller_at: int | None = None
        self.caller_out = 0
        """When what was answered had been written to the backend."""
        self.caller_moment: Moment | None = None
        self.caller_begun_at: int | None = None
        """When the first partial prompt of what was answered came, or the caller was first heard to say it."""
        self.marks: list[Mark] = []
        self.client_off_at: int | None = None
        """When the caller stopped saying what was answered, by `clientSpeaking` off."""
        self.off_expected = False
        """The final prompt came while `clientSpeaking` was on: an off that follows soon is the end of it."""
        self.longest_wait: tuple[int, Moment] | None = None
        """The longest time that the caller had waited when they spoke again, nanoseconds, and the prompt that ended
        it."""
        self.dtmf = ""
        self.lang: str | None = None
        self.partials = 0
        """Partial prompts that came before its final ones."""
        self.to_partials: Moment | None = None
        """The reply that shows that partial prompts are answered too."""
        self.inferred = False
        """Its response was assigned to it by words."""
        self.cut_off = False
        """Its connection failed while the answer was being sent."""
        self.unrecorded = False
        """Something that the backend sent during it is missing from the recording."""
        self.cut_short = False
        """An interrupt came between the caller's asking and the first token."""
        self.agent_chars = 0
        """Characters that the agent sent in it."""
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
        """When `tokensPlayed` last reported some of the greeting."""
        self.greeting_from: int | None = None
        """When the greeting began to be heard; `greeting_until` is when it ended."""
        self.greeting_until: int | None = None
        self.tier: Tier = "A"
        self.value: Turn | None = None
        """Its value as last built; None once something has changed."""

    @property
    def awaiting(self) -> bool:
        """Whether the next response belongs to it."""
        return self.state in AWAITING

    @property
    def speculative(self) -> bool:
        """Whether a response began before the final prompt."""
        return self.state in SPECULATIVE

    @property
    def first(self) -> Response | None:
        """The response that answers."""
        return next((response for response in self.responses if not response.late), None)

    @property
    def agent_at(self) -> int | None:
        """When the answer's first speakable message had been written."""
        moment = self.answer_moment
        return None if moment is None else moment.out

    @property
    def answer_moment(self) -> Moment | None:
        """The answer's first speakable message."""
        first = self.first
        return None if first is None else first.began

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
        """Whether all that was sent in it came after Twilio had closed."""
        return bool(self.responses) and not self._heard()

    def _heard(self) -> list[Response]:
        return [response for response in self.responses if not response.late]

    def happens(self, event: TurnEvent) -> None:
        """Moves the turn to the state that follows, when it is one of the same turn."""
        state = TURN_TRANSITIONS[self.state].get(event, self.state)
        if state != NEXT_TURN and state != self.state:
            self.state = state
            self.invalidate()

    def invalidate(self) -> None:
        """Drops the value that was built of it."""
        self.value = None

    def reassign(self, prompts: list[FinalPrompt], marks: list[Mark], *, replaced: bool) -> None:
        """Replaces its prompts. `marks`: those of all turns that the prompts were in; those of this turn are taken out
        of them. `replaced`: its responses were replaced too."""
        first, last = prompts[0], prompts[-1]
        self.prompts, self.started_at, self.ended_at = prompts, first.moment.at, None
        self.caller_at, self.caller_out, self.caller_moment = last.moment.at, last.moment.out, last.moment
        self.caller_begun_at, self.client_off_at, self.lang = first.begun_at, last.client_off_at, last.lang
        waits = [(prompt.waited, prompt.moment) for prompt in prompts[1:] if prompt.waited is not None]
        self.longest_wait = max(waits, key=lambda wait: wait[0], default=None)
        # Counted, as prompts of several turns can come at the same moment.
        wanted = Counter[tuple[MarkKind, int]](("prompt", prompt.moment.at) for prompt in prompts)
        wanted.update(("play", at) for response in self.responses for at, _ in response.media)
        own = [mark for mark in self.marks if mark.kind not in ("prompt", "play")]
        others: list[Mark] = []
        for mark in marks:
            left = wanted[mark.kind, mark.at]
            wanted[mark.kind, mark.at] = left - 1
            (own if left > 0 else others).append(mark)
        marks[:] = others
        self.marks = sorted(own, key=lambda mark: mark.at)
        if replaced:
            self.reaction_out = self.agent_at
        self.invalidate()

    def asked_again(self, prompt: FinalPrompt, heard_until: int) -> None:
        """Notes how long the caller waited before they began to speak again, as they do with this prompt.
        `heard_until`: until when the agent may have spoken."""
        if self.caller_at is None or self.sent_digits:
            return
        since = max(self.caller_at, heard_until)
        wait = prompt.begun_at - since
        prompt.waited = wait
        if not self.prompts:
            self.asked_at = min(since, prompt.moment.at)
        if self.longest_wait is None or wait > self.longest_wait[0]:
            self.longest_wait = wait, prompt.moment

    def play_greeting(self, chunk: str, at: int) -> None:
        """Adds what was played of the greeting."""
        self.greeting_at = at
        apart = self.greeting and not self.greeting[-1].isspace() and not chunk[:1].isspace()
        self.greeting += f" {chunk}" if apart else chunk
        self.invalidate()

    def interrupt(self, draft: InterruptionDraft) -> None:
        """Adds an interruption of its speech."""
        if len(self.interruptions) < MAX_INTERRUPTIONS:
            self.interruptions.append(draft)
        self.invalidate()

    def mark(self, kind: MarkKind, at: int, text: str, spoken: tuple[Spoken, ...] = ()) -> None:
        """Adds a mark. `spoken`: of a prompt, when it was said."""
        if len(self.marks) < MAX_MARKS:
            self.marks.append(Mark(at, kind, mended(text[:MARK_TEXT]), spoken))

    def end_prompt(self, spoken: tuple[Spoken, ...]) -> None:
        """Sets when the last prompt was said."""
        for place, mark in reversed([*enumerate(self.marks)]):
            if mark.kind == "prompt":
                self.marks[place] = msgspec.structs.replace(mark, spoken=spoken)
                break
        self.invalidate()

    def last_spoken(self) -> tuple[Spoken, ...]:
        """When the last prompt was said."""
        return next((mark.spoken for mark in reversed(self.marks) if mark.kind == "prompt"), ())

    def take_apart(self) -> None:
        """Parts it from its responses, which refer to it, and those from their speeches and interruptions: it is
        forgotten, and goes at once instead of with the garbage collector's next search."""
        for response in self.responses:
            response.speech, response.speeches = None, []
        for interruption in self.interruptions:
            interruption.response = interruption.doubted = None
        self.responses = []

    def speeches(self) -> Iterator[Speech]:
        """The stretches of speech of its responses, in order, without what came too late to be heard."""
        for response in self._heard():
            yield from response.speeches

    def too_late(self) -> str:
        """The text that came too late to be heard."""
        return "".join(response.text() for response in self.responses if response.late)
