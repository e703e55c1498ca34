"""The payload of `end`.

Knows: that Twilio documents a string, usually JSON, and what people put instead.
Must not know: whether the session ended with it.
"""

from typing import Any

import msgspec

from relayproxy.conversation.model import Handoff
from relayproxy.conversation.vocabulary import parse

_REASON_KEYS = ("reasonCode", "reason_code", "reason")


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


def _reason_code(value: Any) -> str | None:
    if not isinstance(value, dict):
        return None
    for key in _REASON_KEYS:
        code = value.get(key)
        if code and isinstance(code, str | int) and not isinstance(code, bool):
            return str(code)
    return None
