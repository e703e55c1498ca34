"""The outcome of one connection of a session.

Knows: its opening, its first close frame, whether `end` reached Twilio, how it ended.
Must not know: turns, other connections of the session.
"""

from relayproxy.connection import Ending, Opening
from relayproxy.conversation.checks.connection_states import (
    AFTER_END,
    CLOSED,
    TRANSITIONS,
    ConnectionState,
    EndingEvent,
)
from relayproxy.conversation.checks.ending import CloseFrame, SessionOutcome, refused, session_outcome
from relayproxy.conversation.transitions import following

_GAP_NEAR_END = 2_000_000_000
"""Bytes that were lost this shortly before the end may have been what ended it."""


class ConnectionOutcome:
    """The opening, the messages that bear on the end, and the ending of one connection. The fold fills it."""

    __slots__ = ("clipped", "close_frame", "ended_out", "ending", "gap_at", "opening", "state")

    def __init__(self, opening: Opening) -> None:
        self.opening = opening
        self.ending: Ending | None = None
        self.close_frame: CloseFrame | None = None
        self.state: ConnectionState = "open"
        self.ended_out = 0
        """When `end` had been written."""
        self.clipped: int | None = None
        """Characters that were still to be heard when Twilio closed."""
        self.gap_at: int | None = None

    @property
    def ended(self) -> bool:
        """`end` reached Twilio before Twilio closed, and was not rejected."""
        return self.state in AFTER_END

    @property
    def closed(self) -> bool:
        """Twilio has closed."""
        return self.state in CLOSED

    def happens(self, event: EndingEvent) -> None:
        """Moves the connection to the state that follows."""
        self.state = following(TRANSITIONS, self.state, event)

    @property
    def ended_at(self) -> int | None:
        """When the connection ended or was refused, wall nanoseconds; None while it lives."""
        if self.ending is not None:
            return self.opening.opened_at + self.ending.t
        return self.opening.opened_at + (self.opening.connected_after or 0) if refused(self.opening) else None

    @property
    def closed_at(self) -> int | None:
        """When Twilio closed or, where it did not, the connection ended; None while it lives."""
        if self.close_frame is not None and self.close_frame.sender == "twilio":
            return self.opening.opened_at + self.close_frame.t
        return self.ended_at

    @property
    def teardown(self) -> int | None:
        """`end` written → Twilio's close, nanoseconds."""
        if not self.ended or self.closed_at is None:
            return None
        return max(0, self.closed_at - self.ended_out)

    def outcome(self) -> SessionOutcome:
        """How the session ended, when this is its last connection. Valid once `ended_at` is known."""
        ended_at = self.ended_at or 0
        gap = self.gap_at is not None and ended_at - self.gap_at <= _GAP_NEAR_END
        return session_outcome(self.opening, self.ending, self.close_frame, self.state, gap=gap)
