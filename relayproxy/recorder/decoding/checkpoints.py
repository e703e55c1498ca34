"""Checkpoints of one connection: from where the messages that redaction holds can be played again after a restart.

Knows: the decoders' states before each chunk that may be needed.
Must not know: which messages are held, and why.
"""

from collections import deque
from typing import NamedTuple

from relayproxy.recorder.decoding.frames import DecoderState, JournalPlace


class Checkpoint(NamedTuple):
    """The two decoders as they were before the chunk at `place`, which gives the messages from `seq` on."""

    seq: int
    twilio: DecoderState | None
    backend: DecoderState | None
    place: JournalPlace

    @property
    def needs(self) -> JournalPlace:
        """The place from which the journal must be read to go on from here."""
        if self.twilio is None and self.backend is None:
            return self.place
        states = [state.at for state in (self.twilio, self.backend) if state is not None and state.at is not None]
        return min([self.place, *states])


class Checkpoints:
    """Those that are still needed, in order."""

    def __init__(self) -> None:
        self._known: deque[Checkpoint] = deque()

    @property
    def first(self) -> Checkpoint | None:
        """The one from which everything that is held is played again; None when nothing is."""
        return self._known[0] if self._known else None

    def keep(self, latest: Checkpoint | None, seq: int) -> None:
        """Takes one behind all others, and forgets those that message `seq` and what comes after it can do without."""
        if latest is not None:
            self._known.append(latest)
        while len(self._known) > 1 and self._known[1].seq <= seq:
            self._known.popleft()

    def clear(self) -> None:
        """Forgets all: nothing is held."""
        self._known.clear()
