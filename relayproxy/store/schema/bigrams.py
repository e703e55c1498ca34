"""Bigrams: index terms for scripts that do not separate words by spaces.

Knows: which scripts put no spaces between words; how a text is cut into pairs, and how one is looked for among them.
Must not know: databases; whose text it is.

Case, and half or full width, make no difference.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator

MAX_CHARACTERS = 50_000
"""Characters of a text that are cut; of a longer one the rest is not found."""
BETWEEN = "¶"
"""Stands before the pairs of each text, so that nothing is found that begins in one and ends in the other."""
# Thai, Lao, Burmese, Khmer; kana, Han, half-width kana; Han beyond the first plane.
_SCRIPTS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff"
)
_SPACELESS = re.compile(f"[{_SCRIPTS}]")
_RUN = re.compile(rf"(?:[^\W_]|[{_SCRIPTS}])+")
# A character with the marks that may become one with it: voice marks of kana and their half-width forms, accents.
_CHARACTER = re.compile("(?s:.)[\u0300-\u036f\u102e\u3099\u309a\uff9e\uff9f]*")
# They show where a line may be broken, or join letters, and are no part of a word.
_UNSEEN = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060"))


def is_spaceless(text: str) -> bool:
    """True when any of the text is in a script that puts no spaces between words."""
    return _SPACELESS.search(text) is not None


def bigrams(*texts: str) -> str:
    """The pairs of neighbouring characters of the texts in order, with spaces between; a character that ends a run of
    letters stands alone. Nothing when none of the texts `is_spaceless`."""
    if not any(map(is_spaceless, texts)):
        return ""
    return " ".join(item for text in texts for item in (BETWEEN, *_all_pairs(_runs(text[:MAX_CHARACTERS]))))


def sought(words: str) -> str:
    """The terms that are in the `bigrams` of every text that contains the words, and of no other; nothing for words
    without a letter. A last item of one character is the beginning of an item there."""
    *whole, last = [*_runs(words)] or [""]
    open_ended = _pairs(last)[:-1] or [last]
    return " ".join([*_all_pairs(whole), *open_ended])


def find(words: str, text: str) -> tuple[int, int] | None:
    """The spans of a text, from start to before end, that `sought` finds."""
    folded, places = [], []
    for match in _CHARACTER.finditer(text):
        part = _folded(match[0])
        folded.append(part)
        places += [match.span()] * len(part)
    between = rf"(?:[^\w{_SCRIPTS}]|_)+"
    found = re.search(between.join(map(re.escape, _runs(words))), "".join(folded))
    return (places[found.start()][0], places[found.end() - 1][1]) if found and found[0] else None


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text.translate(_UNSEEN)).casefold()


def _runs(text: str) -> Iterator[str]:
    return (match[0] for match in _RUN.finditer(_folded(text)))


def _all_pairs(runs: Iterable[str]) -> Iterator[str]:
    return (pair for run in runs for pair in _pairs(run))


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run))]
