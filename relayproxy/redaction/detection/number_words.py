"""Number words in the languages that calls are held in.

Knows: what a word says as a number, what repeats a digit, what ties two words to one number.
Must not know: which numbers are secret.
"""

import re
from functools import lru_cache
from typing import Literal, get_args

from text_to_num import text2num

Language = Literal["en", "es", "fr", "de", "pt", "it", "nl", "mixed"]
"""`mixed`: words of any of the others, one by one."""
LANGUAGES: tuple[Language, ...] = tuple(language for language in get_args(Language) if language != "mixed")

_LARGEST = 99_999
"""Words of more are amounts: nobody says a card number in hundred thousands."""

_MORE: dict[Language, dict[str, int]] = {
    "en": {"oh": 0, "o": 0, "ohs": 0, "nil": 0, "aught": 0, "niner": 9, "fourty": 40},
    "es": {"dieciseis": 16, "veintidos": 22, "veintitres": 23, "veintiseis": 26, "veintiun": 21},
    "fr": {"zero": 0, "zeros": 0},
    "de": {},
    "pt": {"meia": 6, "hum": 1, "zeros": 0},
    "it": {"zeri": 0},
    "nl": {"zeuven": 7},
    "mixed": {},
}
"""What text2num lacks, as `fold` writes it."""

REPEATS = {
    "double": 2, "triple": 3, "treble": 3, "quadruple": 4,
    "doble": 2, "cuadruple": 4,
    "duplo": 2, "triplo": 3, "quadruplo": 4,
    "doppel": 2, "doppelt": 2, "doppelte": 2, "dreifach": 3, "vierfach": 4,
    "zweimal": 2, "zwomal": 2, "dreimal": 3, "viermal": 4,
    "doppio": 2, "doppia": 2, "tripla": 3,
    "dubbel": 2, "dubbele": 2, "driedubbel": 3, "drievoudig": 3, "tweemaal": 2, "driemaal": 3, "viermaal": 4,
}  # fmt: skip
"""Words that say how often the next digit is meant."""

TIMES = frozenset({"times", "mal", "keer", "maal", "fois", "veces", "volte", "vezes"})
"""Words between how often and which digit: "three times four"."""

ARTICLES = frozenset({"the", "a", "die", "der", "das", "de", "den", "le", "la", "les", "el", "los", "il", "lo", "o"})
"""Words that may stand in front of a repeated digit: "viermal die Fünf"."""

CONNECTORS: dict[Language, frozenset[str]] = {
    "en": frozenset({"and"}),
    "es": frozenset({"y", "i"}),
    "fr": frozenset({"et"}),
    "de": frozenset({"und"}),
    "pt": frozenset({"e"}),
    "it": frozenset({"e"}),
    "nl": frozenset({"en"}),
    "mixed": frozenset(),
}
"""The word within one number: "cuarenta y uno"."""

_ALSO_OTHER = frozenset({"o", "os", "oss", "um", "uma", "umo", "una", "une", "uns", "ein", "een", "non", "due", "tto"})
"""Number words of one language that are something else in the others."""

_ACCENTS: dict[Language, tuple[tuple[str, str], ...]] = {
    "de": (("fuenf", "fünf"), ("funf", "fünf"), ("zwoelf", "zwölf"), ("zwolf", "zwölf")),
    "nl": (("eeen", "eeën"), ("ieen", "ieën")),
}
"""Accents that text2num insists on."""


def supported(language: str | None) -> Language | None:
    """The language of a BCP 47 tag ("pt-BR" is "pt"); None when its number words are not known."""
    if not language:
        return None
    primary = re.split("[-_]", language, maxsplit=1)[0].lower()
    return primary if primary in LANGUAGES else None


@lru_cache(maxsize=10_000)
def number(word: str, language: Language) -> int | None:
    """What a single word, as `fold` writes it, says as a number ("einundvierzig": 41); None when it is no number word
    of the language, or says more than 99,999."""
    if language == "mixed":
        return (
            None
            if word in _ALSO_OTHER
            else next((value for each in LANGUAGES if (value := number(word, each)) is not None), None)
        )
    more = _MORE[language].get(word)
    if more is not None:
        return more
    for wrong, right in _ACCENTS.get(language, ()):
        word = word.replace(wrong, right)
    try:
        value = int(text2num(word, language))
    except ValueError:
        return None
    return value if value <= _LARGEST else None
