"""Recording files: opened, checked and read, whatever they turn out to be.

Knows: that files are compressed or not; how large they may be; which sentence tells what is wrong with one.
Must not know: where recordings go; the database.

A file is read as it is asked for: what is held at once is one line.
"""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from relayproxy.conversation.checks.findings import Thresholds
from relayproxy.conversation.recording import Header, NotARecording, Recorded, read_recording
from relayproxy.errors import RelayproxyError
from relayproxy.recordings.call import RecordedCall, recorded_call
from relayproxy.text import mended

MIB = 1024 * 1024
MAX_UNPACKED = 128 * MIB
"""Bytes of a recording, unpacked, of which more are not read: a connection records some 32 MiB at most
(`session_limit`)."""
_GZIP = b"\x1f\x8b"


class RecordingFileError(RelayproxyError):
    """Raised for a file that is no recording, or not a whole one; the message is a sentence that begins with its
    name."""


def read_call(
    path: Path,
    thresholds: Thresholds = Thresholds(),  # noqa: B008 (an immutable value)
    limit: int = MAX_UNPACKED,
) -> RecordedCall:
    """The call of a recording file. Raises `RecordingFileError`."""
    with opened(path) as file:
        return recorded_call(*recording_of(file, path.name, limit), thresholds)


def opened(path: Path) -> BinaryIO:
    """The file at that path, for `recording_of`. Raises `RecordingFileError`."""
    try:
        return path.open("rb")
    except OSError as problem:
        raise RecordingFileError(f"{mended(str(path))}: {problem.strerror}") from None


def recording_of(file: BinaryIO, name: str, limit: int = MAX_UNPACKED) -> tuple[Header, Iterator[Recorded]]:
    """The header and then, as they are asked for, the messages of an open file, compressed or not; `name` is for
    errors. Raises `RecordingFileError`, also where the messages turn out to be damaged or not all there."""
    with _told(name):
        header, messages = read_recording(_lines(file, limit))
    return header, _checked(name, messages)


def _checked(name: str, messages: Iterator[Recorded]) -> Iterator[Recorded]:
    while True:
        with _told(name):
            message = next(messages, None)
        if message is None:
            return
        yield message


@contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except NotARecording as problem:
        raise RecordingFileError(f"{mended(name)}: {problem}") from None
    except EOFError:
        raise RecordingFileError(f"{mended(name)}: the recording is cut short, within its compressed data") from None
    except (gzip.BadGzipFile, zlib.error):
        raise RecordingFileError(f"{mended(name)}: its compressed data is damaged") from None
    except OSError as problem:
        raise RecordingFileError(f"{mended(name)}: {problem.strerror or problem}") from None


def _lines(file: BinaryIO, limit: int) -> Iterator[bytes]:
    """The file's lines, unpacked if it is packed."""
    start = file.read(len(_GZIP))
    if not start:
        raise NotARecording("it is empty")
    whole = io.BufferedReader(_Begun(start, file))
    source = gzip.GzipFile(fileobj=whole, mode="rb") if start == _GZIP else whole
    left = limit
    while line := source.readline(left + 1):
        left -= len(line)
        if left < 0:
            raise NotARecording(f"unpacked it has more than {limit / MIB:,.0f} MiB, and recordings of calls have less")
        yield line


class _Begun(io.RawIOBase):
    """A file whose beginning has been read: a pipe cannot go back to it."""

    def __init__(self, start: bytes, rest: BinaryIO) -> None:
        self._start, self._rest = start, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        found = self._start or self._rest.read(len(buffer))
        buffer[: len(found)] = found
        self._start = b""
        return len(found)
