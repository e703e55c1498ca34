"""Places of objects: a bucket or a folder, how it is written, and what everything that holds objects can do.

Knows: the forms of a place; the contract of an object store; the errors that one raises.
Must not know: how any of them keeps objects.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from relayproxy.errors import RelayproxyError

S3, FILE = "s3://", "file://"
CREDENTIALS = frozenset({"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"})
"""Variables with secrets that say who asks a bucket."""
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"(?:[A-Za-z0-9!_.*'()-]+(?:/[A-Za-z0-9!_.*'()-]+)*)?")
_EXPECTED = "a bucket (s3://bucket/prefix) or a folder (file:///path, or a path) is expected"


class ObjectsError(RelayproxyError):
    """A place did not do what it was asked: it is away, refuses, or is full. The same call may succeed later."""


class MissingObjectError(ObjectsError):
    """The place answers, and there is no such object in it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where objects are: `root` is `s3://bucket/prefix` or `file:///folder`, without a slash at its end. Of a bucket,
    `endpoint` is the URL of its server (None: AWS, or what AWS_ENDPOINT_URL says), which with `path_style` is asked
    for /bucket/key, else at bucket.host for /key."""

    root: str
    endpoint: str | None = None
    path_style: bool = True

    @property
    def folder(self) -> Path | None:
        """The folder; None of a bucket."""
        return Path(unquote(urlsplit(self.root).path)) if self.root.startswith(FILE) else None

    @property
    def bucket(self) -> tuple[str, str]:
        """Of a bucket its name and the prefix, which may be empty."""
        name, _, prefix = self.root.removeprefix(S3).partition("/")
        return name, prefix

    def __str__(self) -> str:
        return self.root if self.endpoint is None else f"{self.root} at {self.endpoint}"


@dataclass(frozen=True, slots=True)
class Listed:
    """An object of a list; `at` is when it was written, in nanoseconds since 1970 by the place's clock."""

    key: str
    at: int


class ObjectStore(Protocol):
    """Holds objects at one place. Keys are parts of letters, digits, `-`, `_` and `.`, with slashes between them. May
    be used by several threads at once. Every method raises `ObjectsError`."""

    def put(self, key: str, content: bytes) -> None:
        """Writes an object; durable on return. Nobody ever reads a part of it."""

    def get(self, key: str) -> bytes:
        """The whole object. Raises `MissingObjectError`."""

    def written_at(self, key: str) -> int:
        """When the object was written, as `Listed.at`. Raises `MissingObjectError`."""

    def delete(self, keys: Sequence[str]) -> None:
        """Deletes objects, at most a thousand; one that is not there is no error. Where some cannot be deleted it
        raises, and the others may be gone."""

    def list(self, prefix: str) -> Iterator[Listed]:
        """All objects whose keys begin with the parts `prefix`, in no order. One that is written or deleted meanwhile
        may be there or not."""


def root_of(text: str) -> str:
    """The root of a place as people write it. Raises ValueError with what is expected."""
    text = text.strip()
    if text.startswith(S3):
        bucket, _, prefix = text.removeprefix(S3).rstrip("/").partition("/")
        if "@" in text or not _BUCKET.fullmatch(bucket):
            raise ValueError(
                f"{_EXPECTED}, with the name of a bucket; credentials go into AWS_ACCESS_KEY_ID and the like"
            )
        if not _PREFIX.fullmatch(prefix) or {".", ".."} & {*prefix.split("/")}:
            raise ValueError("a prefix of letters, digits and -_.!*'() with single slashes between them is expected")
        return f"{S3}{bucket}/{prefix}".rstrip("/")
    if text.startswith(FILE):
        url = urlsplit(text)
        if url.netloc or url.query or url.fragment or len(url.path) < 2:
            raise ValueError("a folder of this machine is expected: file:///path")
        return Path(unquote(url.path)).absolute().as_uri()
    if not text or "://" in text or "\0" in text:
        raise ValueError(_EXPECTED)
    return Path(text).expanduser().absolute().as_uri()


def endpoint_of(text: str) -> str:
    """The URL of a server that speaks S3. Raises ValueError with what is expected."""
    expected = "a URL such as https://s3.example.com or http://127.0.0.1:8333 is expected"
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise ValueError(expected) from None
    if url.scheme not in ("http", "https") or not url.hostname or port == 0 or url.query or url.fragment:
        raise ValueError(expected)
    if url.username is not None or url.password is not None:
        raise ValueError(
            "a URL without user name and password is expected; they go into AWS_ACCESS_KEY_ID and the like"
        )
    if url.path.strip("/"):
        raise ValueError("a URL without a path is expected; the bucket goes into recordings=s3://bucket")
    return text.rstrip("/")
