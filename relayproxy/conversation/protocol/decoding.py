"""Decoding: a message's text in, its event and (for a backend's message) its violation out.

Knows: JSON; how far a message may stray from its definition and still be understood; what is kept of foreign JSON.
Must not know: WebSocket frames; what messages mean together.

A message that is as defined takes one typed decode. Any other, and `setup`, is parsed as a JSON value, from which both
the event and the violation are told. Nothing raises. Every string of the result can be encoded as UTF-8 (but for
`Text.token`), and every JSON value written as JSON again.
"""

import json
import math
from decimal import Decimal
from functools import lru_cache
from typing import Any, NoReturn, get_type_hints

import msgspec

from relayproxy.connection import Side
from relayproxy.conversation.message import Message
from relayproxy.conversation.protocol import violations
from relayproxy.conversation.protocol.messages import (
    BACKEND_TYPES,
    TWILIO_TYPES,
    Dtmf,
    End,
    Error,
    Event,
    FromBackend,
    FromTwilio,
    Info,
    Interrupt,
    Language,
    Prompt,
    Setup,
    Text,
    Unknown,
)
from relayproxy.conversation.protocol.partial_json import string_members
from relayproxy.conversation.protocol.violations import Violation
from relayproxy.text import mended

MAX_DEPTH = 64
"""Nesting up to which foreign JSON is kept as a value."""
_TOKEN = 100
"""Characters of a backend's message that most tokens come in."""
_MAX_DIGITS = 4300
"""Python reads no integer of more."""


class Decoded(msgspec.Struct, frozen=True):
    """What a message says."""

    event: Event
    violation: Violation | None = None
    """Why Twilio rejects it; None when it does not, and for a message of its own."""
    fields: dict[str, Any] | None = None
    """Of a `setup`: all fields as they came, unknown ones included."""

    @property
    def type(self) -> str | None:
        """The message's `type`, at most 64 characters; None when it has none."""
        event = self.event
        return event.type or None if isinstance(event, Unknown) else _NAMES[type(event)]


class TooDeep(ValueError):
    """JSON that is nested too deeply to be kept as a value."""


_TYPES: dict[str, type[FromTwilio | FromBackend]] = {**TWILIO_TYPES, **BACKEND_TYPES}
_NAMES = {each: name for name, each in _TYPES.items()}
_FIELDS = {each: msgspec.structs.fields(each) for each in _TYPES.values()}
# Without the constraints on values: what is understood is more than what Twilio accepts.
_UNDERSTOOD = {each: get_type_hints(each) for each in _TYPES.values()}
# A `setup` is not among them: of it all fields are kept, so that it is parsed as a value right away.
_strict_twilio = msgspec.json.Decoder(Prompt | Dtmf | Interrupt | Error | Info).decode
_strict_backend = msgspec.json.Decoder(FromBackend).decode


def decode(message: Message) -> Decoded:
    """Decodes a recorded text or binary message. Of one that was cut, a `setup` or `end` is known by its head and any
    other is Unknown; no violation is told of it. Never raises."""
    text = message.text if message.kind == "text" else None
    decoded: Decoded
    if text is not None and len(text) <= _TOKEN and message.sender == "backend":
        # Decoded twice when it is recorded, for redaction and in the fold, and tokens come again and again.
        decoded = _decode_token(text)
    else:
        decoded = decode_text(text, message.sender)
    if not message.cut:
        return decoded
    if text is not None and message.note is None and decoded.event == Unknown("not_json"):
        return _from_head(string_members(text)[0])
    return Decoded(decoded.event, fields=decoded.fields)


@lru_cache(maxsize=1000)
def _decode_token(text: str) -> Decoded:
    return decode_text(text, "backend")


def decode_text(text: str | None, sender: Side) -> Decoded:
    """Decodes the text of a whole message (None: it is binary). Never raises."""
    if text is None:
        return Decoded(Unknown("not_text"), violations.BINARY if sender == "backend" else None)
    try:
        if sender == "twilio":
            return Decoded(_strict_twilio(text))
        event = _strict_backend(text)
    except (ValueError, RecursionError):
        return _decode_value(text, sender)
    if type(event) is End:
        try:
            event = End(_writable(event.handoff_data, 1))
        except TooDeep:
            event = End(msgspec.UNSET)
    elif type(event) is Language:
        return Decoded(event, violations.of_language(event.tts_language, event.transcription_language))
    return Decoded(event)


def parse(text: str) -> Any:
    """JSON as a value that can be written as JSON again: lone surrogates become U+FFFD, integers beyond 64 bits
    text. Raises ValueError for what is not JSON, TooDeep for what is nested deeper than MAX_DEPTH."""
    try:
        return _writable(_load(text), 0)
    except RecursionError:
        raise TooDeep("nested too deeply") from None


def _decode_value(text: str, sender: Side) -> Decoded:
    """Decodes what is not as defined: an optional field of a wrong type is as if absent, a required one makes it
    Unknown."""
    try:
        value = _load(text)
    except RecursionError:
        return _nested(text, violations.NESTED if sender == "backend" else None)
    except ValueError:
        return Decoded(Unknown("not_json"), violations.of_text(text) if sender == "backend" else None)
    violation = violations.of_value(value) if sender == "backend" else None
    try:
        kept = _writable(value, 0)
    except TooDeep:
        return _nested(text, violation)
    if not isinstance(kept, dict):
        return Decoded(Unknown("not_object"), violation)
    event = _event(kept)
    if isinstance(event, Text) and isinstance(value["token"], str):
        event = msgspec.structs.replace(event, token=value["token"])
    return Decoded(event, violation, kept if isinstance(event, Setup) else None)


def _nested(text: str, violation: Violation | None) -> Decoded:
    found, closed = string_members(text)
    if not closed:
        return Decoded(Unknown("not_json"), violation)
    return msgspec.structs.replace(_from_head(found), violation=violation)


def _from_head(found: dict[str, str]) -> Decoded:
    """What the strings in the head of a message tell."""
    kept = {mended(key): mended(value) for key, value in found.items()}
    name = kept.get("type")
    if name == "setup":
        return Decoded(_event(kept), fields=kept)
    return Decoded(End(msgspec.UNSET) if name == "end" else Unknown("not_json", name and name[:64]))


def _event(value: dict[str, Any]) -> Event:
    name = value.get("type")
    if not isinstance(name, str):
        return Unknown("no_type")
    shape = _TYPES.get(name)
    if shape is None:
        return Unknown("unknown_type", name[:64])
    fields: dict[str, Any] = {}
    for field in _FIELDS[shape]:
        try:
            if field.encode_name in value:
                understood = _UNDERSTOOD[shape][field.name]
                fields[field.name] = msgspec.convert(value[field.encode_name], understood, strict=False)
            elif field.required:
                return Unknown("wrong_field", name)
        except (ValueError, RecursionError):
            if field.required:
                return Unknown("wrong_field", name)
    return shape(**fields)


def _load(text: str) -> Any:
    return json.loads(text, parse_int=_integer, parse_constant=_refuse)


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) < _MAX_DIGITS else Decimal(digits)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _writable(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return mended(value)
    if isinstance(value, int | Decimal) and not -(2**63) <= value < 2**63:
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict | list) and depth == MAX_DEPTH:
        raise TooDeep("nested too deeply")
    if isinstance(value, dict):
        return {_writable(key, depth): _writable(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_writable(item, depth + 1) for item in value]
    return value
