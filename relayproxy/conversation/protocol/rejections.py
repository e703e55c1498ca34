"""Rejections: Twilio's answer to a message that it does not accept, and its end of a session with too many of them.

Knows: the text of the `error` message, the error codes, the close frame.
Must not know: why a message is rejected.
"""

import re

INVALID_MESSAGE = 64107
SOCKET_ENDED = 64105
MAX_IN_A_ROW = 10
"""Consecutive rejected messages at which Twilio ends the session."""
TOO_MANY = 1007, "Too many consecutive malformed messages."
"""Code and reason of the close frame with which it does."""

_REJECTED = re.compile(
    r"\s*invalid message\b(?P<received> received)?(?:,? code:? ?\d+)?(?:[,:] ?(?P<rest>.*))?", re.IGNORECASE | re.DOTALL
)


def rejection(text: str) -> str:
    """The `description` of the `error` that answers a rejected message, which it quotes."""
    return f"Invalid message received, code: {INVALID_MESSAGE}, {text}"


def rejected(description: str) -> str | None:
    """The message that Twilio quotes as rejected in the `description` of its `error`, exactly as quoted; empty when it
    says that a message was invalid but quotes none; None when it speaks of something else. Never raises."""
    found = _REJECTED.match(description)
    if found is None:
        return None
    rest = found["rest"] or ""
    # Without "received" it is a variant of the protocol that gives a reason there instead of the message.
    return rest if found["received"] or rest.startswith(("{", "[")) else ""
