"""Fields: the names in handoff data, as a flow would read them. Never their values.

Knows: that handoff data is a JSON object, usually, and which names may be shown.
Must not know: where handoffs are kept; flows.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from relayproxy.conversation.model import Handoff

DEEPEST = 4
MOST = 200
"""Fields of one handoff that are looked at."""
_SHOWN = re.compile(r"(?!.*[0-9]{3})[A-Za-z_][A-Za-z0-9_-]{0,39}")
"""A name with more digits may be somebody's number."""


@dataclass(frozen=True, slots=True)
class SeenFields:
    """The fields of recorded handoffs, dotted, with the number of handoffs that had each."""

    handoffs: int = 0
    """All whose data was kept."""
    objects: int = 0
    """Of these, those that were JSON objects; the others have no fields."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """The most frequent first."""

    def shown(self, most: int = 8) -> str:
        """Names as examples, for people; those that may be secrets themselves are left out."""
        names = [name for name in self.counts if all(_SHOWN.fullmatch(part) for part in name.split("."))]
        more = len(self.counts) - len(names[:most])
        return ", ".join(names[:most]) + (f" and {more} more" if more and names else "") or "none that can be shown"


def seen_fields(handoffs: Iterable[Handoff]) -> SeenFields:
    """The fields of those handoffs whose data was kept."""
    counts: Counter[str] = Counter()
    number = objects = 0
    for handoff in handoffs:
        number += handoff.raw is not None
        if isinstance(handoff.json, dict):
            objects += 1
            counts.update({*_names(handoff.json)})
    return SeenFields(number, objects, _ordered(counts))


def together(found: Iterable[SeenFields]) -> SeenFields:
    """The fields of several routes' handoffs."""
    counts: Counter[str] = Counter()
    number = objects = 0
    for one in found:
        number, objects = number + one.handoffs, objects + one.objects
        counts.update(one.counts)
    return SeenFields(number, objects, _ordered(counts))


def _ordered(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


def _names(value: dict[str, Any]) -> Iterator[str]:
    waiting: list[tuple[str, Any, int]] = [("", value, 0)]
    told = 0
    while waiting and told < MOST:
        path, item, depth = waiting.pop()
        if path:
            told += 1
            yield path
        if depth < DEEPEST and isinstance(item, dict | list):
            inside = item.items() if isinstance(item, dict) else enumerate(item)
            waiting += [(f"{path}.{name}" if path else str(name), one, depth + 1) for name, one in inside]
