"""Keys of one connection, joined over its messages: those that the caller presses, or those that the agent sends.

Knows: which keys are one run; when a run is more than a menu choice.
Must not know: words; the order of messages.

Times are nanoseconds on the connection's clock.
"""

from relayproxy.redaction.memory import SECOND
from relayproxy.redaction.pieces import Piece
from relayproxy.redaction.queue import QueuedMessage
from relayproxy.redaction.values import KeyPolicy

KEY_GAP = 5 * SECOND
"""Longest time between two keys of one run."""
KEY_RUN = 3
"""Keys from which on a run is more than a menu choice."""


class KeyStream:
    """Keys: those that the caller presses, or those that the agent sends."""

    def __init__(self, policy: KeyPolicy) -> None:
        self._policy = policy
        self._run: list[Piece] = []
        self._keys = 0
        self._at: int | None = None
        self.deadline: int | None = None
        self.masked = ""
        """The keys of this run that are masked by now."""

    def keys(self, message: QueuedMessage, text: str, t: int) -> list[str]:
        """Takes the next keys; returns those, of them and of what waited, that are masked now."""
        if self._policy == "keep":
            return []
        self.due(t)
        before, self._at = self._keys, t
        self._keys += sum(key not in "wW" for key in text)
        self._run.append(Piece(message, text, 0))
        least = 1 if self._policy == "mask-all" else KEY_RUN
        if self._keys < least:
            self.deadline = t + KEY_GAP
            return []
        for piece in self._run:
            piece.mask(0, len(piece.text))
            piece.message.count("keys", 0)
        if before < least:
            message.count("keys", 1)
        masked = [piece.text for piece in self._run]
        self.masked += "".join(masked)
        self._let_go()
        return masked

    def forget(self) -> None:
        """Lets go of the keys that wait; how many came stays known."""
        self._let_go()

    def due(self, t: int) -> None:
        """Ends the run when the next key would belong to another."""
        if self._at is not None and t - self._at > KEY_GAP:
            self.close()

    def close(self) -> None:
        """Ends the run."""
        self._let_go()
        self._keys, self._at, self.masked = 0, None, ""

    def _let_go(self) -> None:
        for piece in self._run:
            piece.release()
        self._run = []
        self.deadline = None
