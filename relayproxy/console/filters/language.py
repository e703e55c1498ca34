"""Filter language: parses text to criteria, reports what cannot be parsed, and writes criteria as text.

Knows: fields' other names, what each kind of field takes, and what was probably meant by a field that is not known.
Must not know: SQL; how complaints are shown.

`parse` takes any text. Nothing in it is ignored silently: each token is in force, or there is a complaint about it.
"""

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from difflib import get_close_matches

from aiohttp import web

from relayproxy.console.filters import values
from relayproxy.console.filters.fields import ALIASES, FILTER_FIELDS, TIMES, closed_values
from relayproxy.console.filters.tokens import (
    MAX_LENGTH,
    MAX_TOKENS,
    VALUES,
    FilterToken,
    Piece,
    quoted,
    replaced,
    within,
)
from relayproxy.console.http.middleware import bad_request
from relayproxy.console.http.zones import readers_zone, zone_named
from relayproxy.store.read.filters.criteria import PARAM, STATES, Criteria, Criterion, Op, kind_of_field
from relayproxy.text import storable

_STUDIO = frozenset({"success", "failed", "none"})
_SIDS = {"CA": "call", "VX": "session", "AC": "account"}
_ID = re.compile(r"(CA|VX|AC)?[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
"""A number as Twilio writes it: E.164."""
_FOREIGN_ID = re.compile(r"v\d+:[\w+/=-]+")
_NAME = re.compile(r"[\w.-]+")
_SAYABLE = re.compile(r"\w")
_OPS: tuple[Op, ...] = (">=", "<=", ">", "<", "=")
_EXPECTED = {
    "number": "a whole number, as in {0}:3 or {0}:>3, is expected",
    "seconds": "seconds or a length of time, as in {0}:>2 or {0}:>1500ms, is expected",
}


_TOO_MUCH = f"a filter has at most {MAX_LENGTH:,} characters, {MAX_TOKENS} conditions and {VALUES} values"
_SHOWN = 40
"""Characters of what is beyond that."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """A token, or the beginning of all that is too much, that is not in force. `suggestion`: the whole text with what
    was perhaps meant instead of it, whose token is `meant`; `without`: the text without it."""

    token: str
    message: str
    without: str
    meant: str | None = None
    suggestion: str | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """A token that is in force, and the whole text without it."""

    token: str
    without: str


@dataclass(frozen=True, slots=True)
class Query:
    """A filter as it was written, as far as it is looked at, and as it is understood."""

    text: str
    criteria: Criteria
    problems: tuple[Complaint, ...] = ()
    terms: tuple[Term, ...] = ()


class _Wrong(Exception):
    """A token's error, and the token that was perhaps meant."""

    def __init__(self, message: str, meant: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.meant = meant


@dataclass
class _Gathered:
    every: list[Criterion] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    since: int | None = None
    until: int | None = None

    def within(self, since: int | None, until: int | None) -> None:
        if since is not None:
            self.since = since if self.since is None else max(self.since, since)
        if until is not None:
            self.until = until if self.until is None else min(self.until, until)


def parse(text: str, now_ns: int, zone: tzinfo = UTC) -> Query:
    """The query of the text; relative times count back from `now_ns` (wall nanoseconds), and days are those of the
    zone. Never raises."""
    text, found, beyond = within(storable(text))
    gathered, problems, terms = _Gathered(), list[Complaint](), list[Term]()
    for place, token in enumerate(found):
        written, without = text[token.start : token.end], replaced(text, token, "")
        if place and (meant := _plus_lost(text, found[place - 1], token)):
            problems.append(Complaint(written, _PLUS_LOST, without, meant, replaced(without, found[place - 1], meant)))
            continue
        try:
            _read(token, written, now_ns, zone, gathered)
        except _Wrong as wrong:
            suggestion = None if wrong.meant is None else replaced(text, token, wrong.meant)
            problems.append(Complaint(written, wrong.message, without, wrong.meant, suggestion))
        else:
            terms.append(Term(written, without))
    if beyond:
        begun = beyond[:_SHOWN] + "…" * (len(beyond) > _SHOWN)
        problems.append(Complaint(begun, _TOO_MUCH, text))
    criteria = Criteria(tuple(gathered.every), tuple(gathered.words), gathered.since, gathered.until)
    return Query(text, criteria, tuple(problems), tuple(terms))


def write(criteria: Criteria) -> str:
    """The text that `parse` reads as these criteria."""
    parts = [write_criterion(one) for one in criteria.every]
    for name, at in (("since", criteria.since), ("until", criteria.until)):
        if at is not None:
            parts.append(f"{name}:{values.stamp(at)}")
    parts += [quoted(word.removesuffix("*"), begins=word.endswith("*"), word=True) for word in criteria.words]
    return " ".join(parts)


def write_criterion(one: Criterion) -> str:
    """One condition as a token."""
    if kind_of_field(one.field) == "seconds":
        listed = [values.seconds_text(int(value)) for value in one.values]
    else:
        listed = [quoted(str(value), begins=one.op == "^") for value in one.values]
    op = "" if one.op in ("=", "^") else one.op
    return f"{'-' * one.negated}{write_name(one.field)}:{op}{','.join(listed)}"


def write_name(name: str) -> str:
    """A field's name as it is written in a token."""
    if name.startswith(PARAM) and not _NAME.fullmatch(name):
        rest = name.removeprefix(PARAM).replace("\\", "\\\\").replace('"', '\\"')
        return f'{PARAM}"{rest}"'
    return name


def read_name(written: str) -> str:
    """The field that a written name stands for, which may be one that does not exist."""
    if written[: len(PARAM)].lower() == PARAM:
        return PARAM + written[len(PARAM) :]
    return ALIASES.get(written.lower(), written.lower())


def zone_of(request: web.Request) -> tzinfo:
    """The zone of a page's reader; of an endpoint what `zone` names, UTC without it. Raises a 400 Problem for a `zone`
    that is none."""
    if not request.path.startswith("/api/"):
        return readers_zone(request)
    name = request.query.get("zone", "UTC")
    zone = zone_named(name)
    if zone is None:
        raise bad_request(f"zone={name[:64]}: a time zone such as UTC or Europe/Berlin is expected.")
    return zone


def criteria_of(request: web.Request) -> Criteria:
    """The criteria of a request's `q`. Raises a 400 Problem that lists everything that is wrong with it."""
    query = parse(request.query.get("q", ""), time.time_ns(), zone_of(request))
    if query.problems:
        raise bad_request("q: " + "; ".join(f"{one.token[:80]}: {one.message}" for one in query.problems[:20]) + ".")
    return query.criteria


_OFFSET = re.compile(r"\d\d:?\d\d", re.ASCII)
_PLUS_LOST = "a + seems to have been lost before it: in an address + means a space, and is written %2B"


def _plus_lost(text: str, time: FilterToken, token: FilterToken) -> str | None:
    """The condition that was meant by a time and what follows it, when that is what is left of an offset."""
    name = read_name(time.field or "")
    offset = text[token.start : token.end]
    if name not in TIMES or not _OFFSET.fullmatch(offset) or len(time.pieces) != 1:
        return None
    meant = f"{time.pieces[0].text}+{offset}"
    return f"{name}:{meant}" if values.span(meant, 0) else None


def _read(token: FilterToken, written: str, now: int, zone: tzinfo, into: _Gathered) -> None:
    if token.field is None:
        _read_word(token, written, into)
        return
    name = read_name(token.field)
    if name in TIMES:
        into.within(*_read_time(name, token, now, zone))
        return
    kind = kind_of_field(name)
    if kind is None and _FOREIGN_ID.fullmatch(found := written.removeprefix("-")):
        into.every.append(Criterion("id", "=", (found,), token.negated))
        return
    if kind is None:
        raise _unknown(name, token, written)
    if not token.pieces:
        raise _Wrong(f"a value is expected, as in {_example(name)}")
    if kind in ("number", "seconds"):
        into.every.append(_numbers(name, kind, token))
        return
    into.every.append(_texts(name, token))


def _read_word(token: FilterToken, written: str, into: _Gathered) -> None:
    piece = token.pieces[0]
    if piece.bare and not piece.begins and (found := _ID.fullmatch(piece.text)):
        name = _SIDS[found[1]] if found[1] else "id"
        into.every.append(Criterion(name, "=", (piece.text,), token.negated))
        return
    if piece.bare and _PHONE.fullmatch(piece.text.rstrip("*")):
        op: Op = "^" if piece.begins or piece.text.endswith("*") else "="
        into.every.append(Criterion("number", op, (piece.text.rstrip("*"),), token.negated))
        return
    word = piece.text.rstrip("*")
    if not _SAYABLE.search(word):
        raise _Wrong("nothing to search for: a letter or a digit is expected")
    if token.negated:
        raise _Wrong("words can be searched for, but not left out", written[1:])
    into.words.append(word + "*" * (piece.begins or (piece.bare and piece.text.endswith("*"))))


def _read_time(name: str, token: FilterToken, now: int, zone: tzinfo) -> tuple[int | None, int | None]:
    if len(token.pieces) != 1 or token.negated or token.pieces[0].begins:
        raise _Wrong(f"one time is expected, as in {name}:{'today' if name == 'on' else '24h'}")
    found = values.span(token.pieces[0].text, now, zone)
    if found is None or (name == "on" and found[0] == found[1]):
        expected = "today, yesterday or 2026-11-20" if name == "on" else "24h, 7d, 2026-11-20 or 2026-11-20T10:00"
        raise _Wrong(f"a time such as {expected} is expected")
    return None if name == "until" else found[0], None if name == "since" else found[1]


def _numbers(name: str, kind: str, token: FilterToken) -> Criterion:
    wrong = _Wrong(_EXPECTED[kind].format(name))
    read = values.whole if kind == "number" else values.milliseconds
    first = token.pieces[0].text
    written = next((op for op in _OPS if token.pieces[0].bare and first.startswith(op)), None)
    numbers: list[int] = []
    for piece, text in zip(
        token.pieces, (first[len(written or "") :], *(p.text for p in token.pieces[1:])), strict=True
    ):
        number = read(text)
        if number is None or number >= 2**63 or piece.begins:
            raise wrong
        numbers.append(min(number, values.MAX_NUMBER))
    op: Op = written or "="
    if op != "=" and len(numbers) > 1:
        raise _Wrong(f"{op} compares with one number", f"{'-' * token.negated}{name}:{op}{first[len(op) :]}")
    return Criterion(name, op, tuple(numbers), token.negated)


def _texts(name: str, token: FilterToken) -> Criterion:
    found = tuple(piece.text for piece in token.pieces)
    if name == "outcome" and all(one.lower() in _STUDIO for one in found):
        name = "transition"
    if any(piece.bare and piece.text[:1] in ("<", ">") for piece in token.pieces):
        raise _Wrong(f"{name} is a text: it can be equal or begin with something, but not be more or less")
    begins = {piece.begins for piece in token.pieces}
    if len(begins) > 1:
        raise _Wrong(
            "either all values end with *, or none", _again(name, token, [Piece(p.text, True) for p in token.pieces])
        )
    op: Op = "^" if True in begins else "="
    if known := closed_values(name):
        if op == "^" and name == "is":
            raise _Wrong(f"one of {', '.join(STATES)} is expected")
        found = tuple(one.lower() for one in found)
        if op == "=":
            _check_closed(name, known, token, found)
    return Criterion(name, op, found, token.negated)


def _check_closed(name: str, known: Mapping[str, str], token: FilterToken, found: tuple[str, ...]) -> None:
    for place, one in enumerate(found):
        if one not in known:
            near = get_close_matches(one.replace(" ", "_"), known, 1, 0.5) or _in_words(name, one)
            if name == "outcome" and not near:
                near = get_close_matches(one, _STUDIO, 1, 0.5) if len(found) == 1 else []
            pieces = [Piece(other) for other in found]
            if near:
                pieces[place] = Piece(near[0])
            expected = f"one of {', '.join(known)}" if len(known) < _FEW else f"a code such as {_example(name)}"
            raise _Wrong(f"{expected} is expected", _again(name, token, pieces) if near else None)


_FEW = 12
"""Values that a complaint lists."""


def _in_words(name: str, written: str) -> list[str]:
    """The value that pages call so, or nearly."""
    phrases = {phrase.lower(): value for value, phrase in closed_values(name).items() if phrase}
    return [phrases[phrase] for phrase in get_close_matches(written, phrases, 1, 0.6)]


def _again(name: str, token: FilterToken, pieces: Iterable[Piece]) -> str:
    listed = ",".join(quoted(piece.text, begins=piece.begins) for piece in pieces)
    return f"{'-' * token.negated}{write_name(name)}:{listed}"


def _unknown(name: str, token: FilterToken, written: str) -> _Wrong:
    known = (*FILTER_FIELDS, *TIMES, *ALIASES)
    near = (
        get_close_matches(name, known, 1, 0.76) or [one for one in known if len(name) > 1 and one.startswith(name)][:1]
    )
    if near:
        rest = written.partition(":")[2]
        return _Wrong(f"there is no field {name}", f"{'-' * token.negated}{near[0]}:{rest}")
    # A custom parameter is the likeliest; what is no name at all was to be searched for.
    if _NAME.fullmatch(name):
        meant = f"{'-' * token.negated}{PARAM}{token.field}:{written.partition(':')[2]}"
        return _Wrong(f"there is no field {name}; custom parameters are written {PARAM}{name}", meant)
    return _Wrong("there is no such field; a phrase with a colon in it is searched for in quotes", quoted(written))


def _example(name: str) -> str:
    return f"{write_name(name)}:{FILTER_FIELDS[name].example if name in FILTER_FIELDS else 'gold'}"
