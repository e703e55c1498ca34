"""The conversation as a value: what the fold yields and what everything downstream shows.

Knows: names and units of every derived fact.
Must not know: how they are derived, stored or drawn.

Times (`…_at`) are wall nanoseconds since the epoch: a connection's `opened_at` plus monotonic distances.
Durations (`…_ms`) are integer milliseconds. Absent is None, and where a number is expected the turn's
`null_reason` says why.
"""

from typing import Any, Literal

import msgspec

OpenedBy = Literal["setup", "prompt", "dtmf", "proactive"]
NullReason = Literal[
    "no_response", "no_prompt", "speculative", "interrupted_before_first_token", "tier", "session_closed"
]
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


class Interruption(msgspec.Struct, frozen=True):
    """The caller stopped the agent's speech: one `interrupt` frame, laid to the response that was playing."""

    at: int
    kind: Literal["caller_speech", "caller_dtmf"]
    heard_text: str
    """`utteranceUntilInterrupt`: what was heard of the current TTS chunk, not of the whole response."""
    heard_ms: int | None
    """`durationUntilInterruptMs`, coerced from number, decimal or numeric string."""
    stale_chunks: int = 0
    """Text messages with speakable content that the backend still sent for this response afterwards."""
    stale_chars: int = 0
    attribution: Literal["exact", "inferred"] = "inferred"


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
    response_latency_ms: int | None
    null_reason: NullReason | None
    coalesced_prompts: int
    """Final prompts beyond the first."""
    interruptions: tuple[Interruption, ...]
    unanswered: bool
    """True once the turn is over and a prompt or key got no speakable answer."""
    lang: str | None
    """Language of the final prompt, as Twilio named it."""
    media: tuple[str, ...] = ()
    """Sources of `play` messages."""
    sent_digits: str = ""
    greeting: str = ""
    """Turn 0 only: what was played before any backend text (the TwiML greeting), from `tokensPlayed`."""

    @property
    def interrupted(self) -> bool:
        return bool(self.interruptions)


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
    messages: int
    """Text and binary messages, both ways."""
    gaps: int
    gap_bytes: int
    settled_turns: int = 0
    """Turns 0 … n-1 are final: no later message changes them. An ended turn may still be interrupted for a while."""

    @property
    def live(self) -> bool:
        return self.ended_at is None
