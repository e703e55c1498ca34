"""`relayproxy export`: each format, to a file, a folder or a pipe, and what is said when it cannot be."""

import csv
import gzip
import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update

from relayproxy.cli.main import main
from relayproxy.console.sessions import export_pieces
from relayproxy.conversation.recording import read_recording
from relayproxy.lab.scenarios.reading import load
from relayproxy.recordings.files import read_call
from relayproxy.store.engine import open_engine
from relayproxy.store.schema.tables import recordings
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.samples import Call
from tests.databases import migrated

Export = Callable[..., Result]


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    url = f"sqlite:///{tmp_path}/data/relayproxy.db"
    migrated(url)
    engine = open_engine(url)
    yield Archive(engine)
    engine.dispose()


@pytest.fixture
def calls(archive: Archive) -> list[Call]:
    return [samples.booking(archive, samples.ago(500)).commit(), samples.failing(archive, samples.ago(100)).commit()]


@pytest.fixture
def export(tmp_path: Path) -> Export:
    def run(*arguments: str | Path) -> Result:
        return CliRunner().invoke(main, ["export", *map(str, arguments), "--data-dir", str(tmp_path / "data")])

    return run


def test_each_session_is_a_recording_in_a_folder(calls: list[Call], export: Export, tmp_path: Path) -> None:
    result = export("--output", tmp_path / "out")

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "2 sessions written\n"
    files = sorted((tmp_path / "out").iterdir())
    assert [file.name for file in files] == sorted(f"{call.vx}.relayproxy.jsonl.gz" for call in calls)
    assert {read_call(file).header.id for file in files} == {call.id for call in calls}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_one_session_goes_to_a_pipe(calls: list[Call], export: Export) -> None:
    result = export(calls[0].vx)
    header, messages = read_recording(gzip.decompress(result.stdout_bytes).splitlines())

    assert (header.id, len([*messages])) == (calls[0].id, 104)


@pytest.mark.in_database
@pytest.mark.parametrize("form", ["recording", "scenario"])
def test_a_recording_that_is_damaged_keeps_no_other(
    calls: list[Call], archive: Archive, export: Export, tmp_path: Path, form: str
) -> None:
    url = f"sqlite:///{tmp_path}/data/relayproxy.db"
    with (engine := open_engine(url)).begin() as db:
        db.execute(update(recordings).where(recordings.c.connection == calls[1].id).values(lines=b"not packed"))
    engine.dispose()

    result = export("--format", form, "--output", tmp_path / "out")

    assert result.exit_code == 1
    assert f"left out: session {calls[1].id}: database: a recording is damaged" in result.stderr
    assert result.stderr.endswith("1 session written; 1 cannot be read\n")
    assert [path.name.partition(".")[0] for path in (tmp_path / "out").iterdir()] == [calls[0].vx]
    assert export(calls[1].id, "--format", form, "--output", tmp_path / "alone").exit_code == 2


def test_a_filter_chooses(calls: list[Call], export: Export) -> None:
    result = export("--format", "jsonl", "--query", "route:support")
    (document,) = map(json.loads, result.stdout.splitlines())

    assert (document["id"], document["route"]) == (calls[1].id, "support")
    assert len(document["turns"]) == 3


def test_a_line_for_each_session_or_turn(calls: list[Call], export: Export, tmp_path: Path) -> None:
    assert export("--format", "csv", "--output", tmp_path / "calls.csv").exit_code == 0
    with (tmp_path / "calls.csv").open(newline="") as file:
        assert {row["id"] for row in csv.DictReader(file)} == {call.id for call in calls}

    rows = [*csv.DictReader(export(calls[0].id, "--format", "csv", "--turns").stdout.splitlines())]
    assert [row["caller_text"] for row in rows if row["caller_text"]][1] == "Four people at half past seven."


def test_spans_are_those_of_the_call(calls: list[Call], export: Export) -> None:
    lines = [json.loads(line) for line in export("--format", "otlp").stdout.splitlines()]
    spans = [line["resourceSpans"][0]["scopeSpans"][0]["spans"] for line in lines]

    assert [{span["traceId"] for span in one} for one in spans] == [{call.opened.trace_id} for call in reversed(calls)]
    assert {"conversation", "turn"} <= {span["name"] for span in spans[0]}


def test_a_scenario_is_one_for_simulate(calls: list[Call], export: Export, tmp_path: Path) -> None:
    assert export(calls[0].id, "--format", "scenario", "--output", tmp_path / "it.yaml").exit_code == 0

    assert [turn.dtmf for turn in load(tmp_path / "it.yaml").turns if turn.dtmf] == ["471#"]


def test_a_call_that_simulate_would_not_read_is_no_scenario(
    calls: list[Call], archive: Archive, export: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_pieces, "MAX_CHARACTERS", 10_000)
    long = Call(archive, samples.ago(50)).setup().asks(1, "and so on " * 1_100).hang_up(9).commit()
    alone = export(long.id, "--format", "scenario", "--output", tmp_path / "it.yaml")
    assert (alone.exit_code, (tmp_path / "it.yaml").exists()) == (2, False)
    said = f"session {long.id} is too long for a scenario: it would have 11,"
    assert said in alone.stderr

    several = export("--format", "scenario", "--output", tmp_path / "out")
    assert several.exit_code == 0
    assert f"left out: {said}" in several.stderr
    assert several.stderr.endswith("2 sessions written\n")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        f"{call.vx}.scenario.yaml" for call in calls
    )


@pytest.mark.parametrize("form", ["recording", "scenario", "jsonl"])
def test_a_filter_that_finds_nothing(calls: list[Call], export: Export, form: str) -> None:
    result = export("--query", "route:nowhere", "--format", form)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "0 sessions written\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("VX9",), "no session has the id VX9: an id of ours or a VX id is expected"),
        (("--query", "outcom:failed"), "--query: outcom:failed:"),
        ((), "--output -: a folder is expected, since each of 2 sessions is a file"),
        (("--format", "jsonl", "--turns"), "--turns goes with --format csv"),
        (("VX1", "--query", "route:a"), "either sessions or --query"),
        (("--format", "csv", "--output", "/nowhere/x.csv"), "/nowhere/x.csv: cannot be written (No such file"),
        (("--format", "csv", "--output", "/"), "--output /: a file is expected, since csv has all sessions in one"),
    ],
    ids=range(7),
)
def test_what_cannot_be_is_said(calls: list[Call], export: Export, arguments: tuple[str, ...], sentence: str) -> None:
    result = export(*arguments)

    assert result.exit_code == 2
    assert sentence in result.stderr


def test_a_file_that_could_not_be_finished_is_not_there(
    calls: list[Call], export: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("relayproxy.recordings.table.session_line", fails)
    assert export("--format", "csv", "--output", tmp_path / "calls.csv").exit_code == 130
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
