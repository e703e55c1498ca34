"""`relayproxy compare`: what is printed and written, and exit codes."""

import gzip
import json
import re
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from relayproxy.cli.main import main
from relayproxy.store.engine import open_engine
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.compare.calls import rebooking
from tests.databases import migrated


class Recorded(NamedTuple):
    """Two calls of a database, and their recordings as files."""

    data: Path
    before: str
    after: str
    files: tuple[Path, Path]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    folder = tmp_path_factory.mktemp("compare")
    url = f"sqlite:///{folder}/data/relayproxy.db"
    migrated(url)
    engine = open_engine(url)
    archive = Archive(engine)
    before, after = samples.booking(archive, samples.ago(500)).commit(), rebooking(archive, samples.ago(100))
    engine.dispose()
    exported = ["export", "--output", str(folder), "--data-dir", str(folder / "data")]
    assert CliRunner().invoke(main, exported).exit_code == 0
    files = tuple(folder / f"{call.vx}.relayproxy.jsonl.gz" for call in (before, after))
    return Recorded(folder / "data", before.id, after.vx, (files[0], files[1]))


def compare(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, arguments)], prog_name="relayproxy")


def test_files_and_sessions_are_the_same_calls(recorded: Recorded) -> None:
    of_files = compare(*recorded.files)
    of_sessions = compare(recorded.before, recorded.after, "--data-dir", recorded.data)

    assert of_files.exit_code == of_sessions.exit_code == 1
    assert of_files.output.splitlines()[0] == "15 differences in 4 of 7 turns, 3 limits exceeded."
    assert of_files.output.splitlines()[3:] == of_sessions.output.splitlines()[3:]
    assert "  ✗ The answer began after 2,820 ms instead of 720 ms (+292%)." in of_files.output.splitlines()
    assert "\x1b" not in of_files.output


def test_a_call_beside_itself(recorded: Recorded) -> None:
    result = compare(recorded.files[0], recorded.before, "--data-dir", recorded.data)

    assert result.exit_code == 0
    assert result.output.startswith("Nothing differs.")


def test_limits_can_be_others(recorded: Recorded) -> None:
    wide = ("--max-latency-increase", "400%", "--findings", "none")
    assert compare(*recorded.files, *wide).exit_code == 0
    assert compare(*recorded.files, *wide, "--handoff-present", "booking.number").exit_code == 0
    for limit in (
        ("--handoff-equal", "reason_code"),
        ("--handoff-pattern", "reasonCode=^live"),
        ("--handoff-present", "reason"),
    ):
        assert compare(*recorded.files, *wide, *limit).exit_code == 1
    assert "reasonCode" not in compare(*recorded.files, *wide, "--handoff-ignore", "reasonCode").output


def test_more_runs_tell_what_is_noise(recorded: Recorded) -> None:
    before, after = recorded.files
    result = compare(before, after, "--before", after, "--after", before)

    assert result.exit_code == 0
    assert result.output.startswith("Nothing differs.")
    assert "Noise, counted only where it is more than that:" in result.output


def test_what_was_not_recorded_is_told(recorded: Recorded, tmp_path: Path) -> None:
    lines = gzip.decompress(recorded.files[0].read_bytes()).splitlines(keepends=True)
    metadata, nothing = tmp_path / "metadata.jsonl", tmp_path / "nothing.jsonl"
    metadata.write_bytes(b"".join([lines[0].replace(b'"route":', b'"record":"metadata","route":'), *lines[1:]]))
    nothing.write_bytes(re.sub(rb'"messages":[0-9]+', b'"messages":0', lines[0]))
    result = compare(metadata, nothing, "--json", tmp_path / "it.json")

    told = [
        f"{metadata}: it was recorded without words (record = metadata), so that none are compared",
        f"{nothing}: no message of it was recorded, so that there is nothing to compare",
    ]
    assert result.stderr.splitlines()[:2] == told
    assert json.loads((tmp_path / "it.json").read_text())["notes"] == told


def test_results_are_written_as_json_and_junit(recorded: Recorded, tmp_path: Path) -> None:
    before, after = recorded.files
    result = compare(before, after, "--json", "-", "--junit", tmp_path / "junit.xml")

    document = json.loads(result.stdout)
    assert (document["kind"], document["verdict"]["exceeded"], document["before"]) == ("comparison", 3, str(before))
    assert "15 differences" in result.stderr
    assert ElementTree.parse(tmp_path / "junit.xml").getroot().attrib["failures"] == "2"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("{file}",), "Missing argument"),
        (("{file}", "nowhere.gz"), "nowhere.gz: No such file"),
        (("{file}", "{text}"), "not a recording of relayproxy"),
        (("{file}", "nobody", "--data-dir", "{data}"), "there is no session nobody here"),
        (("{file}", "{file}", "--floor", "3"), "milliseconds are expected"),
        (("{file}", "{file}", "--handoff-pattern", "x=("), "not a regular expression"),
        (("{file}", "{file}", "--handoff-pattern", "x"), "FIELD=REGEX is expected"),
        (("{file}", "{file}", "--json", "-", "--junit", "-"), "cannot both be printed"),
    ],
)
def test_wrong_usage_has_its_exit_code(
    recorded: Recorded, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    (tmp_path / "text").write_text("no recording")
    places = {"file": recorded.files[0], "text": tmp_path / "text", "data": recorded.data}
    result = compare(*(one.format(**places) for one in arguments))

    assert result.exit_code == 4
    assert told in result.output
