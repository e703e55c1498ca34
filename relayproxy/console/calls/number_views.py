"""Numbers for people: each of a table with its value and unit, or why there is none.

Knows: how values of each unit are written; in which order numbers stand.
Must not know: HTML; which numbers there are.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from relayproxy.console import words
from relayproxy.console.http import times
from relayproxy.conversation.checks.findings import CATALOGUE
from relayproxy.conversation.measures.number import Number, Of
from relayproxy.conversation.measures.numbers import (
    INTERRUPTION_NUMBERS,
    TABLES,
    TURN_NUMBERS,
    NumberLevel,
    null_reason,
)
from relayproxy.conversation.measures.session_numbers import SESSION_NUMBERS
from relayproxy.conversation.model import ChunkGaps, Conversation, Turn
from relayproxy.conversation.totals import NullReason, Silence, Spread
from relayproxy.plural import plural

_LONG = {"char": "character"}
"""Long names of units, where they differ from the unit's own."""


@dataclass(frozen=True, slots=True)
class NumberView:
    """One number. `id` names its definition on the page of numbers."""

    id: str
    number: Number[Any]
    texts: tuple[str, ...]
    """The value with its unit, a text for each of its parts; empty where there is none."""
    absent: str
    """Why there is none; empty where there is one."""
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class NumberGroup:
    """Numbers of one thing; without a title those of the page's own."""

    title: str
    numbers: tuple[NumberView, ...]


def of_turn(turn: Turn) -> tuple[NumberGroup, ...]:
    """All numbers of a turn, then those of each interruption in it."""
    own = tuple(
        _view("turn", number, turn, null_reason(turn, number.name), estimated=_estimated(turn, number.name))
        for number in TURN_NUMBERS
    )
    interruptions = (
        NumberGroup(
            f"Interruption {place}, {words.interruption(cut.kind)}",
            tuple(_view("interruption", number, cut, None) for number in INTERRUPTION_NUMBERS),
        )
        for place, cut in enumerate(turn.interruptions, 1)
    )
    return (NumberGroup("", own), *interruptions)


def of_session(conversation: Conversation) -> tuple[NumberGroup, ...]:
    """All numbers of a session."""
    greeting = conversation.totals.greeting_null_reason
    views = (
        _view("session", number, conversation, greeting if number.name == "greeting_latency_ms" else None)
        for number in SESSION_NUMBERS
    )
    return (NumberGroup("", tuple(views)),)


def definitions() -> dict[NumberLevel, tuple[tuple[str, Number[Any]], ...]]:
    """All numbers by what they are of, each with the id of its definition."""
    return {level: tuple((_id(level, number), number) for number in numbers) for level, numbers in TABLES.items()}


def _view(
    level: NumberLevel, number: Number[Of], of: Of, why: NullReason | None, *, estimated: bool = False
) -> NumberView:
    value = number.read(of) if number.nanoseconds else number.value(of)
    texts = () if value is None else tuple(text.replace("-", "−") for text in _texts(number, value))
    absent = "" if texts else number.absent or words.null_reason(why) or ("not known" if value is None else "none")
    return NumberView(_id(level, number), number, texts, absent, estimated)


def _id(level: NumberLevel, number: Number[Any]) -> str:
    return f"{level}-{number.name}"


def _estimated(turn: Turn, name: str) -> bool:
    return name == "reply_complete_ms" and turn.reply_complete_estimated


def _texts(number: Number[Any], value: Any) -> Iterator[str]:
    """The value with its unit; where it has several parts, each with its name."""
    if number.nanoseconds:
        yield words.milliseconds(value) if abs(value) < 10 * times.NS else times.latency(round(value / 1_000_000))
    elif isinstance(value, ChunkGaps | Spread):
        for name, ms in (("p50", value.p50_ms), ("p95", value.p95_ms), ("max", value.max_ms)):
            if ms is not None:
                yield f"{name} {words.milliseconds(round(ms * 1_000_000))}"
        if isinstance(value, Spread) and value.n:
            yield f"of {value.n:,}"
    elif isinstance(value, Mapping):
        for name, one in value.items():
            if isinstance(one, Silence):
                yield f"{name} {'about ' if one.estimated else ''}{times.latency(one.total_ms)}"
                yield f"longest {times.latency(one.longest_ms)}"
            else:
                yield f"{_counted(name)} {one:,}"
    elif number.per_second:
        yield times.latency(value)
    else:
        yield _quantity(number.unit, value)


def _counted(name: str) -> str:
    """What a count of several is called: a finding or a kind of interruption by its words."""
    finding = CATALOGUE.get(name)
    return finding.title if finding else words.interruption(name).replace("_", " ")


def _quantity(unit: str, value: float) -> str:
    if unit == "By":
        return times.size(round(value))
    if unit == "1":
        return f"{value:.0%}"
    counted = unit.removesuffix("/s").strip("{}")
    word = _LONG.get(counted, counted)
    return f"{value:.1f} {word}s/s" if unit.endswith("/s") else plural(round(value), word)
