"""Schemas of sessions and calls, and of the wall of live ones.

Knows: every field of these in the API, as `document` and `cards` write them.
Must not know: endpoints; where the values come from.
"""

from relayproxy.connection import SideEnd
from relayproxy.console.live.call_tile import Whose
from relayproxy.console.schemas import (
    Fields,
    Schema,
    anything,
    array,
    boolean,
    count,
    integer,
    mapping,
    meaning,
    moment,
    named,
    nullable,
    number,
    obj,
    one_of,
    row,
    text,
)
from relayproxy.conversation.model import Confidence, EndedBy, StudioTransition, Tier
from relayproxy.conversation.words import CONFIDENCES

_CONFIDENCE = "; ".join(f"`{code}`: {words.meaning}" for code, words in CONFIDENCES.items())
HEADERS = array(row(text(), text()), "Name and value, in order; secrets are masked.")

TOTALS: Fields = {
    "turns": count("Turn 0 included."),
    "interruptions": count("How often the agent's speech was stopped."),
    "messages": count("Text and binary messages, both ways."),
    "gaps": count("Gaps in the recording."),
    "unanswered": count(meaning("session", "unanswered")),
    "asked_again": count(meaning("session", "asked_again")),
    "longest_wait_ms": nullable(integer(), meaning("session", "longest_wait_ms")),
    "findings": obj({"error": count(), "warning": count()}, "How many there are of each severity."),
    "response_latency_ms": obj(
        {"p50": nullable(integer()), "p95": nullable(integer()), "n": count("Turns that have one.")},
        meaning("turn", "response_latency_ms"),
    ),
}

PLACE: Fields = {
    "id": text("The recording's own id."),
    "session_id": nullable(text("Twilio's VX id; null when no setup message came.")),
    **moment("started_at", "When its first connection was opened."),
    **moment("ended_at", "When it was over; null while it is live.", absent=True),
    "outcome": nullable(named("Outcome"), "How it ended; null while it is live."),
    "studio_transition": nullable(one_of(StudioTransition), "The way that the Studio widget took."),
}

ITEM: Fields = {
    **PLACE,
    "call_sid": nullable(text("Twilio's CA id.")),
    "account_sid": nullable(text("Twilio's AC id.")),
    "route": text("The relay's route."),
    "backend_version": nullable(text("Version of the backend; null when nothing tells it (setting `version_from`).")),
    "from": nullable(text("The calling number.")),
    "to": nullable(text("The called number.")),
    "direction": nullable(text("inbound or outbound.")),
    "custom_parameters": mapping(anything(), "Custom parameters of the setup message."),
    "trace_id": text("Trace that the backend was given in `traceparent`."),
    "live": boolean(),
    "duration_ms": nullable(integer(), meaning("session", "duration_ms")),
    "ended_by": nullable(one_of(EndedBy), "Who ended it."),
    "end_reason": nullable(text("How it ended, as a sentence.")),
    "twilio_error_code": nullable(integer("The error that Twilio logs.")),
    "confidence": nullable(one_of(Confidence), f"How sure outcome and Studio transition are. {_CONFIDENCE}."),
    "handoff": nullable(obj({"reason_code": nullable(text())}), "What `end` handed over; null without."),
    "totals": obj(TOTALS),
}

HANDOFF = obj(
    {
        **moment("at", "When `end` arrived."),
        "raw": nullable(text("handoffData as text; null when there was none or it was too long.")),
        "json": anything("The same parsed; null when it is not JSON."),
        "is_string": boolean("It was sent as a string, which is what Twilio documents."),
        "bytes": count("Its length."),
        "reason_code": nullable(text("Its `reasonCode`.")),
        "studio_path": text("How a Studio flow reads it."),
    },
    "What the backend handed over with `end`.",
)

DIAL = obj(
    {f"{name}_ms": nullable(number()) for name in ("dns", "connect", "upgrade")},
    "What the time until the backend's answer went into.",
)

ENDING = obj(
    {
        "t_ms": number("Since its opening."),
        "first": nullable(one_of(("twilio", "backend", "proxy")), "Whose stream finished first."),
        "twilio": nullable(one_of(SideEnd), "How Twilio's stream finished."),
        "backend": nullable(one_of(SideEnd), "How the backend's stream finished."),
        "twilio_bytes": count("Received from Twilio."),
        "backend_bytes": count("Received from the backend."),
        "cause": nullable(text("Why the proxy ended it, when it did.")),
        "twilio_t_ms": nullable(number("When Twilio's stream was finished, since its opening.")),
        "backend_t_ms": nullable(number("When the backend's was.")),
    },
    "How its two TCP streams ended.",
)

CONNECTION = obj(
    {
        "id": text(),
        "index": count("Its place in the session, from 0."),
        **moment("opened_at", "When the upgrade request had been read."),
        **moment("ended_at", "When both streams were finished.", absent=True),
        "route": text(),
        "backend": text("URL that was dialled, the values of its query masked."),
        "target": text("What was asked for, the values of its query masked."),
        "peer": text("Address of the other end."),
        "status": nullable(integer("What Twilio was answered: 101 once the call is relayed.")),
        "error": nullable(text("Why there is no relayed connection.")),
        "connect_ms": nullable(number("Until the backend's answer had been read.")),
        "dial": nullable(DIAL),
        "trace_id": text(),
        "span_id": text("The parent id of the `traceparent` that the backend got."),
        "parent_span_id": nullable(text("The caller's own span.")),
        "request_headers": HEADERS,
        "response_headers": HEADERS,
        "messages": count("Recorded messages, control frames and gaps included."),
        "ending": nullable(ENDING),
    },
    "One WebSocket of a session.",
)

_FILE: Fields = {
    **ITEM,
    "caller_name": nullable(text()),
    "setup": mapping(anything(), "The whole setup message."),
    "tier": one_of(Tier, "B when speaker events and tokens-played were on, else A."),
    "handoff": nullable(named("Handoff")),
    "waiting": nullable(
        obj(
            {"turn": count(), **moment("since", "From when on."), "waiting_ms": count("Up to now.")},
            "A caller who waits for an answer at this moment.",
        )
    ),
    "connections": array(named("Connection"), "First opened first."),
    "call": array(named("CallItem"), "The first sessions of the same call, this one among them."),
    "claims": array(
        named("CallItem"),
        "Other sessions that claim the same `session_id`. A connection joins a session only when account, call SID, "
        "numbers and the presence of Twilio's signature agree, the earlier connection is gone and has been for an hour "
        "at most.",
    ),
    "findings": array(named("Finding"), "In order of time, at most 20 of one code."),
    "totals": named("Totals"),
    "revision": count("Grows with every change."),
    "turns": array(named("Turn"), "The first turns."),
}

SESSION = obj(
    {
        **_FILE,
        "turns_next": nullable(text("Goes on at `/turns?after=`; null when these are all.")),
        "unreadable_turns": count("Of the first turns, those whose stored form cannot be read; they are left out."),
    },
    "Everything about one session but its messages.",
)

_HIT = obj(
    {
        "turn": count("Number of the turn."),
        "who": one_of(("caller", "agent"), "Whose words they are."),
        "text": text("What was said around the words."),
        "parts": array(obj({"text": text(), "match": boolean()}), "The same in pieces."),
    },
    "Where words were said that the filter asks for.",
)

LISTED = obj(
    {
        **ITEM,
        "strip": text("The call in miniature: `<ms a character>:<one base64 character for each stretch>`."),
        "tags": array(text(), "What people have tagged it with."),
        "notes": count("Notes that people have written."),
        "hits": array(_HIT, "At most three turns; none unless the filter asks for words."),
    },
    "A session as an item of the list.",
)

LIVE_CALL = obj(
    {
        **ITEM,
        "said": obj({"caller": text(), "agent": text()}, "The end of what each said last."),
        "awaited": nullable(
            obj(
                {
                    "state": one_of(Whose, "`agent`: the caller waits for its answer. `caller`: it is their turn."),
                    **moment("since", "From when on."),
                    **moment("until", "When what is being spoken is over, as far as is known.", absent=True),
                    "awaited_ms": count("How long it has been so."),
                },
                "Whose move it is; null once the call is over.",
            )
        ),
        "slow_turn_ms": count("From when on a wait for the agent is an alarm."),
        "revision": count("Grows with every change."),
    },
    "A live call.",
)

SCHEMAS: dict[str, Schema] = {
    "SessionItem": obj(ITEM, "A session as one of its call."),
    "ListedSession": LISTED,
    "Session": SESSION,
    "SessionFile": obj(_FILE, "Everything about one session but its messages, with all of its turns."),
    "CallItem": obj(PLACE, "A session of a call, in short."),
    "Connection": CONNECTION,
    "Handoff": HANDOFF,
    "LiveCall": LIVE_CALL,
}
