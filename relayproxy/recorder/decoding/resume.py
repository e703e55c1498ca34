"""Resume state: what a connection's row says about going on after a restart.

Knows: the JSON of `connections.resume`.
Must not know: how decoding works, or SQL.
"""

import msgspec

from relayproxy.recorder.decoding.frames import DecoderState, JournalPlace
from relayproxy.recorder.decoding.size_limit import SizeState


class Replay(msgspec.Struct, frozen=True):
    """Entries before the committed position that are played again, because messages were held back from the commit."""

    place: JournalPlace
    """The beginning of the first of these entries."""
    seq: int
    """The number of the first message that they give; those that are stored already are left out."""
    until: int
    """The number of the first message behind them."""


class Resume(msgspec.Struct, frozen=True, omit_defaults=True):
    """The states of the two decoders, as of the place from which is replayed, and of the size limit; None where new
    ones would do."""

    twilio: DecoderState | None = None
    backend: DecoderState | None = None
    size: SizeState | None = None
    replay: Replay | None = None

    def to_json(self) -> str | None:
        """The states as JSON; None when there is nothing to go on with."""
        return None if self == Resume() else msgspec.json.encode(self).decode()


def read_resume(text: str | None) -> Resume:
    """The inverse of `to_json`; raises msgspec.DecodeError for what it did not write."""
    return Resume() if text is None else msgspec.json.decode(text, type=Resume)
