"""The cookie of somebody who has signed in.

Knows: what it says, how it is signed, when it ends.
Must not know: passwords, settings, what the cookie opens.

The cookie holds a name, a random id, and a digest of the user's password hash, so that it ends with the password; and
the time of signing in. A cookie that was ended by signing out is remembered, in a file, until it would have run out:
a copy of it opens nothing, after a restart neither.
"""

import hashlib
import logging
import os
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from itsdangerous import BadData, URLSafeTimedSerializer

from relayproxy.errors import SettingError
from relayproxy.settings.validators import signing_key

_log = logging.getLogger(__name__)

HOURS = 12
LIFETIME = HOURS * 3600
"""Seconds from signing in to having to do it again."""
KEY_FILE, ENDED_FILE = "console.key", "console.ended"
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Pass:
    """What a genuine cookie says. `until` is in seconds since the epoch."""

    name: str
    id: str
    bond: str
    until: int


def bond_of(hash: str) -> str:
    """What ties a cookie to a password hash, and does not give it away."""
    return hashlib.sha256(b"relayproxy cookie\0" + hash.encode()).hexdigest()[:24]


class Cookies:
    """Makes cookies, and reads those that one with the same key made."""

    def __init__(self, key: str, ended: "Ended") -> None:
        options = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
        self._serializer = URLSafeTimedSerializer(key, salt="relayproxy console", signer_kwargs=options)
        self._ended = ended

    def make(self, name: str, hash: str) -> str:
        """A cookie for the user with this password hash."""
        return self._serializer.dumps([name, secrets.token_urlsafe(16), bond_of(hash)])

    def read(self, cookie: str) -> Pass | None:
        """What the cookie says; None when it is none of ours, has run out or was ended."""
        if len(cookie) > _LONGEST:
            return None
        try:
            (name, id, bond), signed = self._serializer.loads(cookie, max_age=LIFETIME, return_timestamp=True)
        except (BadData, ValueError, TypeError):
            return None
        return None if id in self._ended else Pass(name, id, bond, int(signed.timestamp()) + LIFETIME)

    def end(self, found: Pass) -> None:
        """The cookie opens nothing any more."""
        self._ended.add(found.id, found.until)


class Ended:
    """Ids of cookies that were ended before their time, shared by all consoles with that file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._until: dict[str, int] = {}
        self._state: tuple[int, int] | None = None

    def __contains__(self, id: str) -> bool:
        self._look()
        return id in self._until

    def add(self, id: str, until: int) -> None:
        """Ends one; when the file cannot be written, for this process alone."""
        self._look()
        self._until[id] = until
        now = time.time()
        try:
            if any(until < now for until in self._until.values()):
                self._rewrite(now)
            else:
                with _opened(self._path, os.O_APPEND) as file:
                    file.write(f"{until} {id}\n".encode())
        except OSError as problem:
            _log.warning(
                "%s cannot be written: after a restart, cookies may outlast signing out (%s)",
                self._path,
                problem.strerror,
            )

    def _rewrite(self, now: float) -> None:
        self._until = {id: until for id, until in self._until.items() if until >= now}
        fresh = self._path.with_suffix(f".{secrets.token_hex(4)}")
        with _opened(fresh, os.O_EXCL) as file:
            file.write("".join(f"{until} {id}\n" for id, until in self._until.items()).encode())
        fresh.replace(self._path)

    def _look(self) -> None:
        try:
            found = self._path.stat()
            state = (found.st_mtime_ns, found.st_size)
            if state == self._state:
                return
            lines = self._path.read_text("ascii", "replace").splitlines()
        except OSError:
            return
        self._state = state
        for line in lines:
            until, _, id = line.partition(" ")
            if until.isdigit() and id:
                self._until[id] = int(until)


def key_in(folder: Path) -> str:
    """The key in the folder's file, which is made, for its owner alone, when it is not there. Raises SettingError."""
    path = folder / KEY_FILE
    try:
        if not path.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = path.with_suffix(f".{secrets.token_hex(4)}")
            with _opened(fresh, os.O_EXCL) as file:
                file.write(secrets.token_hex(32).encode() + b"\n")
            # Two consoles may start at the same time: the first key stays.
            with suppress(FileExistsError):
                os.link(fresh, path)
            fresh.unlink()
        return signing_key(path.read_text("ascii").strip())
    except OSError as problem:
        raise SettingError(
            f"{path}: cannot be read or made ({problem.strerror}); console_key can be set instead"
        ) from None
    except ValueError:
        raise SettingError(
            f"{path}: holds no key; take it away and a new one is made (everybody signs in again)"
        ) from None


def _opened(path: Path, flags: int) -> FileIO:
    """A file that only its owner may read."""
    return FileIO(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, 0o600), "wb")
