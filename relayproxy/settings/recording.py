"""Recording settings of each route, and what they say in words.

Knows: which settings hold for a route.
Must not know: how anything is redacted.
"""

from dataclasses import dataclass

from relayproxy.redaction.rules import Rules
from relayproxy.redaction.values import KeyPolicy, NameFinder, Record, policy
from relayproxy.settings.model import Settings
from relayproxy.settings.signatures import route_names

WORDS: dict[Record, str] = {
    "full": "everything, card numbers and PINs included",
    "redacted": "what is said, without card numbers, PINs and the like",
    "metadata": "times, types and sizes, no words",
    "none": "nothing",
}


_KEEPS_LESS: tuple[Record, ...] = ("full", "redacted", "metadata", "none")


@dataclass(frozen=True, slots=True)
class Recording:
    """The settings in force for one route."""

    record: Record
    keys: KeyPolicy
    fields: tuple[str, ...]
    """Names of custom parameters and handoff fields."""
    patterns: tuple[str, ...]
    """Regular expressions."""
    names: str | None
    """The model that finds names of people; None where they are not looked for."""


def recording(settings: Settings, route: str, at_most: Record = "full") -> Recording:
    """The settings in force for calls over that route; those of a route come before those for all. Never is more
    recorded than `at_most` says."""
    own = settings.routes.get(route)
    record = max((own and own.record) or settings.record, at_most, key=_KEEPS_LESS.index)
    fields = (own and own.redact_fields) or settings.redact_fields
    patterns = (own and own.redact_patterns) or settings.redact_patterns
    names = (own and own.redact_names) or settings.redact_names
    return Recording(
        record,
        (own and own.keys) or settings.keys,
        tuple(fields.split(",")) if fields else (),
        tuple(patterns.splitlines()) if patterns else (),
        names if record == "redacted" else None,
    )


def rules_of(found: Recording, names: NameFinder | None = None) -> Rules:
    """The rules of redaction that these settings make. `names` finds names of people, where `found.names` is set."""
    return Rules(found.record, found.keys, policy(found.fields, found.patterns, names))


def recorded_words(settings: Settings, route: str) -> str:
    """What is recorded of calls over that route."""
    found = recording(settings, route)
    words = WORDS[found.record]
    if found.record == "redacted" and found.keys != "mask":
        words += ", all keys" if found.keys == "keep" else ", no keys"
    if found.names is not None:
        words += ", no names"
    return words


def recorded_summary(settings: Settings) -> str:
    """One sentence for the start: what is recorded, by route where they differ."""
    said = {
        route: f"{recording(settings, route).record} ({recorded_words(settings, route)})"
        for route in route_names(settings)
    }
    if len(set(said.values())) <= 1:
        return f"recorded of calls: {next(iter(said.values()), settings.record)}"
    return "recorded of calls: " + "; ".join(f"route {route}: {words}" for route, words in said.items())
