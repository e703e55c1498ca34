"""Resume state: what a connection's row says about going on after a restart.

Knows: the JSON of `connections.resume`.
Must not know: how decoding works, or SQL.
"""

import msgspec

from relayproxy.recorder.decoding.frames import DecoderState


class Resume(msgspec.Struct, frozen=True, omit_defaults=True):
    """The two decoders' states; None where a new decoder would do."""

    twilio: DecoderState | None = None
    backend: DecoderState | None = None

    def to_json(self) -> str | None:
        """The states as JSON; None when there is nothing to go on with."""
        return None if self == Resume() else msgspec.json.encode(self).decode()


def read_resume(text: str | None) -> Resume:
    """The inverse of `to_json`; raises msgspec.DecodeError for what it did not write."""
    return Resume() if text is None else msgspec.json.decode(text, type=Resume)
