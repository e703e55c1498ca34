"""Every number in words: what it is called, where it starts and ends, when it is absent.

Knows: names as in the API and, where there is one, in OpenTelemetry.
Must not know: how a number is derived.

`docs/numbers.md` is made of this and of the catalogue of findings.
"""

from typing import Literal, NamedTuple

Level = Literal["turn", "interruption", "session"]


class Number(NamedTuple):
    """One number. `otel` is its name on spans, where several values have a dot and theirs behind it; `unit` is UCUM."""

    level: Level
    name: str
    tier: Literal["A", "B"]
    meaning: str
    edges: str = ""
    otel: str | None = None
    unit: str = "s"


NUMBERS: tuple[Number, ...] = (
    # -- turn ------------------------------------------------------------------------------------------------------
    Number(
        "turn", "response_latency_ms", "A",
        "From the final prompt's arrival until the first speakable message of the answer was written to Twilio: the "
        "time to the first TTS token. The headline number. Speakable is text that is more than white space, or `play`.",
        "Coalesced prompts count from the last one; in a turn opened by keys, the last key before the answer counts. "
        "Equals proxy_in_ms + backend_latency_ms + proxy_out_ms. Twilio's own *application latency* ends one network "
        "hop later. Absent: see null_reason.",
        "relayproxy.turn.response_latency",
    ),
    Number(
        "turn", "longest_wait_ms", "A",
        "What the caller lived through: from the first final prompt that nothing had answered (without one, the last "
        "key) to the first sound of the answer in tier B, to its first speakable message in tier A, or to the end of "
        "the turn when there was none.",
        "Longer than the response latency when the caller spoke again before the answer, and counted for turns without "
        "any answer too. A caller who interrupts before the first sound ends it.",
        "relayproxy.turn.longest_wait",
    ),
    Number(
        "turn", "input_delay_ms", "B",
        "From `clientSpeaking` off to the final prompt: end-of-turn detection, speech recognition and network.",
        "Negative when the prompt came first. Absent when the event did not come: it is not guessed.",
        "relayproxy.turn.input_delay",
    ),
    Number(
        "turn", "proxy_in_ms", "A", "From the final prompt's arrival until it was written to the backend: ours.", "",
        "relayproxy.turn.proxy_in",
    ),
    Number(
        "turn", "backend_latency_ms", "A",
        "From the final prompt written to the backend until the answer's first speakable message had been read: what "
        "your code is responsible for.",
        "", "relayproxy.turn.backend_latency",
    ),
    Number(
        "turn", "proxy_out_ms", "A", "From that message read until it was written to Twilio: ours.",
        "0 where Twilio was not taking data, since nobody knows when it left.",
        "relayproxy.turn.proxy_out",
    ),
    Number(
        "turn", "output_delay_ms", "B",
        "From the answer written to Twilio until `agentSpeaking` on: waiting for a sentence, TTS and network.",
        "Absent when the agent was already speaking.", "relayproxy.turn.output_delay",
    ),
    Number(
        "turn", "user_bot_latency_ms", "B",
        "From the caller's last sound to the agent's first: the sum of the five parts above, to the nanosecond "
        "(`budget` holds them exactly).",
        "Absent when either event is missing.", "relayproxy.turn.user_bot_latency",
    ),
    Number(
        "turn", "time_to_first_token_ms", "A",
        "From the final prompt until the first non-empty text was written to Twilio.",
        "Differs from the response latency only when media was played first.", "relayproxy.turn.time_to_first_token",
    ),
    Number(
        "turn", "first_reaction_ms", "A",
        "From the final prompt until the backend's first message of any type was written to Twilio.",
        "`language`, `sendDigits` and `end` count.", "relayproxy.turn.first_reaction",
    ),
    Number(
        "turn", "time_to_first_sentence_ms", "A",
        "From the final prompt until the chunk was written that completes the first sentence: one of . ? ! … : before "
        "white space, or the end of the reply. TTS can start well with it.",
        "", "relayproxy.turn.time_to_first_sentence",
    ),
    Number(
        "turn", "aggregation_delay_ms", "A", "From the first token to the first sentence.", "",
        "relayproxy.turn.aggregation_delay",
    ),
    Number(
        "turn", "time_to_last_token_ms", "A",
        "From the final prompt until `last: true` was written to Twilio.",
        "Absent and `unterminated` when it never came.", "relayproxy.turn.time_to_last_token",
    ),
    Number(
        "turn", "stream_duration_ms", "A", "From the first token to `last: true`.", "0 for a single chunk.",
        "relayproxy.turn.stream_duration",
    ),
    Number(
        "turn", "reply_complete_ms", "A",
        "From the final prompt until the agent had finished speaking: what callers really judge.",
        "`agentSpeaking` off in tier B, or its last `tokensPlayed` where another reply was played right behind it; "
        "estimated from the speaking rate in tier A (`reply_complete_estimated`). Absent for a reply that was "
        "interrupted or that a lost connection cut off.",
        "relayproxy.turn.reply_complete",
    ),
    Number(
        "turn", "lead_time_ms", "A",
        "For an answer to a partial prompt: how long before the final prompt it began. Its response latency is absent "
        "(`speculative`).",
        "", "relayproxy.turn.lead_time",
    ),
    Number(
        "turn", "chunks", "A", "Text messages with a non-empty token; stale ones are counted apart.", "",
        "relayproxy.turn.chunks", "{chunk}",
    ),
    Number(
        "turn", "chunk_gaps", "A",
        "Distances between consecutive chunks of one reply: p50_ms, p95_ms, max_ms.", "Absent for one chunk.",
        "relayproxy.turn.chunk_gap",
    ),
    Number("turn", "stalls", "A", "Chunk gaps over 1 s.", "", "relayproxy.turn.stalls", "{gap}"),
    Number(
        "turn", "chunk_rate", "A", "Chunks a second behind the first one.", "Absent for one chunk.",
        "relayproxy.turn.chunk_rate", "{chunk}/s",
    ),
    Number(
        "turn", "char_rate", "A",
        "Characters a second behind the first chunk. Below the speaking rate, TTS can run dry.",
        "Absent for one chunk.",
        "relayproxy.turn.char_rate", "{char}/s",
    ),
    Number(
        "turn", "coalesced_prompts", "A", "Final prompts beyond the first that one reply answers.",
        "As many replies as prompts are a turn each: in the order of the prompts, unless their words tell otherwise "
        "(`attribution` is `inferred` then). A reply such as “One moment.” and what follows it are one.",
        "relayproxy.turn.coalesced_prompts", "{prompt}",
    ),
    # -- interruption ------------------------------------------------------------------------------------------------
    Number(
        "interruption", "heard_ms", "A",
        "How much of the current TTS chunk was heard, as Twilio says.", "0: cut before any sound.",
        "relayproxy.interruption.heard_duration",
    ),
    Number(
        "interruption", "reaction_ms", "A",
        "From the `interrupt` written to the backend until its last stale text was read. Half a round trip is the "
        "network's.",
        "0 when nothing came. `still_streaming_at_close` when it never stopped.",
        "relayproxy.barge_in.reaction_time",
    ),
    Number(
        "interruption", "stale_chunks", "A",
        "Speakable texts that the backend still sent for the reply that was cut off: until `last: true`, a pause of "
        "1 s between two texts, or, once the caller has asked anew, one of 0.3 s or longer than that reply's own, or "
        "its first word again. What comes then is another reply. An empty `last: true` is an acknowledgement, not "
        "stale.",
        "", "relayproxy.barge_in.stale_chunks", "{chunk}",
    ),
    Number("interruption", "stale_chars", "A", "Their characters.", "", "relayproxy.barge_in.stale_chars", "{char}"),
    Number(
        "interruption", "recovery_ms", "A",
        "From the `interrupt` until the next response was written to Twilio; it includes the caller's new utterance.",
        "Absent when none came within a minute.", "relayproxy.barge_in.recovery",
    ),
    Number(
        "interruption", "stop_ms", "B",
        "From `clientSpeaking` on to `agentSpeaking` off: how long Twilio took, not the backend.",
        "", "relayproxy.barge_in.stop_time",
    ),
    Number(
        "interruption", "unheard_chars", "A", "Characters sent before the interruption that it kept from being heard.",
        "", "relayproxy.interruption.unheard_chars", "{char}",
    ),
    Number(
        "interruption", "unheard_ratio", "A",
        "Those, of all characters of the speech that it cut off. `match` says how the place was found: exact, fuzzy or "
        "none.",
        "", "relayproxy.interruption.unheard_ratio", "1",
    ),
    # -- session -----------------------------------------------------------------------------------------------------
    Number(
        "session", "duration_ms", "A", "From the first connection's opening to the end; beside `totals`, not in it.",
        "Absent while the call is live.", "relayproxy.session.duration",
    ),
    Number(
        "session", "greeting_latency_ms", "A",
        "From `setup` until the agent was first heard of: its first speakable message, or the first "
        "`agentSpeaking` on.",
        "Absent when the caller spoke first, and in tier A when only the TwiML greets.",
        "relayproxy.session.greeting_latency",
    ),
    Number(
        "session", "backend_connect_ms", "A",
        "From the upgrade request until the backend had answered it; `connections[].dial` splits it into dns, connect "
        "(TCP and TLS) and upgrade.",
        "", "relayproxy.session.backend_connect",
    ),
    Number(
        "session", "handoff_latency_ms", "A", "From the last final prompt to `end`.", "Absent without a prompt before.",
        "relayproxy.session.handoff_latency",
    ),
    Number(
        "session", "teardown_ms", "A", "From `end` written to Twilio until Twilio closed. Over 2 s is odd.", "",
        "relayproxy.session.teardown",
    ),
    Number(
        "session", "clipped_chars", "A",
        "Characters that were sent and not yet heard when Twilio closed after `end`: a goodbye that nobody heard.",
        "Estimated from the speaking rate of the call, unless `tokensPlayed` tells. Absent without `end` or a "
        "close frame of Twilio.", "relayproxy.session.clipped", "{char}",
    ),
    Number(
        "session", "silence", "A",
        "Stretches in which nobody spoke, by who was waited for: `backend` (prompt to answer), `tts` (answer to sound, "
        "tier B), `caller` (end of speech to the caller's next word or key). total_ms, longest_ms, and episodes: over "
        "3 s, for the caller over 8 s.",
        "`estimated` without speaker events.",
        "relayproxy.silence.dead_air",
    ),
    Number(
        "session", "interruptions", "A",
        "How often speech was cut short, by kind: `caller_speech` and `caller_dtmf` (an `interrupt`; a key within "
        "250 ms before it makes it one by key), `preempt` (the backend's own next message replaced a preemptible one; "
        "no frame tells), `agent_over_caller` (the agent began while the caller was speaking, in tier A between a "
        "partial and its final prompt).",
        "", "relayproxy.interruption.count", "{interruption}",
    ),
    Number(
        "session", "interruption_rate", "A",
        "Interrupted responses of all that had speakable output (`interrupted_responses` of `responses`).", "",
        "relayproxy.interruption.rate", "1",
    ),
    Number(
        "session", "false_interruptions", "A",
        "Interrupts by speech without a final prompt within 2 s, or within 2 s of what else was heard of the caller.",
        "Not while `clientSpeaking` is on; withdrawn when the final prompt is too long to have been begun later.",
        "relayproxy.session.false_interruptions", "{interruption}",
    ),
    Number(
        "session", "longest_wait_ms", "A",
        "The longest wait for an answer of all turns: see there.", "Absent when nothing was asked.",
        "relayproxy.session.longest_wait",
    ),
    Number(
        "session", "unanswered", "A",
        "Turns in which a prompt or key got no speakable message before the caller spoke again or the turn was over. "
        "Sent digits and a handoff are an answer. Counted, never in percentiles.",
        "A caller who speaks again sooner than a slow turn (`slow_turn`) is going on with what they say: that is "
        "counted in coalesced_prompts alone.",
        "relayproxy.session.unanswered", "{turn}",
    ),
    Number(
        "session", "asked_again", "A",
        "Those of them in which the caller spoke again.", "Their turn may be answered after all.",
        "relayproxy.session.asked_again", "{turn}",
    ),
    Number(
        "session", "overhead_in_ms, overhead_out_ms", "A",
        "What the proxy itself adds to a message, from read to written, towards the backend and towards Twilio.",
        "Messages that had to wait because the other side was not taking data are left out and counted as "
        "backpressure.",
        "relayproxy.message.overhead",
    ),
    Number(
        "session", "speaking_rate", "A",
        "Characters a second that were heard in this call, from `tokensPlayed` or from what interrupts say. Estimates "
        "use it, or 15 while there is none.",
        "", "relayproxy.session.speaking_rate", "{char}/s",
    ),
    Number(
        "session", "violations", "A",
        "Messages of the backend that Twilio rejects; `consecutive_violations`: the most in a row. At ten "
        "Twilio closes.",
        "", "relayproxy.protocol.violations", "{violation}",
    ),
)  # fmt: skip

NULL_REASONS = {
    "no_response": "there was no speakable answer",
    "no_prompt": "nothing had been asked",
    "speculative": "the answer began before the final prompt",
    "interrupted_before_first_token": "the caller interrupted before the first word",
    "tier": "the number needs events, and the call had none",
    "session_closed": "the call ended first",
    "handed_off": "the call was handed on without a word",
    "pending": "not decided yet: the call goes on",
    "already_speaking": "the agent was already speaking",
    "event_missing": "the event that it needs did not come",
    "interrupted": "the reply was cut off",
    "unterminated": "`last: true` never came",
    "no_text": "the answer had no text",
    "overlap": "another reply was still being sent, and nothing tells when or whether this one began",
}
HEARD = {
    "tokens_played": "`tokensPlayed` said so (tier B)",
    "interrupt": "the words of the `interrupt` were found in what was sent, or it said that nothing was heard (0 ms)",
    "estimated": "reckoned from the speaking rate seen in the call",
    "all": "nothing stopped it",
    "unknown": "an interrupt came so soon after it was sent that Twilio may have thrown it away, and no event tells",
}
OUTCOMES = {
    "ended_by_backend": "the backend sent `end` and Twilio took it; Studio: Success",
    "caller_hangup": "Twilio closed with 1000; the flow is over, so Studio takes no transition",
    "backend_disconnect": "the backend closed or vanished; Studio: Failed, error 64105",
    "backend_connect_failed": "the backend refused or could not be reached; Studio: Failed, error 64102",
    "protocol_error": "Twilio closed because of what it was sent; Studio: Failed, error 64105",
    "proxy_error": "relayproxy was stopped; Studio: Failed, error 64105",
    "unknown": "what was recorded does not tell",
}
CONFIDENCE = {
    "certain": "the frames and streams leave no other reading",
    "likely": "Twilio documents no other reading, or two ends finished at the same moment",
    "guess": "something that would tell is not there: no close frame, or a gap in the recording",
}
