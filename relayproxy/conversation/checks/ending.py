"""How a session ended: outcome, who did it, and what Twilio made of it.

Knows: what closes, resets and refusals mean to Twilio, and the sentence that says so.
Must not know: turns; how the facts were collected; which state follows (`connection_states`).

Who was first is told by the first close frame and by whether the other end's stream was over before it. Twilio
reports a session as `ended` after `end` (Studio: Success), as `completed` when the caller hung up (the flow is over, so
no transition), and as `failed` otherwise (Studio: Failed), with 64102 for a socket that could not be opened and 64105
for one that broke.
"""

import msgspec

from relayproxy.connection import Ending, Opening, Side, SideEnd
from relayproxy.conversation.checks.connection_states import (
    JUDGEMENTS,
    TRANSITIONS,
    ConnectionState,
    EndingEvent,
)
from relayproxy.conversation.model import Confidence, EndedBy, Outcome, StudioTransition
from relayproxy.conversation.protocol.rejections import TOO_MANY
from relayproxy.conversation.transitions import following

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
    "fault": "relayproxy reset both connections, as a fault that was asked for.",
    "shadow_slow": "The second backend did not keep up with the call and was given up.",
    "shadow_flood": "The second backend sent more within a second than any conversation has, and was given up.",
    "shadow_limit": "As much had been sent as is recorded of a connection, so the shadow ended.",
    "shadow_extensions": "The second backend negotiated another encoding than the call has: nothing was copied.",
    "shadow_failed": "The shadow failed because of an error in relayproxy; the call went on.",
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
    """The fields of a Conversation that tell how it ended."""

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
    opening: Opening,
    ending: Ending | None,
    close_frame: CloseFrame | None,
    state: ConnectionState,
    *,
    gap: bool = False,
) -> SessionOutcome:
    """What the end of a session's last connection says.

    `ending` may be None for a refused connection only. `close_frame` is its first one. `state`: where the messages have
    led the connection to. `gap`: bytes near the end were not recorded.
    """
    last = following(TRANSITIONS, state, _last_event(opening, ending, close_frame))
    found, why = JUDGEMENTS[last], _sentence(last, opening, ending, close_frame)
    if opening.shadow_of is not None:  # Twilio knows nothing of it
        found = found._replace(studio_transition="unknown", twilio_error_code=None)
    guessed = gap and not refused(opening)
    return SessionOutcome(
        found.outcome,
        found.ended_by,
        why + _GAP if guessed else why,
        found.studio_transition,
        found.twilio_error_code,
        "guess" if guessed else found.confidence,
    )


def _last_event(opening: Opening, ending: Ending | None, close_frame: CloseFrame | None) -> EndingEvent:
    if refused(opening):
        return "refused_after_hang_up" if ending is not None and ending.first == "twilio" else "refused"
    if close_frame is not None:
        return _closing_event(ending, close_frame)
    if ending is None or ending.cause == "relay_died":
        return "relay_gone"
    if ending.cause is not None or ending.first == "proxy":
        return "proxy_close"
    if ending.first is None:
        return "nothing_known"
    return "backend_gone" if ending.first == "backend" else "twilio_gone"


def _closing_event(ending: Ending | None, close_frame: CloseFrame) -> EndingEvent:
    by_twilio, code = close_frame.sender == "twilio", close_frame.code
    if by_twilio and code in _PROTOCOL_CODES:
        return "invalid_close" if code == TOO_MANY[0] else "protocol_close"
    before = _gone_before(ending, close_frame)
    if before > CROSSING:
        return "backend_gone" if by_twilio else "twilio_gone"
    if not by_twilio:
        return "backend_close"
    if code != 1000:
        return "other_close"
    return "crossed_hang_up" if before else "hang_up"


def _gone_before(ending: Ending | None, close_frame: CloseFrame) -> int:
    """Nanoseconds by which the end that did not send the first close frame had left before it; 0 when it had not, or
    when that is not known."""
    if ending is None:
        return 0
    gone = ending.backend_t if close_frame.sender == "twilio" else ending.twilio_t
    return 0 if gone is None else max(0, close_frame.t - gone)


def _sentence(state: ConnectionState, opening: Opening, ending: Ending | None, close_frame: CloseFrame | None) -> str:
    """What happened, for a person."""
    match state:
        case "not_connected" | "caller_left_before":
            why = opening.error or f"the backend answered the upgrade with HTTP {opening.status}"
            return f"The call could not be connected: {why.rstrip('.')}."
        case "ended_by_backend" | "ended_by_backend_likely":
            return "The agent ended the session."
        case "caller_hung_up" | "caller_hung_up_likely":
            return "The caller hung up."
        case "too_many_invalid" | "protocol_error" if close_frame is not None:
            what = _PROTOCOL_CODES.get(close_frame.code or 0, "an error")
            return f"Twilio closed the connection with {close_frame.code} because of {what}{_said(close_frame)}."
        case "closed_by_twilio":
            return f"Twilio closed the connection{_with(close_frame)}."
        case "closed_by_backend":
            return f"The backend closed the connection{_with(close_frame)}."
        case "backend_vanished":
            how = _HOW.get(ending.backend if ending else None, "ended")
            return f"The backend's connection {how} without a close."
        case "twilio_vanished":
            if opening.shadow_of is not None:
                return "The call was over."
            how = _HOW.get(ending.twilio if ending else None, "ended")
            return f"Twilio's connection {how} without a close; the caller may have hung up."
        case "closed_by_proxy":
            return _CAUSES.get((ending.cause if ending else None) or "", "relayproxy closed the connection.")
        case "relay_died":
            return "The relay process stopped in the middle of the call."
        case _:
            return "How the connection ended was not recorded."


def _with(close_frame: CloseFrame | None) -> str:
    if close_frame is None or close_frame.code is None:
        return " without a code"
    return f" with {close_frame.code}{_said(close_frame)}"


def _said(close_frame: CloseFrame) -> str:
    said = (close_frame.reason or "").strip().rstrip(".")
    return f": {said}" if said else ""
