"""Script of a replay: the acts of a recorded caller, each with what of the agent's side came before it.

Knows: by what of the agent the moment of an act is told.
Must not know: how a recording is read; how a script is performed.

Times are milliseconds of the recorded call.
"""

from typing import Literal

import msgspec

from relayproxy.lab.replay.deeds import Deed
from relayproxy.lab.twilio.twiml import TwiML


class Anchor(msgspec.Struct, frozen=True):
    """The moment at which an act begins, by its cause rather than by the clock."""

    after: Literal["act", "answer_begins", "heard", "quiet"]
    """`act`: nothing had come of the agent since the act before. `answer_begins`: its first words had come, and none
    was heard. `heard`: it was being heard. `quiet`: it had been heard, and was quiet."""
    delay_ms: int = 0
    """Between that and the act."""
    chars: int = 0
    media_ms: int = 0
    """Of `heard`: so much of its speech, and media for so long, had been played since it was quiet."""
    pauses_ms: tuple[int, ...] = ()
    """Pauses after which the agent went on by itself, before the moment."""


class Reply(msgspec.Struct, frozen=True):
    """What the agent sent from one act of the caller to the next."""

    text: str = ""
    other: tuple[str, ...] = ()
    """Types of its messages besides texts that the caller notices: `play`, `sendDigits`, `end`."""


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
    last_turn: int
    """What the agent sent after the last act, and the number of the recorded turn that it belongs to."""
    longest_wait_ms: int
    """The longest that the caller waited for an answer."""
    ending: Anchor | None
    """When the agent's side ended the call; None where the caller did."""
