"""Text as it is kept and shown: storable in any database, printable, masked, or shortened.

Knows: that JSON may hold halves of surrogate pairs, and that no PostgreSQL column takes NUL; what stands for masked
characters, and for what was left out.
Must not know: where a text comes from and what it says; which of it is masked.
"""

from typing import overload


def mended(text: str) -> str:
    """Surrogate pairs joined to one character; surrogates that are alone become U+FFFD."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@overload
def storable(text: str) -> str: ...
@overload
def storable(text: None) -> None: ...
def storable(text: str | None) -> str | None:
    """The text as `mended` returns it, with NUL replaced by U+FFFD as well; None as it is."""
    return None if text is None else mended(text).replace("\0", "\N{REPLACEMENT CHARACTER}")


def shortened(text: str, most: int) -> str:
    """The text when it has no more characters than that; else its beginning, of which `…` is the last."""
    return text if len(text) <= most else text[: most - 1] + "…"


def printable(text: str) -> str:
    """The text as a terminal can show it in a line: white space as spaces, U+FFFD for what would steer the terminal."""
    return "".join(one if one.isprintable() else " " if one.isspace() else "\N{REPLACEMENT CHARACTER}" for one in text)


MASKED_DIGIT = "•"
"""The mask of a digit that is not stored."""
MASKED_LETTER = "◦"
"""The mask of a letter that is not stored: another one, because a digit takes longer to say."""


def mask(text: str) -> str:
    """The text, of the same length, with each of its letters and digits masked."""
    if text.isascii():
        return text.translate(_ASCII_MASKS)
    return "".join([MASKED_DIGIT if one.isdigit() else MASKED_LETTER if one.isalnum() else one for one in text])


_ASCII_MASKS = {n: MASKED_DIGIT if chr(n).isdigit() else MASKED_LETTER for n in range(128) if chr(n).isalnum()}
