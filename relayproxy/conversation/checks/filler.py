"""Whether a reply only asks the caller to wait for the real one.

Knows: what backends say while tools run, in seven languages.
Must not know: which prompt it was said to, or what follows.
"""

import re

MAX_WORDS = 12
"""Most words of a filler; a longer reply says more."""

_WAIT = re.compile(
    r"\b(?:"
    r"(?:one|a|just a|this) (?:moment|second|sec|minute)|hold on|hang on|bear with me|please wait|"
    r"let me (?:check|see|look|find|think|pull|get)|give me a|i'll check|checking|looking (?:that|it|this|into)|"
    r"un (?:momento|momentito|segundo|instante)|déjeme|déjame|permítame|"
    r"un (?:moment|instant)|une seconde|laissez-moi|je vérifie|je regarde|"
    r"(?:einen|ein) (?:moment|augenblick)|eine sekunde|augenblick|ich schaue|ich prüfe|ich sehe (?:kurz )?nach|"
    r"um (?:momento|instante|segundo|minutinho)|só um|deixe-me|deixa eu|vou verificar|"
    r"un (?:attimo|secondo)|mi faccia|fammi|controllo subito|"
    r"een (?:moment|momentje|ogenblik|seconde)|momentje|ik kijk"
    r")\b",
    re.IGNORECASE,
)


def is_filler(text: str) -> bool:
    """True of a short text such as “One moment, please.”; False of questions, and of languages that are not known."""
    if "?" in text or len(text) > 20 * MAX_WORDS:
        return False
    return len(text.split()) <= MAX_WORDS and _WAIT.search(text.replace("’", "'")) is not None
