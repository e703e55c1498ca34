"""Masks that tests can be read with.

Knows: one character for letters and digits alike; those that are stored tell them apart.
Must not know: where secrets come from.
"""

from collections.abc import Iterable

from relayproxy.redaction.values import Secret

MASK = "•"


def masked(text: str, secrets: Iterable[Secret]) -> str:
    """The text, of the same length, in which each letter and digit of the secrets' spans is `MASK`."""
    characters = list(text)
    for secret in secrets:
        for start, end in secret.spans:
            characters[start:end] = [MASK if one.isalnum() else one for one in characters[start:end]]
    return "".join(characters)
