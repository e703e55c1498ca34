"""Secrets that are made of digits, in a text that is read in one language.

Knows: which numbers of a text are card numbers, announced by words, or repeat what is known; where a text is open.
Must not know: which language a text is in; messages and streams.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
from stdnum import iban

from relayproxy.redaction.detection.announced import Mention, Number, announced
from relayproxy.redaction.detection.cards import LENGTHS, LONGEST_RUN, USUAL, Budget, Card, card_begins, cards
from relayproxy.redaction.detection.number_words import ARTICLES, CONNECTORS, REPEATS, TIMES, Language
from relayproxy.redaction.detection.runs import Gap, Part, most_digits, readings, runs
from relayproxy.redaction.detection.tokens import Token
from relayproxy.redaction.detection.vocabulary import COPULAS, CORRECTIONS, FILLERS, PHONES, POSSESSIVES
from relayproxy.redaction.values import Context, Kind, Secret

_ECHO = 5
"""So many digits of a known secret in a row are masked again."""
_CARD = 13
"""Digits of the shortest card number."""
_PIN = 4
"""So many digits are masked again where they are a known secret as a whole."""
_LAST = 4
"""Digits of a card number that stay."""
_LONGEST_PHONE = 15
"""Digits of a telephone number behind a plus sign."""
_PHONE = range(9, 14)
"""Digits of telephone numbers without a plus sign. Shorter ones may be the beginning of a card number all the same."""
_CORRECTED = 40
"""Numbers of a run in which a correction is looked for."""
_TAKEN_BACK = 8
"""So many numbers may be taken back."""
_TAIL = 5
"""Words behind a number that leave it open."""
_MANY = 8
"""So many digits are the beginning of a card number, whatever words follow."""
_STEPS, _STEPS_PER_TOKEN = 5_000, 10
_TIES = frozenset[str]().union(*CONNECTORS.values())
_GOES_ON = FILLERS | COPULAS | POSSESSIVES | REPEATS.keys() | TIMES | ARTICLES | _TIES
"""Words behind a number that may go on, or be said to be something."""
_PLUS = frozenset({"+", "plus", "mas", "mais", "piu"})
_IBAN = re.compile(r"(?<![^\W_])[A-Za-z]{2}[0-9]{2}(?: ?[0-9A-Za-z]){11,30}(?![^\W_])")


class Reading(NamedTuple):
    """What was found in a text."""

    secrets: list[Secret]
    open_from: int | None
    open_digits: int


def read(
    tokens: Sequence[Token], mentions: Sequence[Mention], language: Language, context: Context, cut: int | None
) -> Reading:
    """The secrets of a text of which these are the tokens. `cut`: where it ends, when its last word may go on."""
    topics = [False] * len(tokens)
    for mention in mentions:
        topics[mention.first : mention.last] = [True] * (mention.last - mention.first)
    expected = "card_number" in context.asked or any(mention.topic == "card_number" for mention in mentions)
    budget = Budget(_STEPS + _STEPS_PER_TOKEN * len(tokens))
    secrets: list[Secret] = []
    numbers: list[Number] = []
    known = [*context.known]
    behind_cards: list[int] = []
    run: list[Part] = []
    opened, phone = 0, False
    for run in runs(tokens, topics, language):
        phone = run[0].at > 0 and tokens[run[0].at - 1].word in _PLUS
        found = list(cards(run, language, expected, budget)) if len(run) <= LONGEST_RUN else []
        begin = opened = 0
        if not found and not phone and (corrected := _corrected(run, tokens, language, expected, budget)):
            secret, begin = corrected
            secrets.append(secret)
            known.append(secret.digits)
            behind_cards.append(run[begin - 1].at + 1)
            opened = begin
        if len(run) > LONGEST_RUN or (budget.spent and len(_usual(run, language)) >= LENGTHS[0]):
            secrets.append(Secret("number", run[0].token.start, run[-1].token.end, spans=_spans(run)))
            opened = len(run)
            continue
        for card in found:
            if phone and len(card.digits) <= _LONGEST_PHONE:
                continue
            secrets.append(_card(run, card))
            known.append(card.digits)
            behind_cards.append(run[card.last - 1].at + 1)
            numbers += _numbers(run, begin, card.first, language)
            longer = card.open and len(_usual(run[card.first :], language)) < USUAL
            begin, opened = card.last, card.first if longer else card.last
        numbers += _numbers(run, begin, len(run), language)
    if not (mentions or secrets or context.of_secrets):
        numbers = []
    for number in numbers:
        secrets += _echoes(number, known, language)
    for kind, number, month, echo in announced(numbers, tokens, mentions, behind_cards, context):
        spans = _spans(number.parts)
        if month is not None:
            spans = (tokens[month].start, tokens[month].end), *spans
        secrets.append(Secret(kind, spans[0][0], spans[-1][1], number.digits, spans, echo))
        if cut is None and number.parts[-1] is run[-1] and kind in ("expiry", "security_code"):
            opened = len(run)
    if run and cut is None and not _announces(mentions, context):
        opened = len(run) if phone else card_begins(run, opened, language)
    count = len(_usual(run[opened:], language))
    if count in _PHONE and _is_phone(tokens, mentions, run[opened].at, context):
        return Reading(secrets, None, 0)
    if count and _is_open(tokens, run[-1].at + 1, cut, expected or count >= _MANY):
        return Reading(secrets, run[opened].token.start, count)
    return Reading(secrets, None, 0)


def _is_phone(tokens: Sequence[Token], mentions: Sequence[Mention], first: int, context: Context) -> bool:
    """Whether a number that begins with this token is a telephone number by what was said or asked in front of it."""
    before = [mention for mention in mentions if mention.last <= first]
    if not before:
        return context.harmless == "phone" and not mentions
    last = before[-1]
    return last.topic == "other" and any(token.word in PHONES for token in tokens[last.first : last.last])


def _announces(mentions: Sequence[Mention], context: Context) -> bool:
    """Whether anything said makes other numbers than those of cards secret."""
    return bool(context.asked) or context.card or any(mention.topic != "other" for mention in mentions)


def ibans(text: str) -> Iterator[Secret]:
    """Bank account numbers with country and check digits; the country stays."""
    for found in _IBAN.finditer(text):
        written = found[0]
        while len(written) > 14:
            if iban.is_valid(written):
                span = found.start() + 2, found.start() + len(written)
                yield Secret("number", *span, iban.compact(written)[2:], (span,))
                break
            written = written.rpartition(" ")[0]


def _corrected(
    run: Sequence[Part], tokens: Sequence[Token], language: Language, expected: bool, budget: Budget
) -> tuple[Secret, int] | None:
    """A card number of which the speaker took a part back ("4111 1112 no sorry 1111 …"), with that part, and the place
    behind it; None when there is none."""
    if len(run) > _CORRECTED or most_digits(run) <= LENGTHS[0]:
        return None
    for at in range(1, len(run)):
        between = tokens[run[at - 1].at + 1 : run[at].at]
        if run[at].gap < Gap.FILLER or not any(token.word in CORRECTIONS for token in between):
            continue
        for back in range(1, min(at, _TAKEN_BACK) + 1):
            said = [*run[: at - back], *run[at:]]
            card = next(cards(said, language, expected, budget), None)
            if card is not None and card.first < at - back < card.last:
                secret = _card(said, card)
                spans = tuple(sorted([*secret.spans, *_spans(run[at - back : at])]))
                return msgspec.structs.replace(secret, spans=spans), card.last + back
    return None


def _numbers(run: Sequence[Part], first: int, last: int, language: Language) -> Iterator[Number]:
    """What a run has besides its card numbers, cut where more than pauses interrupt it."""
    begin = first
    for at in range(first, last):
        if at + 1 == last or run[at + 1].gap > Gap.FILLER:
            parts = run[begin : at + 1]
            follows = begin == first > 0 and run[begin].gap <= Gap.FILLER
            yield Number(parts, _usual(parts, language), follows)
            begin = at + 1


def _usual(parts: Sequence[Part], language: Language) -> str:
    """The digits of numbers as they are usually read."""
    at, found = 0, []
    while at < len(parts):
        options = readings(parts, at, language)
        at, digits = options[0] if options else (at + 1, "")
        found.append(digits)
    return "".join(found)


def _card(run: Sequence[Part], card: Card) -> Secret:
    parts = run[card.first : card.last]
    hidden = card.last
    cut = 0
    left = _LAST
    for at, digits in reversed(card.places):
        written = run[at].value is None and not run[at].repeat
        if len(digits) > left:
            cut = left if written else 0
            break
        hidden, left = at, left - len(digits)
    spans = list(_spans(run[card.first : hidden]))
    if cut and spans:
        spans[-1] = spans[-1][0], spans[-1][1] - cut
    return Secret("card_number", parts[0].token.start, parts[-1].token.end, card.digits, tuple(spans))


def _spans(parts: Sequence[Part]) -> tuple[tuple[int, int], ...]:
    spans: list[tuple[int, int]] = []
    for part in parts:
        if spans and part.gap <= Gap.TIMES:
            spans[-1] = spans[-1][0], part.token.end
        else:
            spans.append((part.token.start, part.token.end))
    return tuple(spans)


def _echoes(number: Number, known: Sequence[str], language: Language) -> Iterator[Secret]:
    """Stretches of a number that repeat what is known."""
    if not known:
        return
    pieces: list[tuple[int, int, str]] = []
    at = 0
    while at < len(number.parts):
        options = readings(number.parts, at, language)
        end, digits = options[0] if options else (at + 1, "")
        pieces.append((at, end, digits))
        at = end
    first = 0
    while first < len(pieces):
        last, digits = first, ""
        while last < len(pieces) and any(digits + pieces[last][2] in one for one in known):
            digits += pieces[last][2]
            last += 1
        ends = all(at in (0, len(pieces)) or number.parts[pieces[at][0]].gap >= Gap.FILLER for at in (first, last))
        whole = ends and len(digits) >= _PIN and digits in known
        if len(digits) >= _ECHO or whole:
            parts = number.parts[pieces[first][0] : pieces[last - 1][1]]
            card = any(digits in one and len(one) >= _CARD for one in known)
            kind: Kind = "card_number" if card else "number"
            yield Secret(kind, parts[0].token.start, parts[-1].token.end, digits, _spans(parts), echo=True)
            first = last
        else:
            first += 1


def _is_open(tokens: Sequence[Token], behind: int, cut: int | None, expected: bool) -> bool:
    """Whether what stands behind the last number leaves it open."""
    words = [token for token in tokens[behind : behind + 4 * _TAIL] if token.letters]
    if len(tokens) - behind > 4 * _TAIL:
        return False
    if words and cut is not None and words[-1].end == cut:
        words.pop()
    if expected and len(words) <= _TAIL:
        return True
    return len(words) <= _TAIL and all(word.word in _GOES_ON for word in words)
