"""`relayproxy import`: files and folders, each with its result."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from relayproxy.cli.main import main
from relayproxy.store.engine import open_reader
from relayproxy.store.read.queries import Queries
from tests.databases import migrated
from tests.recordings.test_files import FILES

Import = Callable[..., Result]


@pytest.fixture
def import_(tmp_path: Path) -> Import:
    migrated(f"sqlite:///{tmp_path}/data/relayproxy.db")

    def run(*arguments: str | Path) -> Result:
        named = ["import", *map(str, arguments), "--data-dir", str(tmp_path / "data")]
        return CliRunner().invoke(main, [*named, "--keep-content", "0", "--keep-numbers", "0"])

    return run


@pytest.fixture
def queries(tmp_path: Path) -> Iterator[Queries]:
    reader = open_reader(f"sqlite:///{tmp_path}/data/relayproxy.db")
    yield Queries(reader)
    reader.dispose()


def test_a_folder_of_files_comes_in_once(import_: Import, queries: Queries) -> None:
    first = import_(FILES)
    assert first.exit_code == 0, first.stderr
    assert len(first.stdout.splitlines()) == queries.count() == len([*FILES.iterdir()])
    assert "reconnected.v1.relayproxy.jsonl: session 00000000000000000000000000000001, 8 messages" in first.stdout

    again = import_(FILES)
    assert again.exit_code == 0
    assert all(" is here already, as session " in line for line in again.stdout.splitlines())
    (imported, *_) = queries.imports(["00000000000000000000000000000001"]).values()
    assert imported.actor.startswith("cli")


def test_what_is_wrong_with_one_leaves_the_others(import_: Import, queries: Queries, tmp_path: Path) -> None:
    bad = tmp_path / "bad.gz"
    bad.write_bytes(b"\x1f\x8b and more")
    good = shutil.copy(FILES / "refused.v1.relayproxy.jsonl.gz", tmp_path / "good")
    result = import_(bad, tmp_path / "none", good)

    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f"{bad}: its compressed data is damaged",
        f"{tmp_path}/none: No such file or directory",
    ]
    assert queries.count() == 1


def test_a_folder_without_recordings_is_told(import_: Import, tmp_path: Path) -> None:
    result = import_(tmp_path)

    assert result.exit_code == 2
    assert "no file in it ends in .relayproxy.jsonl.gz or .relayproxy.jsonl" in result.stderr


def test_a_database_that_is_not_there_is_told(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["import", str(FILES), "--data-dir", str(tmp_path)])

    assert result.exit_code == 2
    assert "relayproxy: error: " in result.stderr
