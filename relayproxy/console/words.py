"""The closed vocabularies of the conversation, in words.

Knows: one short phrase for each outcome, transition, null reason and way to end.
Must not know: HTML, or how any of these was derived. A value it has no words for is shown as it is.
"""

from http import HTTPStatus
from typing import Literal

_STATUSES = frozenset(HTTPStatus)

Tone = Literal["good", "bad", "warn", "calm"]
"""How a state is drawn: each tone has a colour and a shape."""

OUTCOME: dict[str, tuple[str, Tone]] = {
    "ended_by_backend": ("Ended by backend", "good"),
    "caller_hangup": ("Caller hung up", "calm"),
    "backend_disconnect": ("Backend disconnected", "bad"),
    "backend_connect_failed": ("Backend not connected", "bad"),
    "protocol_error": ("Protocol error", "bad"),
    "proxy_error": ("Proxy error", "bad"),
    "unknown": ("Ending not known", "warn"),
}

TRANSITION: dict[str, tuple[str, Tone]] = {
    "success": ("Success", "good"),
    "failed": ("Failed", "bad"),
    "none": ("No transition", "calm"),
    "unknown": ("Not known", "warn"),
}

TRANSITION_MEANING: dict[str, str] = {
    "success": "the flow goes on from the widget's Success transition",
    "failed": "the flow goes on from the widget's Failed transition",
    "none": "the caller is gone, so the flow does not go on",
    "unknown": "what Twilio made of this ending cannot be told from the socket",
}

NULL_REASON: dict[str, str] = {
    "no_response": "no answer",
    "no_prompt": "unprompted",
    "speculative": "answered before the final prompt",
    "interrupted_before_first_token": "interrupted before the first word",
    "tier": "needs speaker events",
    "session_closed": "call ended before an answer",
    "handed_off": "handed off without a word",
    "overlap": "another reply was still being sent",
    "pending": "not over yet",
    "already_speaking": "the agent was already speaking",
    "event_missing": "the event for it did not come",
    "interrupted": "interrupted",
    "unterminated": "the reply was never marked as complete",
    "no_text": "no text",
}

INTERRUPTION: dict[str, str] = {
    "caller_speech": "by speaking",
    "caller_dtmf": "by a key",
    "preempt": "by the next message",
}

SIDE: dict[str, str] = {"twilio": "Twilio", "backend": "the backend", "proxy": "relayproxy"}

SIDE_END: dict[str, str] = {
    "eof": "closed its connection",
    "reset": "reset its connection",
    "timeout": "stopped reading",
    "closed_by_proxy": "was closed by relayproxy",
}

CAUSE: dict[str, str] = {
    "drain": "relayproxy was stopping, and the call outlasted the drain timeout",
    "shutdown": "relayproxy was stopped",
    "relay_died": "the relay process vanished",
}

NOTE: dict[str, str] = {
    "invalid_utf8": "not valid UTF-8",
    "inflate_failed": "could not be inflated",
    "incomplete": "incomplete: the connection ended inside it",
    "buffer": "the disk was slower than the calls",
    "quota": "the recorder was too far behind",
    "disk": "the journal could not be written",
}


SEVERITY: dict[str, Tone] = {"error": "bad", "warning": "warn", "info": "calm"}

HEARD: dict[str, str] = {
    "tokens_played": "as Twilio reported what it played",
    "interrupt": "as the interruption said",
    "estimated": "estimated from the speaking rate",
    "all": "nothing stopped it",
    "unknown": "not known: the interruption came before its first sound",
}

CONFIDENCE: dict[str, str] = {
    "likely": "This is the likely reading of how the connection ended, not the only one.",
    "guess": "This is a guess: what would tell is not in the recording.",
}


def milliseconds(ns: int) -> str:
    """`749 ms`, `0.4 ms`."""
    return f"{ns / 1e6:.1f} ms" if abs(ns) < 10_000_000 and ns % 1_000_000 else f"{round(ns / 1e6):,} ms"


def outcome(value: str) -> tuple[str, Tone]:
    """The outcome's words and tone."""
    return OUTCOME.get(value, (value, "warn"))


def transition(value: str) -> tuple[str, Tone]:
    """The Studio transition's words and tone."""
    return TRANSITION.get(value, (value, "warn"))


def http_phrase(status: int) -> str:
    """The standard phrase of an HTTP status; empty when there is none."""
    return HTTPStatus(status).phrase if status in _STATUSES else ""


def ending(
    first: str | None, twilio: str | None, backend: str | None, cause: str | None, closed_by: str | None = None
) -> str:
    """How the two ends finished, in the order in which they did: who sent the first close frame (`closed_by`) closed
    first, whoever's TCP stream was over `first`. Empty when nothing is known."""
    order = ["backend", "twilio"] if (closed_by or first) == "backend" else ["twilio", "backend"]
    how = {"twilio": twilio, "backend": backend}
    told = [f"{SIDE[side]} {SIDE_END.get(end, end)}" for side in order if (end := how[side])]
    said = [", then ".join(told)] if told else []
    if cause:
        said.append(CAUSE.get(cause, cause))
    return ". ".join(part[0].upper() + part[1:] for part in said) + ("." if said else "")


def unidentified(outcome: str | None) -> str:
    """What to call a session whose setup message, hence whose parties, are not known."""
    if outcome is None:
        return "Call without a setup message yet"
    if outcome == "backend_connect_failed":
        return "Call that did not get through"
    return "Connection without a setup message"
