"""Relay reports: what a relay says of itself every few seconds, in a file beside its journal's segments.

Knows: the file's name and content, and how a small file is replaced as a whole.
Must not know: when it is written; what is healthy.
"""

import os
from pathlib import Path

import msgspec

NAME = "relay.json"


class RelayReport(msgspec.Struct, frozen=True):
    """A relay as it says itself. `status` is that of `/.relayproxy/readyz`: `ready`, `degraded`, `full` or `draining`,
    also when it was replaced and still has calls."""

    name: str
    pid: int
    status: str
    live_calls: int
    version: str
    """Of relayproxy."""


def write_relay_report(journal: Path, report: RelayReport) -> None:
    """Writes the report of a journal's relay in place of its earlier one. Raises OSError."""
    replace_file(journal / NAME, msgspec.json.encode(report))


def read_relay_report(journal: Path) -> RelayReport | None:
    """What a journal's relay has said last; None when there is no file, or one that cannot be read."""
    try:
        return msgspec.json.decode((journal / NAME).read_bytes(), type=RelayReport)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def delete_relay_report(journal: Path) -> None:
    """Deletes the file, where there is one."""
    delete_file(journal / NAME)


def replace_file(path: Path, content: bytes) -> None:
    """Writes a file, readable by its owner alone, that readers find either old or new. Raises OSError."""
    new = path.with_name(f".{path.name}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    new.replace(path)


def delete_file(path: Path) -> None:
    """Deletes a file that `replace_file` has written, or not quite."""
    for one in (path, path.with_name(f".{path.name}")):
        one.unlink(missing_ok=True)
