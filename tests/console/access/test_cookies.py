"""What a cookie says, and to whom."""

import time

import pytest

from relayproxy.console.access.cookies import Cookies, password_digest

KEY = "k" * 32


def test_a_cookie_says_who_signed_in_and_until_when() -> None:
    cookies = Cookies(KEY)

    found = cookies.read(cookies.make("alice", "hash"))

    assert found is not None
    assert (found.name, found.password_digest) == ("alice", password_digest("hash"))
    assert 0 <= time.time() + 12 * 3600 - found.until < 60


@pytest.mark.parametrize("cookie", ["", ".", "a.b.c", "x" * 10_000, "\u00e9", "bnVsbA.aaaaaa.bbbb"])
def test_what_is_no_cookie_says_nothing(cookie: str) -> None:
    assert Cookies(KEY).read(cookie) is None


def test_a_cookie_of_another_key_says_nothing() -> None:
    assert Cookies("x" * 32).read(Cookies(KEY).make("alice", "hash")) is None
