"""E-mail addresses, as they are written and as they are spoken.

Knows: how an address is built; the words for "at" and "dot".
Must not know: what else is secret.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from relayproxy.redaction.detection.number_words import LANGUAGES, number
from relayproxy.redaction.detection.tokens import Token, tokenize
from relayproxy.redaction.detection.vocabulary import COPULAS, FILLERS, POSSESSIVES

_LOCAL = re.compile(r"[^\s@<>()\[\]{}\"',;:=&?/]{1,64}\Z")
_DOMAIN = re.compile(r"[\w-]+(?:\.[\w-]+)+|\[[0-9a-fA-F.:]+\]")
_SPELLED = 16
_LONGEST = 200
"""Characters of an address that is spoken."""
_SPELLING = 3
_SHORTEST_BOX = 4
_NO_NAME = 10
"""Letters of a local part that is told by itself, as one word; shorter ones are names."""
_END_MARKS = " .,;:?!…"

MAIL = frozenset(
    {"email", "emails", "mail", "correo", "courriel", "mel", "emailadresse", "mailadresse", "emailadres", "mailadres"}
    | {"elettronica", "electronico", "electronica", "eletronico", "electronique"}
)
"""Words for what is said next."""
UNMISTAKABLE = frozenset(
    {
        "dot",
        "underscore",
        "arroba",
        "arobase",
        "chiocciola",
        "apenstaartje",
        "klammeraffe",
        "affenschwanz",
        "unterstrich",
        "@",
    }
)
"""Joints that are said in nothing but addresses."""
_PROVIDERS = frozenset(
    {
        "gmail",
        "googlemail",
        "hotmail",
        "outlook",
        "live",
        "msn",
        "yahoo",
        "ymail",
        "icloud",
        "me",
        "aol",
        "gmx",
        "web",
        "proton",
    }
    | {
        "protonmail",
        "mail",
        "email",
        "orange",
        "laposte",
        "free",
        "libero",
        "virgilio",
        "terra",
        "uol",
        "ziggo",
        "kpn",
        "planet",
    }
)

AT = frozenset({"at", "arroba", "arobase", "chiocciola", "apenstaartje", "klammeraffe", "affenschwanz"})
DOTS = frozenset({"dot", "punto", "point", "punkt", "ponto", "punt", "."})
JOINTS = DOTS | frozenset(
    {"underscore", "dash", "hyphen", "minus", "plus", "guion", "bajo", "tiret", "bas", "trattino", "basso", "streepje"}
    | {"underline", "unterstrich", "bindestrich", "traco", "hifen", "koppelteken", "laag", "liggend", "_", "-", "+"}
)
_SPOKEN_JOINTS = (JOINTS | UNMISTAKABLE) - {".", "_", "-", "+", "at"}
_NO_BOX = frozenset(
    {
        "us",
        "me",
        "you",
        "it",
        "them",
        "him",
        "her",
        "here",
        "this",
        "that",
        "is",
        "are",
        "online",
        "found",
        "page",
        "site",
    }
    | {"uns", "sie", "es", "hier", "nous", "vous", "ici", "nos", "noi", "ci", "ons", "aqui", "qui"}
)
"""Words in front of a place: "visit us at example dot com"."""
_AROUND = (
    _NO_BOX | FILLERS | COPULAS | POSSESSIVES | MAIL
    | {"address", "adresse", "sure", "thanks", "thank", "please", "it's", "that's"}
)  # fmt: skip
"""What may stand around a word that is all of an answer, and is none itself."""
_TOP = frozenset(
    {"com", "org", "net", "edu", "gov", "info", "biz", "io", "app", "dev", "me", "cat", "gal", "mail", "email"}
    | {"co", "uk", "us", "ca", "ie", "au", "nz", "eu", "de", "at", "ch", "fr", "be", "lu", "nl", "es", "mx", "ar"}
    | {"cl", "pe", "pt", "br", "it"}
)


def written(text: str) -> Iterator[tuple[int, int]]:
    """Where addresses with an @ lie."""
    behind = 0
    for sign in re.finditer("@", text):
        if sign.start() < behind:
            continue
        local = _LOCAL.search(text[max(behind, sign.start() - 64) : sign.start()])
        domain = _DOMAIN.match(text, sign.end())
        if local and domain:
            yield sign.start() - len(local[0]), domain.end()
        behind = domain.end() if local and domain else sign.end()


def spoken(tokens: Sequence[Token], *, spoken_of: bool) -> Iterator[tuple[int, int]]:
    """Which tokens, from and up to, not including, say an address: "jane dot doe at example dot com". `spoken_of`:
    addresses are; else "it at example.com" may be a place."""
    behind = 0
    for at, token in enumerate(tokens):
        if token.word in AT and at > behind:
            end = _domain(tokens, at + 1)
            first = _local(tokens, at, behind)
            if end is not None and first < at and (spoken_of or _is_address(tokens[first:end], at - first)):
                yield first, end
                behind = end


def parts(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """Which tokens are parts of addresses, where addresses are spoken of: "jane dot doe", "example dot com"."""
    behind = 0
    for at, token in enumerate(tokens):
        if at < behind or not (_joins(token) and (token.word in _SPOKEN_JOINTS or _domain(tokens, at + 1))):
            continue
        end = at + 1
        while end < len(tokens) and end - at < 2 * _SPELLED:
            if not (_joins(tokens[end]) or _joins(tokens[end - 1]) or _spelled(tokens[end - 1], tokens[end])):
                break
            end += 1
        yield _local(tokens, at, behind) if token.word not in AT else at, end
        behind = end
    yield from _letters(tokens)


def _letters(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """Which tokens spell a word: three letters or more, one by one."""
    first = last = count = 0
    for at, token in enumerate(tokens):
        if token.letters and len(token.word) == 1:
            first, last, count = first if count else at, at + 1, count + 1
        elif token.word not in "-,." or at + 1 == len(tokens):
            if count >= _SPELLING:
                yield first, last
            count = 0
    if count >= _SPELLING:
        yield first, last


def mailbox(address: str) -> str | None:
    """The local part of an address, however it is said, as letters and digits alone; None when it is too short to be
    told by."""
    tokens = tokenize(address)
    at = next((at for at, token in enumerate(tokens) if token.word in AT or token.word == "@"), len(tokens))
    box = "".join(token.word for token in tokens[:at] if not _joins(token))
    return box if len(box) >= _SHORTEST_BOX else None


def echoes(tokens: Sequence[Token], boxes: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Which tokens say one of these local parts again: with its joints, spelled, or as one word."""
    parts = [at for at, token in enumerate(tokens) if (token.letters or token.digits) and not _joins(token)]
    said = "".join(tokens[at].word for at in parts)
    starts, length = {}, 0
    for nth, at in enumerate(parts):
        starts[length] = nth
        length += len(tokens[at].word)
    starts[length] = len(parts)
    for box in boxes:
        place = said.find(box)
        while place >= 0:
            first, last, step = starts.get(place), starts.get(place + len(box)), 1
            if first is not None and last is not None:
                begin, end = parts[first], parts[last - 1] + 1
                whole = tokens[begin:end]
                known = any(token.digits for token in whole) or (len(whole) == 1 and len(box) >= _NO_NAME)
                if known or any(_joins(token) or (len(token.word) == 1 and token.word != ",") for token in whole):
                    yield begin, end
                    step = len(box)
            place = said.find(box, place + step)


def goes_on(text: str) -> int | None:
    """Where an address begins that the end of an utterance may be a part of, of which the next may say the rest."""
    said = text.rstrip(_END_MARKS)
    offset = max(len(said) - _LONGEST, 0)
    tokens = tokenize(said[offset:])
    first = begun(tokens)
    if first is None or tokens[first].word in AT or _is_site(tokens[first:]):
        return None
    return offset + tokens[first].start


def lone(text: str) -> int | None:
    """Where a word lies that is all of an answer to a question for an address, and may be what stands in front of "at":
    "it's janedoe"; with the digits behind it."""
    tokens = tokenize(text.rstrip(_END_MARKS))
    at = max((at for at, one in enumerate(tokens) if one.letters), default=None)
    if at is None or len(tokens[at].word) < _SHORTEST_BOX or tokens[at].word in _AROUND:
        return None
    return tokens[at].start if all(one.word in _AROUND for one in tokens[:at] if one.letters) else None


def begun(tokens: Sequence[Token], *, final: bool = True) -> int | None:
    """The token from which on the end of a text may be the beginning of a spoken address ("jane dot", "at example d"),
    and, where it is not `final`, its local part ("jane 87"); None when it may not."""
    joint = next((at for at in range(len(tokens) - 1, max(len(tokens) - 4, -1), -1) if _joins(tokens[at])), None)
    if joint is None and not final and len(tokens) > 1 and _short(tokens[-1]):
        joint = len(tokens) - 1
    if joint is None:
        return None
    first = joint
    while first > 0 and joint - first < 2 * _SPELLED and (_joins(tokens[first]) or _joins(tokens[first - 1])):
        first -= 1
    while first > 0 and joint - first < 2 * _SPELLED and _spelled(tokens[first - 1], tokens[first]):
        first -= 1
    return first


def joins(tokens: Sequence[Token]) -> bool:
    """Whether `begun` may find something in a text that ends with these tokens, or few behind them."""
    return any(map(_joins, tokens)) or (bool(tokens) and _short(tokens[-1]))


def _is_address(tokens: Sequence[Token], at: int) -> bool:
    """Whether these tokens, with "at" at a place, are an address and no place: its domain is spoken or one for mail, or
    its local part has more than a word."""
    local, domain = tokens[:at], tokens[at + 1 :]
    if len(local) == 1 and local[0].word in _NO_BOX:
        return False
    spelled = len(local) > 1 or any(one.digits for one in local)
    return spelled or "." not in {one.word for one in domain} or domain[0].word in _PROVIDERS


def _is_site(tokens: Sequence[Token]) -> bool:
    """Whether these tokens are a whole domain, without an "at"."""
    whole = len(tokens) > 2 and tokens[-2].word in DOTS and tokens[-1].word in _TOP
    return whole and not any(token.word in AT or token.word == "@" for token in tokens)


def ends_domain(tokens: Sequence[Token]) -> bool:
    """Whether a domain is written in these tokens of one chunk of text."""
    return any(token.word == "." and after.word in _TOP for token, after in pairwise(tokens))


def _joins(token: Token) -> bool:
    return token.word in JOINTS or token.word in AT


def _domain(tokens: Sequence[Token], at: int) -> int | None:
    """Behind a domain that begins here; None when there is none."""
    end = None
    for last in range(at, min(at + _SPELLED, len(tokens) - 2)):
        if tokens[last + 1].word in DOTS and tokens[last + 2].word in _TOP:
            end = last + 3
        elif (end is not None and last >= end) or (end is None and last - at > 3):
            break
    return end


def _local(tokens: Sequence[Token], at: int, behind: int) -> int:
    """Where the part in front of "at" begins: a word, with what joints and single letters put in front of it."""
    first = at - 1
    if first < behind or tokens[first].word in JOINTS:
        return at
    while first > behind and at - first < 2 * _SPELLED:
        before = tokens[first - 1]
        if before.word in JOINTS or tokens[first].word in JOINTS or _spelled(before, tokens[first]):
            first -= 1
        else:
            break
    while first < at - 1 and not (tokens[first].letters or tokens[first].digits):
        first += 1
    return first


def _spelled(before: Token, token: Token) -> bool:
    """Whether a token goes on with the one before it: "j smith", "j o e four 2"."""
    if _short(before):
        return before.word not in "aeiouy" or _short(token)
    return token.digits and before.letters


def _short(token: Token) -> bool:
    """A letter, digits or a number word."""
    return token.digits or len(token.word) == 1 or any(number(token.word, each) is not None for each in LANGUAGES)
