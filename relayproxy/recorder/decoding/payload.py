"""Bounded payload: keeps the head of a payload that may be longer than the limit.

Knows: head, length and hash of bytes that arrive piece by piece; memory is bounded by the limit.
Must not know: what the bytes are.
"""

import hashlib
from typing import Any


class Payload:
    """Collects bytes; keeps the first `limit`, counts and hashes the rest."""

    __slots__ = ("_hash", "_limit", "head", "size")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._hash: Any = None
        self.head = bytearray()
        self.size = 0

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        if self._hash is None:
            if self.size <= self._limit:
                self.head += piece
                return
            self._hash = hashlib.sha256(self.head)
            self.head += piece[: self._limit - len(self.head)]
        self._hash.update(piece)

    @property
    def cut(self) -> bool:
        """True when `head` is not all of it."""
        return self._hash is not None

    @property
    def sha256(self) -> str | None:
        """Of everything added, in hex; None unless cut."""
        return self._hash.hexdigest() if self._hash is not None else None
