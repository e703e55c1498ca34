"""Violations: why Twilio rejects a message of a backend.

Knows: the messages that a backend may send; what errors of servers and gateways look like.
Must not know: how JSON is decoded; what a message does in the call; how many were wrong before it.

A violation is told only where Twilio's own definition is known: unknown fields, and the fields of types whose
definition was never published, are accepted.
"""

import re
from decimal import Decimal
from typing import Any, Literal

import msgspec

from relayproxy.conversation.protocol.messages import BACKEND_TYPES, FromBackend, Language
from relayproxy.text import mended


class Violation(msgspec.Struct, frozen=True):
    """Why Twilio rejects a message."""

    code: Literal["invalid_message", "leaked_error", "interrupt_sent"]
    detail: str
    """A phrase; quotes nothing but a type's name."""


_FIELDS = {
    each: [field for field in msgspec.structs.fields(each) if field.type is not Any] for each in BACKEND_TYPES.values()
}

BINARY = Violation("invalid_message", "a binary message")
INTERRUPT = Violation("interrupt_sent", "an interrupt, which Twilio alone sends")
NESTED = Violation("invalid_message", "nested too deeply")
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


def of_value(value: Any) -> Violation | None:
    """Why Twilio rejects a backend's message with this JSON value, as parsed; None when it does not."""
    if not isinstance(value, dict):
        found = _foreign(value) if isinstance(value, str) else None
        return found or Violation("invalid_message", f"{json_kind(value)}, not an object")
    name = value.get("type")
    shape = BACKEND_TYPES.get(name) if isinstance(name, str) else None
    return _by_type(value, name) if shape is None else _by_fields(value, str(name), shape)


def of_text(text: str) -> Violation:
    """Why Twilio rejects a message that is not JSON."""
    if not text.strip():
        return Violation("invalid_message", "an empty message")
    return _foreign(text) or Violation("invalid_message", "not JSON")


def of_language(tts: Any, transcription: Any) -> Violation | None:
    """Why Twilio rejects a `language` with these two languages; None when it does not."""
    return _NO_LANGUAGE if tts is None and transcription is None else None


def json_kind(value: Any) -> str:
    """What JSON calls a value, with its article where it has one: `null`, `a boolean`, `a number` …"""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float | Decimal):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list) else "an object"


def _by_type(value: dict[str, Any], name: Any) -> Violation:
    keys = {key.lower() for key in value}
    if not isinstance(name, str):
        if keys & _ERROR_KEYS_WITHOUT_TYPE and "token" not in keys:
            return Violation("leaked_error", "an error object")
        return Violation("invalid_message", "no type" if name is None else f"type is {json_kind(name)}")
    if name == "interrupt":
        return INTERRUPT
    shown = f'"{mended(name[:40])}"'
    if keys & _ERROR_KEYS or "error" in name.lower() or "exception" in name.lower():
        return Violation("leaked_error", f"an error object of type {shown}")
    return Violation("invalid_message", f"unknown type {shown}")


def _by_fields(value: dict[str, Any], name: str, shape: type[FromBackend]) -> Violation | None:
    for field in _FIELDS[shape]:
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
    if shape is Language:
        return of_language(value.get("ttsLanguage"), value.get("transcriptionLanguage"))
    return None


def _wrong(name: str, key: str, given: Any) -> str:
    if key == "digits" and isinstance(given, str):
        return f"{name} with characters that no keypad has" if given else f"{name} with empty digits"
    if key == "source" and given == "":
        return f"{name} with an empty source"
    if key == "loop" and isinstance(given, int | float | Decimal) and not isinstance(given, bool):
        return f"{name} with a loop that is no whole number from 0 on"
    return f"{key} of {name} is {json_kind(given)}"


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
