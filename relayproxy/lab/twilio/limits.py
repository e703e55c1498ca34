"""Limits of a simulated call: how much a backend may send in one, and how long one may take.

Knows: the limits, and the sentence for each.
Must not know: sockets; what messages mean; how a call is cut off.

They are far beyond what calls need: a reply that is streamed for four hours has 50,000 messages of 3 MB. They keep a
backend that floods, or never ends, from taking this machine's memory and time.
"""

MB = 1_000_000
MAX_MESSAGE = 8 * MB
"""Bytes of one message."""
MAX_BYTES = 32 * MB
MAX_MESSAGES = 100_000
"""Of one call, in all of its connections."""
MAX_SECONDS = 4 * 3600.0
"""As long as Twilio lets calls be."""

MESSAGE_TOO_LARGE = f"the backend sent a message of {MAX_MESSAGE // MB} MB or more"


class Received:
    """What a backend has sent in a call so far."""

    def __init__(self) -> None:
        self._messages = self._bytes = 0

    def add(self, size: int) -> str | None:
        """Counts a message of so many bytes; the reason for which the call is to be cut off, if there is one."""
        self._messages += 1
        self._bytes += size
        if self._bytes > MAX_BYTES:
            return f"the backend sent more than {MAX_BYTES // MB} MB in one call"
        if self._messages > MAX_MESSAGES:
            return f"the backend sent more than {MAX_MESSAGES:,} messages in one call"
        return None


def too_long(seconds: float) -> str:
    """The reason for which a call is cut off that is not over after so many seconds."""
    return f"the call was not over after {seconds:,.0f} s"
