"""The closed vocabularies of the conversation in words: what pages, filters, the API and `docs/numbers.md` call values.

Knows: for each value of a vocabulary a phrase, and where it needs one, its meaning. Those of findings are in
`checks.findings`, those of numbers in `measures.numbers`.
Must not know: HTML; how any of these is derived.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from relayproxy.connection import EndingCause, Side, SideEnd
from relayproxy.conversation.message import MessageNote
from relayproxy.conversation.model import Confidence, HeardBasis, InterruptionKind, Outcome, StudioTransition
from relayproxy.conversation.totals import NullReason
from relayproxy.plural import plural


class Words(NamedTuple):
    """The words for a value: a phrase for pages, a meaning for the documentation."""

    phrase: str
    """As pages show it: a few words."""
    meaning: str
    """What it says, as a clause; may have code in backticks."""


OUTCOMES: dict[Outcome, Words] = {
    "ended_by_backend": Words("Ended by backend", "the backend sent `end` and Twilio took it; Studio: Success"),
    "caller_hangup": Words(
        "Caller hung up", "Twilio closed with 1000; the flow is over, so Studio takes no transition"
    ),
    "backend_disconnect": Words("Backend disconnected", "the backend closed or vanished; Studio: Failed, error 64105"),
    "backend_connect_failed": Words(
        "Backend not connected", "the backend refused or could not be reached; Studio: Failed, error 64102"
    ),
    "protocol_error": Words("Protocol error", "Twilio closed because of what it was sent; Studio: Failed, error 64105"),
    "proxy_error": Words("Proxy error", "relayproxy was stopped; Studio: Failed, error 64105"),
    "unknown": Words("Ending not known", "what was recorded does not tell"),
}
"""How a session ended."""

STUDIO_TRANSITIONS: dict[StudioTransition, Words] = {
    "success": Words("Success", "the flow goes on from the widget's Success transition"),
    "failed": Words("Failed", "the flow goes on from the widget's Failed transition"),
    "none": Words("No transition", "the caller is gone, so the flow does not go on"),
    "unknown": Words("Not known", "what Twilio made of this ending cannot be told from the socket"),
}
"""The way that a Studio flow goes on."""

CONFIDENCES: dict[Confidence, Words] = {
    "certain": Words("This is how the connection ended.", "the frames and streams leave no other reading"),
    "likely": Words(
        "This is the likely reading of how the connection ended, not the only one.",
        "Twilio documents no other reading, or two ends finished at the same moment",
    ),
    "guess": Words(
        "This is a guess: what would tell is not in the recording.",
        "something that would tell is not there: no close frame, or a gap in the recording",
    ),
}
"""How sure outcome and transition are. The phrase is a sentence."""

NULL_REASONS: dict[NullReason, Words] = {
    "no_response": Words("no answer", "there was no speakable answer"),
    "no_prompt": Words("unprompted", "nothing had been asked"),
    "speculative": Words("answered before the final prompt", "the answer began before the final prompt"),
    "interrupted_before_first_token": Words(
        "interrupted before the first word", "the caller interrupted before the first word"
    ),
    "tier": Words("needs speaker events", "the number needs events, and the call had none"),
    "session_closed": Words("call ended before an answer", "the call ended first"),
    "handed_off": Words("handed off without a word", "the call was handed on without a word"),
    "pending": Words("not over yet", "not decided yet: the call goes on"),
    "already_speaking": Words("the agent was already speaking", "the agent was already speaking"),
    "event_missing": Words("the event for it did not come", "the event that it needs did not come"),
    "interrupted": Words("interrupted", "the reply was cut off"),
    "unterminated": Words("the reply was never marked as complete", "`last: true` never came"),
    "no_text": Words("no text", "the answer had no text"),
    "overlap": Words(
        "another reply was still being sent",
        "another reply was still being sent, and nothing tells when or whether this one began",
    ),
}
"""Why a number is absent."""

HEARD_BASES: dict[HeardBasis, Words] = {
    "tokens_played": Words("as Twilio reported what it played", "`tokensPlayed` said so (tier B)"),
    "interrupt": Words(
        "as the interruption said",
        "the words of the `interrupt` were found in what was sent, or it said that nothing was heard (0 ms)",
    ),
    "estimated": Words("estimated from the speaking rate", "reckoned from the speaking rate seen in the call"),
    "all": Words("nothing stopped it", "nothing stopped it"),
    "unknown": Words(
        "not known: the interruption came before its first sound",
        "an interrupt came so soon after it was sent that Twilio may have thrown it away, and no event tells",
    ),
}
"""How it is known what was heard of a text."""

INTERRUPTIONS: dict[InterruptionKind, str] = {
    "caller_speech": "by speaking",
    "caller_dtmf": "by a key",
    "preempt": "by the next message",
}
"""By what speech was stopped."""

SIDES: dict[Side | Literal["proxy"], str] = {"twilio": "Twilio", "backend": "the backend", "proxy": "relayproxy"}
"""The ends of a connection, and what is between them."""

SIDE_ENDS: dict[SideEnd, str] = {
    "eof": "closed its connection",
    "reset": "reset its connection",
    "timeout": "stopped reading",
    "closed_by_proxy": "was closed by relayproxy",
}
"""How one end's stream finished, said of a side."""

ENDING_CAUSES: dict[EndingCause, str] = {
    "drain": "relayproxy was stopping, and the call outlasted the drain timeout",
    "shutdown": "relayproxy was stopped",
    "relay_died": "the relay process vanished",
    "fault": "a fault was injected",
    "shadow_slow": "the second backend did not keep up",
    "shadow_flood": "the second backend sent too much",
    "shadow_limit": "no more is recorded",
    "shadow_extensions": "it negotiated another encoding",
    "shadow_failed": "an error in relayproxy",
}
"""Why relayproxy ended a connection."""

NOTES: dict[MessageNote, str] = {
    "invalid_utf8": "not valid UTF-8",
    "inflate_failed": "could not be inflated",
    "incomplete": "incomplete: the connection ended inside it",
    "oversized_control": "a control frame of more than 125 bytes",
    "malformed_close": "a close frame with half a code",
    "reserved_bits": "reserved bits are set",
    "reserved_opcode": "a frame of no known kind",
    "fragmented_control": "a control frame in fragments",
    "unexpected_continuation": "the continuation of no message",
    "unfinished_message": "a new message before the last one was complete",
    "wrong_mask": "masked by the side that must not, or not by the one that must",
    "invalid_length": "an impossible length",
    "skipped": "passed over after bytes that could not be read",
    "buffer": "the disk was slower than the calls",
    "quota": "the recorder was too far behind",
    "disk": "the journal could not be written",
    "limit": "more than is recorded of one connection",
    "fault": "faults were injected, and the call was over before they were passed on",
    "window_lost": "the recorder was restarted and did not find what compressed messages refer to",
    "journal_damaged": "the journal was damaged",
    "recording_unreadable": "it could not be read when the session went on",
    "redaction_failed": "redaction failed, so its words were not kept",
    "search_limit": "more than is searched for secrets, so its words were not kept",
}
"""What is odd about a message, or why there is a gap in its place."""

REDACTED: dict[str, tuple[str, str]] = {
    "card_number": ("card number", "card numbers"),
    "expiry": ("expiry date", "expiry dates"),
    "security_code": ("security code", "security codes"),
    "pin": ("PIN", "PINs"),
    "number": ("other number", "other numbers"),
    "email": ("e-mail address", "e-mail addresses"),
    "keys": ("key run", "key runs"),
    "field": ("named field", "named fields"),
    "pattern": ("match of your patterns", "matches of your patterns"),
    "name": ("name", "names"),
}
"""What was masked before anything was stored, by kind (`redaction.values.Kind`): one, and several."""


def gap_words(size: int) -> str:
    """How much is missing in a gap, of which the size may not be known."""
    return plural(size, "byte") if size else "an unknown number of bytes"


def redacted_words(counts: Mapping[str, int]) -> str:
    """`2 card numbers, 1 key run`; empty when nothing was masked."""
    known = [(counts[kind], *words) for kind, words in REDACTED.items() if counts.get(kind)]
    other = [(count, kind, kind) for kind, count in counts.items() if kind not in REDACTED]
    return ", ".join(plural(*one) for one in known + other)


TWILIO_ERRORS: dict[int, str] = {
    64101: "a parameter, or a combination of speech settings, that Twilio does not take",
    64102: "Twilio could not open the WebSocket; the caller hears a busy tone",
    64104: "the longest call that Twilio allows was reached",
    64105: "the WebSocket ended from the server's side, or after ten messages that Twilio could not read",
    64106: "a language or voice that Twilio does not have",
    64107: "a message that Twilio could not read; it was dropped",
    64108: "the phone network sent no sound any more",
    64109: "more sessions at once than the account may have",
    64111: "the speech provider failed",
    64112: "text could not be turned into speech",
    64114: "the provider of speech recognition could not be reached",
}
"""What Twilio says with an error code, as a phrase."""
