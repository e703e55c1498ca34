"""Metadata of a message: its type, sizes, times, ids and numbers, without a word of what was said.

Knows: which fields of ConversationRelay's messages are no content.
Must not know: which content is secret: all of it is masked.
"""

import re

import msgspec

from relayproxy.conversation.message import Message
from relayproxy.conversation.protocol.rejections import TOO_MANY, rejected
from relayproxy.redaction.masking.json_text import Edit, Literal, applied, is_json, literals, looks_like_json
from relayproxy.redaction.masking.masking import masks
from relayproxy.text import mask

_PLAIN = frozenset(
    {"type", "lang", "ttsLanguage", "transcriptionLanguage", "durationUntilInterruptMs", "sessionId", "callSid",
     "parentCallSid", "accountSid", "from", "to", "forwardedFrom", "direction", "callType", "callStatus"}
)  # fmt: skip
"""Fields of a message itself that are no content, where they have the form of a word, an id or a number."""
_CONTENT = frozenset({"token", "voicePrompt", "utteranceUntilInterrupt", "digit", "digits", "value", "handoffData"})
"""Fields of a message itself whose numbers are content, too."""
EVENTS = frozenset({"agentSpeaking", "clientSpeaking", "roundTripDelayMs"})
"""Info messages whose values are no content."""
_STATE = re.compile(r"on|off|[0-9]{1,9}", re.ASCII)
"""Those values: whoever poses as Twilio may send others."""
_WORDS = frozenset({"true", "false", "null"})
_NAME = re.compile(r"(?!.*[0-9]{3})[A-Za-z_][\w.-]{0,63}", re.ASCII)
_ID = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}|(?!.*[0-9]{16})[\w.:+@-]{1,128}", re.ASCII)
"""An id, or a party's number; digits of a card are neither."""
_NUMBER = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{1,3})?", re.ASCII)
REASONS = frozenset({"Closing websocket session", "Websocket ended", TOO_MANY[1]})
"""Close reasons of Twilio's own."""


def metadata(message: Message, note: str | None = None) -> Message:
    """The message with all of its content masked; what is no text is left out. `note`: in place of its own."""
    reason = message.reason if message.reason is None or message.reason in REASONS else mask(message.reason)
    return msgspec.structs.replace(
        message,
        text=None if message.text is None else metadata_text(message.text),
        data=None,
        reason=reason,
        sha256=None,
        note=note or message.note,
    )


def metadata_text(text: str) -> str:
    """The text of a message with all content masked, of the same length but for numbers, which become strings."""
    if not looks_like_json(text):
        return mask(text)
    found, formed = literals(text), is_json(text)
    own = {one.name: one.text for one in found if one.depth == 1 and not one.is_name and not one.is_number}
    edits: list[Edit] = []
    for one in found:
        if one.is_name:
            if not _NAME.fullmatch(one.text):
                edits += one.edits(_whole(one.text))
        elif one.is_number:
            if one.text not in _WORDS and not _is_plain(one, own):
                edits += one.edits(_whole(one.text)) if formed else [Edit(one.start, one.end, mask(one.text))]
        elif not _is_plain(one, own):
            edits += one.edits(_content(one, own))
    return applied(text, edits)


def _is_plain(one: Literal, own: dict[str | None, str]) -> bool:
    if one.depth != 1:
        return False
    event = own.get("type") == "info" and one.name == "value" and own.get("name") in EVENTS
    if one.is_number:
        return (event or one.name not in _CONTENT) and bool(_NUMBER.fullmatch(one.text))
    if own.get("type") == "info":
        return (event and bool(_STATE.fullmatch(one.text))) or (
            one.name in ("type", "name") and bool(_NAME.fullmatch(one.text))
        )
    form = _NAME if one.name in ("type", "lang", "ttsLanguage", "transcriptionLanguage") else _ID
    return one.name in _PLAIN and bool(form.fullmatch(one.text))


def _content(one: Literal, own: dict[str | None, str]) -> list[Edit]:
    if one.name == "description" and own.get("type") == "error":
        quoted = rejected(one.text)
        if quoted is not None:
            start = len(one.text) - len(quoted)
            return [Edit(start, len(one.text), mask(quoted))] if quoted else []
    if looks_like_json(one.text) and is_json(one.text):
        return [
            edit
            for inner in literals(one.text)
            if not (inner.is_name and _NAME.fullmatch(inner.text)) and inner.text not in _WORDS
            for edit in inner.edits(_whole(inner.text))
        ]
    return _whole(one.text)


def _whole(text: str) -> list[Edit]:
    return masks(text, [(0, len(text))])
