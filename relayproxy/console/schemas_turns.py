"""Schemas of what was derived of a session: turns, interruptions, findings, totals.

Knows: every field of these in the API, as `derived` writes them.
Must not know: endpoints; where the values come from.
"""

from relayproxy.console.schemas import (
    Fields,
    Schema,
    array,
    boolean,
    count,
    integer,
    mapping,
    meaning,
    measured,
    moment,
    named,
    nullable,
    number,
    obj,
    one_of,
    text,
)
from relayproxy.conversation.checks.findings import CATALOGUE, Severity
from relayproxy.conversation.model import Attribution, HeardBasis, InterruptionKind, MarkKind, Match, OpenedBy, Tier
from relayproxy.conversation.totals import NullReason
from relayproxy.conversation.words import HEARD_BASES, NULL_REASONS

CODES = ", ".join(f"`{code}` ({entry.title.lower()})" for code, entry in CATALOGUE.items())
REASONS = "; ".join(f"`{reason}`: {words.meaning}" for reason, words in NULL_REASONS.items())
BASES = "; ".join(f"`{basis}`: {words.meaning}" for basis, words in HEARD_BASES.items())
EXCLUDED = mapping(count(), "How many are not in `n`, by why; see NullReason.")


def spread(says: str = "") -> Schema:
    """How a number is spread over turns or messages."""
    return obj(
        {
            "p50": nullable(number("Median, nearest rank.")),
            "p95": nullable(number("95th percentile, nearest rank.")),
            "max": nullable(number()),
            "n": count("How many there are."),
            "excluded": EXCLUDED,
        },
        says,
    )


BUDGET = obj(
    {
        f"{name}_ns": nullable(integer(format="int64"))
        for name in (
            "input_delay",
            "proxy_in",
            "backend",
            "proxy_out",
            "output_delay",
            "response_latency",
            "user_bot_latency",
        )
    },
    "The parts of the latency in nanoseconds, which sum exactly: the three inner ones to response_latency, all five to "
    "user_bot_latency.",
)

INTERRUPTION = obj(
    {
        **moment("at", "When the agent's speech was stopped."),
        "kind": one_of(InterruptionKind, "The caller spoke, pressed a key, or the backend's own next message cut in."),
        "heard_text": text("What was heard of the current piece of speech, as Twilio says."),
        **measured("interruption", "heard_ms"),
        "stale_chunks": count(meaning("interruption", "stale_chunks")),
        "stale_chars": count(meaning("interruption", "stale_chars")),
        "attribution": one_of(Attribution, "How it is known which response was cut off."),
        "reaction_ms": integer(meaning("interruption", "reaction_ms")),
        "still_streaming_at_close": boolean("Stale text came until the session was over."),
        "false_interruption": nullable(boolean("The caller said nothing after all; null while that is not known.")),
        **measured("interruption", "recovery_ms", "stop_ms"),
        "unheard_chars": count(meaning("interruption", "unheard_chars")),
        **measured("interruption", "unheard_ratio", of=number()),
        "match": one_of(Match, "How what was heard was found in what was sent."),
        "connection": nullable(text("With `seq` the message that tells of it.")),
        "seq": nullable(count()),
    },
    "The agent's speech was cut short.",
)

FINDING = obj(
    {
        "code": text(f"Of these, and of more to come: {CODES}."),
        "severity": one_of(Severity, "How bad it is for the caller."),
        "title": text("The code in a few words."),
        "detail": text("What exactly was found here; may quote a little of what was said."),
        "meaning": text("What it means for the caller."),
        "action": text("What to do about it."),
        **moment("at", "When it happened."),
        "turn": nullable(count("Number of the turn.")),
        "message": nullable(
            obj(
                {
                    "connection": text("Id of the connection."),
                    "connection_index": count("Its place in the session, from 0."),
                    "seq": count("Position in the connection."),
                    "cursor": text("The message as `after` of a list of messages names it."),
                },
                "The message that it points at.",
            )
        ),
        "twilio_code": nullable(integer("The error that Twilio logs for it.")),
    },
    "Something that somebody should know of.",
)

_TEXTS: Fields = {
    "caller_text": text("What the caller said: the final prompts, joined by a space."),
    **moment("caller_at", "When what was answered had arrived.", absent=True),
    **moment("caller_begun_at", "When the caller began to say it.", absent=True),
    **moment("caller_done_at", "When the caller had said it.", absent=True),
    "caller_estimated": boolean("Either follows from the length of what was said."),
    "agent_text": text("What the backend sent, stale text included."),
    **moment("agent_at", "When the first speakable message had been written to Twilio.", absent=True),
    **moment("agent_done_at", "When `last: true` had been written to Twilio.", absent=True),
    "heard_text": text("What of it the caller heard."),
    "unheard_text": text("What was sent and will never be heard."),
    "heard_basis": nullable(one_of(HeardBasis), f"How that is known; null without text. {BASES}."),
    "played": array(
        obj(
            {
                **moment("started_at", "When it began to be heard."),
                **moment("ended_at", "Null while it plays.", absent=True),
                "estimated": boolean("Start or end follow from the speaking rate."),
            }
        ),
        "Stretches of speech and media at the caller's ear.",
    ),
    "marks": array(
        obj(
            {
                **moment("at", "When it happened."),
                "kind": one_of(MarkKind),
                "text": text(),
                "spoken": array(
                    obj(
                        {
                            **moment("started_at", "When the caller began to speak."),
                            **moment("ended_at", "When they stopped."),
                            "estimated": boolean("Start or end follow from prompts, not from speaker events."),
                        }
                    ),
                    "Of a prompt: the stretches in which it was said.",
                ),
            }
        ),
        "Single moments: prompts, keys, media, languages, digits; at most 64.",
    ),
    "greeting": text("In turn 0, what was played before any text of the backend."),
    "dtmf": text("Keys that the caller pressed."),
    "sent_digits": text("Keys that the backend had sent."),
    "media": array(text(), "Sources of `play` messages."),
    "languages": array(text(), "Languages that the backend switched speech to."),
    "lang": nullable(text("Language of the final prompt.")),
}

_DELAYS = ("input_delay_ms", "proxy_in_ms", "backend_latency_ms", "proxy_out_ms", "output_delay_ms")
_TIMINGS = (
    "time_to_first_token_ms",
    "first_reaction_ms",
    "time_to_first_sentence_ms",
    "aggregation_delay_ms",
    "time_to_last_token_ms",
    "stream_duration_ms",
    "reply_complete_ms",
)

TURN = obj(
    {
        "number": count("From 0; turn 0 is the greeting."),
        "opened_by": one_of(OpenedBy, "What opened it."),
        "tier": one_of(Tier, "B when speaker events and tokens-played were on, else A."),
        **moment("started_at", "When it was opened."),
        **moment("ended_at", "When it was over.", absent=True),
        **_TEXTS,
        **measured("turn", "response_latency_ms"),
        "null_reason": nullable(named("NullReason"), "Why there is no response_latency_ms."),
        **measured("turn", "longest_wait_ms"),
        "attribution": one_of(
            Attribution,
            "inferred: several prompts waited at once, and the words of the replies tell which one this answers.",
        ),
        **measured("turn", *_DELAYS, "user_bot_latency_ms"),
        "budget": BUDGET,
        **measured("turn", *_TIMINGS),
        "reply_complete_estimated": boolean("reply_complete_ms follows from the speaking rate."),
        **measured("turn", "lead_time_ms"),
        "null_reasons": mapping(named("NullReason"), "Why a duration is null, by the duration's name."),
        "first_kind": nullable(one_of(("text", "play")), "What the answer began with."),
        "chunks": count(meaning("turn", "chunks")),
        "chunk_gaps": nullable(
            obj({name: integer() for name in ("p50_ms", "p95_ms", "max_ms")}, meaning("turn", "chunk_gaps"))
        ),
        **measured("turn", "chunk_rate", "char_rate", of=number()),
        "stalls": count(meaning("turn", "stalls")),
        "unterminated": boolean("The turn is over and `last: true` never came."),
        "coalesced_prompts": count(meaning("turn", "coalesced_prompts")),
        "unanswered": boolean("The turn is over, and what was asked last got no speakable answer, digits or handoff."),
        "asked_again": boolean("The caller spoke again without having been answered for the time of a slow turn."),
        "cut_off": boolean("The connection failed while the answer was being sent."),
        "agent_over_caller": boolean("The agent began while the caller was speaking."),
        "interrupted": boolean("The answer was cut short."),
        "interruption": nullable(named("Interruption"), "The first of `interruptions`."),
        "interruptions": array(named("Interruption")),
        "findings": array(named("Finding")),
    },
    "One exchange: what opened it, what the caller said or pressed, what the agent answered.",
)

_SPREADS = ("backend_latency_ms", "user_bot_latency_ms", "time_to_first_sentence_ms")

DERIVED: Fields = {
    "gap_bytes": count("Bytes that could not be recorded."),
    "responses": count("Turns with speakable output."),
    "interruptions_by_kind": mapping(count(), meaning("session", "interruptions")),
    "interrupted_responses": count("Responses that were interrupted at least once."),
    **measured("session", "interruption_rate", of=number(minimum=0, maximum=1)),
    "false_interruptions": count(meaning("session", "false_interruptions")),
    "coalesced_prompts": count("Final prompts that came before an earlier one was answered."),
    "speculative": count("Answers that began before the final prompt."),
    "stale_chunks": count("Texts sent for replies that had been cut off."),
    "stale_chars": count("Their characters."),
    "stalls": count("Pauses over 1 s within replies."),
    "sent_chars": count("Characters of text sent."),
    "unheard_chars": count("Those of them that interruptions kept from being heard."),
    "response_latency_ms": spread(meaning("turn", "response_latency_ms")),
    **{name: spread(meaning("turn", name)) for name in _SPREADS},
    **{name: spread(meaning("session", name)) for name in ("overhead_in_ms", "overhead_out_ms")},
    **measured("session", "backend_connect_ms", "greeting_latency_ms"),
    "greeting_null_reason": nullable(named("NullReason"), "Why there is no greeting_latency_ms."),
    "silence": mapping(
        obj({"total_ms": count(), "longest_ms": count(), "episodes": count(), "estimated": boolean()}),
        meaning("session", "silence"),
    ),
    **measured("session", "handoff_latency_ms", "clipped_chars", "teardown_ms"),
    "violations": count(meaning("session", "violations")),
    "consecutive_violations": count("The most of them in a row."),
    **measured("session", "speaking_rate", of=number()),
    "findings_by_code": mapping(count(), "How many findings there are of each code, unlisted ones included."),
}
"""Beside what an item of the list has in its totals."""

SCHEMAS: dict[str, Schema] = {
    "NullReason": one_of(NullReason, f"Why a number is absent. {REASONS}."),
    "Turn": TURN,
    "Interruption": INTERRUPTION,
    "Finding": FINDING,
}
