"""Card numbers in a run of numbers.

Knows: how card numbers are built: issuers' prefixes, lengths, the check digit.
Must not know: what is said around a number.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from stdnum import luhn

from relayproxy.redaction.number_words import Language
from relayproxy.redaction.runs import Gap, Part, Reading, readings

LENGTHS = range(13, 20)
_ANY = tuple(LENGTHS)
_USUAL = 16
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


class Budget:
    """How many steps a search may still take, so that no text takes long."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.taken = 0

    def take(self) -> bool:
        """Takes one step; False when none is left."""
        self.taken += 1
        return self.taken <= self.steps


def cards(run: Sequence[Part], language: Language, expected: bool, budget: Budget) -> Iterator[Card]:
    """The card numbers of a run, in order, none within another. `expected`: what is said around speaks of a card, so
    that rarer readings and unknown issuers are believed."""
    options = [readings(run, at, language) for at in range(len(run))]
    at = 0
    while at < len(run):
        card = _best(run, options, at, expected, budget)
        if card is None:
            at += 1
        else:
            yield card
            at = card.last


def _best(
    run: Sequence[Part], options: Sequence[list[Reading]], start: int, expected: bool, budget: Budget
) -> Card | None:
    """The likeliest card number that begins at a place: of its issuer's usual length, read as numbers are usually
    read."""
    best: tuple[int, Card] | None = None
    unusual = 2 if expected else 1
    paths: list[tuple[int, int, str, tuple[tuple[int, str], ...]]] = [(start, 0, "", ())]
    while paths and budget.take():
        at, odd, digits, places = paths.pop()
        if len(digits) in LENGTHS:
            lengths = _lengths(run[start:at], digits, expected, at - start == len(run))
            if not expected:
                broken = any(part.gap > Gap.FILLER for part in run[start + 1 : at])
                if (odd and (broken or len(digits) != _USUAL)) or (broken and len(digits) not in lengths[:1]):
                    lengths = ()
            if len(digits) in lengths:
                rank = lengths.index(len(digits)) + 10 * odd
                if (best is None or rank < best[0]) and luhn.is_valid(digits):
                    best = rank, Card(start, at, digits, places, len(digits) < min(max(lengths), _USUAL))
        if at < len(run):
            for nth, reading in enumerate(options[at]):
                longer = digits + reading.digits
                if len(longer) <= LENGTHS[-1] and odd + (nth > 0) <= unusual:
                    paths.append((reading.end, odd + (nth > 0), longer, (*places, (at, reading.digits))))
    return best[1] if best else None


def _lengths(parts: Sequence[Part], digits: str, expected: bool, whole: bool) -> tuple[int, ...]:
    """The lengths of this issuer's card numbers, the usual one first; an unknown issuer is believed when a card is
    expected or the groups are those of a card, and they are all of the run."""
    for first, last, lengths in _ISSUERS:
        if first <= digits[: len(first)] <= last:
            return lengths
    printed = [len(part.token.word) for part in parts if part.token.digits] in _SHAPES
    return _ANY if whole and (expected or printed) else ()
