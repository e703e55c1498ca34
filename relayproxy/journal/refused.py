"""Refusals file: counts of the requests that a relay refused, beside its journal's segments.

Knows: the file's name and how it is replaced as a whole.
Must not know: when it is written; what is done about refusals.
"""

import os
from pathlib import Path

import msgspec

from relayproxy.refusals import RefusalCount

NAME = "refused.json"


def write_refused(journal: Path, tallies: tuple[RefusalCount, ...]) -> None:
    """Writes the tallies of a journal's relay in place of its earlier ones. Raises OSError."""
    new = journal / f".{NAME}"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(tallies))
    new.replace(journal / NAME)


def read_refused(journal: Path) -> tuple[RefusalCount, ...]:
    """The tallies that a journal's relay wrote last; empty when there is no file, or one that cannot be read."""
    try:
        return msgspec.json.decode((journal / NAME).read_bytes(), type=tuple[RefusalCount, ...])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return ()


def delete_refused(journal: Path) -> None:
    """Deletes the file, where there is one."""
    for name in (NAME, f".{NAME}"):
        (journal / name).unlink(missing_ok=True)
