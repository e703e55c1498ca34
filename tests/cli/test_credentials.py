"""The commands that make passwords and tokens: what they print is a right file of settings."""

import os
import pty
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from relayproxy import passwords
from relayproxy.cli.main import main
from relayproxy.settings.loading import load
from relayproxy.settings.model import Settings


def run(*arguments: str, said: str = "") -> Result:
    return CliRunner().invoke(main, arguments, input=said, prog_name="relayproxy")


def settings_of(printed: str, tmp_path: Path) -> Settings:
    file = tmp_path / "relayproxy.toml"
    file.write_text(printed)
    return load(file, {}, {})


@pytest.mark.parametrize("name", ["alice", "alice@example.com", "a.b"])
def test_what_is_printed_for_a_user_lets_them_in(tmp_path: Path, name: str) -> None:
    result = run("password", name, "--role", "admin", said="correct horse\n")

    user = settings_of(result.stdout, tmp_path).users[name]
    assert user.role == "admin"
    assert user.password is not None
    assert passwords.is_password(user.password, "correct horse")
    assert "correct horse" not in result.output


def test_without_a_name_there_is_a_place_for_it(tmp_path: Path) -> None:
    assert set(settings_of(run("password", said="correct horse\n").stdout, tmp_path).users) == {"NAME"}


def test_what_is_printed_for_a_program_is_its_token(tmp_path: Path) -> None:
    token, _, snippet = run("token", "ci").stdout.partition("\n")

    assert token.startswith("rp_")
    kept = settings_of(snippet, tmp_path).tokens["ci"]
    assert (kept.sha256, kept.role) == (passwords.token_digest(token), "viewer")


def test_short_passwords_and_wrong_names_are_refused() -> None:
    short = run("password", "alice", said="1234567\n")
    assert short.exit_code == 2
    assert short.stderr == "relayproxy: error: a password of at least 8 characters is expected; 15 or more are better\n"
    assert run("password", "alice").exit_code == 2
    assert "a name of 1 to 64 letters" in run("password", "a b", said="correct horse\n").stderr
    assert "another name than local" in run("token", "local").stderr


def test_a_terminal_is_asked_twice_and_shows_nothing(tmp_path: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-m", "relayproxy", "password", "alice"])
    shown = b""
    for question in (b"Password: ", b"The same again: "):
        while not shown.endswith(question):
            shown += os.read(terminal, 1024)
        os.write(terminal, b"correct horse\n")
    try:
        while more := os.read(terminal, 1024):
            shown += more
    except OSError:  # Linux says it so when the other side is gone
        pass
    os.close(terminal)

    assert os.waitpid(pid, 0)[1] == 0
    assert b"[users.alice]" in shown
    assert b"correct" not in shown
