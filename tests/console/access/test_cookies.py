"""What a cookie says, and to whom."""

import time
from pathlib import Path

import pytest

from relayproxy.console.access import cookies
from relayproxy.console.access.cookies import Cookies, password_digest
from relayproxy.errors import SettingError
from tests.console.door import console_on, settings_in

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


async def test_the_key_is_made_once_and_for_its_owner_alone(folder: Path) -> None:
    async with console_on(settings_in(folder)):
        key = (folder / "console.key").read_text()
    async with console_on(settings_in(folder)):
        assert (folder / "console.key").read_text() == key
    assert (folder / "console.key").stat().st_mode & 0o777 == 0o600
    assert len(key.strip()) == 64
    assert [path.name for path in folder.glob("console.*")] == ["console.key"]


def test_a_key_that_is_none_stops_the_start(folder: Path) -> None:
    (folder / "console.key").write_text("short\n")

    with pytest.raises(SettingError, match=r"console\.key: holds no key"):
        cookies.key_in(folder)
