"""Schemas of recorded messages and of the timeline.

Knows: every field of these in the API, as `document` and `timeline` write them.
Must not know: endpoints; where the values come from.
"""

from typing import get_args

from relayproxy.console.calls.timeline import COLUMNS
from relayproxy.console.schemas import (
    Schema,
    array,
    boolean,
    count,
    integer,
    moment,
    named,
    nullable,
    number,
    obj,
    one_of,
    page,
    row,
    text,
)
from relayproxy.conversation.checks.findings import Severity
from relayproxy.conversation.message import MessageKind
from relayproxy.conversation.model import InterruptionKind, MarkKind

CURSOR = text("A place among the messages, as a cursor.", pattern=r"^\d+\.\d+$")

MESSAGE = obj(
    {
        "connection": text("Id of its connection."),
        "connection_index": count("Place of the connection in the session, from 0."),
        "seq": count("Position in the connection, both directions together."),
        "cursor": CURSOR,
        "t_ms": number("When it had been read, since its connection's opening."),
        **moment("at", "The same as a time."),
        "out_ms": nullable(number("When it had been passed on.")),
        "from": named("Side"),
        "kind": one_of(
            MessageKind, "`gap`: bytes that could not be recorded. `undecodable`: bytes that are no frames."
        ),
        "type": text("`type` of a JSON text message, `not JSON`, `no type`; else the kind."),
        "text": nullable(text("Payload of a text message.")),
        "data": nullable(text("Payload of anything else.", contentEncoding="base64")),
        "size": count("Bytes of the payload; of a gap and of undecodable bytes, their number."),
        "cut": boolean("Only the head of the payload was kept."),
        "sha256": nullable(text("Of the whole payload, when it was cut.")),
        "frames": count("Data frames that it came in."),
        "compressed": boolean(),
        "code": nullable(integer("Close code.")),
        "reason": nullable(text("Reason of the close.")),
        "note": nullable(text("What is odd about it, or a gap's cause.")),
        "held": boolean("The other side was not taking data."),
    },
    "A WebSocket message or control frame, a gap, or bytes that are no WebSocket traffic.",
)

MESSAGES = page(
    named("Message"),
    nullable(CURSOR, "`after` of the next page; null once all have been given."),
    seen=nullable(CURSOR, "The last place that was looked at: new messages of a live call come after it."),
    scanned=count("Messages that were looked at; a page under a filter may be short and yet have a `next`."),
    total=count("Messages of the session."),
)

_AT = integer("Milliseconds since the session's start.")
_EVENTS = (*get_args(Severity), *get_args(MarkKind), *get_args(InterruptionKind), "end")
_EVENT = row(
    _AT,
    one_of(tuple(dict.fromkeys(_EVENTS)), "A finding's severity, what happened, or an interruption."),
    text("In a few words."),
    says="When, what kind, text.",
)
_CELLS: dict[str, Schema] = {
    "number": count("Of the turn."),
    "latency": nullable(integer("Response latency, milliseconds.")),
    "waited": nullable(integer("Longest wait, milliseconds, where the caller asked again or got no answer.")),
    "budget": nullable(
        row(*(nullable(integer()) for _ in range(5)), says="The five parts, in tenths of a millisecond.")
    ),
    "flags": integer("Sum of 1: unanswered; 2: an answer is awaited."),
    "spoke": array(row(_AT, _AT, integer(enum=[0, 1])), "From, until, estimated."),
    "unanswered": array(row(_AT, _AT), "From a prompt that nothing answered until the caller spoke again."),
    "heard": array(row(nullable(_AT), nullable(_AT), integer(enum=[0, 1])), "From, until, estimated."),
    "events": array(_EVENT),
}

TIMELINE = obj(
    {
        **moment("started_at", "When the session began; all times count from here."),
        "length_ms": count("Up to now for a live session."),
        "live": boolean(),
        "slow_turn_ms": count("From when on an answer is slow."),
        "turns_total": count(),
        "settled": count("Turns before this number change no more: ask again from here on."),
        "columns": row(*({"const": name} for name in COLUMNS), says="Names of the cells of a row."),
        "turns": array(row(*(_CELLS.get(name, nullable(_AT)) for name in COLUMNS)), "A row for each turn."),
        "events": array(_EVENT, "What happened in no turn."),
    },
    "What happened when, as compact rows for a drawing.",
)

SCHEMAS: dict[str, Schema] = {"Message": MESSAGE, "Messages": MESSAGES, "Timeline": TIMELINE}
