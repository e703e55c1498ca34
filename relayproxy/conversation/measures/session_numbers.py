"""The table of numbers of a session, each declared once.

Knows: what each is called, where it starts and ends, when it is absent, and how it is read off the conversation.
Must not know: how a number is derived; how it is drawn.
"""

from relayproxy.conversation.measures.number import Number, Share
from relayproxy.conversation.model import Conversation
from relayproxy.conversation.totals import Silence, Spread


def _duration(call: Conversation) -> int | None:
    return None if call.ended_at is None else max(0, call.ended_at - call.started_at)


SESSION_NUMBERS: tuple[Number[Conversation], ...] = (
    Number(
        "duration_ms", "Duration", "A", _duration,
        "From the first connection's opening to the end; beside `totals`, not in it.",
        "Absent while the call is live.",
        attribute="relayproxy.session.duration", nanoseconds=True, absent="the call is live",
    ),
    Number(
        "turns", "Turns", "A", lambda call: call.totals.turns,
        "Turns, the greeting (turn 0) included.",
        attribute="relayproxy.session.turns", unit="{turn}", type=int,
    ),
    Number(
        "interruptions", "Interruptions", "A", lambda call: call.totals.interruption_count,
        "How often the agent's speech was stopped.",
        attribute="relayproxy.session.interruptions", unit="{interruption}", type=int,
    ),
    Number(
        "messages", "Messages", "A", lambda call: call.messages,
        "Text and binary messages, both ways.",
        attribute="relayproxy.session.messages", unit="{message}", type=int,
    ),
    Number(
        "gaps", "Gaps", "A", lambda call: call.gaps,
        "Gaps in the recording.",
        attribute="relayproxy.session.gaps", unit="{gap}", type=int,
    ),
    Number(
        "unanswered", "Unanswered turns", "A", lambda call: call.totals.unanswered,
        "Turns in which a prompt or key got no speakable message before the caller spoke again or the turn was over. "
        "Sent digits and a handoff are an answer. Counted, never in percentiles.",
        "A caller who speaks again sooner than a slow turn (`slow_turn`) is going on with what they say: that is "
        "counted in coalesced_prompts alone.",
        attribute="relayproxy.session.unanswered", unit="{turn}", type=int,
    ),
    Number(
        "asked_again", "Asked again", "A", lambda call: call.totals.asked_again,
        "Unanswered turns in which the caller spoke again.",
        "Their turn may be answered after all.",
        attribute="relayproxy.session.asked_again", unit="{turn}", type=int,
    ),
    Number(
        "longest_wait_ms", "Longest wait", "A", lambda call: call.totals.longest_wait_ms,
        "The longest wait for an answer of all turns.",
        "Absent when nothing was asked.",
        attribute="relayproxy.session.longest_wait", absent="nothing was asked, or no wait is over yet",
    ),
    Number(
        "response_latency_ms", "Response latency", "A", lambda call: call.totals.response_latency,
        "Percentiles of the turns' response latency, of `n` turns; `excluded` says how many others, and why.",
        attribute="relayproxy.session.response_latency", type=Spread, absent="no turn has one",
    ),
    Number(
        "gap_bytes", "Bytes in gaps", "A", lambda call: call.gap_bytes,
        "Bytes that could not be recorded.",
        unit="By", type=int,
    ),
    Number(
        "responses", "Responses", "A", lambda call: call.totals.responses,
        "Turns with speakable output.",
        attribute="relayproxy.session.responses", unit="{response}", type=int,
    ),
    Number(
        "interruptions_by_kind", "Interruptions by kind", "A", lambda call: call.totals.interruptions,
        "How often speech was cut short, by kind: `caller_speech` and `caller_dtmf` (an `interrupt`; a key within 250 "
        "ms before it makes it one by key), `preempt` (the backend's own next message replaced a preemptible one; no "
        "frame tells), `agent_over_caller` (the agent began while the caller was speaking, in tier A between a "
        "partial and its final prompt).",
        attribute="relayproxy.interruption.count", unit="{interruption}", type=dict[str, int],
    ),
    Number(
        "interrupted_responses", "Interrupted responses", "A", lambda call: call.totals.interrupted_responses,
        "Responses that were interrupted at least once.",
        attribute="relayproxy.session.interrupted_responses", unit="{response}", type=int,
    ),
    Number(
        "interruption_rate", "Interruption rate", "A", lambda call: call.totals.interruption_rate,
        "Interrupted responses of all that had speakable output (`interrupted_responses` of `responses`).",
        attribute="relayproxy.interruption.rate", unit="1", type=Share | None, absent="there was no response",
    ),
    Number(
        "false_interruptions", "False interruptions", "A", lambda call: call.totals.false_interruptions,
        "Interrupts by speech without a final prompt within 2 s, or within 2 s of what else was heard of the caller.",
        "Not while `clientSpeaking` is on; withdrawn when the final prompt is too long to have been begun later.",
        attribute="relayproxy.session.false_interruptions", unit="{interruption}", type=int,
    ),
    Number(
        "coalesced_prompts", "Coalesced prompts", "A", lambda call: call.totals.coalesced_prompts,
        "Final prompts that came before an earlier one was answered.",
        attribute="relayproxy.session.coalesced_prompts", unit="{prompt}", type=int,
    ),
    Number(
        "speculative", "Speculative answers", "A", lambda call: call.totals.speculative,
        "Answers that began before the final prompt.",
        attribute="relayproxy.session.speculative", unit="{response}", type=int,
    ),
    Number(
        "stale_chunks", "Stale chunks", "A", lambda call: call.totals.stale_chunks,
        "Texts that were sent for replies that had been cut off.",
        attribute="relayproxy.session.stale_chunks", unit="{chunk}", type=int,
    ),
    Number(
        "stale_chars", "Stale characters", "A", lambda call: call.totals.stale_chars,
        "Characters of the stale chunks.",
        attribute="relayproxy.session.stale_chars", unit="{char}", type=int,
    ),
    Number(
        "stalls", "Stalls", "A", lambda call: call.totals.stalls,
        "Chunk gaps over 1 s, of all turns.",
        attribute="relayproxy.session.stalls", unit="{gap}", type=int,
    ),
    Number(
        "sent_chars", "Characters sent", "A", lambda call: call.totals.sent_chars,
        "Characters of text that the backend sent; of one turn 100,000 at most, as no more is kept of it.",
        attribute="relayproxy.session.agent_chars", unit="{char}", type=int,
    ),
    Number(
        "unheard_chars", "Unheard characters", "A", lambda call: call.totals.unheard_chars,
        "Characters that were sent and that interruptions kept from being heard.",
        attribute="relayproxy.session.unheard_chars", unit="{char}", type=int,
    ),
    Number(
        "backend_latency_ms", "Backend latency", "A", lambda call: call.totals.backend_latency,
        "Percentiles of the turns' backend latency, of `n` turns; `excluded` says how many others, and why.",
        attribute="relayproxy.session.backend_latency", type=Spread, absent="no turn has one",
    ),
    Number(
        "user_bot_latency_ms", "User-to-bot latency", "B", lambda call: call.totals.user_bot_latency,
        "Percentiles of the turns' user-to-bot latency, of `n` turns; `excluded` says how many others, and why.",
        attribute="relayproxy.session.user_bot_latency", type=Spread, absent="no turn has one",
    ),
    Number(
        "time_to_first_sentence_ms", "Time to first sentence", "A", lambda call: call.totals.time_to_first_sentence,
        "Percentiles of the turns' time to first sentence, of `n` turns; `excluded` says how many others, and why.",
        attribute="relayproxy.session.time_to_first_sentence", type=Spread, absent="no turn has one",
    ),
    Number(
        "overhead_in_ms", "Overhead in", "A", lambda call: call.totals.overhead_in,
        "What the proxy itself adds to a message of Twilio, from read to written to the backend.",
        "Messages that had to wait because the other side was not taking data are left out and counted as "
        "backpressure.",
        attribute="relayproxy.message.overhead.in", type=Spread, absent="no message was passed on",
    ),
    Number(
        "overhead_out_ms", "Overhead out", "A", lambda call: call.totals.overhead_out,
        "What the proxy itself adds to a message of the backend, from read to written to Twilio.",
        attribute="relayproxy.message.overhead.out", type=Spread, absent="no message was passed on",
    ),
    Number(
        "backend_connect_ms", "Backend connect", "A", lambda call: call.totals.backend_connect_ms,
        "From the upgrade request until the backend had answered it; `connections[].dial` splits it into dns, connect "
        "(TCP and TLS) and upgrade.",
        attribute="relayproxy.session.backend_connect", absent="the backend did not answer",
    ),
    Number(
        "greeting_latency_ms", "Greeting latency", "A", lambda call: call.totals.greeting_latency_ms,
        "From `setup` until the agent was first heard of: its first speakable message, or the first `agentSpeaking` "
        "on.",
        "Absent when the caller spoke first, and in tier A when only the TwiML greets.",
        attribute="relayproxy.session.greeting_latency",
    ),
    Number(
        "silence", "Silence", "A", lambda call: call.totals.silence,
        "Stretches in which nobody spoke, by who was waited for: `backend` (prompt to answer), `tts` (answer to "
        "sound, tier B), `caller` (end of speech to the caller's next word or key). total_ms, longest_ms, and "
        "episodes: over 3 s, for the caller over 8 s.",
        "`estimated` without speaker events.",
        attribute="relayproxy.silence.dead_air", type=dict[str, Silence],
    ),
    Number(
        "handoff_latency_ms", "Handoff latency", "A", lambda call: call.totals.handoff_latency_ms,
        "From the last final prompt to `end`.",
        "Absent without a prompt before.",
        attribute="relayproxy.session.handoff_latency", absent="no `end` came behind a prompt",
    ),
    Number(
        "clipped_chars", "Clipped characters", "A", lambda call: call.totals.clipped_chars,
        "Characters that were sent and not yet heard when Twilio closed after `end`: a goodbye that nobody heard.",
        "Estimated from the speaking rate of the call, unless `tokensPlayed` tells. Absent without `end` or a close "
        "frame of Twilio.",
        attribute="relayproxy.session.clipped", unit="{char}", absent="no `end`, or no close frame of Twilio behind it",
    ),
    Number(
        "teardown_ms", "Teardown", "A", lambda call: call.totals.teardown_ms,
        "From `end` written to Twilio until Twilio closed. Over 2 s is odd.",
        attribute="relayproxy.session.teardown", absent="Twilio did not close behind an `end`",
    ),
    Number(
        "violations", "Violations", "A", lambda call: call.totals.violations,
        "Messages of the backend that Twilio rejects.",
        attribute="relayproxy.protocol.violations", unit="{violation}", type=int,
    ),
    Number(
        "consecutive_violations", "Consecutive violations", "A", lambda call: call.totals.consecutive_violations,
        "The most violations in a row. At ten Twilio closes.",
        attribute="relayproxy.protocol.consecutive_malformed", unit="{violation}", type=int,
    ),
    Number(
        "speaking_rate", "Speaking rate", "A", lambda call: call.totals.speaking_rate,
        "Characters a second that were heard in this call, from `tokensPlayed` or from what interrupts say. Estimates "
        "use it, or 15 while there is none.",
        attribute="relayproxy.session.speaking_rate", unit="{char}/s", type=float | None, absent="nothing told it",
    ),
    Number(
        "findings_by_code", "Findings by code", "A", lambda call: call.totals.findings,
        "How many findings there are of each code, unlisted ones included.",
        attribute="relayproxy.finding", unit="{finding}", type=dict[str, int],
    ),
)  # fmt: skip
"""In the order of the API."""
