"""Deeds of a recorded caller, and of Twilio on the caller's side.

Knows: what each is made of.
Must not know: when one is done, and how.

Times are milliseconds of the recorded call.
"""

import msgspec


class Partial(msgspec.Struct, frozen=True):
    """A partial prompt."""

    at_ms: int
    """Since the caller began to speak."""
    text: str
    lang: str | None


class Utterance(msgspec.Struct, frozen=True):
    """The caller speaks."""

    partials: tuple[Partial, ...]
    text: str | None
    """The final prompt; None where none came: a noise, or a sentence that was broken off."""
    lang: str | None
    lasts_ms: int


class Key(msgspec.Struct, frozen=True):
    """The caller presses a key."""

    digit: str


class HangUp(msgspec.Struct, frozen=True):
    """The caller ends the call."""


class Drop(msgspec.Struct, frozen=True):
    """The connection is lost on Twilio's side."""


class Reconnect(msgspec.Struct, frozen=True):
    """Twilio connects the session again; without effect while it is connected."""


Deed = Utterance | Key | HangUp | Drop | Reconnect
