"""The numbers of a whole session as a value.

Knows: their names and units; `numbers` says in words what each means.
Must not know: how they are derived, stored or drawn; turns.

Durations (`…_ms`) are milliseconds. Absent is None with a reason, never 0 or -1.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Natural = Annotated[int, Meta(extra_json_schema={"minimum": 0})]
"""Never negative; said and not checked, so that whatever is stored can be read."""
WaitingFor = Literal["backend", "caller", "tts"]
NullReason = Literal[
    "no_response",
    "no_prompt",
    "speculative",
    "interrupted_before_first_token",
    "tier",
    "session_closed",
    "handed_off",
    "overlap",
    "pending",
    "already_speaking",
    "event_missing",
    "interrupted",
    "unterminated",
    "no_text",
]
"""Why a number is absent. The first eight are those of `response_latency`; `pending`: not decided yet."""


class Spread(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a number is spread over a session. `excluded` says how many are not in `n`, and why."""

    n: int = 0
    p50_ms: float | None = None
    """Nearest rank, like the others; None of nothing. Whole milliseconds, but for the proxy's own overhead."""
    p95_ms: float | None = None
    max_ms: float | None = None
    excluded: dict[str, int] = {}


# The API has it as it is.
class Silence(msgspec.Struct, frozen=True):
    """Stretches in which nobody spoke, for one of those who could have."""

    total_ms: Natural = 0
    longest_ms: Natural = 0
    episodes: Annotated[
        Natural, Meta(description="Stretches over the threshold: 3 s for the backend and TTS, 8 s for the caller.")
    ] = 0
    estimated: Annotated[bool, Meta(description="From estimated playback (Tier A), not from speaker events.")] = True


class Totals(msgspec.Struct, frozen=True, omit_defaults=True):
    """The numbers of a whole session so far."""

    turns: int = 0
    responses: int = 0
    """Turns with speakable output."""
    interruptions: dict[str, int] = {}
    """By kind: `caller_speech`, `caller_dtmf`, `preempt`, `agent_over_caller`."""
    interrupted_responses: int = 0
    """Responses that were interrupted at least once."""
    false_interruptions: int = 0
    unanswered: int = 0
    """Turns in which a prompt or key was not answered, those in which the caller asked again among them."""
    asked_again: int = 0
    """Those of them in which the caller spoke again."""
    longest_wait_ms: int | None = None
    """The longest of all turns."""
    coalesced_prompts: int = 0
    speculative: int = 0
    stale_chunks: int = 0
    stale_chars: int = 0
    stalls: int = 0
    sent_chars: int = 0
    unheard_chars: int = 0
    response_latency: Spread = Spread()
    backend_latency: Spread = Spread()
    user_bot_latency: Spread = Spread()
    time_to_first_sentence: Spread = Spread()
    overhead_in: Spread = Spread()
    """Message read → written to the backend."""
    overhead_out: Spread = Spread()
    """Message read → written to Twilio."""
    backend_connect_ms: int | None = None
    greeting_latency_ms: int | None = None
    greeting_null_reason: NullReason | None = None
    silence: dict[str, Silence] = {}
    """By who is waited for: `backend`, `caller`, `tts`."""
    handoff_latency_ms: int | None = None
    clipped_chars: int | None = None
    """Sent and not played when `end` took effect; None without `end`."""
    teardown_ms: int | None = None
    """`end` written to Twilio → Twilio's close."""
    violations: int = 0
    """Invalid messages of the backend."""
    consecutive_violations: int = 0
    """Most of them in a row; Twilio gives up at ten."""
    speaking_rate: float | None = None
    """Characters a second that were heard in this call; None while none was measured."""
    findings: dict[str, int] = {}
    """By code, those beyond the listed ones included."""
    redacted: dict[str, int] = {}
    """Secrets that were masked before anything was stored, by kind (`Message.redacted`)."""

    @property
    def interruption_count(self) -> int:
        """How often the agent's speech was stopped."""
        return sum(n for kind, n in self.interruptions.items() if kind != "agent_over_caller")

    @property
    def interruption_rate(self) -> float | None:
        """Interrupted responses of all that had speakable output."""
        return self.interrupted_responses / self.responses if self.responses else None


def milliseconds(ns: int | None) -> int | None:
    """Nanoseconds as whole milliseconds, rounded."""
    return None if ns is None else round(ns / 1_000_000)
