"""The states of a response: which of its texts are stale, and how it ends. `docs/states.md` draws the table.

Knows: the states, the events, and which state follows.
Must not know: messages; the times by which an event is told from another.

An event that a state does not list keeps the state.
"""

from collections.abc import Mapping
from typing import Literal

ResponseState = Literal[
    "new",
    "media",
    "streaming",
    "stale_media",
    "stale",
    "ended",
    "superseded",
    "given_up",
    "cut_off",
    "stale_cut_off",
]
ResponseEvent = Literal["play", "text", "last", "interrupt", "pause", "new_input", "give_up", "disconnect"]

STATES: Mapping[ResponseState, str] = {
    "new": "Nothing has come of it yet.",
    "media": "Media alone has come: nothing needs a `last: true`.",
    "streaming": "Text has come, and its `last: true` has not.",
    "stale_media": "Like `media`, but interrupted: what still comes of it is stale.",
    "stale": "Like `streaming`, but interrupted: what still comes of it is stale.",
    "ended": "Nothing more comes of it: `last: true` came, or something else came after media alone.",
    "superseded": "Never terminated: another response came in its place.",
    "given_up": "Never terminated, and by its pace given up; what came after it may have been the rest of it.",
    "cut_off": "Never terminated: the connection was lost while it was sent.",
    "stale_cut_off": "The same of a response that was stale.",
}
EVENTS: Mapping[ResponseEvent, str] = {
    "play": "`play`",
    "text": "`text` without `last: true`",
    "last": "`text` with `last: true`",
    "interrupt": "An `interrupt` stopped what was playing, and this response with it.",
    "pause": "The next message came after a pause of more than one second.",
    "new_input": "The next message came after a new prompt or key, so that it answers that.",
    "give_up": "The next message came after a prompt or key, and after a pause that is not of this response's pace.",
    "disconnect": "The connection was lost within a second of the last message.",
}
TRANSITIONS: Mapping[ResponseState, Mapping[ResponseEvent, ResponseState]] = {
    "new": {"play": "media", "text": "streaming", "last": "ended"},
    "media": {"text": "streaming", "last": "ended", "interrupt": "stale_media", "new_input": "ended"},
    "streaming": {
        "text": "streaming",
        "last": "ended",
        "interrupt": "stale",
        "new_input": "superseded",
        "give_up": "given_up",
        "disconnect": "cut_off",
    },
    "stale_media": {"text": "stale", "last": "ended", "pause": "ended", "new_input": "ended"},
    "stale": {
        "text": "stale",
        "interrupt": "stale",
        "last": "ended",
        "pause": "superseded",
        "new_input": "superseded",
        "give_up": "given_up",
        "disconnect": "stale_cut_off",
    },
    "ended": {},
    "superseded": {},
    "given_up": {},
    "cut_off": {},
    "stale_cut_off": {},
}

UNTERMINATED: frozenset[ResponseState] = frozenset(
    {"streaming", "stale", "superseded", "given_up", "cut_off", "stale_cut_off"}
)
"""Text has come, and no `last: true`."""
STALE: frozenset[ResponseState] = frozenset({"stale_media", "stale", "stale_cut_off"})
"""What came last of it, and what would still come, is stale."""
CUT_OFF: frozenset[ResponseState] = frozenset({"cut_off", "stale_cut_off"})
