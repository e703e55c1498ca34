"""How a session ended: outcome, who did it, and what Twilio made of it.

Knows: what closes, resets and refusals mean to Twilio, and which Studio transition and error code follow.
Must not know: turns; how the facts were collected.

Who was first is told by the first close frame and by whether the other end's stream was over before it. Twilio
reports a session as `ended` after `end` (Studio: Success), as `completed` when the caller hung up (the flow is over, so
no transition), and as `failed` otherwise (Studio: Failed), with 64102 for a socket that could not be opened and 64105
for one that broke.
"""

import msgspec

from relayproxy.connection import Ending, Opening, Side, SideEnd
from relayproxy.conversation.model import Confidence, EndedBy, Outcome, StudioTransition
from relayproxy.conversation.protocol.rejections import SOCKET_ENDED, TOO_MANY

CANNOT_CONNECT = 64102
CROSSING = 50_000_000
"""Nanoseconds. An end that leaves this shortly before the other's close frame comes: the two crossed on their way, and
the close frame tells who ended the call."""
_PROTOCOL_CODES = {
    1002: "a protocol error",
    1003: "data that it does not take",
    TOO_MANY[0]: "ten messages in a row that it could not read",
    1009: "a message that was too long",
    1010: "a missing extension",
}
_CAUSES = {
    "drain": "relayproxy was stopped and closed the call when its drain timeout was over.",
    "shutdown": "relayproxy was stopped and closed the call.",
}
_HOW: dict[SideEnd | None, str] = {"reset": "was reset", "timeout": "stopped taking data"}
_GAP = " Bytes near the end were not recorded, so this is a guess."


class CloseFrame(msgspec.Struct, frozen=True):
    """The first close frame of a connection."""

    sender: Side
    code: int | None
    reason: str | None
    t: int
    """Nanoseconds from the connection's `opened_at`."""


class SessionOutcome(msgspec.Struct, frozen=True):
    """The last fields of a Conversation."""

    outcome: Outcome
    ended_by: EndedBy | None
    end_reason: str
    studio_transition: StudioTransition
    twilio_error_code: int | None = None
    confidence: Confidence = "certain"


def refused(opening: Opening) -> bool:
    """Whether the connection was over before it began: Twilio got something else than a 101."""
    return opening.error is not None or opening.status not in (None, 101)


def session_outcome(
    opening: Opening, ending: Ending | None, close_frame: CloseFrame | None, ended: bool, *, gap: bool = False
) -> SessionOutcome:
    """What the end of a session's last connection says.

    `ending` may be None for a refused connection only. `close_frame` is its first close frame. `ended`: an `end`
    message reached Twilio before Twilio closed, and Twilio did not reject it. A protocol close outweighs it: Twilio
    closes with 1000 after an `end` that it took. `gap`: bytes near the end were not recorded.
    """
    if refused(opening):
        return _not_connected(opening, ending)
    found = _connected(ending, close_frame, ended)
    if not gap:
        return found
    return msgspec.structs.replace(found, end_reason=found.end_reason + _GAP, confidence="guess")


def _connected(ending: Ending | None, close_frame: CloseFrame | None, ended: bool) -> SessionOutcome:
    by_twilio = close_frame if close_frame is not None and close_frame.sender == "twilio" else None
    if by_twilio is not None and by_twilio.code in _PROTOCOL_CODES:
        return _closed_by_twilio(by_twilio)
    before = _gone_before(ending, close_frame)
    if ended:
        normal = by_twilio is not None and by_twilio.code == 1000 and not before
        sure: Confidence = "certain" if normal else "likely"
        return SessionOutcome("ended_by_backend", "backend", "The agent ended the session.", "success", None, sure)
    if close_frame is not None and before <= CROSSING:
        if by_twilio is None:
            return _closed_by_backend(close_frame)
        found = _closed_by_twilio(by_twilio)
        return msgspec.structs.replace(found, confidence="likely") if before and found.ended_by == "caller" else found
    if close_frame is not None and ending is not None:
        return _backend_vanished(ending, "likely") if by_twilio is not None else _twilio_vanished(ending)
    if ending is None or ending.cause == "relay_died":
        why = "The relay process stopped in the middle of the call."
        return SessionOutcome("unknown", "proxy", why, "unknown", None, "guess")
    if ending.cause is not None or ending.first == "proxy":
        why = _CAUSES.get(ending.cause or "", "relayproxy closed the connection.")
        return SessionOutcome("proxy_error", "proxy", why, "failed", SOCKET_ENDED, "likely")
    if ending.first == "backend":
        return _backend_vanished(ending, "likely")  # Twilio may connect again where the TwiML asks for it
    if ending.first == "twilio":
        return _twilio_vanished(ending)
    return SessionOutcome("unknown", None, "How the connection ended was not recorded.", "unknown", None, "guess")


def _gone_before(ending: Ending | None, close_frame: CloseFrame | None) -> int:
    """Nanoseconds by which the end that did not send the first close frame had left before it; 0 when it had not, or
    when nobody knows."""
    if ending is None or close_frame is None:
        return 0
    gone = ending.backend_t if close_frame.sender == "twilio" else ending.twilio_t
    return 0 if gone is None else max(0, close_frame.t - gone)


def _twilio_vanished(ending: Ending) -> SessionOutcome:
    why = f"Twilio's connection {_HOW.get(ending.twilio, 'ended')} without a close; the caller may have hung up."
    return SessionOutcome("unknown", "twilio", why, "unknown", None, "guess")


def _backend_vanished(ending: Ending, confidence: Confidence) -> SessionOutcome:
    why = f"The backend's connection {_HOW.get(ending.backend, 'ended')} without a close."
    return SessionOutcome("backend_disconnect", "backend", why, "failed", SOCKET_ENDED, confidence)


def _not_connected(opening: Opening, ending: Ending | None) -> SessionOutcome:
    why = opening.error or f"the backend answered the upgrade with HTTP {opening.status}"
    why = f"The call could not be connected: {why.rstrip('.')}."
    if ending is not None and ending.first == "twilio":
        return SessionOutcome("unknown", "twilio", why, "unknown", None, "guess")
    return SessionOutcome("backend_connect_failed", "backend", why, "failed", CANNOT_CONNECT)


def _closed_by_twilio(close_frame: CloseFrame) -> SessionOutcome:
    if close_frame.code == 1000:
        return SessionOutcome("caller_hangup", "caller", "The caller hung up.", "none")
    what = _PROTOCOL_CODES.get(close_frame.code or 0)
    if what is not None:
        why = f"Twilio closed the connection with {close_frame.code} because of {what}{_said(close_frame)}."
        sure: Confidence = "certain" if close_frame.code == TOO_MANY[0] else "likely"
        return SessionOutcome("protocol_error", "twilio", why, "failed", SOCKET_ENDED, sure)
    return SessionOutcome(
        "unknown", "twilio", f"Twilio closed the connection{_with(close_frame)}.", "unknown", None, "guess"
    )


def _closed_by_backend(close_frame: CloseFrame) -> SessionOutcome:
    why = f"The backend closed the connection{_with(close_frame)}."
    return SessionOutcome("backend_disconnect", "backend", why, "failed", SOCKET_ENDED, "likely")


def _with(close_frame: CloseFrame) -> str:
    return " without a code" if close_frame.code is None else f" with {close_frame.code}{_said(close_frame)}"


def _said(close_frame: CloseFrame) -> str:
    said = (close_frame.reason or "").strip().rstrip(".")
    return f": {said}" if said else ""
