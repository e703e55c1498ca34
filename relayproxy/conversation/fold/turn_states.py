"""The states of a turn: what opens and closes it, and what answers it. `docs/states.md` draws the table.

Knows: the states, the events, which state follows, and where an event opens the next turn instead.
Must not know: messages; the times and words by which an event is told from another.

An event that a state does not list keeps the state.
"""

from collections.abc import Mapping
from typing import Final, Literal

from relayproxy.conversation.model import OpenedBy

TurnState = Literal[
    "start",
    "closed",
    "greeting",
    "unprompted",
    "waiting",
    "overlapped",
    "on_hold",
    "answered",
    "speculative",
    "confirmed",
    "confirmed_answered",
    "lapsed",
]
TurnEvent = Literal[
    "setup",
    "prompt",
    "partial",
    "key",
    "interrupt",
    "digits",
    "reply",
    "reply_to_partial",
    "reply_after_greeting",
    "repeated_reply",
    "late_reply",
    "filler",
    "overlap",
    "overlap_resolved",
    "assigned",
    "unassigned",
    "lapse",
    "end",
    "handoff",
]
NEXT_TURN: Final = "next_turn"
"""In the table: the event closes the turn, when one is open, and opens the next one."""

STATES: Mapping[TurnState, str] = {
    "start": "No turn has been opened yet.",
    "closed": "`end` closed the last turn, and no other has been opened.",
    "greeting": "The setup message opened it, and the backend has said nothing.",
    "unprompted": "The caller has asked nothing; the backend has spoken or sent digits.",
    "waiting": "The caller has asked, and nothing has answered.",
    "overlapped": "The same, but an earlier reply went on, and nothing tells where an answer began in it.",
    "on_hold": "A reply came that only asks the caller to wait: the answer is still to come.",
    "answered": "A reply to what the caller asked has begun.",
    "speculative": "A reply began on a partial prompt, and the final prompt has not come.",
    "confirmed": "The final prompt came after it; one more reply still answers it.",
    "confirmed_answered": "That reply has come, or no longer counts: what comes next answers something else.",
    "lapsed": "The final prompt did not come in time.",
}
EVENTS: Mapping[TurnEvent, str] = {
    "setup": "`setup`",
    "prompt": "A final prompt",
    "partial": "A partial prompt",
    "key": "A key (`dtmf`)",
    "interrupt": "An `interrupt`",
    "digits": "`sendDigits`",
    "reply": "A response begins.",
    "reply_to_partial": "A response begins within five seconds of a partial prompt, and no prompt or key waits for it.",
    "reply_after_greeting": "A response begins after the greeting of the TwiML has been over for a second.",
    "repeated_reply": "A response begins with the word that the one before began with: both answer the same words.",
    "late_reply": "A response begins after Twilio has closed the connection.",
    "filler": "A response is complete, and only asks the caller to wait.",
    "overlap": "Text of an earlier response comes while the caller waits.",
    "overlap_resolved": "The earlier response is complete, and by its pace all of that text was its own.",
    "assigned": "Several prompts waited at once, and a reply is assigned to this one.",
    "unassigned": "The reply that it had is assigned to another prompt.",
    "lapse": "The caller goes on more than two seconds after the partial prompt and the reply to it.",
    "end": "`end` without data for a handoff",
    "handoff": "`end` with data for a handoff",
}
_ANYTHING: Mapping[TurnEvent, TurnState | Literal["next_turn"]] = {
    "prompt": NEXT_TURN,
    "key": NEXT_TURN,
    "reply": NEXT_TURN,
    "reply_to_partial": NEXT_TURN,
}
_CLOSING: Mapping[TurnEvent, TurnState | Literal["next_turn"]] = {"end": "closed", "handoff": "closed"}
TRANSITIONS: Mapping[TurnState, Mapping[TurnEvent, TurnState | Literal["next_turn"]]] = {
    "start": {**_ANYTHING, "setup": NEXT_TURN, "digits": NEXT_TURN, "late_reply": NEXT_TURN, "interrupt": NEXT_TURN},
    "closed": {**_ANYTHING, "digits": NEXT_TURN},
    "greeting": {
        **_ANYTHING,
        "reply": "unprompted",
        "late_reply": "unprompted",
        "reply_after_greeting": NEXT_TURN,
        **_CLOSING,
    },
    "unprompted": {**_ANYTHING, **_CLOSING},
    "waiting": {
        "prompt": "waiting",
        "key": "waiting",
        "reply": "answered",
        "assigned": "answered",
        "overlap": "overlapped",
        **_CLOSING,
    },
    "overlapped": {
        "prompt": NEXT_TURN,
        "key": NEXT_TURN,
        "reply": "answered",
        "assigned": "answered",
        "overlap_resolved": "waiting",
        **_CLOSING,
    },
    "on_hold": {
        "prompt": NEXT_TURN,
        "key": NEXT_TURN,
        "reply": "answered",
        "assigned": "answered",
        "unassigned": "waiting",
        **_CLOSING,
    },
    "answered": {**_ANYTHING, "repeated_reply": "answered", "filler": "on_hold", "unassigned": "waiting", **_CLOSING},
    "speculative": {
        "prompt": "confirmed",
        "key": NEXT_TURN,
        "reply": NEXT_TURN,
        "reply_to_partial": "speculative",
        "lapse": "lapsed",
        **_CLOSING,
    },
    "confirmed": {
        "prompt": NEXT_TURN,
        "key": NEXT_TURN,
        "reply": "confirmed_answered",
        "filler": "confirmed_answered",
        "partial": "confirmed_answered",
        **_CLOSING,
    },
    "confirmed_answered": {**_ANYTHING, **_CLOSING},
    "lapsed": {**_ANYTHING, **_CLOSING},
}
OPENED: Mapping[TurnEvent, tuple[OpenedBy, TurnState]] = {
    "setup": ("setup", "greeting"),
    "prompt": ("prompt", "waiting"),
    "key": ("dtmf", "waiting"),
    "interrupt": ("proactive", "unprompted"),
    "digits": ("proactive", "unprompted"),
    "reply": ("proactive", "unprompted"),
    "reply_to_partial": ("proactive", "speculative"),
    "reply_after_greeting": ("proactive", "unprompted"),
    "late_reply": ("proactive", "unprompted"),
}
"""What a turn that an event opens is said to be opened by, and its first state."""

AWAITING: frozenset[TurnState] = frozenset({"waiting", "overlapped", "on_hold", "confirmed"})
"""The next reply belongs to the turn, whatever came before."""
SPECULATIVE: frozenset[TurnState] = frozenset({"speculative", "confirmed", "confirmed_answered", "lapsed"})
"""The reply began before the final prompt."""
