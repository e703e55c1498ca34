"""Keyring: the keys that signatures are checked with, by the references that lead to them.

Knows: that a key in a file is replaced while the relay runs, and that a file may be unreadable for a moment.
Must not know: what the keys are used for.
"""

import logging
from collections.abc import Iterable

from relayproxy.errors import SettingError
from relayproxy.settings.signatures import read_key
from relayproxy.settings.validators import split_reference
from relayproxy.signature import Key

log = logging.getLogger(__name__)


class Keyring:
    """Keys of these references, read at once; raises SettingError where one cannot be read."""

    def __init__(self, references: Iterable[str]) -> None:
        self._keys = {reference: read_key(reference) for reference in references}
        self._files = [reference for reference in self._keys if split_reference(reference)[1] == "file"]
        self._failing: set[str] = set()

    @property
    def has_files(self) -> bool:
        """True when `renew` can find anything new."""
        return bool(self._files)

    def key(self, reference: str) -> Key | None:
        """The key; None for a reference that was not given."""
        return self._keys.get(reference)

    def renew(self) -> None:
        """Reads the files again. Where one cannot be read, its last key stays in force, and the log says so once."""
        for reference in self._files:
            try:
                fresh = read_key(reference)
            except SettingError as problem:
                if reference not in self._failing:
                    self._failing.add(reference)
                    log.warning("%s; the token that was read before stays in force", problem)
                continue
            self._failing.discard(reference)
            if fresh != self._keys[reference]:
                self._keys[reference] = fresh
                log.info("auth_tokens=%s: a new token is in force", reference)
