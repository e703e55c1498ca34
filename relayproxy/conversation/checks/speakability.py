"""What a voice cannot speak well: markup, addresses, long numbers, words that run together, another language.

Knows: what text for eyes looks like, and where tokens of one response were joined.
Must not know: turns, times, how much of it was played.

Precise rather than complete: what may be right is passed over, because false alarms make people look away. SSML is
meant for voices and is no markup here.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Literal

import msgspec

from relayproxy.conversation.checks.language import LANGUAGES, foreign, is_function_word
from relayproxy.text import mended

EXCERPT = 60
"""Most characters of what was said that an issue quotes."""
LIMIT = 16 * 1024
"""Characters of a response that are looked at."""


Code = Literal["markdown", "url", "raw_number", "missing_space", "wrong_language"]


class SpeakabilityIssue(msgspec.Struct, frozen=True):
    """An issue of one kind: the first place of a response that is hard to speak for one reason."""

    code: Code
    token: int
    """Index of the token in which the excerpt begins."""
    excerpt: str
    """At most 60 characters of what was said, on one line."""


_TAG = re.compile(r"</?[A-Za-z][^<>]{0,500}>")
_SAID_OTHERWISE = re.compile(r"<(say-as|sub|phoneme)\b[^<>]{0,500}>[^<>]{0,500}</\1>")
_SWITCHES_LANGUAGE = re.compile(r"<(?:lang|voice)\b|xml:lang")

_MARKDOWN = re.compile(
    r"""
    \*\*(?=[^\s*])[^*\n]{1,200}(?<=[^\s*])\*\*                         # **strong**
    | (?<!\w)__(?=[^\s_])[^_\n]{1,200}(?<=[^\s_])__(?!\w)              # __strong__
    | (?<![\w*])\*(?=[^\W\d_])[^*\n]{1,80}(?<=[^\s*])\*(?![\w*])       # *emphasis*, but not the keys *69*
    | (?<![\w_])_(?=[^\W\d_])[^_\n]{1,80}(?<=[^\s_])_(?![\w_])         # _emphasis_
    | ^[ \t]{0,3}\#{1,6}[ \t]+(?=[^\W_]|\*\*)[^\n]{1,60}               # heading
    | ^[ \t]*[*•][ \t]+(?=[^\W_]|\*\*)[^\n]{1,60}                      # list item
    | ^[ \t]*[-+][ \t]+[^\s][^\n]{0,200}\n\s*[-+][ \t]+(?=[^\s])       # two of them: one may be a dash or a sign
    | `[^`\n]{1,100}` | ```                                            # code
    | !?\[[^\]\n\[]{1,100}\]\([^()\s]{1,300}\)                         # link, image
    | \|[ \t]*:?-{3,}:?[ \t]*\|                                        # table
    """,
    re.VERBOSE | re.MULTILINE,
)
_URL = re.compile(
    r"""
    \b(?i:https?|wss?|ftp)://[^\s<>"]*[\w/]
    | \b(?i:www)\.[^\W_][\w-]*\.[^\s<>"]*[\w/]
    | (?<![\w@./-])[a-z0-9][a-z0-9-]{0,62}(?:\.[a-z0-9-]{1,63}){0,3}  # in small letters: Booking.com is a name
      \.(?:com|org|net|gov|edu|io|co\.uk)(?![\w@-])(?:/[^\s<>"]*[\w/])?
    """,
    re.VERBOSE,
)
_DIGITS = re.compile(r"(?<![\w.,:+/$€£¥])(?<![0-9]-)(?<![$€£¥] )[0-9]{5,}(?!\w)(?![.,:/-][0-9])(?!\s?[%$€£¥])")
_GROUPED = re.compile(r"(?<![\w.,:+/$€£¥])[0-9]{1,3}(?:,[0-9]{3})+(?![\w,]|\.[0-9])")
_NUMBER_OF = re.compile(
    r"\b(?:number|code|account|order|reference|confirmation|id|pin|phone|zip|ticket|tracking)\b[^.?!\d]{0,20}\Z",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    r"\s?(?:dollars?|euros?|pounds?|cents?|percent|people|miles|kilomet|km\b|meters?|metres?|feet|times|points|steps|"
    r"years|days|hours|minutes|seconds|square|usd\b|eur\b)",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"([^\W_][?!]+|(?:[^\W\d_]{2}|[0-9])[.…]+)[\"')\]”’»]*\Z")
_WORD_BEFORE = re.compile(r"[^\W\d_]+\Z")
_WORD_BEHIND = re.compile(r"[^\W\d_]+")
_PLAIN_WORD = re.compile(r"([^\W_]+(?:['’][^\W_]+)*)?[.,;:?!…]*")
_STARTERS = frozenset(
    ("I", "The", "You", "We", "How", "What", "Would", "Your", "It", "Do", "Can", "Could", "Please", "Thank", "Then",
     "For", "Let", "My", "This", "That", "There", "When", "Where", "Who", "Which", "And", "But", "So", "If", "Is",
     "Are", "Sure")
)  # fmt: skip
"""Second parts of no brand's name: `HelloThere` lacks a space, `YouTube` does not."""
JOINED_TOKENS = 4
"""So many words in a row without a space between any two are more than one long word."""


def speakability_issues(tokens: Sequence[str], lang: str | None) -> tuple[SpeakabilityIssue, ...]:
    """What is hard to speak in one response, given as its tokens in order, at most one issue of a code: the first.
    `lang`: what speech is set to, as a language tag; None or `multi` when that is not known. Never raises."""
    starts = [0, *accumulate(map(len, tokens))]
    said = "".join(tokens)[:LIMIT]
    if not said or said.isspace():
        return ()
    text = _blank(_TAG, _blank(_SAID_OTHERWISE, said)) if "<" in said else said
    found: list[SpeakabilityIssue] = []

    def remark(code: Code, at: int, end: int) -> None:
        excerpt = " ".join(mended(said[at : min(end, at + EXCERPT)]).split())
        found.append(SpeakabilityIssue(code, bisect_right(starts, at) - 1, excerpt))

    if markdown := _MARKDOWN.search(text):
        remark("markdown", markdown.start() + _indent(markdown[0]), markdown.end())
    if url := _URL.search(text):
        remark("url", url.start(), url.end())
        text = _blank(_URL, text)
    if number := _long_number(text):
        remark("raw_number", *number)
    if boundary := _missing_space(text, starts[1:-1]) or _no_space(tokens, text, starts):
        remark("missing_space", *boundary)
    other = None if _SWITCHES_LANGUAGE.search(said) else foreign(text, lang)
    if other is not None:
        remark("wrong_language", other, len(text))
    return tuple(found)


def _blank(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda found: " " * len(found[0]), text)


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


def _long_number(text: str) -> tuple[int, int] | None:
    """The first digits that are no amount but would be read as one."""
    for found in _DIGITS.finditer(text):
        if not found[0].endswith("000") and not _COUNTED.match(text, found.end()):
            return found.span()
    for found in _GROUPED.finditer(text):
        if _NUMBER_OF.search(text, max(found.start() - 40, 0), found.start()) and len(found[0]) > 5:
            return found.span()
    return None


def _missing_space(text: str, boundaries: Sequence[int]) -> tuple[int, int] | None:
    """The words on both sides of the first boundary between tokens that lacks a space."""
    for at in boundaries:
        if not 0 < at < len(text) or text[at - 1].isspace() or not _is_cased(text[at]):
            continue
        before, behind = text[max(at - 40, 0) : at], text[at : at + 40]
        if _ends_sentence(before, behind) or _changes_case(before, behind):
            word = re.search(r"\S+\Z", before)
            after = re.match(r"\S+", behind)
            if word and after:
                return at - len(word[0]), at + len(after[0])
    return None


def _ends_sentence(before: str, behind: str) -> bool:
    end = _SENTENCE_END.search(before)
    if end is None or end[1][-1] in "?!":
        return end is not None
    # Behind a full stop a small letter may belong to a name such as node.js, more capitals to an abbreviation.
    word, second = end[1].rstrip(".…"), behind[1:2]
    return behind[0].isupper() and not (second.isupper() or second == ".") and (word.islower() or word.isdigit())


def _changes_case(before: str, behind: str) -> bool:
    left, right = _WORD_BEFORE.search(before), _WORD_BEHIND.match(behind)
    if left is None or right is None or not left[0][-1].islower() or not right[0][0].isupper():
        return False
    if len(left[0]) < 2 or right[0][1:2].isupper():
        return False
    # A capital within a word is also how brands are written, and models split them there: iPhone, YouTube.
    return right[0] in _STARTERS or (len(left[0]) > 2 and left[0].islower())


def _no_space(tokens: Sequence[str], text: str, starts: Sequence[int]) -> tuple[int, int] | None:
    """The whole of a response whose tokens are words without spaces between them."""
    if starts[-1] > len(text):
        return None
    words: list[str] = []
    for token in tokens:
        word = _PLAIN_WORD.fullmatch(token)
        if word is None:
            return None
        if word[1]:
            words.append(word[1])
    if len(words) < JOINED_TOKENS:
        return None
    plain = {word.lower() for word in words if len(word) > 1 or word == "I"}
    small = max(sum(is_function_word(word, language) for word in plain) for language in LANGUAGES)
    # One long word can come in pieces too, of which one may look like a word of its own.
    return (0, len(text)) if small > 1 else None


def _is_cased(letter: str) -> bool:
    return letter.lower() != letter.upper()
