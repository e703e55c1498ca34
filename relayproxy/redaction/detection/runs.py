"""Runs of numbers: stretches of a text in which digits are written or spoken one after the other.

Knows: what may stand between two parts of one number; every way in which a run can be read as digits.
Must not know: which digits are secret.
"""

from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple

from relayproxy.redaction.detection.number_words import ARTICLES, CONNECTORS, REPEATS, TIMES, Language, number
from relayproxy.redaction.detection.tokens import Token
from relayproxy.redaction.detection.vocabulary import FILLERS, SIGNS

_WORD = 3
"""Letters that stick to digits are a word when they are so many."""
_DOCUMENT = range(5, 13)
"""Digits of passports, licences and the like, which begin with a letter."""
_MARKS = 6
"""So many punctuation characters may stand between two parts of a number."""
_FILLERS = 8
_WORDS = 8
"""So many words of any kind may interrupt a card number that is expected."""


_ENDS = SIGNS | {"+"}
"""Signs of a currency, or the beginning of a telephone number."""
_UNSURE = frozenset({"o", "ones"})
"""English number words only behind or beside another number: not "the last ones" nor "o meu"."""


class Gap(IntEnum):
    """What stands between two numbers, from nothing to what ends a run."""

    SPACE = 0
    """White space and hyphens, within a word of a number too: "forty-one"."""
    CONNECTOR = 1
    """The word within a number: "cuarenta y uno"."""
    ARTICLE = 2
    TIMES = 3
    """ "three times four"."""
    FILLER = 4
    """Punctuation, line ends, and words such as "uh" and "then"."""
    WORDS = 5
    """A few other words."""
    END = 6
    """Words that announce something else, signs of a currency, too much of anything."""


class Reading(NamedTuple):
    """One way to read the numbers from a place of a run on."""

    end: int
    """The place behind them."""
    digits: str


class Part(NamedTuple):
    """One number of a run: written digits or a word."""

    at: int
    """Index of its token."""
    token: Token
    value: int | None
    """What a word says; None for written digits and for words that repeat a digit."""
    repeat: int
    """For words that repeat the next digit, how often; else 0."""
    gap: Gap
    """What stands in front of it."""


def runs(tokens: Sequence[Token], topics: Sequence[bool], language: Language) -> Iterator[list[Part]]:
    """The runs of a text, within which no gap is wider than `Gap.WORDS`. `topics` says which tokens announce what a
    number is: they end a run and are no part of one."""
    run: list[Part] = []
    for at in range(len(tokens)):
        token = tokens[at]
        if topics[at] or not (token.digits or token.word in REPEATS or number(token.word, language) is not None):
            continue
        part = _part(tokens, at, language)
        if part is None:
            continue
        gap = _gap(tokens, topics, run[-1].at, at, language) if run else Gap.END
        if run and gap > Gap.WORDS:
            yield run
            run = []
        run.append(part._replace(gap=gap))
    if run:
        yield run


def readings(run: Sequence[Part], at: int, language: Language) -> list[Reading]:
    """Every way to read the number that begins at a place of a run; the longest first."""
    part = run[at]
    if part.repeat:
        return _repeated(run, at + 1, part.repeat) if at + 1 < len(run) and run[at + 1].gap <= Gap.ARTICLE else []
    if part.value is None:
        return [Reading(at + 1, part.token.word)]
    if _single(run, at, part.value):
        return [Reading(at + 1, str(part.value))]
    found = {Reading(end, str(value)) for value, end in _below_100_000(run, at, language)}
    follows = run[at + 1] if at + 1 < len(run) else None
    if follows is not None and 2 <= part.value <= 6:
        plural = language == "en" and follows.gap == Gap.SPACE and follows.token.word.endswith("s")
        if follows.gap == Gap.TIMES or (plural and follows.token.word != "six"):
            found.update(_repeated(run, at + 1, part.value))
    return sorted(found, key=lambda one: (-one.end, len(one.digits)))


def most_digits(run: Sequence[Part]) -> int:
    """No reading of a run has more digits than that."""
    return sum(
        len(part.token.word)
        if part.token.digits
        else 5
        if part.repeat or (part.value or 0) >= 100
        else 4
        if part.gap in (Gap.TIMES, Gap.ARTICLE)
        else 2
        for part in run
    )


def _single(run: Sequence[Part], at: int, value: int) -> bool:
    """Whether the word at a place says a number by itself, as most digits do; cheap, and only ever right."""
    follows = run[at + 1] if at + 1 < len(run) else None
    if follows is None or follows.gap > Gap.TIMES or follows.value is None:
        return True
    return value < 10 and follows.value < 10 and follows.gap < Gap.TIMES and follows.token.word[-1:] != "s"


def _part(tokens: Sequence[Token], at: int, language: Language) -> Part | None:
    token = tokens[at]
    if token.digits:
        return None if _glued(tokens, at) else Part(at, token, None, 0, Gap.END)
    if not token.letters:
        return None
    value = number(token.word, language)
    if token.word in _UNSURE:
        beside = [*tokens[at - 1 : at], *(tokens[at + 1 : at + 2] if token.word == "o" else ())]
        if not any(near.digits or number(near.word, language) is not None for near in beside):
            return None
    if value is not None:
        return Part(at, token, value, 0, Gap.END)
    repeat = REPEATS.get(token.word, 0)
    if repeat and any(after.digits or number(after.word, language) is not None for after in tokens[at + 1 : at + 3]):
        return Part(at, token, None, repeat, Gap.END)
    return None


def _glued(tokens: Sequence[Token], at: int) -> bool:
    """Whether digits stick to letters, as in an id or "4th". A whole word ("card4111…") does not count, nor do scripts
    that are written without spaces, nor the letter in front of a passport's number."""
    if _sticks(tokens, at, 1):
        return True
    document = len(tokens[at].word) in _DOCUMENT and (at < 2 or not _touch(tokens, at - 2, at - 1))
    return not document and _sticks(tokens, at, -1)


def _sticks(tokens: Sequence[Token], at: int, step: int) -> bool:
    near, beyond = at + step, at + 2 * step
    if not (0 <= near < len(tokens) and tokens[near].letters and _touch(tokens, at, near)):
        return False
    letters = tokens[near].word
    if not (letters[-1 if step < 0 else 0 :][:1].isascii() and letters):
        return False
    return len(letters) < _WORD or (
        0 <= beyond < len(tokens) and tokens[beyond].digits and _touch(tokens, near, beyond)
    )


def _touch(tokens: Sequence[Token], one: int, other: int) -> bool:
    return tokens[min(one, other)].end == tokens[max(one, other)].start


def _gap(tokens: Sequence[Token], topics: Sequence[bool], last: int, at: int, language: Language) -> Gap:
    between = tokens[last + 1 : at] if at - last <= _MARKS + _FILLERS + 1 else None
    if between is None or any(topics[last + 1 : at]):
        return Gap.END
    words = [token.word for token in between if token.letters]
    marks = [token.word for token in between if not token.letters]
    if len(marks) > _MARKS or any(mark in _ENDS for mark in marks) or any(token.digits for token in between):
        return Gap.END
    if not words:
        return Gap.SPACE if all(mark in "-‐‑" for mark in marks) else Gap.FILLER
    if not marks:
        if len(words) == 1 and words[0] in CONNECTORS[language]:
            return Gap.CONNECTOR
        if len(words) == 1 and words[0] in ARTICLES:
            return Gap.ARTICLE
        if words[0] in TIMES and all(word in ARTICLES for word in words[1:]):
            return Gap.TIMES
    other = sum(word not in FILLERS for word in words)
    if not other and len(words) <= _FILLERS:
        return Gap.FILLER
    return Gap.WORDS if len(words) <= _WORDS else Gap.END


def _repeated(run: Sequence[Part], at: int, times: int) -> list[Reading]:
    part = run[at]
    digits = part.token.word if part.value is None and not part.repeat else str(part.value)
    return [Reading(at + 1, digits * times)] if digits.isdecimal() and len(digits) <= 2 else []


def _below_100_000(run: Sequence[Part], at: int, language: Language) -> Iterator[tuple[int, int]]:
    """Values and the places behind them, of numbers that begin at a place."""
    value = run[at].value
    if value is None:
        return
    if value > 1000:
        yield value, at + 1
        return
    starts = [(1, at)] if value == 1000 else list(_below_1000(run, at, language))
    for thousands, end in starts:
        if value != 1000:
            yield thousands, end
        if _value(run, end, Gap.SPACE if value != 1000 else Gap.END) == 1000 and 1 <= thousands <= 99:
            yield thousands * 1000, end + 1
            if _value(run, end + 1, Gap.CONNECTOR) is not None:
                for rest, behind in _below_1000(run, end + 1, language):
                    if rest:
                        yield thousands * 1000 + rest, behind


def _below_1000(run: Sequence[Part], at: int, language: Language) -> Iterator[tuple[int, int]]:
    value = run[at].value
    if value is None or value >= 1000:
        return
    if value >= 100:
        yield value, at + 1
        hundreds = [(value, at + 1)] if value % 100 == 0 else []
    else:
        pairs = list(_below_100(run, at, language))
        yield from pairs
        hundreds = [(pair * 100, end + 1) for pair, end in pairs if pair and _value(run, end, Gap.SPACE) == 100]
        yield from hundreds
    for hundred, end in hundreds:
        if _value(run, end, Gap.CONNECTOR) is not None:
            for rest, behind in _below_100(run, end, language):
                if rest:
                    yield hundred + rest, behind


def _below_100(run: Sequence[Part], at: int, language: Language) -> Iterator[tuple[int, int]]:
    value = run[at].value
    if value is None or value >= 100:
        return
    yield value, at + 1
    follows = _value(run, at + 1, Gap.CONNECTOR)
    if follows is None:
        return
    if language == "fr":
        if value == 4 and follows == 20 and run[at + 1].gap == Gap.SPACE:
            yield 80, at + 2
            yield from _french(run, at + 2, 80)
        elif value in (60, 80):
            yield from _french(run, at + 1, value)
        elif value == 10 and 7 <= follows <= 9:
            yield value + follows, at + 2
    if language in ("de", "nl") and 1 <= value <= 9 and run[at + 1].gap == Gap.CONNECTOR and follows in _TENS:
        yield follows + value, at + 2
    if value in _TENS and 1 <= follows <= 9:
        yield value + follows, at + 2


def _french(run: Sequence[Part], at: int, base: int) -> Iterator[tuple[int, int]]:
    """What is counted on from sixty or eighty."""
    follows = _value(run, at, Gap.CONNECTOR)
    if follows is not None and 1 <= follows <= 19:
        yield base + follows, at + 1
        more = _value(run, at + 1, Gap.SPACE)
        if follows == 10 and more is not None and 7 <= more <= 9:
            yield base + 10 + more, at + 2


_TENS = range(20, 100, 10)


def _value(run: Sequence[Part], at: int, widest: Gap) -> int | None:
    """What the word at a place says, when no more than `widest` stands in front of it."""
    return run[at].value if at < len(run) and run[at].gap <= widest else None
