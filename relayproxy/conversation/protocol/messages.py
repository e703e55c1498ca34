"""The ConversationRelay vocabulary, both ways: JSON text in, typed message out.

Knows: the message types, their fields and defaults, and how far a message may stray and still be understood.
Must not know: WebSocket frames, who sent a message when, what messages mean together.

Both vocabularies are open sets. Whatever is not understood is an `Unknown` with the reason; nothing raises.
Every string that comes out can be encoded as UTF-8 (but for `Text.token`), and every JSON value written as JSON again.
"""

import json
import math
from typing import Any, NoReturn

import msgspec

from relayproxy.conversation.message import Message
from relayproxy.conversation.protocol.partial_json import glance
from relayproxy.text import mended

MAX_DEPTH = 64
"""Nesting up to which foreign JSON is kept as a value."""


class _Typed(msgspec.Struct, frozen=True, tag_field="type", rename="camel"):
    pass


class Setup(_Typed, frozen=True, tag="setup"):
    """The first message of a session. Absent fields are None."""

    session_id: str | None = None
    call_sid: str | None = None
    account_sid: str | None = None
    from_: str | None = msgspec.field(default=None, name="from")
    to: str | None = None
    direction: str | None = None
    caller_name: str | None = None
    custom_parameters: dict[str, Any] | None = None
    whole: dict[str, Any] = {}
    """The message as it came, unknown fields included."""


class Prompt(_Typed, frozen=True, tag="prompt"):
    """What the caller said so far (cumulative)."""

    voice_prompt: str
    lang: str | None = None
    last: bool | None = True

    @property
    def final(self) -> bool:
        """False for a partial transcript; a message that does not say counts as final."""
        return self.last is not False


class Dtmf(_Typed, frozen=True, tag="dtmf"):
    digit: str


class Interrupt(_Typed, frozen=True, tag="interrupt"):
    utterance_until_interrupt: str | None = None
    duration_until_interrupt_ms: Any = None

    @property
    def heard_ms(self) -> int | None:
        """The duration as whole milliseconds, from a number, a decimal or a numeric string; else None."""
        value = self.duration_until_interrupt_ms
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            return None
        try:
            number = float(value)
        except (ValueError, OverflowError):
            return None
        return round(number) if math.isfinite(number) and 0 <= number < 2**53 else None


class Error(_Typed, frozen=True, tag="error"):
    description: str | None = None


class Info(_Typed, frozen=True, tag="info"):
    name: str | None = None
    value: Any = None


class Text(_Typed, frozen=True, tag="text"):
    token: str
    """As sent. Half of a surrogate pair may stand alone: the next token may begin with the other (`mended`)."""
    last: bool | None = False
    lang: str | None = None
    preemptible: bool | None = False
    """Marks what may be cut off by later text or media, not what cuts."""

    @property
    def speakable(self) -> bool:
        return bool(self.token) and not self.token.isspace()


class Play(_Typed, frozen=True, tag="play"):
    source: str
    preemptible: bool | None = False


class SendDigits(_Typed, frozen=True, tag="sendDigits"):
    digits: str


class Language(_Typed, frozen=True, tag="language"):
    tts_language: str | None = None
    transcription_language: str | None = None


class End(_Typed, frozen=True, tag="end"):
    handoff_data: Any = None
    """UNSET when there may be some, but it was not kept."""


class TooDeep(ValueError):
    """JSON, as far as it was read, but nested too deeply to be kept as a value."""


class Unknown(msgspec.Struct, frozen=True):
    """A message that is none of the above."""

    why: str
    """`not_text`, `not_json`, `not_object`, `no_type`, `unknown_type` or `wrong_field`."""
    type: str | None = None
    """What it calls itself (at most 64 characters), when it does."""


Typed = Setup | Prompt | Dtmf | Interrupt | Error | Info | Text | Play | SendDigits | Language | End

_SHAPES: dict[str, type[Typed]] = {
    "setup": Setup,
    "prompt": Prompt,
    "dtmf": Dtmf,
    "interrupt": Interrupt,
    "error": Error,
    "info": Info,
    "text": Text,
    "play": Play,
    "sendDigits": SendDigits,
    "language": Language,
    "end": End,
}
_FIELDS = {shape: msgspec.structs.fields(shape) for shape in _SHAPES.values()}
_PLAIN = frozenset((Prompt, Dtmf, Interrupt, Error, Info, Text, Play, SendDigits, Language))
_decode = msgspec.json.Decoder(Typed).decode


def decode(text: str | None) -> Typed | Unknown:
    """The message in a text payload (None: the payload is not text). Never raises."""
    if text is None:
        return Unknown("not_text")
    try:
        event: Typed = _decode(text)
    except (ValueError, RecursionError):
        return _tolerant(text)
    return event if type(event) in _PLAIN else _tolerant(text)


def read(message: Message) -> Typed | Unknown:
    """The message in a recorded text message. A cut `setup` or `end` is known by its head; any other is Unknown."""
    event = decode(message.text)
    if message.text is None or not message.cut or message.note is not None or event != Unknown("not_json"):
        return event
    return _by_head(glance(message.text)[0])


def type_of(event: Typed | Unknown) -> str | None:
    """What a message that was read calls itself (at most 64 characters); None when it does not."""
    if isinstance(event, Unknown):
        return event.type or None
    return str(event.__struct_config__.tag)


def type_in(head: str) -> str | None:
    """What the message whose head this is calls itself; None when that is not in it."""
    return mended(glance(head)[0].get("type", "")) or None


def parse(text: str) -> Any:
    """JSON as a value that can be written as JSON again: lone surrogates become U+FFFD, integers beyond 64 bits
    text. Raises ValueError for what is not JSON, TooDeep for what is nested deeper than MAX_DEPTH."""
    try:
        return _writable(json.loads(text, parse_constant=_refuse), 0)
    except RecursionError:
        raise TooDeep("nested too deeply") from None


def _tolerant(text: str) -> Typed | Unknown:
    """The slow way: an optional field of a wrong type is as if absent, a required one makes it Unknown."""
    try:
        value = parse(text)
    except TooDeep:
        found, closed = glance(text)
        return _by_head(found) if closed else Unknown("not_json")
    except ValueError:
        return Unknown("not_json")
    if not isinstance(value, dict):
        return Unknown("not_object")
    event = _shaped(value)
    if isinstance(event, Text) and "\ufffd" in event.token:
        return msgspec.structs.replace(event, token=json.loads(text)["token"])
    return event


def _by_head(found: dict[str, str]) -> Typed | Unknown:
    found = {mended(key): mended(value) for key, value in found.items()}
    name = found.get("type")
    if name == "setup":
        return _shaped(found)
    return End(msgspec.UNSET) if name == "end" else Unknown("not_json", name and name[:64])


def _shaped(value: dict[str, Any]) -> Typed | Unknown:
    name = value.get("type")
    if not isinstance(name, str):
        return Unknown("no_type")
    shape = _SHAPES.get(name)
    if shape is None:
        return Unknown("unknown_type", name[:64])
    fields: dict[str, Any] = {}
    for field in _FIELDS[shape]:
        try:
            if field.encode_name in value:
                fields[field.name] = msgspec.convert(value[field.encode_name], field.type, strict=False)
            elif field.required:
                return Unknown("wrong_field", name)
        except (ValueError, RecursionError):
            if field.required:
                return Unknown("wrong_field", name)
    if shape is Setup:
        fields["whole"] = value
    return shape(**fields)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _writable(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return mended(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
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
