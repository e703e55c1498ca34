"""The tables of numbers of a turn and of an interruption: each number is declared once.

Knows: what each is called, where it starts and ends, when it is absent, and how it is read off the value. Those of a
session are in `session_numbers`.
Must not know: how a number is derived; how it is drawn.

The API, the spans, `docs/numbers.md` and the pages iterate over these tables.
"""

from typing import Any, Literal

from relayproxy.conversation.measures.number import Number, Share
from relayproxy.conversation.measures.session_numbers import SESSION_NUMBERS
from relayproxy.conversation.model import ChunkGaps, Interruption, Turn
from relayproxy.conversation.totals import NullReason

NumberLevel = Literal["turn", "interruption", "session"]

TURN_NUMBERS: tuple[Number[Turn], ...] = (
    Number(
        "response_latency_ms", "Response latency", "A", lambda turn: turn.budget.response_latency,
        "From the final prompt's arrival until the first speakable message of the answer was written to Twilio: the "
        "time to the first TTS token. The headline number. Speakable is text that is more than white space, or `play`.",
        "Coalesced prompts count from the last one; in a turn opened by keys, the last key before the answer counts. "
        "Equals proxy_in_ms + backend_latency_ms + proxy_out_ms. Twilio's own *application latency* ends one network "
        "hop later. Absent: see null_reason.",
        attribute="relayproxy.turn.response_latency", nanoseconds=True,
    ),
    Number(
        "longest_wait_ms", "Longest wait", "A", lambda turn: turn.longest_wait_ms,
        "What the caller lived through: from the first final prompt that nothing had answered, or the last key before "
        "it (without one, the last key), to the first sound of the answer in tier B, to its first speakable message in "
        "tier A, or to the end of the turn when there was none.",
        "Longer than the response latency when the caller spoke again before the answer, and counted for turns "
        "without any answer too. A caller who interrupts before the first sound ends it. The silence behind a reply "
        "that only asks the caller to wait, such as “One moment.”, is a wait as well.",
        attribute="relayproxy.turn.longest_wait",
    ),
    Number(
        "input_delay_ms", "Input delay", "B", lambda turn: turn.budget.input_delay,
        "From `clientSpeaking` off to the final prompt: end-of-turn detection, speech recognition and network.",
        "Negative when the prompt came first. Absent when the event did not come: it is not guessed.",
        attribute="relayproxy.turn.input_delay", nanoseconds=True, replaced_by="budget.input_delay_ns",
    ),
    Number(
        "proxy_in_ms", "relayproxy, in", "A", lambda turn: turn.budget.proxy_in,
        "From the final prompt's arrival until it was written to the backend: ours.",
        attribute="relayproxy.turn.proxy_in", nanoseconds=True, replaced_by="budget.proxy_in_ns",
    ),
    Number(
        "backend_latency_ms", "Backend latency", "A", lambda turn: turn.budget.backend,
        "From the final prompt written to the backend until the answer's first speakable message had been read: what "
        "your code is responsible for.",
        attribute="relayproxy.turn.backend_latency", nanoseconds=True, replaced_by="budget.backend_ns",
    ),
    Number(
        "proxy_out_ms", "relayproxy, out", "A", lambda turn: turn.budget.proxy_out,
        "From the answer's first speakable message read until it was written to Twilio: ours.",
        "0 where Twilio was not taking data, since nobody knows when it left.",
        attribute="relayproxy.turn.proxy_out", nanoseconds=True, replaced_by="budget.proxy_out_ns",
    ),
    Number(
        "output_delay_ms", "Output delay", "B", lambda turn: turn.budget.output_delay,
        "From the answer written to Twilio until `agentSpeaking` on: waiting for a sentence, TTS and network.",
        "Absent when the agent was already speaking.",
        attribute="relayproxy.turn.output_delay", nanoseconds=True, replaced_by="budget.output_delay_ns",
    ),
    Number(
        "user_bot_latency_ms", "User-to-bot latency", "B", lambda turn: turn.budget.user_bot_latency,
        "From the caller's last sound to the agent's first: the sum of input delay, relayproxy in, backend latency, "
        "relayproxy out and output delay, to the nanosecond (`budget` holds them exactly).",
        "Absent when either event is missing.",
        attribute="relayproxy.turn.user_bot_latency", nanoseconds=True,
    ),
    Number(
        "time_to_first_token_ms", "Time to first token", "A", lambda turn: turn.time_to_first_token_ms,
        "From the final prompt until the first non-empty text was written to Twilio.",
        "Differs from the response latency only when media was played first.",
        attribute="relayproxy.turn.time_to_first_token",
    ),
    Number(
        "first_reaction_ms", "First reaction", "A", lambda turn: turn.first_reaction_ms,
        "From the final prompt until the backend's first message of any type was written to Twilio.",
        "`language`, `sendDigits` and `end` count.",
        attribute="relayproxy.turn.first_reaction",
    ),
    Number(
        "time_to_first_sentence_ms", "Time to first sentence", "A", lambda turn: turn.time_to_first_sentence_ms,
        "From the final prompt until the chunk was written that completes the first sentence: one of . ? ! … : before "
        "white space, or the end of the reply. TTS can start well with it.",
        attribute="relayproxy.turn.time_to_first_sentence",
    ),
    Number(
        "aggregation_delay_ms", "Aggregation delay", "A", lambda turn: turn.aggregation_delay_ms,
        "From the first token to the first sentence.",
        attribute="relayproxy.turn.aggregation_delay",
    ),
    Number(
        "time_to_last_token_ms", "Time to last token", "A", lambda turn: turn.time_to_last_token_ms,
        "From the final prompt until `last: true` was written to Twilio.",
        "Absent and `unterminated` when it never came.",
        attribute="relayproxy.turn.time_to_last_token",
    ),
    Number(
        "stream_duration_ms", "Stream duration", "A", lambda turn: turn.stream_duration_ms,
        "From the first token to `last: true`.",
        "0 for a single chunk.",
        attribute="relayproxy.turn.stream_duration",
    ),
    Number(
        "reply_complete_ms", "Reply complete", "A", lambda turn: turn.reply_complete_ms,
        "From the final prompt until the agent had finished speaking: what callers really judge.",
        "`agentSpeaking` off in tier B, or its last `tokensPlayed` where another reply was played right behind it; "
        "estimated from the speaking rate in tier A (`reply_complete_estimated`). Absent for a reply that was "
        "interrupted or that a lost connection cut off.",
        attribute="relayproxy.turn.reply_complete",
    ),
    Number(
        "lead_time_ms", "Lead time", "A", lambda turn: turn.lead_time_ms,
        "For an answer to a partial prompt: how long before the final prompt it began. Its response latency is absent "
        "(`speculative`).",
        attribute="relayproxy.turn.lead_time", absent="no answer began before its final prompt",
    ),
    Number(
        "chunks", "Chunks", "A", lambda turn: turn.chunks,
        "Text messages with a non-empty token; stale ones are counted apart.",
        attribute="relayproxy.turn.chunks", unit="{chunk}", type=int,
    ),
    Number(
        "chunk_gaps", "Chunk gaps", "A", lambda turn: turn.chunk_gaps,
        "Distances between consecutive chunks of one reply: p50_ms, p95_ms, max_ms.",
        "Absent for one chunk.",
        attribute="relayproxy.turn.chunk_gap", type=ChunkGaps | None, absent="fewer than two chunks",
    ),
    Number(
        "chunk_rate", "Chunk rate", "A", lambda turn: turn.chunk_rate,
        "Chunks a second behind the first one.",
        "Absent for one chunk, and where all came at once.",
        attribute="relayproxy.turn.chunk_rate", unit="{chunk}/s", type=float | None,
        absent="fewer than two chunks, or all at once",
    ),
    Number(
        "char_rate", "Character rate", "A", lambda turn: turn.char_rate,
        "Characters a second behind the first chunk. Below the speaking rate, TTS can run dry.",
        "Absent for one chunk, and where all came at once.",
        attribute="relayproxy.turn.char_rate", unit="{char}/s", type=float | None,
        absent="fewer than two chunks, or all at once",
    ),
    Number(
        "stalls", "Stalls", "A", lambda turn: turn.stalls,
        "Chunk gaps over 1 s.",
        attribute="relayproxy.turn.stalls", unit="{gap}", type=int,
    ),
    Number(
        "coalesced_prompts", "Coalesced prompts", "A", lambda turn: turn.coalesced_prompts,
        "Final prompts beyond the first that one reply answers.",
        "As many replies as prompts are a turn each: in the order of the prompts, unless their words tell otherwise "
        "(`attribution` is `inferred` then). A reply such as “One moment.” and what follows it are one.",
        attribute="relayproxy.turn.coalesced_prompts", unit="{prompt}", type=int,
    ),
)  # fmt: skip
"""In the order of the API."""

INTERRUPTION_NUMBERS: tuple[Number[Interruption], ...] = (
    Number(
        "heard_ms", "Heard of the chunk", "A", lambda cut: cut.heard_ms,
        "How much of the current TTS chunk was heard, as Twilio says.",
        "0: cut before any sound.",
        attribute="relayproxy.interruption.heard_duration", absent="no message of Twilio says it",
    ),
    Number(
        "stale_chunks", "Stale chunks", "A", lambda cut: cut.stale_chunks,
        "Speakable texts that the backend still sent for the reply that was cut off: until `last: true`, a pause of 1 "
        "s between two texts, or, once the caller has asked anew, one of 0.3 s or longer than that reply's own, or "
        "its first word again. What comes then is another reply. An empty `last: true` is an acknowledgement, not "
        "stale.",
        attribute="relayproxy.barge_in.stale_chunks", unit="{chunk}", type=int,
    ),
    Number(
        "stale_chars", "Stale characters", "A", lambda cut: cut.stale_chars,
        "Characters of the stale chunks.",
        attribute="relayproxy.barge_in.stale_chars", unit="{char}", type=int,
    ),
    Number(
        "reaction_ms", "Reaction time", "A", lambda cut: cut.reaction_ms,
        "From the `interrupt` written to the backend until its last stale text was read. Half a round trip is the "
        "network's.",
        "0 when nothing came. `still_streaming_at_close` when it never stopped.",
        attribute="relayproxy.barge_in.reaction_time", type=int,
    ),
    Number(
        "recovery_ms", "Recovery", "A", lambda cut: cut.recovery_ms,
        "From the `interrupt` until the next response was written to Twilio; it includes the caller's new utterance.",
        "Absent when none came within a minute.",
        attribute="relayproxy.barge_in.recovery", absent="no response to it yet, or none within a minute",
    ),
    Number(
        "stop_ms", "Stop time", "B", lambda cut: cut.stop_ms,
        "From `clientSpeaking` on to `agentSpeaking` off: how long Twilio took, not the backend.",
        attribute="relayproxy.barge_in.stop_time", absent="no speaker events tell it",
    ),
    Number(
        "unheard_chars", "Unheard characters", "A", lambda cut: cut.unheard_chars,
        "Characters sent before the interruption that it kept from being heard.",
        attribute="relayproxy.interruption.unheard_chars", unit="{char}", type=int,
    ),
    Number(
        "unheard_ratio", "Unheard ratio", "A", lambda cut: cut.unheard_ratio,
        "Unheard characters, of all characters of the speech that it cut off. `match` says how the place was found: "
        "exact, fuzzy or none.",
        attribute="relayproxy.interruption.unheard_ratio", unit="1", type=Share | None, absent="nothing had been sent",
    ),
)  # fmt: skip

TABLES: dict[NumberLevel, tuple[Number[Any], ...]] = {
    "turn": TURN_NUMBERS,
    "interruption": INTERRUPTION_NUMBERS,
    "session": SESSION_NUMBERS,
}
"""All numbers, by what they are of."""
_DESCRIPTIONS = {(level, number.name): number.description for level, numbers in TABLES.items() for number in numbers}


def description(level: NumberLevel, name: str) -> str:
    """The definition of a number. Raises KeyError when there is none of the name."""
    return _DESCRIPTIONS[level, name]


def null_reason(turn: Turn, name: str) -> NullReason | None:
    """The reason for which the turn has no such number; None where only the table's words (`absent`) tell."""
    return turn.null_reasons.get(name, turn.null_reason)
