"""Message previews: one recorded message as a line and as a block of text.

Knows: which field of a message says most about it; how JSON is laid out; which characters mislead the eye; where a
searched text is.
Must not know: HTML; what a message means for the conversation.
"""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import accumulate, islice
from typing import Any

import msgspec

from relayproxy.console import words
from relayproxy.console.http.display_text import pretty, visible
from relayproxy.conversation.message import Message
from relayproxy.conversation.protocol.decoding import decode
from relayproxy.conversation.protocol.messages import (
    Dtmf,
    End,
    Error,
    Event,
    Info,
    Interrupt,
    Play,
    Prompt,
    SendDigits,
    Setup,
    Text,
    Unknown,
)
from relayproxy.conversation.words import gap_words
from relayproxy.plural import plural
from relayproxy.text import shortened

LINE = 200
"""Characters of a one-line preview."""
_CONTEXT = 40
"""Characters that are shown before what was found."""
_MAX_HITS = 500
"""Hits that are marked in one text."""
NOT_JSON = "not JSON"
UNTYPED = "no type"


def kind_of(message: Message) -> str:
    """The kind of a message, for a pill: the `type` of a JSON text message, else its kind (`ping`, `close`, `gap`
    …)."""
    if message.kind != "text" or message.type:
        return named_kind(message.kind, message.type)
    # It has none, or was recorded before types were stored.
    decoded = decode(message)
    if decoded.type:
        return visible(decoded.type)[:32]
    no_json = decoded.event in (Unknown("not_text"), Unknown("not_json"))
    return NOT_JSON if no_json else UNTYPED


def named_kind(kind: str, type: str | None) -> str:
    """The same of a message whose type is known, or that is no text."""
    return visible(type)[:32] if kind == "text" and type else kind


def parse(text: str) -> Any:
    """The JSON value of `text`; None when it is not JSON (or is `null`)."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def line(message: Message) -> str:
    """The message as one line, at most `LINE` characters."""
    if message.kind == "close":
        return _close(message)
    if message.kind == "gap":
        return f"{gap_words(message.size)} not recorded: {note(message) or 'cause unknown'}"
    if message.kind == "undecodable":
        return f"{plural(message.size, 'byte')} that are not WebSocket frames"
    if message.text is None:
        return (message.data or b"")[:24].hex(" ")
    told = _told(decode(message).event)
    return _clip(told if told is not None else message.text)


def hits(message: Message, sought: str) -> bool:
    """True when the payload's text (or a close's reason) has what is searched for (casefolded), as sent or with its
    JSON escapes resolved. Of a payload that was cut only the head can be searched."""
    return _hit_in(message, sought) is not None


def found_line(message: Message, sought: str) -> str:
    """`line`, or when what was found is not in it, the payload around the first place where it is."""
    shown = line(message)
    if sought in shown.casefold():
        return shown
    text = _hit_in(message, sought)
    hit = next(_places(text, sought), None) if text else None
    if text is None or hit is None:
        return shown
    start = max(0, hit[0] - _CONTEXT)
    return ("…" if start else "") + _clip(text[start : hit[1] + LINE])


def pieces(text: str, sought: str) -> tuple[tuple[str, bool], ...]:
    """`text` in pieces, and whether each is a hit."""
    found: list[tuple[str, bool]] = []
    at = 0
    for start, end in islice(_places(text, sought), _MAX_HITS):
        if start >= at:
            found += [(text[at:start], False), (text[start:end], True)]
            at = end
    found.append((text[at:], False))
    return tuple(piece for piece in found if piece[0])


def _hit_in(message: Message, sought: str) -> str | None:
    text = message.text if message.text is not None else message.reason
    if not text:
        return None
    if sought in text.casefold():
        return text
    if "\\" not in text or (content := parse(text)) is None:
        return None
    resolved = json.dumps(content, ensure_ascii=False)
    return resolved if sought in resolved.casefold() else None


def _places(text: str, sought: str) -> Iterator[tuple[int, int]]:
    """Where in the text a casefolded one is: the search takes time in proportion to the text."""
    folded = text.casefold()
    # Some characters become several: where each of them ends.
    ends = list(accumulate(len(each.casefold()) for each in text)) if len(folded) != len(text) else None
    start = folded.find(sought) if sought else -1
    while start >= 0:
        end = start + len(sought)
        yield (start, end) if ends is None else (bisect_right(ends, start), bisect_left(ends, end) + 1)
        start = folded.find(sought, end)


def note(message: Message) -> str | None:
    """The message's anomaly, in words."""
    return words.note(message.note) or None


def block(message: Message) -> str:
    """The whole payload as text: JSON indented (numbers, key order and duplicates as sent), bytes as a hex dump."""
    if message.text is not None:
        return pretty(message.text)
    data = message.data or b""
    return "\n".join(_hex_line(at, data[at : at + 16]) for at in range(0, len(data), 16))


def _told(event: Event) -> str | None:
    """The telling content of a message; None when it is not known, or not there."""
    match event:
        case Text(token):
            return f"“{token}”" + _marks(last=event.last, preemptible=event.preemptible)
        case Prompt(text):
            return f"“{text}”" + _marks(partial=not event.final)
        case Interrupt(str(heard), duration):
            return f"heard “{heard}”, {'?' if duration is None else duration} ms"
        case Dtmf(digit):
            return f"key {digit}"
        case Info(str(name), value):
            return f"{name} = {value}"
        case Setup():
            return f"{event.from_ or '?'} → {event.to or '?'} · {event.session_id or '?'}"
        case Play(source):
            return source
        case SendDigits(digits):
            return digits
        case Error(description):
            return description
        case End(None):
            return "without handoff data"
        case End(handoff) if handoff is not msgspec.UNSET:
            return handoff if isinstance(handoff, str) else json.dumps(handoff, ensure_ascii=False)
    return None


def _marks(**marks: Any) -> str:
    return "".join(f" · {name}" for name, value in marks.items() if value)


def _close(message: Message) -> str:
    if message.code is None:
        return "without a code"
    return f"{message.code} {message.reason or 'without a reason'}"


def _clip(text: str) -> str:
    return shortened(visible(text[: LINE + 1].replace("\n", "↵").replace("\t", " ")), LINE)


def _hex_line(at: int, row: bytes) -> str:
    shown = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in row)
    return f"{at:06x}  {row.hex(' '):<47}  {shown}"
