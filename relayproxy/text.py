"""Storable text: text that can be encoded as UTF-8 and stored in any database.

Knows: that JSON may hold halves of surrogate pairs, and that no PostgreSQL column takes NUL.
Must not know: where a text comes from and what it says.
"""


def mended(text: str) -> str:
    """Surrogate pairs joined to one character; surrogates that are alone become U+FFFD."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def storable(text: str) -> str:
    """The text as `mended` returns it, with NUL replaced by U+FFFD as well."""
    return mended(text).replace("\0", "\N{REPLACEMENT CHARACTER}")
