"""Filter completion: suggests fields, then values that occur in the database.

Knows: which token is at the cursor.
Must not know: SQL, HTML.
"""

import time
from datetime import UTC, tzinfo
from typing import Annotated

from msgspec import Meta

from relayproxy.console.filters.fields import ALIASES, CLOSED, FILTER_FIELDS, TIMES, closed_values
from relayproxy.console.filters.language import parse, read_name, write_name
from relayproxy.console.filters.tokens import FilterToken, quoted, replaced, tokens
from relayproxy.console.http.documents import Count, Document, End
from relayproxy.store.read import facets
from relayproxy.store.read.filters.criteria import PARAM, STATES, Criteria, FieldKind, kind_of_field
from relayproxy.store.read.queries import Queries

MAX_SUGGESTIONS = 12
_STUDIO = {value: f"Studio goes to {closed_values('transition')[value]}" for value in ("failed", "success")}
_BY_KIND: dict[FieldKind | None, tuple[str, ...]] = {
    "number": (">0", ">1", ">5", ">10"),
    "seconds": (">1", ">2", ">5", "<1"),
    "is": tuple(STATES),
}
"""What is suggested in place of values, where the field has nothing of its own."""
_ALL = {**FILTER_FIELDS, **TIMES}


class Suggestion(Document, frozen=True):
    """A suggested replacement of a token."""

    insert: Annotated[str, Meta(description="What goes in place of the characters from `start` to `end`.")]
    label: str
    hint: Annotated[str, Meta(description="What it means; may be empty.")] = ""
    count: Annotated[Count | None, Meta(description="Sessions that have it.")] = None
    done: Annotated[bool, Meta(description="Nothing more belongs to that token.")] = True


class Completion(Document, frozen=True):
    """Suggestions for a token, whose place is counted in characters."""

    start: Annotated[Count, Meta(description="Where the token begins that is being written.")]
    end: Annotated[Count, Meta(description="Before where it ends.")]
    items: tuple[Suggestion, ...]
    next: End = None


def complete(queries: Queries, text: str, at: int, zone: tzinfo = UTC) -> Completion:
    """Suggestions for the token that contains position `at`, or for a new one there."""
    at = max(0, min(at, len(text)))
    token = next((one for one in tokens(text) if one.start <= at <= one.end), None)
    if token is None:
        return Completion(at, at, _fields(queries, "", ""))
    typed = tokens(text[token.start : at])
    written = typed[0] if typed else FilterToken(0, 0, False, None, ())
    minus = "-" * token.negated
    if written.field is None:
        begun = "" if not written.pieces else written.pieces[0].text
        if not begun or text[token.start + token.negated] != '"':
            return Completion(token.start, token.end, _fields(queries, begun, minus))
        return Completion(token.start, token.end, ())
    name = read_name(written.field)
    open_value = text[at - 1 : at] in (",", ":")
    before = written.pieces if open_value else written.pieces[:-1]
    begun = "" if open_value or not written.pieces else written.pieces[-1].text
    head = f"{minus}{write_name(name)}:" + "".join(f"{quoted(one.text, begins=one.begins)}," for one in before)
    others = replaced(text, token, "")
    return Completion(
        token.start, token.end, _values(queries, name, head, begun, parse(others, time.time_ns(), zone).criteria)
    )


def _fields(queries: Queries, begun: str, minus: str) -> tuple[Suggestion, ...]:
    low = begun.lower()
    names = [name for name in _ALL if name.startswith(low)] + [
        name for name in _ALL if low in name and not name.startswith(low)
    ]
    if low:
        called = (name for alias, name in ALIASES.items() if alias.startswith(low))
        names = list(dict.fromkeys([*names[:MAX_SUGGESTIONS], *called]))
    found = [Suggestion(f"{minus}{name}:", f"{name}:", _ALL[name].help, done=False) for name in names]
    if low:
        rest = begun[len(PARAM) :] if low.startswith(PARAM) else begun if not PARAM.startswith(low) else ""
        found += [
            Suggestion(f"{minus}{write_name(name)}:", f"{name}:", "custom parameter", done=False)
            for name in facets.parameters(queries, rest, MAX_SUGGESTIONS)
        ]
        found += [
            Suggestion(f"{minus}{name}:{value}", f"{name}:{value}", phrase or FILTER_FIELDS[name].help)
            for name in CLOSED
            for value, phrase in closed_values(name).items()
            if len(low) > 1 and _begins(name, value, low)
        ]
    return tuple(found) if not low else tuple(found[:MAX_SUGGESTIONS])


def _values(queries: Queries, name: str, head: str, begun: str, criteria: Criteria) -> tuple[Suggestion, ...]:
    kind = kind_of_field(name)
    fixed = (_ALL[name].suggestions if name in _ALL else ()) or _BY_KIND.get(kind, ())
    if fixed:
        return tuple(Suggestion(head + value, value) for value in fixed if value.startswith(begun))
    if kind is None:
        return ()
    closed, low = closed_values(name), begun.lower()
    if closed:
        # All of them, as one can also be meant by a word of its phrase.
        counts = dict(facets.values(queries, name, "", criteria, 2 * len(closed)))
        counts |= {value: 0 for value in closed if value not in counts}
        meant = [value for value, count in counts.items() if _begins(name, value, low) or (count and low in value)]
        meant.sort(key=lambda value: not value.startswith(low))
        listed = [(value, counts[value]) for value in meant[:MAX_SUGGESTIONS]]
    else:
        listed = list(facets.values(queries, name, begun, criteria, MAX_SUGGESTIONS))
    if name == "outcome" and "," not in head:
        # What most people ask for; it is of the transition.
        studio = dict(facets.values(queries, "transition", "", criteria, MAX_SUGGESTIONS))
        listed += [(one, studio.get(one, 0)) for one in ("failed", "success") if one.startswith(low)]
    phrases = {**closed, **_STUDIO}
    return tuple(Suggestion(head + quoted(value), value, phrases.get(value, ""), count) for value, count in listed)


def _begins(name: str, value: str, low: str) -> bool:
    """True when the value, or a word of its phrase, begins so."""
    phrase = closed_values(name).get(value, "").lower()
    return value.startswith(low) or phrase.startswith(low) or f" {low}" in phrase
