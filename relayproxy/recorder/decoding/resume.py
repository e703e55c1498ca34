"""Resume state: what a connection's row says about going on after a restart.

Knows: the JSON of `connections.resume`.
Must not know: how decoding works, or SQL.
"""

import msgspec

from relayproxy.recorder.decoding.frames import DecoderState
from relayproxy.recorder.decoding.size_limit import SizeState


class Resume(msgspec.Struct, frozen=True, omit_defaults=True):
    """The states of the two decoders and of the size limit; None where new ones would do."""

    twilio: DecoderState | None = None
    backend: DecoderState | None = None
    size: SizeState | None = None

    def to_json(self) -> str | None:
        """The states as JSON; None when there is nothing to go on with."""
        return None if self == Resume() else msgspec.json.encode(self).decode()


def read_resume(text: str | None) -> Resume:
    """The inverse of `to_json`; raises msgspec.DecodeError for what it did not write."""
    return Resume() if text is None else msgspec.json.decode(text, type=Resume)
