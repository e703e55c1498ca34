"""API documents of recorded messages.

Knows: every field of these.
Must not know: HTTP; pages; how messages are read.
"""

from typing import Annotated

from msgspec import Meta, field

from relayproxy.connection import Side
from relayproxy.console.calls.messages.message_preview import kind_of
from relayproxy.console.calls.messages.message_reading import MessagePage, write_cursor
from relayproxy.console.http.documents import Count, Document, Nanoseconds, Time
from relayproxy.console.http.times import rfc3339
from relayproxy.conversation.message import MessageKind
from relayproxy.store.read.queries import PlacedMessage

_MS = 1_000_000
Cursor = Annotated[str, Meta(description="A place among the messages, as a cursor.", pattern=r"^\d+\.\d+$")]
SideCode = Annotated[Side, Meta(title="Side", description="The end that sent it.")]


class MessageDocument(Document, frozen=True):
    """A WebSocket message or control frame, a gap, or bytes that are no WebSocket traffic."""

    connection: Annotated[str, Meta(description="Id of its connection.")]
    connection_index: Annotated[Count, Meta(description="Place of the connection in the session, from 0.")]
    seq: Annotated[Count, Meta(description="Position in the connection, both directions together.")]
    cursor: Cursor
    t_ms: Annotated[float, Meta(description="When it had been read, since its connection's opening.")]
    at: Annotated[Time, Meta(description="The same as a time.")]
    at_ns: Nanoseconds
    out_ms: Annotated[float | None, Meta(description="When it had been passed on.")]
    from_: SideCode = field(name="from")
    kind: Annotated[
        MessageKind,
        Meta(description="`gap`: bytes that could not be recorded. `undecodable`: bytes that are no frames."),
    ]
    type: Annotated[str, Meta(description="`type` of a JSON text message, `not JSON`, `no type`; else the kind.")]
    text: Annotated[str | None, Meta(description="Payload of a text message.")]
    data: Annotated[bytes | None, Meta(description="Payload of anything else.")]
    size: Annotated[Count, Meta(description="Bytes of the payload; of a gap and of undecodable bytes, their number.")]
    cut: Annotated[bool, Meta(description="Only the head of the payload was kept.")]
    sha256: Annotated[str | None, Meta(description="Of the whole payload, when it was cut.")]
    frames: Annotated[Count, Meta(description="Data frames that it came in.")]
    compressed: bool
    code: Annotated[int | None, Meta(description="Close code.")]
    reason: Annotated[str | None, Meta(description="Reason of the close.")]
    note: Annotated[str | None, Meta(description="What is odd about it, or a gap's cause.")]
    held: Annotated[bool, Meta(description="The other side was not taking data.")]
    injected: Annotated[
        str | None,
        Meta(
            description="In what it differs from what its sender sent, where a fault was injected. It is what went out."
        ),
    ]
    redacted: Annotated[
        dict[str, Count] | None,
        Meta(
            description="Secrets that are masked in it, by kind, each counted by the message that completes it (0: a "
            "part or an echo of one); null for a message that is as it came."
        ),
    ]


class MessagesDocument(Document, frozen=True):
    """A part of the messages of a session."""

    items: tuple[MessageDocument, ...]
    next: Annotated[Cursor | None, Meta(description="`after` of the next page; null once all have been given.")]
    seen: Annotated[
        Cursor | None,
        Meta(description="The last place that was looked at: new messages of a live call come after it."),
    ]
    scanned: Annotated[
        Count,
        Meta(description="Messages that were looked at; a page under a filter may be short and yet have a `next`."),
    ]
    total: Annotated[Count, Meta(description="Messages of the session.")]


def messages_document(page: MessagePage, total: int) -> MessagesDocument:
    """A page of a session's messages, of so many in all."""
    return MessagesDocument(
        items=tuple(map(message_document, page.messages)),
        next=write_cursor(page.next) if page.next else None,
        seen=write_cursor(page.seen) if page.seen else None,
        scanned=page.scanned,
        total=total,
    )


def message_document(placed: PlacedMessage) -> MessageDocument:
    """One recorded message. `t_ms` counts from its connection's opening; `out_ms` is when it had been passed on."""
    message = placed.message
    at = placed.opened_at + message.t
    return MessageDocument(
        connection=placed.connection,
        connection_index=placed.index,
        seq=message.seq,
        cursor=write_cursor((placed.index, message.seq)),
        t_ms=message.t / _MS,
        at=rfc3339(at),
        at_ns=at,
        out_ms=None if message.out is None else message.out / _MS,
        from_=message.sender,
        kind=message.kind,
        type=kind_of(message),
        text=message.text,
        data=message.data,
        size=message.size,
        cut=message.cut,
        sha256=message.sha256,
        frames=message.frames,
        compressed=message.compressed,
        code=message.code,
        reason=message.reason,
        note=message.note,
        held=message.held,
        injected=message.injected,
        redacted=message.redacted,
    )
