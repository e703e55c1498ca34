"""Refusals file: counts of the requests that a relay refused, beside its journal's segments.

Knows: the file's name.
Must not know: when it is written; what is done about refusals.
"""

from pathlib import Path

import msgspec

from relayproxy.journal.relay_report import delete_file, replace_file
from relayproxy.refusals import RefusalCount

NAME = "refused.json"


def write_refused(journal: Path, tallies: tuple[RefusalCount, ...]) -> None:
    """Writes the tallies of a journal's relay in place of its earlier ones. Raises OSError."""
    replace_file(journal / NAME, msgspec.json.encode(tallies))


def read_refused(journal: Path) -> tuple[RefusalCount, ...]:
    """The tallies that a journal's relay wrote last; empty when there is no file, or one that cannot be read."""
    try:
        return msgspec.json.decode((journal / NAME).read_bytes(), type=tuple[RefusalCount, ...])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return ()


def delete_refused(journal: Path) -> None:
    """Deletes the file, where there is one."""
    delete_file(journal / NAME)
