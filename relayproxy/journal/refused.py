"""Refusals file: counts of the requests that a relay refused, beside its journal's segments.

Knows: its name and how it is replaced as a whole.
Must not know: when; what is done about it.
"""

import os
from pathlib import Path

import msgspec

from relayproxy.refusals import RefusalCount

NAME = "refused.json"


def write_refused(journal: Path, tallies: tuple[RefusalCount, ...]) -> None:
    """Replaces what a journal's relay has said before. Raises OSError."""
    new = journal / f".{NAME}"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(tallies))
    new.replace(journal / NAME)


def read_refused(journal: Path) -> tuple[RefusalCount, ...]:
    """What a journal's relay has said last; nothing where it has not, or in another version's shape."""
    try:
        return msgspec.json.decode((journal / NAME).read_bytes(), type=tuple[RefusalCount, ...])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return ()


def delete_refused(journal: Path) -> None:
    """Deletes the file, where there is one."""
    for name in (NAME, f".{NAME}"):
        (journal / name).unlink(missing_ok=True)
