"""Keys of one connection, joined over its messages: those that the caller presses, or those that the agent sends.

Knows: which keys are one run; when a run is more than a menu choice.
Must not know: what is said; the order of messages.

Times are nanoseconds on the connection's clock.
"""

from relayproxy.redaction.streams.memory import SECOND
from relayproxy.redaction.streams.pieces import Piece
from relayproxy.redaction.streams.queue import QueuedMessage
from relayproxy.redaction.values import KeyPolicy

KEY_GAP = 5 * SECOND
"""Longest time between two keys of one run where the agent speaks between them: as long as Twilio's `<Gather>` waits
for the next key unless it is told otherwise."""
KEY_SILENCE = 10 * SECOND
"""The same where it says nothing, which it would to a menu choice."""
KEY_PATIENCE = 30 * SECOND
"""The same where it has asked for a number that is secret."""
KEY_RUN = 3
"""Keys from which on a run is more than a menu choice."""
_WHOLE = 4
"""Keys that may be a whole PIN: what the agent says then is an answer to it."""
_END = "#"
"""The key that ends a number."""


class KeyStream:
    """Keys: those that the caller presses, or those that the agent sends."""

    def __init__(self, policy: KeyPolicy) -> None:
        self._policy = policy
        self._run: list[Piece] = []
        self._keys = 0
        self._at = 0
        self._until: int | None = None
        """The time up to which the next key belongs to this run."""
        self.deadline: int | None = None
        self.masked = ""
        """The keys of this run that are masked by now."""

    def keys(self, message: QueuedMessage, text: str, t: int, *, patience: int = KEY_GAP) -> list[str]:
        """Takes the next keys; returns those, of them and of what waited, that are masked now. `patience`: how long
        the run waits for more, if nothing is said."""
        if self._policy == "keep":
            return []
        self.due(t)
        before, self._at = self._keys, t
        self._until = t + (KEY_GAP if text.endswith(_END) else patience)
        self._keys += sum(key not in "wW" for key in text)
        self._run.append(Piece(message, text, 0))
        least = 1 if self._policy == "mask-all" else KEY_RUN
        if self._keys < least:
            self.deadline = self._until
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

    def spoken(self, *, asks: bool) -> None:
        """Takes that the agent says something. `asks`: a number was asked for and is not given yet."""
        if self._until is None or (asks and self._keys < _WHOLE):
            return
        self._until = min(self._until, self._at + KEY_GAP)
        if self.deadline is not None:
            self.deadline = self._until

    def goes_on(self, t: int) -> bool:
        """Whether the run may go on at `t` for longer than when the agent has said something since."""
        return self._until is not None and self._at + KEY_GAP < self._until and t <= self._until

    def forget(self) -> None:
        """Lets go of the keys that wait; how many came stays known."""
        self._let_go()

    def due(self, t: int) -> None:
        """Ends the run when the next key would belong to another."""
        if self._until is not None and t > self._until:
            self.close()

    def close(self) -> None:
        """Ends the run."""
        self._let_go()
        self._keys, self._until, self.masked = 0, None, ""

    def _let_go(self) -> None:
        for piece in self._run:
            piece.release()
        self._run = []
        self.deadline = None
