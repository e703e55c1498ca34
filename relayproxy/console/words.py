"""The words of `conversation.words` as pages show them, and the tone of a state.

Knows: which states are good and which bad.
Must not know: HTML, or how any of these was derived. A value that has no words is shown as it is.
"""

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, Literal

from relayproxy.conversation import words
from relayproxy.conversation.words import Words

_STATUSES = frozenset(HTTPStatus)

Tone = Literal["good", "bad", "warn", "calm"]
"""The tone of a state: each has a colour and a shape. Those of outcomes, transitions and severities:"""

OUTCOME: dict[str, Tone] = {
    "ended_by_backend": "good",
    "caller_hangup": "calm",
    "backend_disconnect": "bad",
    "backend_connect_failed": "bad",
    "protocol_error": "bad",
    "proxy_error": "bad",
    "unknown": "warn",
}
TRANSITION: dict[str, Tone] = {"success": "good", "failed": "bad", "none": "calm", "unknown": "warn"}
SIGNATURES: dict[str, str] = {
    "valid": "signed by Twilio",
    "wrong": "wrong signature",
    "missing": "not signed",
    "unchecked": "not checked",
}
SIGNATURE: dict[str, Tone] = {"valid": "good", "wrong": "bad", "missing": "warn", "unchecked": "calm"}
SEVERITY: dict[str, Tone] = {"error": "bad", "warning": "warn", "info": "calm"}


def milliseconds(ns: int) -> str:
    """`749 ms`, `0.4 ms`."""
    return f"{ns / 1e6:.1f} ms" if abs(ns) < 10_000_000 and ns % 1_000_000 else f"{round(ns / 1e6):,} ms"


def phrase(vocabulary: Mapping[Any, Words | str], value: str | None) -> str:
    """The phrase for a value of a vocabulary; a value of another version as it is, empty for None."""
    if value is None:
        return ""
    known = vocabulary.get(value, value)
    return known if isinstance(known, str) else known.phrase


def outcome(value: str) -> tuple[str, Tone]:
    """The outcome's phrase and tone."""
    return phrase(words.OUTCOMES, value), OUTCOME.get(value, "warn")


def transition(value: str) -> tuple[str, Tone]:
    """The Studio transition's phrase and tone."""
    return phrase(words.STUDIO_TRANSITIONS, value), TRANSITION.get(value, "warn")


def signature(value: str) -> tuple[str, Tone]:
    """The phrase and the tone of the state of a signature."""
    return phrase(SIGNATURES, value), SIGNATURE.get(value, "warn")


RECORDED: dict[str, str] = {
    "redacted": "without card numbers, PINs and the like",
    "metadata": "times, types and sizes, no words",
}


HELD = "Words are held back until it is known that they are safe to show"


def recorded(record: str | None, redacted: Mapping[str, int]) -> str:
    """What a session's page says of what was left out of its recording; empty when nothing was."""
    if record == "metadata":
        return f"metadata alone: {RECORDED[record]}"
    return words.redacted_words(redacted)


def transition_meaning(value: str | None) -> str:
    """The meaning of the Studio transition for the flow; empty where that is not known."""
    return next((each.meaning for name, each in words.STUDIO_TRANSITIONS.items() if name == value), "")


null_reason = partial(phrase, words.NULL_REASONS)
heard = partial(phrase, words.HEARD_BASES)
interruption = partial(phrase, words.INTERRUPTIONS)
note = partial(phrase, words.NOTES)
gap_words = words.gap_words
side = partial(phrase, words.SIDES)


def http_phrase(status: int) -> str:
    """The standard phrase of an HTTP status; empty when there is none."""
    return HTTPStatus(status).phrase if status in _STATUSES else ""


def ending(
    first: str | None, twilio: str | None, backend: str | None, cause: str | None, closed_by: str | None = None
) -> str:
    """A sentence on how the two ends finished, in order. The side that sent the first close frame (`closed_by`) comes
    first; without a close frame, the side whose TCP stream ended first (`first`). Empty when nothing is known."""
    order = ["backend", "twilio"] if (closed_by or first) == "backend" else ["twilio", "backend"]
    how = {"twilio": twilio, "backend": backend}
    told = [f"{side(each)} {phrase(words.SIDE_ENDS, end)}" for each in order if (end := how[each])]
    said = [", then ".join(told)] if told else []
    if cause:
        said.append(phrase(words.ENDING_CAUSES, cause))
    return ". ".join(part[0].upper() + part[1:] for part in said) + ("." if said else "")


def unidentified(outcome: str | None, deleted_at: int | None, session_id: str | None) -> str:
    """Title of a session whose parties are not known: its content was deleted, its setup message named none, or there
    was no such message (`session_id` is None)."""
    if deleted_at is not None:
        return "Call whose content was deleted"
    if session_id is not None:
        return "Call without phone numbers"
    if outcome is None:
        return "Call without a setup message yet"
    if outcome == "backend_connect_failed":
        return "Call that did not get through"
    return "Connection without a setup message"
