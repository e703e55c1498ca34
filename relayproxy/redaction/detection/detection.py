"""Detection of secrets in a text.

Knows: which texts need a closer look, in which languages they are read, and which of two secrets that overlap stays.
Must not know: messages and streams; what becomes of what was found.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator

import msgspec

from relayproxy.redaction.detection import digits, emails, written_cards
from relayproxy.redaction.detection.announced import mentions
from relayproxy.redaction.detection.number_words import LANGUAGES, REPEATS, Language, number, supported
from relayproxy.redaction.detection.tokens import LONGEST_WORD, Token, tokenize
from relayproxy.redaction.detection.vocabulary import OTHER_TELLING, PHONES, TELLING
from relayproxy.redaction.values import BESIDE, Context, Detection, Harmless, Kind, Policy, Secret

_FEW, _CARD = 3, 13
"""Fewer digits are no secret, and no card number."""
_WORDS_OF_NO_CARD = 2
"""So many number words have no more than 12 digits, however they are read: "six times eleven"."""
_NEAR = 6
"""Words at the end of a text in which a number may be open."""
_OTHER_LANGUAGE = 4
"""So many number words of a language that was not announced, and the text is read in it too."""
_FEW_WORDS = 5
"""Words of an answer that may be hardly more than the first half of an address."""
_HOLD_ON = 12
"""Words: an answer of no more, without a number, leaves open what was asked for."""

_LONGEST_ADDRESS = 200
"""Characters of an address that is spoken."""
_LAST_CHUNKS = 6
"""Chunks at the end of a text, of which each has a token or more: from which token on an address may have begun is
mostly among them."""
_LAST_JOINT = 4
"""Chunks at the end of a text that have all tokens by which `emails.begun` tells whether one has."""

_PRIVATE = re.compile(r"[\d@]")
_PIECES = re.compile(r"\w\.\w|\b\w\b\W+\b\w\b|\w\d")
"""What words are made of that are no words: "jane.doe", "j a n e", "jane42"."""
_TAG = re.compile(r"<[^<>]{0,300}(?:>|\Z)")
"""A tag of SSML; the last one may be cut off."""
_LETTER = re.compile(r"[^\W\d_]")
_LONE = re.compile("[\ud800-\udfff]")
"""Halves of surrogate pairs, which JSON may hold and no UTF-8."""
_EMPTY = Detection()
_NOTHING = Context()

_DIGIT, _TOPIC, _AT, _JOINT, _OTHER, _PHONE, _MAIL, _DOT = 1, 2, 4, 8, 16, 32, 64, 128
_WORDS: dict[Language, int] = {language: 256 << at for at, language in enumerate(LANGUAGES)}


def find(
    text: str, *, language: str | None, policy: Policy, context: Context = _NOTHING, final: bool = True
) -> Detection:
    """The secrets of a text: an utterance, or what is joined of a stream so far; utterances joined by line ends.

    `language` (BCP 47, None: not known) is a hint for short numbers; card numbers are found in any of the languages.
    `final`: the last word is whole; else it may go on, and is open. Time and space grow linearly with the text.
    """
    found = _find(text, language, policy, context, final=final)
    tags = [tag.span() for tag in _TAG.finditer(text)] if "<" in text else []
    if not tags:
        return found
    # What stands in tags is searched as it is written, and the rest as it is spoken: without them.
    said = _TAG.sub(lambda tag: " " * len(tag[0]), text)
    other = _find(said, language, policy, context, final=final)
    opened = [one.open_from for one in (found, other) if one.open_from is not None]
    secrets = _apart([*found.secrets, *(_outside(secret, tags) for secret in other.secrets)])
    return Detection(
        secrets, min(opened, default=None), max(found.open_digits, other.open_digits), other.asked, other.harmless
    )


def _outside(secret: Secret, tags: list[tuple[int, int]]) -> Secret:
    """The secret without what its spans have of these tags."""
    spans: list[tuple[int, int]] = []
    for start, end in secret.spans:
        at = start
        for first, last in tags[bisect_left(tags, (start, 0)) : bisect_left(tags, (end, 0))]:
            spans.append((at, first))
            at = last
        spans.append((at, end))
    return msgspec.structs.replace(secret, spans=tuple(span for span in spans if span[0] < span[1]))


def _find(text: str, language: str | None, policy: Policy, context: Context, *, final: bool) -> Detection:
    found = [*_patterns(text, policy), *_names(text, policy, context)]
    undecided = None if final else _last_word(text)
    chunks = text.split()
    unusual = [] if _PLAIN.issuperset(chunks) else [chunk for chunk in chunks if chunk not in _PLAIN]
    signs, weight = _signs_of(unusual) if unusual else (0, 0)
    address = bool(signs & _AT and signs & _JOINT)
    if not final and (weight or signs & (_AT | _JOINT)) and any(map(_goes_on, chunks[-_LAST_JOINT:])):
        begun = _address_begun(text)
        if begun < len(text):
            undecided = begun if undecided is None else min(undecided, begun)
    goes_on = len(chunks) <= _HOLD_ON
    mail = bool(signs & _MAIL) or (context.mail and goes_on)
    address_from = emails.goes_on(text) if signs & _DOT and not context.mail else None
    if context.mail and final and len(chunks) <= _FEW_WORDS:
        address_from = emails.lone(text)
    if not final and signs & _DIGIT:
        stuck = written_cards.begun(text)
        undecided = stuck if undecided is None or (stuck is not None and stuck < undecided) else undecided
    near = weight and any(_signs(chunk)[1] for chunk in chunks[-_NEAR:] if chunk not in _PLAIN)
    if (context.mail or context.mailboxes) and not address:
        address = bool(signs & (_AT | _JOINT) or _PIECES.search(text))
    if not (near or signs & _TOPIC or address or weight >= (_FEW if context.of_secrets else _CARD)):
        asked = context.asked if goes_on else frozenset[Kind]()
        harmless = _harmless(signs) or (context.harmless if goes_on else None)
        if not (found or asked or mail) and undecided is None and harmless is None and address_from is None:
            return _EMPTY
        return Detection(
            _apart(found), undecided, 0, asked, None if asked else harmless, mail=mail, address_from=address_from
        )
    tells = signs & (_DIGIT | _TOPIC | _OTHER | _PHONE) or address or context.of_secrets
    # Where nothing tells what a number is, what stands in front of a few words of one says nothing of them.
    tokens = tokenize(text, 0 if tells or weight > _WORDS_OF_NO_CARD else _begin_of_numbers(text, unusual))
    topics = mentions(tokens)
    open_from, open_digits = undecided, 0
    for each in _languages(unusual, supported(language), announced=bool(topics or context.asked)) if weight else ():
        reading = digits.read(tokens, topics, each, context, None if final else len(text))
        found += reading.secrets
        if reading.open_from is not None:
            open_from = reading.open_from if open_from is None else min(open_from, reading.open_from)
            open_digits = max(open_digits, reading.open_digits)
    if weight >= _CARD:
        found += written_cards.written(text)
    if address:
        whole = [*_addresses(text, tokens, spoken_of=mail)]
        said = [*emails.echoes(tokens, context.mailboxes), *(emails.parts(tokens) if context.mail else ())]
        parts = [(tokens[first].start, tokens[last - 1].end) for first, last in said]
        found += (Secret("email", *span, spans=(span,)) for span in whole)
        found += (Secret("email", *span, spans=(span,), echo=True) for span in parts)
        mail = mail and not whole
        if address_from is not None and any(end > address_from for _, end in whole):
            address_from = None
    if signs & _DIGIT:
        found += digits.ibans(text)
    secrets = _apart(found)
    last = max((secret.end for secret in secrets if secret.kind not in BESIDE), default=0)
    spoken = [one for one in topics if tokens[one.first].start >= last]
    asked = frozenset(one.topic for one in spoken if one.topic != "other")
    harmless = _harmless(signs) if spoken and not asked else None
    if not last and not topics and goes_on:
        asked, harmless = context.asked, context.harmless
    return Detection(secrets, open_from, open_digits, asked, harmless, mail=mail, address_from=address_from)


def _harmless(signs: int) -> Harmless | None:
    return "phone" if signs & _PHONE else "other" if signs & _OTHER else None


_PLAIN: set[str] = set()
"""Words without any sign of a secret: most texts have no others."""
_SIGNS: dict[str, tuple[int, int]] = {}
"""What other words have."""
_GOING_ON: dict[str, bool] = {}
"""Whether an address may have begun in a word."""
_MOST_WORDS = 50_000
"""So many of each are remembered."""


def _signs_of(chunks: list[str]) -> tuple[int, int]:
    signs = weight = 0
    for chunk in chunks:
        sign, count = _signs(chunk)
        signs |= sign
        weight += count
        if not sign and len(chunk) <= LONGEST_WORD and len(_PLAIN) < _MOST_WORDS:
            _PLAIN.add(chunk)
    return signs, weight


def _signs(chunk: str) -> tuple[int, int]:
    """What a chunk of a text has of what secrets are made of, and how many digits and number words."""
    found = _SIGNS.get(chunk)
    if found is None:
        found = _look_at(chunk)
        # What may be a secret is not kept in memory, nor what is too long for a word.
        if len(chunk) <= LONGEST_WORD and not _PRIVATE.search(chunk):
            if len(_SIGNS) >= _MOST_WORDS:
                _SIGNS.clear()
            _SIGNS[chunk] = found
    return found


def _look_at(chunk: str) -> tuple[int, int]:
    signs = weight = 0
    tokens = tokenize(chunk)
    for token in tokens:
        if token.digits:
            signs, weight = signs | _DIGIT, weight + len(token.word)
        elif token.letters:
            said = sum(bit for language, bit in _WORDS.items() if number(token.word, language) is not None)
            weight += said > 0
            signs |= said | _DIGIT * (token.word in REPEATS)
            signs |= _AT * (token.word in emails.AT) | _JOINT * (token.word in emails.JOINTS)
            signs |= _MAIL * (token.word in emails.MAIL) | _DOT * (token.word in emails.UNMISTAKABLE)
            signs |= _TOPIC * (token.word in TELLING)
            signs |= _OTHER * (token.word in OTHER_TELLING) | _PHONE * (token.word in PHONES)
        elif token.word == "@":
            signs |= _AT | _JOINT | _DOT
    if "." in chunk and emails.ends_domain(tokens):
        signs |= _JOINT
    return signs, weight


def _goes_on(chunk: str) -> bool:
    """Whether an address may have begun in a chunk, which is one of the last."""
    found = _GOING_ON.get(chunk)
    if found is None:
        found = emails.joins(tokenize(chunk))
        if len(chunk) <= LONGEST_WORD and not _PRIVATE.search(chunk):
            if len(_GOING_ON) >= _MOST_WORDS:
                _GOING_ON.clear()
            _GOING_ON[chunk] = found
    return found


def _languages(chunks: list[str], hint: Language | None, *, announced: bool) -> list[Language]:
    """The languages to read a text in, of which these are the words with a sign of a secret. `announced`: something is
    said of numbers that are secret."""
    counts: dict[Language, int] = {}
    spoken = 0
    for chunk in chunks:
        signs, count = _signs(chunk)
        if signs > _DOT and count:
            for language, bit in _WORDS.items():
                if signs & bit:
                    counts[language] = counts.get(language, 0) + count
            spoken += count
    chosen: list[Language] = [*counts] or ["en"]
    if hint is not None:
        chosen = [hint, *(each for each, count in counts.items() if count >= _OTHER_LANGUAGE and each != hint)]
    # Words of several languages in one number.
    if spoken > max([counts.get(each, 0) for each in chosen]) and (announced or spoken >= _CARD):
        chosen.append("mixed")
    return chosen


def _last_word(text: str) -> int | None:
    """Where the last word begins, when it may go on."""
    if not text or text[-1].isspace():
        return None
    return len(text) - len(text.rsplit(maxsplit=1)[-1])


def _begin_of_numbers(text: str, unusual: list[str]) -> int:
    """A place between chunks of a text, some in front of its first number; `unusual` are those with a sign."""
    number = next(chunk for chunk in unusual if _signs(chunk)[1])
    before = text[: text.index(number)].rsplit(None, 3)
    return len(before[0]) if len(before) > 3 else 0


def _address_begun(text: str) -> int:
    """Where a spoken address may have begun that the end of a text is part of; its length when there is none."""
    begin = max(len(text) - _LONGEST_ADDRESS, 0)
    last = text[begin:].rsplit(None, _LAST_CHUNKS)
    if len(last) > _LAST_CHUNKS:
        # Mostly there is none, and the last words tell that.
        near = begin + len(last[0])
        tokens = tokenize(text, near)
        first = emails.begun(tokens, final=False)
        if first is None:
            return len(text)
        if first > 0:
            return tokens[first].start
    tokens = tokenize(text, begin)
    first = emails.begun(tokens, final=False)
    return len(text) if first is None else tokens[first].start


def _addresses(text: str, tokens: list[Token], *, spoken_of: bool) -> Iterator[tuple[int, int]]:
    yield from emails.written(text)
    for first, last in emails.spoken(tokens, spoken_of=spoken_of):
        yield tokens[first].start, tokens[last - 1].end


def _patterns(text: str, policy: Policy) -> Iterator[Secret]:
    for pattern in policy.patterns:
        for found in pattern.finditer(_LONE.sub("\N{REPLACEMENT CHARACTER}", text)):
            if found.end() > found.start():
                yield Secret("pattern", found.start(), found.end(), spans=(found.span(),))


def _names(text: str, policy: Policy, context: Context) -> Iterator[Secret]:
    if policy.names is None or not _LETTER.search(text):
        return
    for span in policy.names(_LONE.sub("\N{REPLACEMENT CHARACTER}", text)):
        yield Secret("name", *span, spans=(span,))
    for span in _repeated(text, context.names):
        yield Secret("name", *span, spans=(span,))


def _repeated(text: str, names: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Where these names stand in a text, in whatever case, by themselves."""
    folded = text.casefold()
    if len(folded) != len(text):  # the few letters that become two
        folded = "".join([one.casefold() if len(one.casefold()) == 1 else one for one in text])
    for name in names:
        start = folded.find(name)
        while start >= 0:
            end = start + len(name)
            if not (folded[start - 1 : start].isalnum() or folded[end : end + 1].isalnum()):
                yield start, end
            start = folded.find(name, end)


_ORDER: dict[Kind, int] = {"card_number": 0, "email": 1, "pattern": 2, "name": 10}


def _apart(secrets: list[Secret]) -> tuple[Secret, ...]:
    """In order, without overlaps: of two that overlap the likelier stays, and masks what the other does, too."""
    kept: list[Secret] = []
    for secret in sorted(secrets, key=lambda one: (one.start, -one.end)):
        last = kept[-1] if kept else None
        if last is None or secret.start >= last.end:
            kept.append(secret)
            continue
        stays, goes = sorted((last, secret), key=lambda one: (_ORDER.get(one.kind, 9), one.echo, one.start))
        if stays.kind == goes.kind == "email":
            whole = last.start, max(last.end, secret.end)
            kept[-1] = Secret("email", *whole, spans=(whole,), echo=stays.echo and goes.echo)
            continue
        spans = stays.spans if set(goes.spans) <= set(stays.spans) else tuple(sorted({*stays.spans, *goes.spans}))
        kept[-1] = Secret(
            stays.kind, last.start, max(last.end, secret.end), stays.digits, spans, stays.echo and goes.echo
        )
    return tuple(kept)
