"""E-mail addresses, as they are written and as they are spoken.

Knows: how an address is built; the words for "at" and "dot".
Must not know: what else is secret.
"""

import re
from collections.abc import Iterator, Sequence

from relayproxy.redaction.number_words import LANGUAGES, number
from relayproxy.redaction.tokens import Token

_LOCAL = re.compile(r"[^\s@<>()\[\]{}\"',;:=&?/]{1,64}\Z")
_DOMAIN = re.compile(r"[\w-]+(?:\.[\w-]+)+|\[[0-9a-fA-F.:]+\]")
_SPELLED = 16

AT = frozenset({"at", "arroba", "arobase", "chiocciola", "apenstaartje", "klammeraffe", "affenschwanz"})
DOTS = frozenset({"dot", "punto", "point", "punkt", "ponto", "punt", "."})
JOINTS = DOTS | frozenset(
    {"underscore", "dash", "hyphen", "minus", "plus", "guion", "bajo", "tiret", "bas", "trattino", "basso", "streepje"}
    | {"underline", "unterstrich", "bindestrich", "traco", "hifen", "koppelteken", "laag", "liggend", "_", "-", "+"}
)
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


def spoken(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """Which tokens, from and up to, not including, say an address: "jane dot doe at example dot com"."""
    behind = 0
    for at, token in enumerate(tokens):
        if token.word in AT and at > behind:
            end = _domain(tokens, at + 1)
            first = _local(tokens, at, behind)
            if end is not None and first < at:
                yield first, end
                behind = end


def begun(tokens: Sequence[Token]) -> int | None:
    """The token from which on the end of a text may be the beginning of a spoken address ("jane dot", "at example d");
    None when it may not."""
    joint = next((at for at in range(len(tokens) - 1, max(len(tokens) - 4, -1), -1) if _joins(tokens[at])), None)
    if joint is None:
        return None
    first = joint
    while first > 0 and joint - first < 2 * _SPELLED and (_joins(tokens[first]) or _joins(tokens[first - 1])):
        first -= 1
    while first > 0 and joint - first < 2 * _SPELLED and _spelled(tokens[first - 1], tokens[first]):
        first -= 1
    return first


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
    return first


def _spelled(before: Token, token: Token) -> bool:
    """Whether a token goes on with the one before it: "j smith", "j o e four 2"."""
    if _short(before):
        return before.word not in "aeiouy" or _short(token)
    return token.digits and before.letters


def _short(token: Token) -> bool:
    """A letter, digits or a number word."""
    return token.digits or len(token.word) == 1 or any(number(token.word, each) is not None for each in LANGUAGES)
