"""Resume state: what a connection's row says about going on after a restart.

Knows: the JSON of `connections.resume`.
Must not know: how decoding works, or SQL.
"""

import msgspec

from relayproxy.journal.windows import Windows
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
    windows: str = ""
    """The id of the deflate windows as of the same place: they lie in the journal's folder alone."""

    def states(self, windows: Windows | None) -> tuple[DecoderState | None, DecoderState | None]:
        """The states of the two decoders with their windows. None: those that the row means are lost."""
        if not self.windows:
            return self.twilio, self.backend
        known = (b"", b"") if windows is None else (windows.twilio, windows.backend)
        twilio, backend = (
            msgspec.structs.replace(
                state or DecoderState(),
                window=window,
                window_lost=windows is None or (state is not None and state.window_lost),
            )
            for state, window in zip((self.twilio, self.backend), known, strict=True)
        )
        return twilio, backend

    def to_json(self) -> str | None:
        """The states as JSON; None when there is nothing to go on with."""
        return None if self == Resume() else msgspec.json.encode(self).decode()


def storable(state: DecoderState | None) -> DecoderState | None:
    """The state without its window, which a row must not hold."""
    if state is None or not state.window:
        return state
    bare = msgspec.structs.replace(state, window=b"")
    return None if bare == DecoderState() else bare


def read_resume(text: str | None) -> Resume | None:
    """The inverse of `to_json`. None where it cannot be read."""
    try:
        return Resume() if text is None else msgspec.json.decode(text, type=Resume)
    except msgspec.DecodeError:
        return None
