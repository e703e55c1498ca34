"""The states of a connection as far as its end goes, and how each end is judged. `docs/states.md` draws the tables.

Knows: the states, the events, which state follows, and what every last state means to Twilio.
Must not know: messages, sockets; how one event is told from another; turns.

An event that a state does not list keeps the state.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from relayproxy.conversation.model import Confidence, EndedBy, Outcome, StudioTransition
from relayproxy.conversation.protocol.rejections import SOCKET_ENDED

ConnectionState = Literal[
    "open",
    "end_sent",
    "closed",
    "closed_after_end",
    "ended_by_backend",
    "ended_by_backend_likely",
    "caller_hung_up",
    "caller_hung_up_likely",
    "too_many_invalid",
    "protocol_error",
    "closed_by_twilio",
    "closed_by_backend",
    "backend_vanished",
    "twilio_vanished",
    "closed_by_proxy",
    "relay_died",
    "unknown",
    "not_connected",
    "caller_left_before",
]
EndingEvent = Literal[
    "end",
    "end_rejected",
    "caller_goes_on",
    "twilio_closes",
    "hang_up",
    "crossed_hang_up",
    "invalid_close",
    "protocol_close",
    "other_close",
    "backend_close",
    "backend_gone",
    "twilio_gone",
    "proxy_close",
    "relay_gone",
    "nothing_known",
    "refused",
    "refused_after_hang_up",
]

CANNOT_CONNECT = 64102

STATES: Mapping[ConnectionState, str] = {
    "open": "The backend has not sent `end`, as far as Twilio took it.",
    "end_sent": "The backend has sent `end`, and Twilio has not rejected it.",
    "closed": "Twilio has closed, and no `end` had reached it: one that comes now does not count.",
    "closed_after_end": "Twilio has closed after an `end`.",
    "ended_by_backend": "The backend ended the session, and Twilio closed normally after it.",
    "ended_by_backend_likely": "The backend sent `end`, and the connection ended otherwise than usual.",
    "caller_hung_up": "Twilio closed normally, without an `end`.",
    "caller_hung_up_likely": "The same, but the backend's connection ended at about the same time.",
    "too_many_invalid": "Twilio closed because of ten invalid messages in a row.",
    "protocol_error": "Twilio closed because of another error in what it was sent.",
    "closed_by_twilio": "Twilio closed with a code that does not tell why.",
    "closed_by_backend": "The backend closed without an `end`.",
    "backend_vanished": "The backend's connection ended without a close frame.",
    "twilio_vanished": "Twilio's connection ended without a close frame.",
    "closed_by_proxy": "relayproxy closed the connection.",
    "relay_died": "The relay process stopped in the middle of the call.",
    "unknown": "How the connection ended was not recorded.",
    "not_connected": "The backend could not be reached, or refused.",
    "caller_left_before": "The same, and Twilio's connection had ended before that.",
}
EVENTS: Mapping[EndingEvent, str] = {
    "end": "The backend's `end` was written to Twilio.",
    "end_rejected": "Twilio rejects the `end`.",
    "caller_goes_on": "A prompt comes more than ten seconds after `end`: Twilio did not take it.",
    "twilio_closes": "Twilio's close frame came first.",
    "hang_up": "At the end: Twilio's close frame with 1000 came first.",
    "crossed_hang_up": "At the end: the same, but the backend's connection had ended up to 50 ms before it.",
    "invalid_close": "At the end: Twilio's close frame with 1007 came first.",
    "protocol_close": "At the end: Twilio's close frame with 1002, 1003, 1009 or 1010 came first.",
    "other_close": "At the end: Twilio's close frame with another code came first.",
    "backend_close": "At the end: the backend's close frame came first.",
    "backend_gone": "At the end: the backend's connection had ended, long before Twilio closed or without a close.",
    "twilio_gone": "At the end: Twilio's connection had ended, long before the backend closed or without a close.",
    "proxy_close": "At the end: relayproxy was stopped, or closed for another reason of its own.",
    "relay_gone": "At the end: no end was recorded, or only that the relay had died.",
    "nothing_known": "At the end: nothing tells which side was first.",
    "refused": "There was no connection: Twilio got another answer than 101.",
    "refused_after_hang_up": "The same, after Twilio's connection had ended.",
}
_WITHOUT_END: Mapping[EndingEvent, ConnectionState] = {
    "hang_up": "caller_hung_up",
    "crossed_hang_up": "caller_hung_up_likely",
    "invalid_close": "too_many_invalid",
    "protocol_close": "protocol_error",
    "other_close": "closed_by_twilio",
    "backend_close": "closed_by_backend",
    "backend_gone": "backend_vanished",
    "twilio_gone": "twilio_vanished",
    "proxy_close": "closed_by_proxy",
    "relay_gone": "relay_died",
    "nothing_known": "unknown",
    "refused": "not_connected",
    "refused_after_hang_up": "caller_left_before",
}
_AFTER_END: Mapping[EndingEvent, ConnectionState] = {
    **dict.fromkeys(_WITHOUT_END, "ended_by_backend_likely"),
    "hang_up": "ended_by_backend",
    "invalid_close": "too_many_invalid",
    "protocol_close": "protocol_error",
    "refused": "not_connected",
    "refused_after_hang_up": "caller_left_before",
}
TRANSITIONS: Mapping[ConnectionState, Mapping[EndingEvent, ConnectionState]] = {
    "open": {"end": "end_sent", "twilio_closes": "closed", **_WITHOUT_END},
    "end_sent": {"end_rejected": "open", "caller_goes_on": "open", "twilio_closes": "closed_after_end", **_AFTER_END},
    "closed": _WITHOUT_END,
    "closed_after_end": {"end_rejected": "closed", "caller_goes_on": "closed", **_AFTER_END},
    "ended_by_backend": {},
    "ended_by_backend_likely": {},
    "caller_hung_up": {},
    "caller_hung_up_likely": {},
    "too_many_invalid": {},
    "protocol_error": {},
    "closed_by_twilio": {},
    "closed_by_backend": {},
    "backend_vanished": {},
    "twilio_vanished": {},
    "closed_by_proxy": {},
    "relay_died": {},
    "unknown": {},
    "not_connected": {},
    "caller_left_before": {},
}

AFTER_END: frozenset[ConnectionState] = frozenset({"end_sent", "closed_after_end"})
"""An `end` reached Twilio before it closed, and Twilio did not reject it."""
CLOSED: frozenset[ConnectionState] = frozenset({"closed", "closed_after_end"})
"""Twilio has closed: nothing that comes now is heard."""


class Judgement(NamedTuple):
    """The meaning of a last state."""

    outcome: Outcome
    ended_by: EndedBy | None
    studio_transition: StudioTransition
    twilio_error_code: int | None
    confidence: Confidence


JUDGEMENTS: Mapping[ConnectionState, Judgement] = {
    "ended_by_backend": Judgement("ended_by_backend", "backend", "success", None, "certain"),
    "ended_by_backend_likely": Judgement("ended_by_backend", "backend", "success", None, "likely"),
    "caller_hung_up": Judgement("caller_hangup", "caller", "none", None, "certain"),
    "caller_hung_up_likely": Judgement("caller_hangup", "caller", "none", None, "likely"),
    "too_many_invalid": Judgement("protocol_error", "twilio", "failed", SOCKET_ENDED, "certain"),
    "protocol_error": Judgement("protocol_error", "twilio", "failed", SOCKET_ENDED, "likely"),
    "closed_by_twilio": Judgement("unknown", "twilio", "unknown", None, "guess"),
    "closed_by_backend": Judgement("backend_disconnect", "backend", "failed", SOCKET_ENDED, "likely"),
    # Twilio may connect again where the TwiML asks for it.
    "backend_vanished": Judgement("backend_disconnect", "backend", "failed", SOCKET_ENDED, "likely"),
    "twilio_vanished": Judgement("unknown", "twilio", "unknown", None, "guess"),
    "closed_by_proxy": Judgement("proxy_error", "proxy", "failed", SOCKET_ENDED, "likely"),
    "relay_died": Judgement("unknown", "proxy", "unknown", None, "guess"),
    "unknown": Judgement("unknown", None, "unknown", None, "guess"),
    "not_connected": Judgement("backend_connect_failed", "backend", "failed", CANNOT_CONNECT, "certain"),
    "caller_left_before": Judgement("unknown", "twilio", "unknown", None, "guess"),
}
