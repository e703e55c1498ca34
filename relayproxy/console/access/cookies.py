"""Session cookies: signed values that carry a signed-in principal.

Knows: what a cookie says, how it is signed, when it runs out.
Must not know: passwords, settings, what a cookie opens; which cookies were revoked.

The cookie holds a name, a random id, and a digest of the user's password hash, so that it ends with the password; and
the time of signing in.
"""

import hashlib
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from itsdangerous import BadData, URLSafeTimedSerializer

from relayproxy.errors import SettingError
from relayproxy.settings.validators import signing_key

HOURS = 12
LIFETIME = HOURS * 3600
"""Seconds from signing in to having to do it again."""
KEY_FILE = "console.key"
_MAX_COOKIE = 4096


@dataclass(frozen=True, slots=True)
class CookieClaims:
    """The claims of a valid cookie. `until` is in seconds since the epoch."""

    name: str
    id: str
    password_digest: str
    until: int


def password_digest(hash: str) -> str:
    """A digest that ties a cookie to a password hash without disclosing it."""
    return hashlib.sha256(b"relayproxy cookie\0" + hash.encode()).hexdigest()[:24]


class Cookies:
    """Makes cookies, and reads those that one with the same key made."""

    def __init__(self, key: str) -> None:
        options = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
        self._serializer = URLSafeTimedSerializer(key, salt="relayproxy console", signer_kwargs=options)

    def make(self, name: str, hash: str) -> str:
        """A cookie for the user with this password hash."""
        return self._serializer.dumps([name, secrets.token_urlsafe(16), password_digest(hash)])

    def read(self, cookie: str) -> CookieClaims | None:
        """The claims of the cookie; None when its signature is wrong or it has expired."""
        if len(cookie) > _MAX_COOKIE:
            return None
        try:
            (name, id, digest), signed = self._serializer.loads(cookie, max_age=LIFETIME, return_timestamp=True)
        except (BadData, ValueError, TypeError):
            return None
        return CookieClaims(name, id, digest, int(signed.timestamp()) + LIFETIME)


def key_in(folder: Path) -> str:
    """The key in the folder's file, which is made, for its owner alone, when it is not there. Raises SettingError."""
    path = folder / KEY_FILE
    try:
        if not path.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = path.with_suffix(f".{secrets.token_hex(4)}")
            with open_private(fresh, os.O_EXCL) as file:
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


def open_private(path: Path, flags: int) -> FileIO:
    """A file that only its owner may read."""
    return FileIO(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, 0o600), "wb")
