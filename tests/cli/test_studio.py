"""`relayproxy studio check`: what is printed of flows, and the exit codes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from relayproxy.cli.main import main
from relayproxy.cli.studio import LARGEST
from relayproxy.store.engine import open_engine
from relayproxy.store.write.archive import Archive
from tests.databases import migrated
from tests.doctor.studio.flows import content, flow
from tests.store.write.deleting import WORD, days_ago, spoken

SETTINGS = ("--public-url", "wss://relay.example.com", "--route", "sales=ws://127.0.0.1:9/ws")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path}/relayproxy.db"
    migrated(url)
    engine = open_engine(url)
    yield engine
    engine.dispose()


def check(tmp_path: Path, *arguments: str, settings: tuple[str, ...] = SETTINGS) -> Result:
    return CliRunner().invoke(main, ["studio", "check", *settings, "--data-dir", str(tmp_path), *arguments])


def write(tmp_path: Path, name: str = "flow.json", **changed: Any) -> str:
    path = tmp_path / name
    path.write_bytes(content(flow(**changed)))
    return str(path)


def test_a_flow_in_order_exits_with_0(tmp_path: Path, engine: Engine) -> None:
    spoken(Archive(engine), days_ago(1), route="sales")
    reason = {"properties": {"input": "{{flow.variables.handoff.reasonCode}}"}, "transitions": []}

    result = check(tmp_path, file := write(tmp_path, which=reason))

    assert result.exit_code == 0, result.output
    assert result.output == (
        f"{file}:26: note: agent: its route sales has 1 recorded handoff with the fields "
        "reason, reasonCode [states[1]]\n"
        f"{file}: 1 Run ConversationRelay widget, 1 note\n"
    )


def test_findings_are_lines_that_lead_to_their_place_and_exit_with_1(tmp_path: Path, engine: Engine) -> None:
    spoken(Archive(engine), days_ago(1), route="sales")
    agent = {"properties": {"interruptible": True}, "transitions": [{"event": "success", "next": "parse"}]}
    file = write(tmp_path, agent=agent)
    line = 1 + next(n for n, text in enumerate(Path(file).read_text().splitlines()) if '"interruptible"' in text)

    result = check(tmp_path, file)

    assert result.exit_code == 1
    assert f"{file}:{line}: error: agent: interruptible is true; Studio takes the text" in result.output
    assert "[states[1].properties.interruptible]\n" in result.output
    assert "warning: which: reads the field reason_code, which none of 1 recorded handoff" in result.output
    assert "they had reason, reasonCode" in result.output
    assert WORD not in result.output
    assert result.output.endswith("1 Run ConversationRelay widget, 2 errors, 2 warnings, 1 note\n")


def test_without_a_database_all_else_is_checked(tmp_path: Path) -> None:
    result = check(tmp_path, file := write(tmp_path))

    assert result.exit_code == 0
    assert (
        f"{file}:26: note: agent: is not compared with recorded handoffs: there is no database to read" in result.output
    )
    assert "Recorded handoffs could not be read: There is no relayproxy database at " in result.output
    assert not (tmp_path / "relayproxy.db").exists(), "nothing is made by looking"


def test_flows_without_relay_widgets_are_in_order(tmp_path: Path) -> None:
    result = check(
        tmp_path,
        file := write(
            tmp_path, agent={"type": "say-play"}, parse={"type": "say-play", "properties": {"variables": None}}
        ),
    )

    assert (result.exit_code, result.output) == (0, f"{file}: 0 Run ConversationRelay widgets, all in order\n")


def test_json_says_the_same(tmp_path: Path) -> None:
    file, other = write(tmp_path, agent={"properties": {"interruptible": True}}), tmp_path / "other.json"
    other.write_text("[]")

    result = CliRunner().invoke(
        main, ["studio", "check", *SETTINGS, "--data-dir", str(tmp_path), "--json", file, str(other)]
    )

    assert result.exit_code == 2
    first, second = json.loads(result.stdout)["flows"]
    assert (first["file"], first["error"], first["relay_widgets"]) == (file, None, ["agent"])
    assert first["findings"][1] == {
        "severity": "error",
        "code": "interruptible_boolean",
        "widget": "agent",
        "line": 43,
        "path": "states[1].properties.interruptible",
        "text": 'interruptible is true; Studio takes the text "true" and no boolean',
    }
    assert (second["error"] or "").startswith("it is JSON, and no flow")
    assert f"relayproxy: error: {other}: it is JSON, and no flow" in result.stderr


def test_a_file_that_cannot_be_read_exits_with_2_and_the_others_are_checked(tmp_path: Path) -> None:
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate(LARGEST + 1)

    result = check(tmp_path, str(tmp_path / "none.json"), str(tmp_path), str(large), good := write(tmp_path))

    assert result.exit_code == 2
    assert "none.json: No such file or directory" in result.stderr
    assert f"{tmp_path}: Is a directory" in result.stderr
    assert "large.json: it has more than 16 MiB" in result.stderr
    assert f"{good}: 1 Run ConversationRelay widget" in result.stdout


def test_usage_and_settings_exit_with_2(tmp_path: Path) -> None:
    assert check(tmp_path).exit_code == 2
    assert check(tmp_path, write(tmp_path), settings=("--public-url", "nothing")).exit_code == 2


def test_a_terminal_is_not_written_to_by_a_flow(tmp_path: Path) -> None:
    result = check(tmp_path, write(tmp_path, sorry={"properties": {"say": '{{widgets["\x1b[2J"].x}}'}}))

    assert "\x1b" not in result.output
    assert "widget_unknown" not in result.output
    assert "there is no widget \N{REPLACEMENT CHARACTER}[2J" in result.output
