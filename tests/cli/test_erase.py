"""Erasing from the command line: what is shown, asked and told, and that nothing is left."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from relayproxy.cli.main import main
from relayproxy.store.engine import open_engine
from relayproxy.store.write.archive import Archive
from tests.databases import migrated
from tests.store.write.deleting import WORD, days_ago, files_with, spoken, tables_with

ALICE, BOB = "+15550100001", "+15550100003"
Erase = Callable[..., Result]


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/relayproxy.db"
    migrated(url)
    return url


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = open_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def erase(tmp_path: Path) -> Erase:
    def run(*arguments: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(main, ["erase", *arguments, "--data-dir", str(tmp_path)], input=typed)

    return run


def test_what_will_go_is_shown_and_nothing_goes_unless_it_is_typed(engine: Engine, erase: Erase) -> None:
    archive = Archive(engine)
    calls = [spoken(archive, days_ago(2)), spoken(archive, days_ago(1))]

    result = erase("--number", "+1 (555) 010-0001", typed="yes\n")

    day = time.strftime("%Y-%m-%d", time.gmtime(days_ago(2) / 1e9))
    assert result.exit_code == 1
    assert f"2 sessions will be erased, with 26 messages and 0 notes: began from {day}" in result.output
    assert "It cannot be brought back. Type erase to go on" in result.output
    assert result.output.endswith("Nothing was erased.\n")
    assert all(archive.session(call.id) for call in calls)


def test_calls_of_a_number_are_erased_out_of_the_files(engine: Engine, url: str, erase: Erase) -> None:
    archive = Archive(engine)
    other = spoken(archive, days_ago(2), caller=BOB)
    for n in range(3):
        spoken(archive, days_ago(1 + n))

    result = erase("--number", ALICE, typed="erase\n")

    assert result.exit_code == 0, result.output
    assert "Erased 3 sessions with 39 messages and 0 notes. Receipt: " in result.output
    assert archive.session(other.id) is not None
    assert files_with(url, ALICE) == []
    assert erase("--session", other.vx, "--yes").exit_code == 0
    assert tables_with(engine, WORD) == []
    assert files_with(url, WORD) == []


def test_a_day_and_a_route_narrow_it(engine: Engine, erase: Erase) -> None:
    archive = Archive(engine)
    old, sales, new = (
        spoken(archive, days_ago(40)), spoken(archive, days_ago(40), route="sales"), spoken(archive, days_ago(1)),
    )  # fmt: skip
    month = time.strftime("%Y-%m-%d", time.gmtime(days_ago(30) / 1e9))

    assert "Erased 1 session " in erase("--before", month, "--route", "sales", "--yes").output

    assert [archive.session(call.id) is None for call in (old, sales, new)] == [False, True, False]


def test_a_live_call_is_left_to_the_recorder(engine: Engine, erase: Erase) -> None:
    archive = Archive(engine)
    live = spoken(archive, days_ago(0.01), live=True)

    result = erase("--session", live.id, "--yes")

    assert "1 of them lives, and will be erased at the end of the call" in result.output
    assert "Erased 0 sessions with 0 messages and 0 notes" in result.output
    assert "The recorder waits for the end of 1 call" in result.output
    assert archive.session(live.id) is not None


def test_nothing_found_is_said(engine: Engine, erase: Erase) -> None:
    result = erase("--session", "VX-nobody", "--yes")

    assert result.exit_code == 0
    assert result.output.startswith("Nothing of that is recorded.")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "one of --session, --number and --before is expected"),
        (("--session", "a", "--before", "2026-01-01"), "one of --session, --number and --before is expected"),
        (("--number", "555 0100"), "--number: a number with its country code is expected, such as +1 555 010 0001"),
        (("--before", "last week"), "--before: a day such as 2026-10-01, or a time such as 2026-10-01T12:00:00Z"),
    ],
)
def test_what_is_not_clear_is_refused(engine: Engine, erase: Erase, arguments: tuple[str, ...], said: str) -> None:
    result = erase(*arguments, "--yes")

    assert result.exit_code == 2
    assert said in result.output


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path, erase: Erase) -> None:
    result = erase("--number", ALICE, "--yes")

    assert result.exit_code == 2
    assert "run `relayproxy migrate`" in result.output
    assert not (tmp_path / "relayproxy.db").exists()
