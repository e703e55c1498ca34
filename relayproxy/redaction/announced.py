"""Numbers that are announced: by a word in front of them ("my PIN is"), behind them ("is my PIN"), by what the other
side asked for, or by the card number that they follow.

Knows: how far a word reaches, and how many digits each kind of number has.
Must not know: how a number is read; card numbers.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from relayproxy.redaction.runs import Part
from relayproxy.redaction.tokens import Token
from relayproxy.redaction.values import Context, Kind
from relayproxy.redaction.vocabulary import (
    COPULAS,
    CURRENCIES,
    MONTHS,
    PHRASES,
    POSSESSIVES,
    SIGNS,
    UNITS,
    Topic,
)

_REACH = 9
"""Words between what announces a number and the number."""
_CARD_REACH = 6
"""Words between a card number and the expiry or security code that nothing else announces."""
_DIGITS: dict[Kind, range] = {
    "card_number": range(13, 20),
    "pin": range(4, 13),
    "number": range(6, 41),
    "security_code": range(3, 5),
    "expiry": range(3, 9),
}
"""How many digits each kind has. Fewer or more are something else. A card number that is announced and has a wrong
check digit was misheard."""


class Mention(NamedTuple):
    """Tokens that say what a number is: from `first` up to, not including, `last`."""

    first: int
    last: int
    topic: Topic


class Number(NamedTuple):
    """Parts of a run, and how many digits they have as numbers are usually read."""

    parts: Sequence[Part]
    digits: str
    follows_card: bool
    """A card number stands directly in front of it."""


class Announced(NamedTuple):
    """A number that is secret."""

    kind: Kind
    number: Number
    month: int | None
    """Index of the token that names the month of an expiry."""


def mentions(tokens: Sequence[Token]) -> list[Mention]:
    """What a text speaks of, in order; longer phrases win."""
    found = []
    at = 0
    while at < len(tokens):
        mention = _mention(tokens, at)
        if mention is None:
            at += 1
        else:
            found.append(mention)
            at = mention.last
    return found


def announced(
    numbers: Sequence[Number],
    tokens: Sequence[Token],
    mentions: Sequence[Mention],
    behind_cards: Sequence[int],
    context: Context,
) -> Iterator[Announced]:
    """Those of the numbers of a text, in order, that are secret by what is said around them. `behind_cards`: the tokens
    that stand behind its card numbers."""
    nth = 0
    topics: frozenset[Topic | Kind] = context.asked
    since = 0
    card_end = 0 if context.card else None
    ends = iter([*behind_cards, len(tokens)])
    next_card = next(ends)
    for number in numbers:
        first, last = number.parts[0].at, number.parts[-1].at + 1
        while nth < len(mentions) and mentions[nth].last <= first:
            topics, since = frozenset({mentions[nth].topic}), mentions[nth].last
            if mentions[nth].topic == "card_number":
                card_end = mentions[nth].last if card_end is None else card_end
            nth += 1
        while next_card <= first:
            card_end = next_card
            if since <= next_card:
                topics = frozenset()
            next_card = next(ends)
        behind = _behind(tokens, last, mentions[nth]) if nth < len(mentions) else None
        reached = topics if _words(tokens, since, first) <= _REACH else frozenset()
        month = _month(tokens, first)
        kind = _kind(number, {behind} if behind else reached, month, tokens, card_end is not None)
        if (
            kind is None
            and not reached
            and card_end is not None
            and (number.follows_card or _words(tokens, card_end, first) <= _CARD_REACH)
        ):
            kind = _after_card(number, month, tokens)
        if kind is not None:
            yield Announced(kind, number, month if kind == "expiry" else None)
            topics = frozenset()
            if card_end is not None:
                card_end = last


def _mention(tokens: Sequence[Token], at: int) -> Mention | None:
    for phrase, topic in PHRASES.get(tokens[at].word, ()):
        end = at
        for word in phrase:
            while at < end < len(tokens) and tokens[end].word in "-'’‑":
                end += 1
            if end >= len(tokens) or tokens[end].word != word:
                break
            end += 1
        else:
            return Mention(at, end, topic)
    return None


def _kind(
    number: Number, topics: frozenset[Topic | Kind] | set[Topic], month: int | None, tokens: Sequence[Token], card: bool
) -> Kind | None:
    for kind, lengths in _DIGITS.items():
        if kind in topics and len(number.digits) in lengths:
            if kind == "expiry":
                if card:
                    return kind
            elif not _amount(number, tokens) and not (kind != "security_code" and _date(number, tokens)):
                return kind
    if "expiry" in topics and card and month is not None and len(number.digits) >= 2:
        return "expiry"
    return None


def _after_card(number: Number, month: int | None, tokens: Sequence[Token]) -> Kind | None:
    count = len(number.digits)
    if _amount(number, tokens):
        return None
    if month is not None and count in (2, 4):
        return "expiry"
    if count in (4, 6) and 1 <= int(number.digits[:2]) <= 12:
        return "expiry"
    if count in (3, 4) or (number.follows_card and count <= 8 and count > 2):
        return "security_code"
    return None


def _behind(tokens: Sequence[Token], last: int, mention: Mention) -> Topic | None:
    """What a number is said to be directly behind it: "is my PIN", "anrufen"."""
    if mention.topic == "other" and mention.first - last <= 1:
        return mention.topic
    if mention.topic == "other" or not 1 <= mention.first - last <= 5:
        return None
    words = [token.word for token in tokens[last : mention.first] if token.word not in "'’,"]
    fits = all(word in COPULAS or word in POSSESSIVES for word in words) and any(word in COPULAS for word in words)
    return mention.topic if fits else None


def _month(tokens: Sequence[Token], first: int) -> int | None:
    for at in range(first - 1, max(first - 4, -1), -1):
        if tokens[at].word in MONTHS:
            return at
    return None


def _amount(number: Number, tokens: Sequence[Token]) -> bool:
    first, last = number.parts[0].at, number.parts[-1].at + 1
    before = tokens[first - 1].word if first else ""
    behind = tokens[last].word if last < len(tokens) else ""
    return before in SIGNS or behind in SIGNS or behind in CURRENCIES or behind in UNITS or _decimal(number, tokens)


def _decimal(number: Number, tokens: Sequence[Token]) -> bool:
    """Whether a number has an amount such as 45.99 in it."""
    pairs = [
        (before, behind, tokens[before.at + 1].word)
        for before, behind in pairwise(number.parts)
        if behind.at - before.at == 2 and behind.token.start - before.token.end == 1
    ]
    return any(
        mark in ".," and len(behind.token.word) == 2 and behind.token.digits and before.token.digits
        for before, behind, mark in pairs
    ) and not any(len(behind.token.word) == 1 for _, behind, _ in pairs)


def _date(number: Number, tokens: Sequence[Token]) -> bool:
    """Whether a number is written as a date or a time of day."""
    parts = number.parts
    if len(parts) < 2 or not all(part.token.digits for part in parts[:3]):
        return False
    mark = tokens[parts[0].at + 1].word
    lengths = [len(part.token.word) for part in parts[:3]]
    if mark in "/:":
        return lengths[0] <= 4 and lengths[1] <= 2
    if mark not in ".-":
        return False
    return lengths == [4, 2, 2] or (max(lengths[:2]) <= 2 and lengths[2:] in ([4], [2]))


def _words(tokens: Sequence[Token], first: int, last: int) -> int:
    """How many words stand between, counted as far as it matters."""
    return sum(token.letters for token in tokens[first : min(last, first + 40)]) + max(0, last - first - 40)
