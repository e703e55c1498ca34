"""Message rows: raw messages as rows of a page, and the pills that filter them.

Knows: the content of a row before and after it is opened.
Must not know: HTML; where messages come from.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from relayproxy.console.calls.messages import message_preview
from relayproxy.console.calls.messages.message_reading import Filter, write_cursor
from relayproxy.conversation.message import Message
from relayproxy.store.read.queries import PlacedMessage

ALL_MESSAGES = Filter()
_ODD_KINDS = ("gap", "undecodable")


@dataclass(frozen=True, slots=True)
class MessageRow:
    """One message. `block`, the payload laid out, is None until it is asked for; `odd` says what is wrong with it."""

    cursor: str
    placed: PlacedMessage
    kind: str
    line: str
    block: str | None
    odd: tuple[str, ...]
    folded: str = ""
    """The text that is searched for, as it is compared."""

    @property
    def message(self) -> Message:
        return self.placed.message

    @property
    def wall(self) -> int:
        return self.placed.opened_at + self.message.t

    @property
    def written(self) -> int | None:
        """The time at which it had been passed on, wall nanoseconds."""
        return None if self.message.out is None else self.placed.opened_at + self.message.out

    @property
    def held_us(self) -> int | None:
        """Microseconds between reading the message and having passed it on."""
        return None if self.message.out is None else (self.message.out - self.message.t) // 1000

    def pieces(self, text: str) -> tuple[tuple[str, bool], ...]:
        """A text of the row in pieces, and whether each is what is searched for."""
        return message_preview.pieces(text, self.folded)


def row(placed: PlacedMessage, wanted: Filter = ALL_MESSAGES, *, whole: bool = False) -> MessageRow:
    """The row of a message that a filter took; `whole` lays out the payload."""
    message, folded = placed.message, wanted.folded
    return MessageRow(
        cursor=write_cursor((placed.index, message.seq)),
        placed=placed,
        kind=message_preview.kind_of(message),
        line=message_preview.found_line(message, folded) if folded else message_preview.line(message),
        block=message_preview.block(message) if whole else None,
        odd=tuple(_odd(message)),
        folded=folded,
    )


def _odd(message: Message) -> Iterable[str]:
    if message.cut:
        yield "cut"
    if message.redacted:
        yield "redacted"
    if message.injected:
        yield "fault injected"
    if message.kind in _ODD_KINDS:
        yield message.kind
    elif message.note:
        yield message_preview.note(message) or message.note


@dataclass(frozen=True, slots=True)
class Pill:
    """One toggle. `query` is the filter's query string after toggling it; `count` is None while not yet counted."""

    value: str
    label: str
    count: int | None
    on: bool
    query: str


@dataclass(frozen=True, slots=True)
class Pills:
    sides: tuple[Pill, ...]
    kinds: tuple[Pill, ...]
    matching: int | None
    """The number of messages that the filter takes, when counted."""
    clear: bool
    """True when a filter is on, which can be cleared."""


def pills(counts: Counter[tuple[str, str]] | None, wanted: Filter) -> Pills:
    """The toggles, kinds by falling count. Without counts there are those of the filter alone."""
    by_side: Counter[str] = Counter()
    by_kind: Counter[str] = Counter()
    matching = 0
    for (side, kind), count in (counts or {}).items():
        by_side[side] += count
        by_kind[kind] += count
        if (not wanted.sides or side in wanted.sides) and (not wanted.kinds or kind in wanted.kinds):
            matching += count
    kinds = sorted({*by_kind, *wanted.kinds}, key=lambda kind: (-by_kind[kind], kind))
    return Pills(
        sides=tuple(
            Pill(
                side,
                label,
                None if counts is None else by_side[side],
                side in wanted.sides,
                query(replace(wanted, sides=wanted.sides ^ {side})),
            )
            for side, label in (("twilio", "from Twilio"), ("backend", "from backend"))
        ),
        kinds=tuple(
            Pill(
                kind,
                kind,
                None if counts is None else by_kind[kind],
                kind in wanted.kinds,
                query(replace(wanted, kinds=wanted.kinds ^ {kind})),
            )
            for kind in kinds
        ),
        matching=None if counts is None else matching,
        clear=bool(wanted),
    )


def query(wanted: Filter, **more: str) -> str:
    """The query string of a filter (and more parameters), with its question mark; empty when there is nothing."""
    pairs = [("from", side) for side in sorted(wanted.sides)] + [("type", kind) for kind in sorted(wanted.kinds)]
    if wanted.text:
        pairs.append(("text", wanted.text))
    pairs += list(more.items())
    return "?" + urlencode(pairs) if pairs else "?"
