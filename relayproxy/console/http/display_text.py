"""Text of callers and backends as it is displayed: misleading characters made visible, JSON indented, long texts cut.

Knows: Unicode's controls, bidirectional marks and joiners; how much of a text a page holds.
Must not know: what the text says; HTML.
"""

import re
from unicodedata import category

import msgspec

from relayproxy.plural import plural

# Characters that are invisible or reorder what stands around them: controls, zero-width, bidi, line separators.
# Newline and tab are layout, not deception.
_SUSPECT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200d\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff]")
_UNSEEN = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
"""Soft hyphen, zero-width space, joiners: text between letters and emoji, else they only hide."""
_OPENS = {"\u202a": "\u202c", "\u202b": "\u202c", "\u2066": "\u2069", "\u2067": "\u2069", "\u2068": "\u2069"}
"""Embeddings and isolates, and what closes them."""
_OVERRIDES = "\u202d\u202e"


MOST = 10_000
"""Characters of a text that a page holds; the recording has all of it."""
MOST_OF_BLOCK = 50_000
"""Those of one that is shown for its own sake."""


def pretty(text: str) -> str:
    """JSON indented, with numbers, key order and duplicates as they are; any other text unchanged. Visible, and cut
    beyond `MOST_OF_BLOCK`."""
    try:
        return begun(msgspec.json.format(text, indent=2), MOST_OF_BLOCK)
    except (msgspec.DecodeError, RecursionError):
        return begun(text, MOST_OF_BLOCK)


def begun(text: str, most: int = MOST) -> str:
    """`visible`; of a text with more characters than that its beginning, and `left_out`."""
    return visible(text[:most]) + left_out(text, most)


def left_out(text: str, most: int = MOST) -> str:
    """How many characters are left out of a text that is cut there, in words; empty where none is."""
    return f" … and {plural(len(text) - most, 'more character')}; the recording has all" if len(text) > most else ""


def visible(text: str) -> str:
    """`text` with misleading characters written as code points, `⟦U+202E⟧`: controls, bidirectional overrides,
    embeddings and isolates left open, and what cannot be seen outside of words and emoji."""
    if not _SUSPECT.search(text):
        return text
    closed = _closed(text)

    def told(found: re.Match[str]) -> str:
        character, at = found[0], found.start()
        if at in closed or (character in _UNSEEN and _joins(text, at)):
            return character
        return f"⟦U+{ord(character):04X}⟧"

    return _SUSPECT.sub(told, text)


def _joins(text: str, at: int) -> bool:
    """True when there are letters, marks or symbols on both sides."""
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    return bool(before and after) and all(one in _UNSEEN or category(one)[0] in "LMS" for one in (before, after))


def _closed(text: str) -> set[int]:
    """Positions of the opening and closing characters of balanced embeddings and isolates without an override."""
    places: set[int] = set()
    opened: list[tuple[int, str]] = []
    for found in _SUSPECT.finditer(text):
        character, at = found[0], found.start()
        if character in _OPENS or character in _OVERRIDES:
            opened.append((at, _OPENS.get(character, "\u202c")))
        elif opened and character == opened[-1][1]:
            start, _ = opened.pop()
            if text[start] in _OPENS:
                places |= {start, at}
    return places
