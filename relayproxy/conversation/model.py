"""The conversation as a value: what the fold yields and what everything downstream shows.

Knows: names and units of every derived fact. What each number means in words is in `numbers`, each finding in
`findings`.
Must not know: how they are derived, stored or drawn.

Times (`…_at`) are wall nanoseconds since the epoch: a connection's `opened_at` plus monotonic distances.
Durations (`…_ms`) are integer milliseconds, but for `Budget`, whose parts are nanoseconds so that they sum exactly.
Absent is None, and where a number is expected a reason says why; never 0 or -1.
"""

from typing import Any, Literal

import msgspec

from relayproxy.connection import Side
from relayproxy.conversation.timings import Mark as Mark  # part of the model
from relayproxy.conversation.timings import MarkKind as MarkKind
from relayproxy.conversation.timings import Played as Played
from relayproxy.conversation.timings import Spoken as Spoken
from relayproxy.conversation.totals import NullReason, Totals, milliseconds

OpenedBy = Literal["setup", "prompt", "dtmf", "proactive"]
HeardBasis = Literal["interrupt", "tokens_played", "estimated", "all", "unknown"]
Match = Literal["exact", "fuzzy", "none"]
Attribution = Literal["exact", "inferred"]
InterruptionKind = Literal["caller_speech", "caller_dtmf", "preempt"]
Tier = Literal["A", "B"]
"""A: the plain protocol. B: the call's `info` events (speaker-events, tokens-played) were on."""
Confidence = Literal["certain", "likely", "guess"]
Outcome = Literal[
    "ended_by_backend",
    "caller_hangup",
    "backend_disconnect",
    "backend_connect_failed",
    "protocol_error",
    "proxy_error",
    "unknown",
]
EndedBy = Literal["caller", "backend", "twilio", "proxy"]
StudioTransition = Literal["success", "failed", "none", "unknown"]


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """An observation about a session that needs attention. Severity, meaning and advice follow from its code."""

    code: str
    """A key of `findings.CATALOGUE`."""
    at: int
    detail: str
    """What exactly was found here, as a phrase; may quote a little of what was said."""
    turn: int | None = None
    connection: str | None = None
    """With `seq` the message it points at."""
    seq: int | None = None
    twilio_code: int | None = None
    """The error that Twilio logs for it."""


class Budget(msgspec.Struct, frozen=True, omit_defaults=True):
    """The way from the caller's last word to the first sound of the answer: contiguous parts, in nanoseconds."""

    input_delay: int | None = None
    """`clientSpeaking` off → final prompt read. Tier B. Negative when the prompt came first."""
    proxy_in: int | None = None
    """Final prompt read → written to the backend."""
    backend: int | None = None
    """→ first speakable message of the answer read."""
    proxy_out: int | None = None
    """→ written to Twilio."""
    output_delay: int | None = None
    """→ `agentSpeaking` on. Tier B."""

    @property
    def response_latency(self) -> int | None:
        """The three parts that every call has, nanoseconds."""
        if self.proxy_in is None or self.backend is None or self.proxy_out is None:
            return None
        return self.proxy_in + self.backend + self.proxy_out

    @property
    def user_bot_latency(self) -> int | None:
        """All five parts, nanoseconds."""
        latency = self.response_latency
        if latency is None or self.input_delay is None or self.output_delay is None:
            return None
        return self.input_delay + latency + self.output_delay


# The API has it as it is.
class ChunkGaps(msgspec.Struct, frozen=True):
    """Distances between consecutive text messages of one answer, milliseconds."""

    p50_ms: int
    p95_ms: int
    max_ms: int


class Interruption(msgspec.Struct, frozen=True):
    """The agent's speech was stopped: by the caller (an `interrupt` frame, laid to the response that was playing) or
    by the backend's own next message (`preempt`, for which no frame comes)."""

    at: int
    kind: InterruptionKind
    heard_text: str
    """`utteranceUntilInterrupt`: what was heard of the current TTS chunk, not of the whole response."""
    heard_ms: int | None
    """`durationUntilInterruptMs`, coerced from number, decimal or numeric string."""
    stale_chunks: int = 0
    """Text messages with speakable content that the backend still sent for this response afterwards."""
    stale_chars: int = 0
    attribution: Attribution = "inferred"
    reaction_ms: int = 0
    """`interrupt` written to the backend → its last stale text read; 0 when there was none."""
    still_streaming_at_close: bool = False
    """Stale text came until the session was over."""
    false_interruption: bool | None = False
    """The caller said nothing after all (no final prompt that was begun within 2 s of the interrupt or of what was
    said since); None while it is not known, and for ever when the call ended first."""
    recovery_ms: int | None = None
    """`interrupt` read → the next response written to Twilio."""
    stop_ms: int | None = None
    """`clientSpeaking` on → `agentSpeaking` off: how long Twilio took. Tier B."""
    unheard_chars: int = 0
    """Characters sent before it that it kept from being heard."""
    unheard_ratio: float | None = None
    """`unheard_chars` of all that had been sent; None when nothing had."""
    match: Match = "none"
    """How what was heard was found in what was sent."""
    connection: str | None = None
    seq: int | None = None


class Turn(msgspec.Struct, frozen=True):
    """One exchange: what opened it, what the caller said or pressed, what the agent answered."""

    number: int
    opened_by: OpenedBy
    started_at: int
    ended_at: int | None
    caller_text: str
    """Final prompts of the turn, coalesced ones joined by a space."""
    caller_at: int | None
    """When what was answered had arrived: the last final prompt or, without one, the last key before the answer."""
    agent_text: str
    """Tokens exactly as sent, joined without additions; stale ones included."""
    agent_at: int | None
    """When the first speakable message of the response had been written to Twilio."""
    agent_done_at: int | None
    """When `last: true` had been written; None while it is missing."""
    dtmf: str
    null_reason: NullReason | None
    """Why there is no response latency; one of the first eight."""
    coalesced_prompts: int
    """Final prompts beyond the first."""
    interruptions: tuple[Interruption, ...]
    unanswered: bool
    """True once the turn is over and its last prompt or key got no speakable answer, no digits and no handoff."""
    lang: str | None
    """Language of the final prompt, as Twilio named it."""
    attribution: Attribution = "exact"
    """`inferred`: several prompts waited at once, and the words of the replies tell which of them this one answers."""
    budget: Budget = Budget()
    cut_off: bool = False
    """The connection failed while the answer was being sent."""
    longest_wait_ms: int | None = None
    """First final prompt that nothing had answered → first sound (Tier B) or speakable message (Tier A), or the end."""
    lead_time_ms: int | None = None
    """For an answer to a partial prompt: how long before the final prompt it began."""
    first_kind: Literal["text", "play"] | None = None
    time_to_first_token_ms: int | None = None
    first_reaction_ms: int | None = None
    time_to_first_sentence_ms: int | None = None
    aggregation_delay_ms: int | None = None
    """First token → first sentence."""
    time_to_last_token_ms: int | None = None
    stream_duration_ms: int | None = None
    reply_complete_ms: int | None = None
    """Final prompt → the last sound of the answer, or its estimated end (`reply_complete_estimated`)."""
    reply_complete_estimated: bool = False
    chunks: int = 0
    """Text messages with a non-empty token."""
    chunk_gaps: ChunkGaps | None = None
    stalls: int = 0
    """Chunk gaps over 1 s."""
    chunk_rate: float | None = None
    """Chunks a second."""
    char_rate: float | None = None
    """Characters a second."""
    unterminated: bool = False
    """The turn is over and `last: true` never came."""
    heard_text: str = ""
    unheard_text: str = ""
    """What was sent and will never be heard; empty while it may still be played."""
    heard_basis: HeardBasis | None = None
    """How `heard_text` is known; None when no text was sent."""
    agent_over_caller: bool = False
    """The agent began while the caller was speaking (Tier A: between a partial and its final prompt)."""
    tier: Tier = "A"
    null_reasons: dict[str, NullReason] = {}
    """For every other duration that is None (`time_to_first_token_ms` …, `user_bot_latency_ms`), why."""
    findings: tuple[Finding, ...] = ()
    media: tuple[str, ...] = ()
    """Sources of `play` messages."""
    languages: tuple[str, ...] = ()
    """Languages that the backend switched speech to during the turn."""
    sent_digits: str = ""
    caller_begun_at: int | None = None
    """When the caller began to say what was answered; None while nothing was said or pressed."""
    caller_done_at: int | None = None
    caller_estimated: bool = False
    """Either follows from the length of what was said, or from when the final prompt came."""
    played: tuple[Played, ...] = ()
    marks: tuple[Mark, ...] = ()
    """In order of time, at most `turns.MAX_MARKS`."""
    greeting: str = ""
    """Turn 0 only: what was played before any backend text (the TwiML greeting), from `tokensPlayed`."""

    @property
    def interrupted(self) -> bool:
        return bool(self.interruptions)

    @property
    def asked_again(self) -> bool:
        """A prompt of it got no answer before the caller spoke again, for the time of a slow turn or longer."""
        return any(finding.code == "asked_again" for finding in self.findings)

    @property
    def response_latency_ms(self) -> int | None:
        return milliseconds(self.budget.response_latency)

    @property
    def user_bot_latency_ms(self) -> int | None:
        return milliseconds(self.budget.user_bot_latency)


class StoredTurn(Turn, frozen=True, omit_defaults=True):
    """A turn as its row has it: what is as it is by default is not written."""

    @classmethod
    def of(cls, turn: Turn) -> "StoredTurn":
        """The same turn."""
        return cls(*msgspec.structs.astuple(turn))


class Handoff(msgspec.Struct, frozen=True):
    """The payload of `end`. `raw` is the value as text (a string as it is, anything else as JSON)."""

    at: int
    raw: str | None
    """None when `end` carried no handoffData, or (`bytes` > 0) what it carried was too long or deep to be kept."""
    json: Any
    """`raw` parsed, when it is JSON; else None."""
    is_string: bool
    """Twilio documents a string; False for anything else that was sent, and without `raw`."""
    bytes: int
    """Of `raw`; of the whole `end` message when its handoffData was not kept."""
    reason_code: str | None


class Waiting(msgspec.Struct, frozen=True):
    """A prompt or key that has no answer yet."""

    turn: int
    since: int


class Conversation(msgspec.Struct, frozen=True):
    """One ConversationRelay session as known so far."""

    session_id: str | None
    """Twilio's VX id; None when no setup message came."""
    call_sid: str | None
    account_sid: str | None
    from_number: str | None
    to_number: str | None
    direction: str | None
    caller_name: str | None
    custom_parameters: dict[str, Any]
    setup: dict[str, Any]
    """The whole setup message, unknown fields included."""
    started_at: int
    ended_at: int | None
    outcome: Outcome | None
    """None while the session is live."""
    ended_by: EndedBy | None
    end_reason: str | None
    """One sentence for a person."""
    studio_transition: StudioTransition | None
    twilio_error_code: int | None
    handoff: Handoff | None
    turns: tuple[Turn, ...]
    """By number, without those that the fold was told to forget."""
    messages: int
    """Text and binary messages, both ways."""
    gaps: int
    gap_bytes: int
    settled_turns: int = 0
    """Turns 0 … n-1 are final: no later message changes them. An ended turn may still be interrupted for a while."""
    confidence: Confidence | None = None
    """How sure outcome and Studio transition are."""
    tier: Tier = "A"
    totals: Totals = Totals()
    findings: tuple[Finding, ...] = ()
    """In order of time, at most `findings.MAX_LISTED` of one code; `totals.findings` counts all."""
    waiting: Waiting | None = None
    closed_by: dict[str, Side] = {}
    """By connection the end that sent the first close frame; without those that ended without one."""
    record: str | None = None
    """What is recorded of it, when that is not everything: `redacted` (without secrets) or `metadata` (without words).
    """
    held: tuple[Side, ...] = ()
    """The ends of whose words some are held back until it is known what of them must not be stored."""
    strip: str = ""
    """The call in miniature, as `strip.read_strip` reads it."""

    @property
    def live(self) -> bool:
        return self.ended_at is None
