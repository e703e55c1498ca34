"""What Twilio accepts from a backend, and what it says when it does not.

Knows: the messages that a backend may send, their fields and types; what errors of servers and gateways look like.
Must not know: what a message does in the call; how many were wrong before it.

Stricter than the vocabulary, which understands what it can: this asks whether Twilio would. Types and fields that came
later than this was written are given the benefit of the doubt where their shape is not known.
"""

import json
import re
from typing import Annotated, Any, Literal

import msgspec

from relayproxy.text import mended


class Violation(msgspec.Struct, frozen=True):
    """Why Twilio rejects a message."""

    code: Literal["invalid_message", "leaked_error"]
    detail: str
    """A phrase; quotes nothing but a type's name."""


class _Sent(msgspec.Struct, tag_field="type", rename="camel"):
    pass


class _Text(_Sent, tag="text"):
    token: str
    last: bool | None = None
    lang: str | None = None
    interruptible: bool | None = None
    preemptible: bool | None = None


class _Play(_Sent, tag="play"):
    source: Annotated[str, msgspec.Meta(min_length=1)]
    loop: Annotated[int, msgspec.Meta(ge=0)] | None = None
    interruptible: bool | None = None
    preemptible: bool | None = None


class _SendDigits(_Sent, tag="sendDigits"):
    """Twilio documents 0-9, w, # and *; Telnyx, which speaks the same protocol, W and A to D as well. What Twilio does
    with those is not known, and a message that did what it should is not to be called rejected."""

    digits: Annotated[str, msgspec.Meta(pattern=r"\A[0-9wW#*A-D]+\Z")]


class _Language(_Sent, tag="language"):
    tts_language: str | None = None
    transcription_language: str | None = None


class _End(_Sent, tag="end"):
    """Whatever `handoffData` holds is passed over here: what is not a string is not documented either way."""


class _Config(_Sent, tag="config"):
    """Its fields are not known."""


class _Hints(_Sent, tag="hints"):
    """Its fields are not known."""


_Known = _Text | _Play | _SendDigits | _Language | _End | _Config | _Hints
_SHAPES: dict[str, type[_Sent]] = {
    "text": _Text,
    "play": _Play,
    "sendDigits": _SendDigits,
    "language": _Language,
    "end": _End,
    "config": _Config,
    "hints": _Hints,
}
_decode = msgspec.json.Decoder(_Known).decode

_NO_LANGUAGE = Violation("invalid_message", "language without ttsLanguage or transcriptionLanguage")
_ERROR_KEYS = frozenset(
    ("error", "errors", "error_code", "errorcode", "error_message", "errormessage", "exception", "fault", "statuscode",
     "status_code", "stacktrace", "traceback")
)  # fmt: skip
_ERROR_KEYS_WITHOUT_TYPE = _ERROR_KEYS | {"message", "detail", "status", "reason"}

HEAD = 2048
"""Characters in which text that is not JSON must show what it is."""
_HTML = re.compile(r"<(?:!doctype html|html|head|body|title|h1)\b", re.IGNORECASE)
_XML = re.compile(r"<(?:\?xml|error)\b", re.IGNORECASE)
_HTTP = re.compile(r"HTTP/\d(?:\.\d)? [1-5]\d\d\b")
_GATEWAY = re.compile(
    r"(?:error:? )?(?:[45]\d\d[ :-]{1,3})?(?:bad gateway|gateway time-?out|"
    r"service (?:is )?(?:temporarily )?unavailable|internal server error|"
    r"upstream (?:connect|request|server)|no healthy upstream|no available server|"
    r"default backend|too many requests|request entity too large|unauthorized|forbidden|not found|bad request|"
    r"connection refused|endpoint request timed out|the request could not be satisfied)\b",
    re.IGNORECASE,
)
_TRACE = re.compile(
    r"traceback \(most recent call last\)|(?:uncaught )?(?:\w+\.)*\w*(?:error|exception): ", re.IGNORECASE
)

_REJECTED = re.compile(
    r"\s*invalid message\b(?P<received> received)?(?:,? code:? ?\d+)?(?:[,:] ?(?P<rest>.*))?", re.IGNORECASE | re.DOTALL
)


def violation(text: str | None) -> Violation | None:
    """Why Twilio would reject this message of a backend, whole as it was sent (None: a binary message); None when it
    would not. Never raises."""
    if text is None:
        return Violation("invalid_message", "a binary message")
    try:
        event = _decode(text)
    except (ValueError, RecursionError):
        return _why(text)
    if type(event) is _Language and event.tts_language is None and event.transcription_language is None:
        return _NO_LANGUAGE
    return None


def rejected(description: str) -> str | None:
    """The message that Twilio quotes as rejected in the `description` of its `error`, exactly as quoted; empty when it
    says that a message was invalid but quotes none; None when it speaks of something else. Never raises."""
    found = _REJECTED.match(description)
    if found is None:
        return None
    rest = found["rest"] or ""
    # Without "received" it is a variant of the protocol that gives a reason there instead of the message.
    return rest if found["received"] or rest.startswith(("{", "[")) else ""


def json_kind(value: Any) -> str:
    """What JSON calls a value, with its article where it has one: `null`, `a boolean`, `a number` …"""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list) else "an object"


def _why(text: str) -> Violation | None:
    try:
        value = json.loads(text, parse_int=_integer, parse_constant=_refuse)
    except RecursionError:
        return Violation("invalid_message", "nested too deeply")
    except ValueError:
        return _not_json(text)
    if not isinstance(value, dict):
        found = _foreign(value) if isinstance(value, str) else None
        return found or Violation("invalid_message", f"{json_kind(value)}, not an object")
    name = value.get("type")
    shape = _SHAPES.get(name) if isinstance(name, str) else None
    return _by_type(value, name) if shape is None else _by_fields(value, str(name), shape)


def _by_type(value: dict[str, Any], name: Any) -> Violation:
    keys = {key.lower() for key in value}
    if not isinstance(name, str):
        if keys & _ERROR_KEYS_WITHOUT_TYPE and "token" not in keys:
            return Violation("leaked_error", "an error object")
        return Violation("invalid_message", "no type" if name is None else f"type is {json_kind(name)}")
    shown = f'"{mended(name[:40])}"'
    if keys & _ERROR_KEYS or "error" in name.lower() or "exception" in name.lower():
        return Violation("leaked_error", f"an error object of type {shown}")
    return Violation("invalid_message", f"unknown type {shown}")


def _by_fields(value: dict[str, Any], name: str, shape: type[_Sent]) -> Violation | None:
    for field in msgspec.structs.fields(shape):
        key = field.encode_name
        if key not in value:
            if field.required:
                return Violation("invalid_message", f"{name} without {key}")
            continue
        given = value[key]
        try:
            msgspec.convert(given, field.type)
        except ValueError:
            return Violation("invalid_message", _wrong(name, key, given))
    if shape is _Language and value.get("ttsLanguage") is None and value.get("transcriptionLanguage") is None:
        return _NO_LANGUAGE
    return None


def _wrong(name: str, key: str, given: Any) -> str:
    if key == "digits" and isinstance(given, str):
        return f"{name} with characters that no keypad has" if given else f"{name} with empty digits"
    if key == "source" and given == "":
        return f"{name} with an empty source"
    if key == "loop" and isinstance(given, int | float) and not isinstance(given, bool):
        return f"{name} with a loop that is no whole number from 0 on"
    return f"{key} of {name} is {json_kind(given)}"


def _not_json(text: str) -> Violation:
    if not text.strip():
        return Violation("invalid_message", "an empty message")
    return _foreign(text) or Violation("invalid_message", "not JSON")


def _foreign(text: str) -> Violation | None:
    head = text[:HEAD].lstrip("\ufeff \t\r\n")
    if _HTML.match(head) or (head.startswith("<") and _HTML.search(head)):
        return Violation("leaked_error", "an HTML page")
    if _XML.match(head):
        return Violation("leaked_error", "an XML document")
    if _HTTP.match(head):
        return Violation("leaked_error", "an HTTP response")
    if _GATEWAY.match(head):
        return Violation("leaked_error", "an error text of a server or gateway")
    if _TRACE.match(head):
        return Violation("leaked_error", "an error text of a program")
    return None


def _integer(digits: str) -> int:
    # Python refuses to read very long ones; all that matters of a number here is that it is one.
    return int(digits) if len(digits) < 20 else 0


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
