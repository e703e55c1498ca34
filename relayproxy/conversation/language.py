"""Whether a text is clearly in another language than the one that speech is set to.

Knows: which script a language is written in, and the function words of seven languages in Latin script.
Must not know: tokens, markup, what follows from it.

It says nothing where it is not sure: of short texts, names, mixtures, and languages that it does not know.
"""

import re

ENOUGH_WORDS = 8
"""A shorter text may be a name or a greeting."""
ENOUGH_SIGNS = 16
"""The same for scripts that put no spaces between words."""
CLEAR = 0.7
"""Share of the letters from which on a text is written in a script."""

_SCRIPTS = {
    "Cyrillic": "\u0400-\u052f",
    "Greek": "\u0370-\u03ff\u1f00-\u1fff",
    "Hebrew": "\u0590-\u05ff",
    "Arabic": "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufeff",
    "Devanagari": "\u0900-\u097f",
    "Bengali": "\u0980-\u09ff",
    "Gurmukhi": "\u0a00-\u0a7f",
    "Gujarati": "\u0a80-\u0aff",
    "Tamil": "\u0b80-\u0bff",
    "Telugu": "\u0c00-\u0c7f",
    "Kannada": "\u0c80-\u0cff",
    "Malayalam": "\u0d00-\u0d7f",
    "Thai": "\u0e00-\u0e7f",
    "Georgian": "\u10a0-\u10ff",
    "Armenian": "\u0530-\u058f",
    "Hangul": "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af",
    "Kana": "\u3040-\u30ff",
    "Han": "\u3400-\u4dbf\u4e00-\u9fff",
    "Latin": "A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff",
}
_SPACELESS = frozenset(("Thai", "Kana", "Han"))
_LETTERS = {name: re.compile(f"[{ranges}]") for name, ranges in _SCRIPTS.items()}
_WRITTEN_IN: dict[str, frozenset[str]] = {
    language: frozenset(scripts.split())
    for scripts, languages in {
        "Latin": "en es fr de pt it nl sv da no nb nn fi is pl cs sk hu ro tr id ms vi hr sl et lv lt ca gl eu af sw",
        "Cyrillic": "ru uk bg be mk",
        "Greek": "el",
        "Hebrew": "he iw",
        "Arabic": "ar fa ur",
        "Devanagari": "hi mr ne",
        "Bengali": "bn",
        "Gurmukhi": "pa",
        "Gujarati": "gu",
        "Tamil": "ta",
        "Telugu": "te",
        "Kannada": "kn",
        "Malayalam": "ml",
        "Thai": "th",
        "Georgian": "ka",
        "Armenian": "hy",
        "Hangul Han": "ko",
        "Kana Han": "ja",
        "Han": "zh cmn yue",
    }.items()
    for language in languages.split()
}
"""Languages that are written in more than one script are not here, nor those that nobody has thought of."""

_FUNCTION_WORDS = {
    "en": "a an the and you your are is was have has what would with this that for can could how of to be will when "
    "from please they there which it's i'm i'll we'll don't do does not my our we i in on at or no me so if it am "
    "by as he",
    "es": "a de la que en se no es un o el los las y usted su sus está están qué cómo para con por muy más pero hay "
    "puede tiene gracias del una cuando desde aquí también al hola lo mi le sí me te si como son puedo quiere "
    "nuestro nuestra cuántos cuántas necesita",
    "fr": "a de la que en se un le les et vous votre vos est sont avec pour pas je nous une des du ce cette qui dans "
    "sur mais avez être plus merci bonjour quel quelle c'est au aux où très ne on me te si il à ou son es combien",
    "de": "der die das und sie ihr ihre ihren ist sind nicht ein eine einen einem mit für auf ich wir haben kann "
    "können bitte wie zu den dem des von auch wenn in im am an es er noch gerne uns mir was so um will hat du at",
    "pt": "a de la que se no o os e as você seu sua é está são não para com uma do da dos das em um por mais muito "
    "obrigado obrigada pode posso tem isso aqui também quando nos nosso ao ou eu me te à às quantos quantas "
    "gostaria",
    "it": "a la se no o i il gli e lei suo sua è sono non per con che di della del nel una un questo questa può grazie "
    "anche come quando più molto vuole posso cosa ho ha mi le si in me te al alle da ne lo vorrebbe quante quanti",
    "nl": "de het een en u uw je is zijn niet met voor op van dat die wij we ik heeft hebben kunt graag wat hoe naar "
    "bij ook om te er dit maar deze onze nog in me als of was so had",
}
_BY_LANGUAGE = {language: frozenset(words.split()) for language, words in _FUNCTION_WORDS.items()}
_TELLING = {
    language: words - frozenset().union(*(other for name, other in _BY_LANGUAGE.items() if name != language))
    for language, words in _BY_LANGUAGE.items()
}
"""Of each language those that no other one has."""
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
DISTINCT = 4
"""So many different function words must speak for the other language …"""
TELLING = 2
"""… so many of them for none but it …"""
SHARE = 0.3
"""… be this share of all words …"""
MORE = 3
"""… and be so many times those of the right language."""


def foreign(text: str, lang: str | None) -> int | None:
    """Where in `text` the first letter or word is that is clearly not in `lang` (a language tag such as `es-ES`); None
    when it may well be, is too short to tell, or `lang` names no language that is known here. Never raises."""
    language = re.split("[-_]", lang or "", maxsplit=1)[0].lower()
    scripts = _WRITTEN_IN.get(language)
    if scripts is None:
        return None
    words = [(found.start(), found[0].lower().replace("’", "'")) for found in _WORD.finditer(text)]
    script = "Latin" if text.isascii() else _script(text)
    if script is None or (script in scripts and language not in _TELLING):
        return None
    if script == "Latin":
        return _other(words, language) if len(words) >= ENOUGH_WORDS else None
    first = _LETTERS[script].search(text)
    signs = sum(len(_LETTERS[name].findall(text)) for name in _SPACELESS)
    long = signs >= ENOUGH_SIGNS if script in _SPACELESS else len(words) >= ENOUGH_WORDS
    return first.start() if first and long else None


def is_function_word(word: str, language: str) -> bool:
    """True of a frequent small word (lower case) of a language that is known here by its two letters."""
    return word in _BY_LANGUAGE.get(language, ())


LANGUAGES = tuple(_BY_LANGUAGE)
"""Those whose function words are known."""


def _script(text: str) -> str | None:
    """The script that nearly all letters are in. Kana counts Han too, which Japanese is mixed with."""
    counts = {name: len(letters.findall(text)) for name, letters in _LETTERS.items()}
    total = sum(counts.values())
    if counts["Kana"] > total * 0.1:
        counts["Kana"] += counts["Han"]
    script = max(counts, key=lambda name: counts[name])
    return script if total and counts[script] >= CLEAR * total else None


def _other(words: list[tuple[int, str]], language: str) -> int | None:
    """Where the first telling word of another language is, when that clearly is the language of the words."""
    distinct = {word for _, word in words}
    evidence = {name: len(distinct & known) for name, known in _BY_LANGUAGE.items()}
    best = max(evidence, key=lambda name: (evidence[name], name))
    found = [at for at, word in words if word in _BY_LANGUAGE[best]]
    telling = len(distinct & _TELLING[best])
    if evidence[best] < DISTINCT or telling < TELLING or len(found) < SHARE * len(words):
        return None
    return found[0] if evidence[best] >= MORE * evidence.get(language, 0) else None
