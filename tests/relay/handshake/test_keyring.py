"""The keyring: keys in files are replaced while calls come in."""

import logging
from pathlib import Path

import pytest

from relayproxy.errors import SettingError
from relayproxy.relay.handshake.keyring import Keyring
from relayproxy.signature import Key


def test_a_token_in_a_file_is_replaced_without_a_restart(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    file = tmp_path / "token"
    file.write_text("first\n")
    reference = f"file:{file}"
    keyring = Keyring([reference])
    assert keyring.key(reference) == Key(reference, "first")

    file.write_text("second\n")
    keyring.renew()
    assert keyring.key(reference) == Key(reference, "second")

    file.unlink()
    keyring.renew()
    keyring.renew()
    assert keyring.key(reference) == Key(reference, "second")

    file.write_text("third")
    keyring.renew()
    assert keyring.key(reference) == Key(reference, "third")
    assert [(record.levelname, record.getMessage().partition(": ")[2]) for record in caplog.records] == [
        ("INFO", "a new token is in force"),
        (
            "WARNING",
            f"a readable file with the token is expected at {file} (No such file or directory); the token that was "
            "read before stays in force",
        ),
        ("INFO", "a new token is in force"),
    ]
    assert not any(secret in caplog.text for secret in ("first", "second", "third"))


def test_a_variable_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGN_TOKEN", "abc")
    keyring = Keyring(["env:SIGN_TOKEN"])

    assert keyring.key("env:SIGN_TOKEN") == Key("env:SIGN_TOKEN", "abc")
    assert keyring.key("env:OTHER") is None
    assert not keyring.has_files


def test_a_key_that_is_not_there_stops_the_start() -> None:
    with pytest.raises(SettingError, match="the environment variable NO_SUCH is expected, and it is not set"):
        Keyring(["env:NO_SUCH"])
