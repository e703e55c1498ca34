"""How a session ended: outcome, who did it, and what Twilio made of it.

Knows: what closes, resets and refusals mean to Twilio, and which Studio transition and error code follow.
Must not know: turns; how the facts were collected.

Twilio reports a session as `ended` after `end` (Studio: Success), as `completed` when the caller hung up (the flow
is over, so no transition), and as `failed` otherwise (Studio: Failed) with 64102 for a socket that could not be
opened and 64105 for one that broke.
"""

import msgspec

from relayproxy.connection import Ending, Opening, Side, SideEnd
from relayproxy.conversation.model import EndedBy, Outcome, StudioTransition

CANNOT_CONNECT = 64102
SOCKET_ENDED = 64105
_PROTOCOL_CODES = {1002, 1003, 1007, 1009, 1010}
_CAUSES = {
    "drain": "relayproxy was stopped and closed the call when its drain timeout was over.",
    "shutdown": "relayproxy was stopped and closed the call.",
}
_HOW: dict[SideEnd | None, str] = {"reset": "was reset", "timeout": "stopped taking data"}


class Closing(msgspec.Struct, frozen=True):
    """The first close frame of a connection."""

    sender: Side
    code: int | None
    reason: str | None


class Verdict(msgspec.Struct, frozen=True):
    """The last fields of a Conversation."""

    outcome: Outcome
    ended_by: EndedBy | None
    end_reason: str
    studio_transition: StudioTransition
    twilio_error_code: int | None = None


def refused(opening: Opening) -> bool:
    """Whether the connection was over before it began: Twilio got something else than a 101."""
    return opening.error is not None or opening.status not in (None, 101)


def verdict(opening: Opening, ending: Ending | None, closing: Closing | None, ended: bool) -> Verdict:
    """What the end of a session's last connection says.

    `ending` may be None for a refused connection only. `closing` is its first close frame. `ended`: an `end`
    message reached Twilio before Twilio closed, and Twilio did not reject it. A protocol close outweighs it: Twilio
    closes with 1000 after an `end` that it took.
    """
    if refused(opening):
        return _not_connected(opening, ending)
    if closing is not None and closing.sender == "twilio" and closing.code in _PROTOCOL_CODES:
        return _closed_by_twilio(closing)
    if ended:
        return Verdict("ended_by_backend", "backend", "The agent ended the session.", "success")
    if closing is not None:
        return _closed_by_twilio(closing) if closing.sender == "twilio" else _closed_by_backend(closing)
    if ending is None or ending.cause == "relay_died":
        return Verdict("unknown", "proxy", "The relay process stopped in the middle of the call.", "unknown")
    if ending.cause is not None or ending.first == "proxy":
        why = _CAUSES.get(ending.cause or "", "relayproxy closed the connection.")
        return Verdict("proxy_error", "proxy", why, "failed", SOCKET_ENDED)
    if ending.first == "backend":
        how = _HOW.get(ending.backend, "ended")
        return Verdict(
            "backend_disconnect", "backend", f"The backend's connection {how} without a close.", "failed", SOCKET_ENDED
        )
    if ending.first == "twilio":
        how = _HOW.get(ending.twilio, "ended")
        return Verdict("unknown", "twilio", f"Twilio's connection {how} without a close.", "unknown")
    return Verdict("unknown", None, "How the connection ended was not recorded.", "unknown")


def _not_connected(opening: Opening, ending: Ending | None) -> Verdict:
    why = opening.error or f"the backend answered the upgrade with HTTP {opening.status}"
    why = f"The call could not be connected: {why.rstrip('.')}."
    if ending is not None and ending.first == "twilio":
        return Verdict("unknown", "twilio", why, "unknown")
    return Verdict("backend_connect_failed", "backend", why, "failed", CANNOT_CONNECT)


def _closed_by_twilio(closing: Closing) -> Verdict:
    if closing.code == 1000:
        return Verdict("caller_hangup", "caller", "The caller hung up.", "none")
    if closing.code in _PROTOCOL_CODES:
        why = f"Twilio closed the connection{_with(closing)}."
        return Verdict("protocol_error", "twilio", why, "failed", SOCKET_ENDED)
    return Verdict("unknown", "twilio", f"Twilio closed the connection{_with(closing)}.", "unknown")


def _closed_by_backend(closing: Closing) -> Verdict:
    why = f"The backend closed the connection{_with(closing)}."
    return Verdict("backend_disconnect", "backend", why, "failed", SOCKET_ENDED)


def _with(closing: Closing) -> str:
    if closing.code is None:
        return " without a code"
    said = (closing.reason or "").strip().rstrip(".")
    return f" with {closing.code}: {said}" if said else f" with {closing.code}"
