"""Passwords and API tokens: how they are made, kept and compared.

Knows: Argon2, and what checking a password may cost.
Must not know: who has them, settings, HTTP.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable

from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH, MAX_LENGTH = 8, 1024
"""Characters of a password: minimum of a new one, and maximum of one that is checked."""
# Half the memory that RFC 9106 gives to constrained machines: a sign-in shares its machine with live calls.
_HASHER = PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=1, type=Type.ID)


def hash_password(password: str) -> str:
    """The password's Argon2id hash, in the form that Argon2's own tools write. Takes tens of milliseconds."""
    return _HASHER.hash(password)


def is_password(hash: str, password: str) -> bool:
    """True when the password has this hash; False as well for a hash that is not valid. Takes tens of milliseconds, and
    the memory that the hash names."""
    if len(password) > MAX_LENGTH:
        return False
    try:
        return _HASHER.verify(hash, password)
    except (VerificationError, InvalidHashError):
        return False


def decoy(hashes: Iterable[str]) -> str:
    """A hash that no known password has, as costly to check as the given ones: for names that do not exist, so that
    the time of an answer does not tell them from others."""
    for hash in hashes:
        cost = extract_parameters(hash)
        hasher = PasswordHasher(cost.time_cost, cost.memory_cost, cost.parallelism, type=cost.type)
        return hasher.hash(secrets.token_urlsafe())
    return hash_password(secrets.token_urlsafe())


def new_token() -> str:
    """A token that cannot be guessed; `rp_` lets secret scanners and people recognise it."""
    return "rp_" + secrets.token_urlsafe(32)


def token_digest(token: str) -> str:
    """SHA-256 of a token as hex digits, which is stored. 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def same(one: str, other: str) -> bool:
    """Equality in a time that does not tell where two texts differ."""
    return hmac.compare_digest(one.encode(), other.encode())
