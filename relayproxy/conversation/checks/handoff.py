"""The payload of `end`.

Knows: that Twilio documents a string, usually JSON, and what people put instead; what does not belong in it.
Must not know: whether the session ended with it.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from relayproxy.conversation.checks.card_numbers import card_number
from relayproxy.conversation.model import Handoff
from relayproxy.conversation.protocol.decoding import TooDeep, parse
from relayproxy.conversation.protocol.violations import json_kind

LARGE = 4096
"""Bytes. There is no documented limit, but it travels as a form field and through Studio's context: what is larger
than 4 KiB is remarkable."""

REASON_KEYS = ("reasonCode", "reason_code", "reason")
"""Names under which backends put the reason, in the order in which they are looked for."""
_MEANT = frozenset({"reason", "reasoncode", "handoff", "handoffdata", "handoffreason"})
"""Fields of `end` itself, in small letters without signs, that are meant to arrive where handoffData does."""


def handoff(data: Any, at: int, size: int) -> Handoff:
    """The value of `handoffData` (None: absent, UNSET: not kept) that `end` of `size` bytes carried at `at`, wall
    nanoseconds."""
    if data is msgspec.UNSET:
        return Handoff(at=at, raw=None, json=None, is_string=False, bytes=size, reason_code=None)
    if data is None:
        return Handoff(at=at, raw=None, json=None, is_string=False, bytes=0, reason_code=None)
    if isinstance(data, str):
        raw = data
        try:
            value = parse(data)
        except ValueError:
            value = None
    else:
        raw, value = msgspec.json.encode(data).decode(), data
    return Handoff(
        at=at,
        raw=raw,
        json=value,
        is_string=isinstance(data, str),
        bytes=len(raw.encode()),
        reason_code=_reason_code(value),
    )


def handoff_findings(handoff: Handoff, *, card: bool = False) -> tuple[tuple[str, str], ...]:
    """The findings of a payload, as (code, detail). Details never quote what may be secret. `card`: it had a card
    number, which is masked."""
    return tuple(_findings(handoff, card))


def misplaced(text: str) -> tuple[tuple[str, str], ...]:
    """The findings of the text of an `end` without a payload, as (code, detail): what was meant to be one stands beside
    its place."""
    try:
        message = parse(text)
    except ValueError:
        return ()
    meant = [key for key in message if key.replace("_", "").replace("-", "").lower() in _MEANT]
    meant = [key for key in meant if key != "handoffData" and message[key] not in (None, "")]
    return (("handoff_misplaced", f'"{meant[0]}" beside its place: there is no handoffData'),) if meant else ()


def handoff_field(handoff: Handoff, name: str) -> Any:
    """The value of a field by its name or path (`order.id`); `reason_code` is found under each of its names. Raises
    KeyError when there is none."""
    value = handoff.json
    if isinstance(value, dict) and name in value:
        return value[name]
    if name == "reason_code" and handoff.reason_code is not None:
        return handoff.reason_code
    for key in name.split("."):
        if not isinstance(value, dict):
            raise KeyError(name)
        value = value[key]
    return value


def studio_path(widget: str = "<name>") -> str:
    """How a Studio flow refers to the payload that its ConversationRelay widget of this name ended with."""
    return f"{{{{widgets.{widget}.HandoffData}}}}"


def _findings(handoff: Handoff, card: bool) -> Iterator[tuple[str, str]]:
    raw = handoff.raw
    if raw is not None and not handoff.is_string:
        yield "handoff_not_string", f"{json_kind(handoff.json)} in place of a string"
    if raw is not None and handoff.is_string and handoff.json is None and raw.strip() and not _is_json(raw):
        yield "handoff_not_json", "a string that is not JSON"
    if handoff.is_string and isinstance(handoff.json, str) and isinstance(_value(handoff.json), dict | list):
        yield "handoff_encoded_twice", "a JSON string within a JSON string"
    if handoff.bytes > LARGE:
        yield "handoff_too_large", f"{handoff.bytes} bytes, more than {LARGE}"
    found = card_number(raw if handoff.json is None else handoff.json, masked=card)
    if found is not None:
        yield "handoff_card_number", found


def _value(text: str) -> Any:
    try:
        return parse(text)
    except ValueError:
        return None


def _is_json(raw: str) -> bool:
    try:
        parse(raw)
    except TooDeep:
        return True
    except ValueError:
        return False
    return True


def _reason_code(value: Any) -> str | None:
    if not isinstance(value, dict):
        return None
    for key in REASON_KEYS:
        code = value.get(key)
        if code and isinstance(code, str | int) and not isinstance(code, bool):
            return str(code)
    return None
