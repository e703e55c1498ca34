"""`relayproxy open`: recordings in a console of their own, until Ctrl-C, and nothing is left."""

import json
import shutil
import signal
import tempfile
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from relayproxy.cli.main import main
from tests.recordings.test_files import FILES
from tests.running import Running


def test_what_a_folder_holds_is_shown_until_ctrl_c(tmp_path: Path) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    calls = tmp_path / "calls"
    calls.mkdir()
    for name in ("booking.v1.relayproxy.jsonl.gz", "reconnected.v1.relayproxy.jsonl"):
        shutil.copy(FILES / name, calls)
    (calls / "bad.relayproxy.jsonl").write_bytes(b"hello")
    console = Running("open", str(calls), data_dir=tmp_path / "log", env={"TMPDIR": str(folder)}, cold=True)

    assert console.ready.startswith("2 calls, until Ctrl-C: http://127.0.0.1:")
    assert console.url.endswith("/sessions")
    assert f"{calls}/bad.relayproxy.jsonl: not a recording of relayproxy" in console.log.read_text()
    with urllib.request.urlopen(console.url.replace("/sessions", "/api/sessions")) as answer:
        items = json.load(answer)["items"]
    assert {item["imported"]["produced_by"] for item in items} == {"relayproxy 0.1.0"}
    assert len([*folder.iterdir()]) == 1
    assert console.stop(signal.SIGINT) == 0
    assert [*folder.iterdir()] == []


def test_one_file_leads_to_its_page(tmp_path: Path) -> None:
    console = Running("open", str(FILES / "reconnected.v1.relayproxy.jsonl"), data_dir=tmp_path)

    with urllib.request.urlopen(console.url) as answer:
        page = answer.read()
    assert b"Is my table still booked?" in page
    # There is nothing to be told of a relay.
    assert b'href="/health"' not in page.partition(b"<main")[0]
    assert console.stop(signal.SIGTERM) == 0


def test_a_file_that_is_none_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    other = tmp_path / "other"
    other.write_bytes(b"hello")
    result = CliRunner().invoke(main, ["open", str(other)])

    assert result.exit_code == 2
    assert result.stderr == f"relayproxy: error: {other}: not a recording of relayproxy: its first line is no header\n"
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
