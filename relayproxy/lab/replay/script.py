"""Script of a replay: the acts of a recorded caller, each with what of the agent's side came before it.

Knows: what a caller does, and by what of the agent its moment is told.
Must not know: how a recording is read; how a script is performed.

Times are milliseconds of the recorded call.
"""

from typing import Literal

import msgspec

from relayproxy.lab.twilio.twiml import TwiML


class Anchor(msgspec.Struct, frozen=True):
    """The moment at which an act begins, by its cause rather than by the clock."""

    after: Literal["act", "answer_begins", "heard", "quiet"]
    """`act`: nothing had come of the agent since the act before. `answer_begins`: its first words had come, and none
    was heard. `heard`: it was being heard. `quiet`: it had been heard, and was quiet."""
    delay_ms: int = 0
    """Between that and the act."""
    chars: int = 0
    """Of `heard`: so much of its speech had been played since it was quiet."""
    media_ms: int = 0
    """Of `heard`, for media: for so long it had been played."""
    pauses_ms: tuple[int, ...] = ()
    """Pauses after which the agent went on by itself, before the moment."""


class Reply(msgspec.Struct, frozen=True):
    """What the agent sent from one act of the caller to the next."""

    text: str = ""
    """Its texts joined, one reply behind the other with a space between them."""
    other: tuple[str, ...] = ()
    """Types of its other messages that the caller notices: `play`, `sendDigits`, `end`."""


class Partial(msgspec.Struct, frozen=True):
    """A partial prompt."""

    at_ms: int
    """Since the caller began to speak."""
    text: str
    lang: str | None


class Utterance(msgspec.Struct, frozen=True, tag=True):
    """The caller speaks."""

    partials: tuple[Partial, ...]
    text: str | None
    """The final prompt; None where none came: a noise, or a sentence that was broken off."""
    lang: str | None
    lasts_ms: int


class Key(msgspec.Struct, frozen=True, tag=True):
    """The caller presses a key."""

    digit: str


class HangUp(msgspec.Struct, frozen=True, tag=True):
    """The caller ends the call."""


class Drop(msgspec.Struct, frozen=True, tag=True):
    """The connection is lost on Twilio's side."""


class Reconnect(msgspec.Struct, frozen=True, tag=True):
    """Twilio connects the session again; without effect while it is connected."""


Deed = Utterance | Key | HangUp | Drop | Reconnect


class Act(msgspec.Struct, frozen=True):
    """Something that the caller, or Twilio on the caller's side, did."""

    deed: Deed
    anchor: Anchor
    before: Reply
    """What the agent sent since the act before (or since the start)."""
    turn: int
    """Number of the recorded turn that `before` belongs to."""


class Parties(msgspec.Struct, frozen=True):
    """The parties of the recorded call, as its setup message told them; without ids."""

    account_sid: str | None = None
    from_number: str | None = None
    to_number: str | None = None
    forwarded_from: str | None = None
    caller_name: str | None = None
    direction: str | None = None
    call_type: str | None = None
    call_status: str | None = None


class Script(msgspec.Struct, frozen=True):
    """The caller's side of one recorded session."""

    name: str
    """Twilio's id of the recorded session, or the recording's own."""
    parties: Parties
    parameters: dict[str, str]
    twiml: TwiML
    """As far as it shows in the recording."""
    acts: tuple[Act, ...]
    last: Reply
    """What the agent sent after the last act."""
    last_turn: int
    """Number of the recorded turn that `last` belongs to."""
    longest_wait_ms: int
    """The longest that the caller waited for an answer."""
    ending: Anchor | None
    """When the agent's side ended the call; None where the caller did."""
