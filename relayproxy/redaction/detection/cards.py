"""Card numbers in a run of numbers.

Knows: how card numbers are built: issuers' prefixes, lengths, the check digit.
Must not know: what is said around a number.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from stdnum import luhn

from relayproxy.redaction.detection.number_words import Language
from relayproxy.redaction.detection.runs import Gap, Part, Reading, most_digits, readings

LENGTHS = range(13, 20)
_ANY = tuple(LENGTHS)
USUAL = 16
"""Digits of most card numbers."""
_LONG = (16, 17, 18, 19)

_ISSUERS: tuple[tuple[str, str, tuple[int, ...]], ...] = (
    ("2200", "2205", (16, 17, 18, 19)),  # Mir, Borica
    ("2221", "2720", (16,)),  # Mastercard
    ("300", "305", (14, 16)),  # Diners Club
    ("3088", "3094", (16,)),  # JCB
    ("309", "309", (14, 16)),
    ("34", "34", (15,)),  # American Express
    ("3528", "3589", _LONG),  # JCB
    ("36", "36", (14, 16, 19)),  # Diners Club
    ("37", "37", (15,)),
    ("38", "39", (14, 16, 19)),
    ("4", "4", (16, 13, 19)),  # Visa
    ("50", "50", (16, 13, 14, 15, 17, 18, 19)),  # Maestro, Elo, Verve
    ("51", "55", (16,)),  # Mastercard
    ("56", "58", (16, 13, 14, 15, 17, 18, 19)),  # Maestro
    ("60", "60", (16, 13, 14, 15, 17, 18, 19)),  # Discover, RuPay, Hipercard, Maestro
    ("61", "61", (16, 18, 19)),  # Maestro
    ("62", "65", (16, 13, 14, 15, 17, 18, 19)),  # UnionPay, Maestro, Discover, RuPay
    ("66", "69", (16, 18, 19)),  # Maestro
    ("81", "82", _LONG),  # UnionPay, RuPay
    ("9704", "9704", (16, 19)),  # Napas
    ("9792", "9792", (16,)),  # Troy
)
"""First and last prefix, and the lengths of these cards, the usual one first."""

_SHAPES = ([4, 4, 4, 4], [4, 6, 5], [4, 6, 4])
"""Groups in which card numbers are printed; so written, any issuer is believed."""

_GROUP = 4
_BEHIND = 8
"""Digits of an expiry and a security code."""

LONGEST_RUN = 250
"""Numbers. Nobody says so many in one breath: a longer run is masked whole."""


class Card(NamedTuple):
    """A card number in a run: from `first` up to, not including, `last`."""

    first: int
    last: int
    digits: str
    places: tuple[tuple[int, str], ...]
    """Where each number of its reading begins, and its digits."""
    open: bool
    """More digits could make it another card number."""


_EXCLAMATIONS = frozenset({"oh", "o"})
"""What reads as a zero, and may be said or be an article in front of a number."""


class Budget:
    """How many steps a search may still take, so that no text takes long."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.taken = 0

    @property
    def spent(self) -> bool:
        """Whether a step was refused: a search may have missed something."""
        return self.taken > self.steps

    def take(self) -> bool:
        """Takes one step; False when none is left."""
        self.taken += 1
        return not self.spent


class _Candidate(NamedTuple):
    """A stretch of a run, read in one way."""

    last: int
    odd: int
    """How many of its numbers are read otherwise than usual."""
    digits: str
    places: tuple[tuple[int, str], ...]


def cards(run: Sequence[Part], language: Language, expected: bool, budget: Budget) -> Iterator[Card]:
    """The card numbers of a run, in order, none within another. `expected`: what is said around speaks of a card, so
    that rarer readings, odd places and unknown issuers are believed."""
    if most_digits(run) < LENGTHS[0]:
        return
    options = [readings(run, at, language) for at in range(len(run))]
    at = 0
    while at < len(run):
        card = _best(run, options, at, expected, budget)
        if card is None:
            at += 1
        else:
            yield card
            at = card.last


def card_begins(run: Sequence[Part], first: int, language: Language) -> int:
    """The first place, from `first` on, where a card number of a known issuer may begin of which the rest is still to
    come, with words in between only behind whole groups; the end of the run when there is none."""
    for start in range(first, len(run)):
        if not (_pause(run, start) or len(run[start].token.word) == _GROUP):
            continue
        digits = _digits_to_end(run, start, language)
        if any(_begins(digits, *issuer) for issuer in _ISSUERS):
            before = _digits_to_end(run[:start], first, language)[:_GROUP]
            return first if before and digits.startswith(before) else start  # "4111 11 no, 4111 1111"
    return len(run)


def _digits_to_end(run: Sequence[Part], start: int, language: Language) -> str:
    """The digits of a run from a place on, as they are usually read; none when there are too many for a card number, or
    words stand within a group."""
    at, digits = start, ""
    while at < len(run):
        if at > start and run[at].gap > Gap.FILLER and len(digits) % _GROUP:
            return ""
        options = readings(run, at, language)
        digits += options[0].digits if options else ""
        at = options[0].end if options else at + 1
        if len(digits) > LENGTHS[-1]:
            return ""
    return digits


def _begins(digits: str, first: str, last: str, lengths: tuple[int, ...]) -> bool:
    """Whether digits may be the beginning of a longer number of an issuer."""
    known = digits[: len(first)]
    return (
        0 < len(digits) < max(lengths) and first <= known.ljust(len(first), "9") and known.ljust(len(last), "0") <= last
    )


def _best(
    run: Sequence[Part], options: Sequence[list[Reading]], start: int, expected: bool, budget: Budget
) -> Card | None:
    """The likeliest card number that begins at a place: of its issuer's usual length, read as numbers are usually
    read."""
    if not (expected or _pause(run, start) or run[start].token.digits):
        return None
    best: tuple[int, Card] | None = None
    waiting = [_Candidate(start, 0, "", ())]
    while waiting and budget.take():
        candidate = waiting.pop()
        at, odd, digits, places = candidate
        if len(digits) >= LENGTHS[0]:
            lengths = _lengths(run, start, candidate, expected)
            rank = lengths.index(len(digits)) + 10 * odd if len(digits) in lengths else None
            if (
                rank is not None
                and (best is None or rank < best[0])
                and luhn.is_valid(digits)
                and _stands_alone(run, options, start, candidate, expected)
            ):
                best = rank, Card(start, at, digits, places, len(digits) < min(max(lengths), USUAL))
        if at == len(run):
            continue
        longest = max(issuer_lengths(digits[:4]) or LENGTHS) if len(digits) >= 4 else LENGTHS[-1]
        for nth, reading in enumerate(options[at]):
            longer = digits + reading.digits
            if len(longer) <= longest and odd + (nth > 0) <= 1 + expected:
                waiting.append(_Candidate(reading.end, odd + (nth > 0), longer, (*places, (at, reading.digits))))
    return best[1] if best else None


def _lengths(run: Sequence[Part], start: int, candidate: _Candidate, expected: bool) -> tuple[int, ...]:
    """The lengths that such a card number may have, the usual one first. Where no card is expected, a number that is
    read in an odd way or interrupted has the usual length; an unknown issuer is believed where one is expected or the
    groups are those of a card, and they are all of the run."""
    lengths = issuer_lengths(candidate.digits[:4])
    if not lengths:
        whole = candidate.last - start == len(run)
        return _ANY if whole and (expected or _printed(run, start, candidate.last)) else ()
    if expected or not (candidate.odd or _interrupted(run, start, candidate.last)):
        return lengths
    return lengths[:1] if not candidate.odd or lengths[0] == USUAL else ()


@lru_cache(maxsize=10_000)
def issuer_lengths(prefix: str) -> tuple[int, ...]:
    """The lengths of an issuer's card numbers, by four digits; none when they belong to no issuer."""
    for first, last, lengths in _ISSUERS:
        if first <= prefix[: len(first)] <= last:
            return lengths
    return ()


def _stands_alone(
    run: Sequence[Part], options: Sequence[list[Reading]], start: int, candidate: _Candidate, expected: bool
) -> bool:
    """Whether a number is no piece of other numbers: it begins and ends where the speaker paused, or is followed by no
    more than an expiry and a security code, or is written as on a card or without separators. One of the two ends is
    enough where a card is expected."""
    last = candidate.last
    if _in_one(run, start, last) or _printed(run, start, last):
        return True
    begins, ends = _pause(run, start), last == len(run) or _pause(run, last)
    if not ends and (expected or _in_groups(run, candidate)):
        at, more = last, 0
        while at < len(run) and more <= _BEHIND and not (at > last and _pause(run, at)):
            more += len(options[at][0].digits) if options[at] else 0
            at = options[at][0].end if options[at] else at + 1
        ends = more <= _BEHIND
    return begins or ends if expected else begins and ends


def _in_groups(run: Sequence[Part], candidate: _Candidate) -> bool:
    """Whether the speaker paused only between the groups of a card number."""
    said = 0
    for at, digits in candidate.places:
        if said and _pause(run, at) and (said % _GROUP or run[at].gap > Gap.FILLER):
            return False
        said += len(digits)
    return True


def _pause(run: Sequence[Part], at: int) -> bool:
    """Whether a run begins here, behind an "oh" that may be no number, or the speaker paused."""
    if at < _GROUP and all(part.token.word in _EXCLAMATIONS for part in run[:at]):
        return True
    return run[at].gap >= Gap.FILLER and run[at].token.start - run[at - 1].token.end > 1


def _interrupted(run: Sequence[Part], start: int, last: int) -> bool:
    return any(part.gap > Gap.FILLER for part in run[start + 1 : last])


def _in_one(run: Sequence[Part], start: int, last: int) -> bool:
    """Whether a number is written without separators, and is not what stands behind a decimal point."""
    return last - start == 1 and (_pause(run, start) or run[start].gap == Gap.SPACE)


def _printed(run: Sequence[Part], start: int, last: int) -> bool:
    """Whether a number is written in the groups of a card."""
    return last - start <= _GROUP and [len(part.token.word) * part.token.digits for part in run[start:last]] in _SHAPES
