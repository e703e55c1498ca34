"""Facts of a call that are compared: each has a kind, a field and a value.

Knows: what of a conversation is a fact of a turn, and what of the whole call.
Must not know: which values differ; latencies, which are no facts but samples.

A value that no other run would have (an id, a time, an amount) is within words: what becomes the same once these are
masked is the same.
"""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from relayproxy.comparison.limits import FieldRule
from relayproxy.comparison.model import MOST_FIELDS, Fact
from relayproxy.conversation.checks.handoff import REASON_KEYS, handoff_field
from relayproxy.conversation.model import Conversation, Handoff, Turn
from relayproxy.text import mended

Facts = dict[Fact, Any]

ABSENT: Mapping[str, Any] = {"findings": False}
"""The value of a fact that a run does not have, where it is not None."""

_MASKED = "#"
_DYNAMIC = re.compile(r"\S*\d\S*")


def of_turn(turn: Turn, findings: set[str], *, ends: bool) -> Facts:
    """The facts of a turn: `findings`, the codes of those in it; `ends`: the backend sent `end` in it."""
    facts: Facts = {
        ("caller", "words"): _text(turn.caller_text),
        ("caller", "keys"): mended(turn.dtmf),
        ("text", ""): _text(turn.agent_text),
        ("message_types", ""): message_types(turn, ends=ends),
        ("language", ""): mended(", ".join(turn.languages)),
        ("play", ""): mended(", ".join(turn.media)),
        ("digits", ""): mended(turn.sent_digits),
        ("interruptions", ""): ", ".join(cut.kind for cut in turn.interruptions),
    }
    return facts | {("findings", code): True for code in findings}


def message_types(turn: Turn, *, ends: bool) -> str:
    """Which messages the backend sent in a turn, by their types."""
    types = (
        ("language", turn.languages),
        ("play", turn.media),
        ("text", turn.chunks or turn.agent_text),
        ("sendDigits", turn.sent_digits),
        ("end", ends),
    )
    return ", ".join(name for name, sent in types if sent)


def of_call(conversation: Conversation, fields: Mapping[str, FieldRule]) -> Facts:
    """The facts of the whole call, but for those of its turns. `fields` of the handoff have rules of their own."""
    handoff = conversation.handoff
    facts: Facts = {
        ("ending", ""): conversation.outcome,
        ("ending", "twilio_error_code"): conversation.twilio_error_code,
        ("studio", ""): conversation.studio_transition,
        ("handoff", ""): handoff is not None and handoff.raw not in (None, ""),
    }
    if handoff is not None:
        ruled = {*fields, *(REASON_KEYS if "reason_code" in fields else ())}
        facts |= {
            ("handoff", path): value
            for path, value in islice(_fields(handoff), MOST_FIELDS)
            if not any(path == name or path.startswith(f"{name}.") for name in ruled)
        }
    facts |= {("handoff", name): field_of(conversation, name) for name, rule in fields.items() if rule == "equal"}
    in_turns = {code for codes in findings_by_turn(conversation).values() for code in codes}
    return facts | {("findings", code): True for code in conversation.totals.findings if code not in in_turns}


def fields_left_out(conversation: Conversation) -> int:
    """How many fields of its handoff are no facts, as there are so many."""
    handoff = conversation.handoff
    return 0 if handoff is None else max(0, sum(1 for _ in _fields(handoff)) - MOST_FIELDS)


def findings_by_turn(conversation: Conversation) -> dict[int, set[str]]:
    """The codes of the findings in each turn."""
    found = {turn.number: {one.code for one in turn.findings} for turn in conversation.turns}
    for one in conversation.findings:
        if one.turn in found:
            found[one.turn].add(one.code)
    return found


def ends_in(conversation: Conversation) -> int | None:
    """The number of the turn in which `end` came."""
    if conversation.handoff is None:
        return None
    begun = [turn.number for turn in conversation.turns if turn.started_at <= conversation.handoff.at]
    return begun[-1] if begun else None


def field_of(conversation: Conversation, name: str) -> Any:
    """The value of a handoff's field by its name or path; None when there is none."""
    try:
        return None if conversation.handoff is None else _plain(handoff_field(conversation.handoff, name))
    except KeyError:
        return None


def masked(value: Any) -> Any:
    """The value with everything masked in it that has a digit: numbers, times, ids."""
    if isinstance(value, str):
        return _DYNAMIC.sub(_MASKED, value)
    return _MASKED if isinstance(value, int | float) and not isinstance(value, bool) else value


def maskable(fact: Fact) -> bool:
    """Whether values of it may hold what is new in each call."""
    kind, field = fact
    return kind in ("text", "play") or (kind == "handoff" and field != "")


def _text(text: str) -> str:
    return mended(" ".join(text.split()))


def _fields(handoff: Handoff) -> Iterator[tuple[str, Any]]:
    """Paths and values of what is in the payload; lists are values as a whole, as JSON."""
    if not isinstance(handoff.json, dict):
        if handoff.raw:
            yield "handoffData", mended(handoff.raw)
        return
    stack = [(str(name), value) for name, value in reversed(handoff.json.items())]
    while stack:
        path, value = stack.pop()
        if isinstance(value, dict) and value:
            stack += [(f"{path}.{name}", inner) for name, inner in reversed(value.items())]
        else:
            yield mended(path), _plain(value)


def _plain(value: Any) -> Any:
    """The value as any JSON document can hold it."""
    if isinstance(value, list | dict):
        return mended(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    if isinstance(value, str):
        return mended(value)
    return str(value) if isinstance(value, int) and not -(2**63) <= value < 2**63 else value
