"""Bucket: objects in a bucket of a server that speaks S3.

Knows: obstore; where it finds credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, or
the role of the machine or container); for how long a server is waited for.
Must not know: what objects are for.

A server has an object as a whole or not at all, and answers only when it is durable there. The signature of a request
covers the hash of what is written, so that nothing is changed on the way.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from relayproxy.objects.place import Listed, MissingObjectError, ObjectsError, Place

CONNECT, REQUEST = timedelta(seconds=3), timedelta(seconds=10)
"""How long a connection and a whole request may take."""
RETRIES = 1
_LONGEST = 300
_ASKED = re.compile(r"^.*?Error performing (\w+) (\w+://[^/\s]+)\S* in \S+?(?:, after .*?, retry_timeout: \S+)?\s+- ")
"""How obstore tells of a request: with its key and how long it took, which differ each time."""
_OF_ONE_OF_MANY = "(code: NoSuchKey)"
"""What is said of an object that is not there, among others that are to be deleted."""
_ROLE = "/latest/api/token"
"""Where a machine of AWS is asked for its role."""
_NOBODY = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set here, and this machine has no role that gives a key"
_CODE = re.compile(r"<Code>(\w{1,60})</Code>")


class Bucket:
    """An `ObjectStore` in a bucket. Nothing is asked before its first use. Raises `ObjectsError`."""

    def __init__(self, place: Place) -> None:
        self._place = place
        bucket, prefix = place.bucket
        where: dict[str, object] = {}
        if place.endpoint is not None:
            where = {"endpoint": place.endpoint, "virtual_hosted_style_request": not place.path_style}
            if not place.path_style:
                url = urlsplit(place.endpoint)
                where["endpoint"] = f"{url.scheme}://{bucket}.{url.netloc}"
        with self._told():
            self._store = S3Store(
                bucket,
                prefix=prefix or None,
                client_options={"allow_http": True, "connect_timeout": CONNECT, "timeout": REQUEST},
                retry_config={"max_retries": RETRIES, "retry_timeout": REQUEST},
                **where,  # type: ignore[arg-type]
            )

    def put(self, key: str, content: bytes) -> None:
        with self._told():
            obstore.put(self._store, key, content, use_multipart=False)

    def get(self, key: str) -> bytes:
        with self._told():
            return obstore.get(self._store, key).bytes().to_bytes()

    def written_at(self, key: str) -> int:
        with self._told():
            return _nanoseconds(obstore.head(self._store, key)["last_modified"])

    def delete(self, keys: Sequence[str]) -> None:
        try:
            with self._told():
                obstore.delete(self._store, keys)
        except MissingObjectError:
            # A server that says so of one has not been asked for those behind it.
            for key in keys:
                with suppress(MissingObjectError), self._told():
                    obstore.delete(self._store, key)

    def list(self, prefix: str) -> Iterator[Listed]:
        with self._told():
            for some in obstore.list(self._store, prefix):
                for one in some:
                    yield Listed(one["path"], _nanoseconds(one["last_modified"]))

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as problem:
            if "NoSuchBucket" in str(problem):
                raise ObjectsError(f"{self._place}: there is no such bucket") from None
            raise MissingObjectError(f"{self._place}: there is no such object") from None
        except (PermissionDeniedError, UnauthenticatedError) as problem:
            raise ObjectsError(f"{self._place} refuses: {_words(problem)}") from None
        except (BaseError, OSError, ValueError) as problem:
            if _OF_ONE_OF_MANY in str(problem):
                raise MissingObjectError(f"{self._place}: there is no such object") from None
            if _ROLE in str(problem):
                raise ObjectsError(f"{self._place} cannot be asked: {_NOBODY}") from None
            raise ObjectsError(f"{self._place} does not answer as expected: {_words(problem)}") from None
        except BaseException as problem:
            # What Rust did not expect of a server is no Exception.
            if type(problem).__name__ != "PanicException":
                raise
            raise ObjectsError(f"{self._place} does not answer as expected: {_words(problem)}") from None


def _nanoseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1e9)


def _words(problem: BaseException) -> str:
    """What went wrong, in a line, the same for each request that fails in the same way: behind the first one there is
    how obstore sees it, at its end an answer in XML."""
    told = str(problem).partition("\n")[0].partition(": <?xml")[0] or type(problem).__name__
    told = _ASKED.sub(r"\1 \2: ", told)
    code = _CODE.search(str(problem))
    return told[:_LONGEST] + (f" ({code[1]})" if code else "")
