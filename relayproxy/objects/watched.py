"""Watched stores: an object store that is not asked while its place is known not to answer.

Knows: how long a failure may take before it is one of waiting; for how long nobody waits again.
Must not know: how any place keeps objects; what objects are for.

Who needs many objects, a recorder that catches up or a console with many visitors, would else wait for each.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from relayproxy.objects.place import Listed, MissingObjectError, ObjectsError, ObjectStore

R = TypeVar("R")

SILENCE = 1.0
"""Seconds: a failure that took longer was waited for; others cost nothing."""
REMEMBERED = 4.0
"""Times as long as it was waited for a place is not asked again: who does nothing but ask it, in one thread, waits for
a fifth of the time."""
ASKING = 30.0
"""Seconds for which others are told what was while one asks whether it is so still; no question takes longer."""


class Watched:
    """An `ObjectStore` that fails as it did before, and at once, for a while after its place did not answer."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._silent_until = 0.0
        self._said = ""
        """Why it did not answer; empty since it has."""

    def put(self, key: str, content: bytes) -> None:
        self._ask(lambda: self._store.put(key, content))

    def get(self, key: str) -> bytes:
        return self._ask(lambda: self._store.get(key))

    def written_at(self, key: str) -> int:
        return self._ask(lambda: self._store.written_at(key))

    def delete(self, keys: Sequence[str]) -> None:
        self._ask(lambda: self._store.delete(keys))

    def list(self, prefix: str) -> Iterator[Listed]:
        return self._store.list(prefix)

    def _ask(self, question: Callable[[], R]) -> R:
        asked = time.monotonic()
        if asked < self._silent_until:
            raise ObjectsError(self._said)
        if self._said:
            self._silent_until = asked + ASKING
        try:
            answer = question()
        except ObjectsError as problem:
            now = time.monotonic()
            if isinstance(problem, MissingObjectError) or now - asked < SILENCE:
                self._answered()
            else:
                self._said, self._silent_until = str(problem), now + REMEMBERED * (now - asked)
            raise
        self._answered()
        return answer

    def _answered(self) -> None:
        self._said, self._silent_until = "", 0.0
