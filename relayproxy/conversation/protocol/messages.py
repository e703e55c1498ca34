"""The messages of ConversationRelay, both ways: their types, fields and values, and how they are written.

Knows: what each side may send, and what Twilio accepts in a field.
Must not know: how JSON is decoded; WebSocket frames; what messages mean together.

Both sets are open: Twilio and backends send types and fields that came later than this was written. An absent field is
None. A type's constraints (`Meta`) are Twilio's; decoding understands values beyond them.
"""

import math
from typing import Annotated, Any, Final, Literal, get_args

import msgspec

from relayproxy.text import MASKED_DIGIT


class _Typed(msgspec.Struct, frozen=True, tag_field="type", rename="camel", omit_defaults=True):
    pass


class Setup(_Typed, frozen=True, tag="setup"):
    """The first message of a session, its fields in the order in which Twilio sends them."""

    session_id: str | None = None
    call_sid: str | None = None
    parent_call_sid: str | None = None
    from_: str | None = msgspec.field(default=None, name="from")
    to: str | None = None
    forwarded_from: str | None = None
    caller_name: str | None = None
    direction: str | None = None
    call_type: str | None = None
    call_status: str | None = None
    account_sid: str | None = None
    custom_parameters: dict[str, Any] | None = None


class Prompt(_Typed, frozen=True, tag="prompt"):
    """What the caller said so far (cumulative)."""

    voice_prompt: str
    lang: str | None = None
    last: bool | None = None

    @property
    def final(self) -> bool:
        """False for a partial transcript; a message that does not say counts as final."""
        return self.last is not False


class Dtmf(_Typed, frozen=True, tag="dtmf"):
    """A key that the caller pressed."""

    digit: str


class Interrupt(_Typed, frozen=True, tag="interrupt"):
    """The caller cut the agent off. What was heard is of the piece that was being played, not of the whole reply."""

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
    """Twilio rejects a message (`rejections`), or cannot go on."""

    description: str | None = None


class Info(_Typed, frozen=True, tag="info"):
    """An event that the TwiML asked for: `agentSpeaking`, `clientSpeaking`, `tokensPlayed` …"""

    name: str | None = None
    value: Any = None


class Text(_Typed, frozen=True, tag="text"):
    """A piece of a reply to be spoken; the one that is `last` ends the reply."""

    token: str
    """As sent. Half of a surrogate pair may stand alone: the next token may begin with the other half."""
    last: bool | None = None
    lang: str | None = None
    interruptible: bool | None = None
    preemptible: bool | None = None
    """Marks what may be cut off by later text or media, not what cuts."""

    @property
    def speakable(self) -> bool:
        """Whether there is anything to be heard of it."""
        return bool(self.token) and not self.token.isspace()


class Play(_Typed, frozen=True, tag="play"):
    """Audio to be played."""

    source: Annotated[str, msgspec.Meta(min_length=1)]
    loop: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """How often; 0 stands for 1000 times."""
    interruptible: bool | None = None
    preemptible: bool | None = None


class SendDigits(_Typed, frozen=True, tag="sendDigits"):
    """Keys to be played to the other end.

    Twilio documents 0-9, w, # and *; Telnyx, which speaks the same protocol, W and A to D as well. What Twilio does
    with those is not known, and a message that did what it should is not to be called rejected. So with keys that were
    masked before they were stored.
    """

    digits: Annotated[str, msgspec.Meta(pattern=rf"\A[0-9wW#*A-D{MASKED_DIGIT}]+\Z")]


class Language(_Typed, frozen=True, tag="language"):
    """Changes the languages of speech and recognition; Twilio asks for at least one of the two."""

    tts_language: str | None = None
    transcription_language: str | None = None


class End(_Typed, frozen=True, tag="end"):
    """Ends the session."""

    handoff_data: Any = None
    """Documented as a string; what Twilio does with anything else is not known. UNSET when there may be some, but it
    was not kept."""


class Config(_Typed, frozen=True, tag="config"):
    """Changes the session's settings. Its fields are not known."""


class Hints(_Typed, frozen=True, tag="hints"):
    """Words that the caller is likely to say. Its fields are not known."""


UnknownReason = Literal["not_text", "not_json", "not_object", "no_type", "unknown_type", "wrong_field"]
"""`wrong_field`: a required field is absent or of a wrong type."""


class Unknown(msgspec.Struct, frozen=True):
    """A message that is none of the above."""

    why: UnknownReason
    type: str | None = None
    """Its `type`, at most 64 characters; None when it has none."""


FromTwilio = Setup | Prompt | Dtmf | Interrupt | Error | Info
FromBackend = Text | Play | SendDigits | Language | End | Config | Hints
Event = FromTwilio | FromBackend | Unknown

TWILIO_TYPES: Final[dict[str, type[FromTwilio]]] = {
    str(each.__struct_config__.tag): each for each in get_args(FromTwilio)
}
BACKEND_TYPES: Final[dict[str, type[FromBackend]]] = {
    str(each.__struct_config__.tag): each for each in get_args(FromBackend)
}

_encoder = msgspec.json.Encoder()


def encode(message: FromTwilio | FromBackend) -> str:
    """The message as compact JSON, without the fields that are None. Raises UnicodeEncodeError for half a character."""
    return _encoder.encode(message).decode()
