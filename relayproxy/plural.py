"""Counts in words: `1 call`, `2 calls`.

Knows: English singular and plural.
Must not know: what is counted.
"""


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 turn`, `2 turns`, `1,830 messages`; `many` where it is not `one` and an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
