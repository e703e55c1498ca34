"""Cookies that were ended before their time, and what is kept of them."""

import logging
import time
from pathlib import Path

import pytest

from relayproxy.console.access.cookies import Cookies, Ended, bond_of

KEY = "k" * 32


def test_a_cookie_says_who_signed_in_and_until_when(tmp_path: Path) -> None:
    cookies = Cookies(KEY, Ended(tmp_path / "ended"))

    found = cookies.read(cookies.make("alice", "hash"))

    assert found is not None
    assert (found.name, found.bond) == ("alice", bond_of("hash"))
    assert 0 <= time.time() + 12 * 3600 - found.until < 60


@pytest.mark.parametrize("cookie", ["", ".", "a.b.c", "x" * 10_000, "\u00e9", "bnVsbA.aaaaaa.bbbb"])
def test_what_is_no_cookie_says_nothing(tmp_path: Path, cookie: str) -> None:
    assert Cookies(KEY, Ended(tmp_path / "ended")).read(cookie) is None


def test_a_cookie_of_another_key_says_nothing(tmp_path: Path) -> None:
    ended = Ended(tmp_path / "ended")

    assert Cookies("x" * 32, ended).read(Cookies(KEY, ended).make("alice", "hash")) is None


def test_what_ended_is_known_to_all_with_the_same_file(tmp_path: Path) -> None:
    one, other = Ended(tmp_path / "ended"), Ended(tmp_path / "ended")
    until = int(time.time()) + 100
    one.add("a", until)
    other.add("b", until)

    assert [id in one for id in ("a", "b", "c")] == [True, True, False]
    assert [id in other for id in ("a", "b", "c")] == [True, True, False]
    assert (tmp_path / "ended").stat().st_mode & 0o777 == 0o600


def test_what_has_run_out_is_not_kept(tmp_path: Path) -> None:
    ended, now = Ended(tmp_path / "ended"), int(time.time())
    ended.add("old", now - 10)
    ended.add("new", now + 100)

    assert (tmp_path / "ended").read_text() == f"{now + 100} new\n"
    assert [path.name for path in tmp_path.iterdir()] == ["ended"]


def test_a_file_that_cannot_be_written_is_said_and_the_cookie_ended_here(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ended = Ended(tmp_path / "gone" / "ended")
    with caplog.at_level(logging.WARNING):
        ended.add("a", int(time.time()) + 100)

    assert "a" in ended
    assert "cookies may outlast signing out" in caplog.text
