"""Numbers that are announced: by a word in front of them ("my PIN is"), behind them ("is my PIN"), by what the other
side asked for, or by the card number that they follow.

Knows: how far a word reaches, and how many digits each kind of number has.
Must not know: how a number is read; card numbers.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from relayproxy.redaction.detection.runs import Part
from relayproxy.redaction.detection.tokens import Token
from relayproxy.redaction.detection.vocabulary import (
    ANY_CODE,
    COPULAS,
    CURRENCIES,
    FILLERS,
    MONTHS,
    PHRASES,
    POSSESSIVES,
    SIGNS,
    UNITS,
    Topic,
)
from relayproxy.redaction.values import Context, Kind

_REACH = 9
"""Words between what announces a number and the number."""
_NEXT_TO = 2
"""Words between what announces a number and the number, when the number could also belong to what follows it."""
_BETWEEN = 4
"""Tokens between "PIN" and "card" in "the PIN of my card", and words between two numbers of one kind."""
_SHORT = 12
"""Tokens around the number in an answer that is nothing else."""
_FORGOTTEN = 4
"""So many digits may be a secret that was given before and is not known any more."""
_CARD_REACH = 6
"""Words between a card number and the expiry or security code that nothing else announces."""
_CODES = frozenset[Topic | Kind]({"pin", "security_code"})
"""What a "code", or one called like the other, may be where one of them was spoken of or asked for: "your PIN?" – "the
code is 4821"."""
_DIGITS: dict[Kind, range] = {
    "card_number": range(13, 33),
    "pin": range(4, 13),
    "number": range(6, 41),
    "security_code": range(3, 5),
    "expiry": range(3, 9),
}
"""How many digits each kind has. Fewer or more are something else. A card number that is announced and has a wrong
check digit was misheard, and one with too many digits was corrected."""


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
    echo: bool = False
    """It may be a secret that was counted before."""


def mentions(tokens: Sequence[Token]) -> list[Mention]:
    """What a text speaks of, in order; longer phrases win."""
    found = []
    at = 0
    while at < len(tokens):
        mention = _mention(tokens, at) if tokens[at].word in PHRASES else None
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
    said = _Said(tokens, context)
    ends = iter([*behind_cards, len(tokens)])
    next_card = next(ends)
    nth = 0
    for number in numbers:
        first, last = number.parts[0].at, number.parts[-1].at + 1
        while nth < len(mentions) and mentions[nth].last <= first:
            said.mention(mentions[nth])
            nth += 1
        while next_card <= first:
            said.card(next_card)
            next_card = next(ends)
        behind = _behind(tokens, last, mentions[nth]) if nth < len(mentions) else None
        topics = said.topics_at(first, _NEXT_TO if behind == "other" else None)
        if behind and (behind != "other" or not topics):
            topics = frozenset({behind})
        month = _month(tokens, first)
        kind = _kind(number, topics, month, tokens, said.of_card)
        if kind is None and not topics and said.follows_card(number, first, last):
            kind = _after_card(number, month, tokens)
        if kind is not None:
            yield Announced(kind, number, month if kind == "expiry" else None)
            said.number(kind, last)
        elif context.forgot and not topics and _may_be_forgotten(number, tokens):
            yield Announced("number", number, None, echo=True)


class _Said:
    """What was said in front of a number that tells what it is."""

    def __init__(self, tokens: Sequence[Token], context: Context) -> None:
        self._tokens = tokens
        self._topics: frozenset[Topic | Kind] = context.asked
        self._since = 0
        self._reach = _REACH
        self._mentioned = False
        self._card_end = 0 if context.card else None
        self._card_before = context.card

    @property
    def of_card(self) -> bool:
        """Whether a card was given or spoken of."""
        return self._card_end is not None

    def mention(self, mention: Mention) -> None:
        """Takes what a number is announced to be."""
        if mention.topic == "card_number":
            if self._card_end is None:
                self._card_end = mention.last
            if self._mentioned and "other" not in self._topics and mention.first - self._since <= _BETWEEN:
                self._since = mention.last  # "the PIN of my card"
                return
        before = self.topics_at(mention.first) if self._is_code(mention) else frozenset[Topic | Kind]()
        self._topics, self._since, self._reach = frozenset({mention.topic}) | (before & _CODES), mention.last, _REACH
        self._mentioned = True

    def _is_code(self, mention: Mention) -> bool:
        one_word = mention.last - mention.first == 1
        return mention.topic in _CODES or (one_word and self._tokens[mention.first].word in ANY_CODE)

    def card(self, end: int) -> None:
        """Takes that a card number ended in front of this token."""
        if self._since <= end:
            self._topics, self._mentioned = frozenset(), False
        self._card_end, self._card_before = end, False

    def number(self, kind: Kind, end: int) -> None:
        """Takes that a number was what it was announced to be."""
        if kind == "pin":  # "from 4821 to 1248"
            self._since, self._reach = end, _BETWEEN
        else:
            self._topics, self._mentioned = frozenset(), False
        if self._card_end is not None:
            self._card_end = end

    def topics_at(self, first: int, reach: int | None = None) -> frozenset[Topic | Kind]:
        """What a number that begins with this token is announced to be, by no more than `reach` words in between."""
        near = _words(self._tokens, self._since, first) <= (self._reach if reach is None else reach)
        return self._topics if near else frozenset()

    def follows_card(self, number: Number, first: int, last: int) -> bool:
        """Whether a number that nothing announces belongs to a card: it stands right behind it, or it is all of an
        answer."""
        if self._card_end is None:
            return False
        if not self._card_before:
            return number.follows_card or _words(self._tokens, self._card_end, first) <= _CARD_REACH
        around = [*self._tokens[:first][:_SHORT], *self._tokens[last:][:_SHORT]]
        fits = FILLERS | COPULAS | POSSESSIVES | MONTHS.keys()
        return len(around) < _SHORT and all(token.word in fits for token in around if token.letters)


def _mention(tokens: Sequence[Token], at: int) -> Mention | None:
    for phrase, topic in PHRASES[tokens[at].word]:
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
    number: Number, topics: frozenset[Topic | Kind], month: int | None, tokens: Sequence[Token], card: bool
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


def _may_be_forgotten(number: Number, tokens: Sequence[Token]) -> bool:
    return len(number.digits) >= _FORGOTTEN and not _amount(number, tokens) and not _date(number, tokens)


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
    if mention.topic == "other" and mention.first == last:
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
