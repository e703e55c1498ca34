"""Passwords and tokens: made, kept, compared."""

from argon2 import PasswordHasher, extract_parameters

from relayproxy import passwords
from relayproxy.settings.validators import password_hash, sha256_hex

CHEAP = PasswordHasher(time_cost=2, memory_cost=64, parallelism=2)


def test_a_password_goes_with_its_hash_alone() -> None:
    hash = passwords.hash_password("correct horse")

    assert passwords.is_password(hash, "correct horse")
    assert not passwords.is_password(hash, "correct horsé")
    assert not passwords.is_password(hash, "")
    assert hash != passwords.hash_password("correct horse")
    assert password_hash(hash) == hash


def test_what_is_too_long_is_not_even_looked_at() -> None:
    long = "x" * (passwords.MAX_LENGTH + 1)

    assert not passwords.is_password(CHEAP.hash(long), long)


def test_a_hash_that_cannot_be_read_goes_with_nothing() -> None:
    assert not passwords.is_password("$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$!", "x")


def test_a_decoy_costs_what_the_others_cost() -> None:
    other = CHEAP.hash("x")

    assert extract_parameters(passwords.decoy([other])) == extract_parameters(other)
    assert extract_parameters(passwords.decoy([])) == extract_parameters(passwords.hash_password("x"))


def test_tokens_are_new_each_time_and_kept_as_digests() -> None:
    one, other = passwords.new_token(), passwords.new_token()

    assert one != other
    assert len(one) == 46
    assert sha256_hex(passwords.token_digest(one)) == passwords.token_digest(one)
    assert passwords.same(passwords.token_digest(one), passwords.token_digest(one))
    assert not passwords.same(passwords.token_digest(one), passwords.token_digest(other))
