"""`relayproxy replay`: what is replayed, what is printed and written, and exit codes."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update

from relayproxy.cli.main import main
from relayproxy.conversation.recording import SUFFIX
from relayproxy.lab.simulation.verdict import ExitCode
from relayproxy.recordings.importing import import_file
from relayproxy.settings.model import Settings
from relayproxy.store.engine import open_engine, writing
from relayproxy.store.schema.tables import recordings
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.annotations import add_tag
from relayproxy.store.write.archive import Archive
from tests.databases import migrated
from tests.lab.backend import Backend, backend
from tests.lab.replay.agents import Manner, agent
from tests.lab.replay.conftest import SPEED
from tests.lab.replay.conftest import booking_parts as booking_parts  # a fixture
from tests.lab.replay.recorded import Part, of_parts, parts_of_script, write_file

ANYWHERE = "ws://127.0.0.1:1/"
"""Where nobody listens."""
EVER = "3600000ms"
"""No answer is late by so much, whatever else this machine does."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user for whom nothing is remembered."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("TWILIO_AUTH_TOKEN", raising=False)
    return tmp_path


@pytest.fixture
def file(home: Path, booking_parts: list[Part]) -> Path:
    return write_file(home / f"books{SUFFIX}", booking_parts)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["replay", *map(str, arguments)], prog_name="relayproxy")


async def replayed(*arguments: str | Path) -> Result:
    return await asyncio.to_thread(run, *arguments, "--allow-side-effects", "--speed", str(SPEED))


async def test_results_for_people_for_programs_and_for_ci(file: Path, home: Path) -> None:
    junit = home / "junit.xml"
    async with agent(Manner(says={2: "Which credit card do you use?"})) as url:
        result = await replayed(file, url, "--json", "-", "--junit", junit)

    assert result.exit_code == ExitCode.FAILED
    document = json.loads(result.stdout)
    assert (document["version"], document["kind"], document["current"]) == (1, "replay", None)
    assert document["verdict"]["text"].startswith("1 call diverged")
    (call,) = document["each_call"]
    assert (call["scenario"], call["state"], call["divergence"]["turn"]) == ("books", "failed", 2)
    (recording,) = document["recordings"]
    assert recording["name"] == "books"
    assert [turn["compared"] for turn in recording["comparison"]["turns"]] == [True] * 3 + [False] * 4
    assert "Diverged in turn 2: it asked “Which credit card do you use?”" in result.stderr
    assert "1 call diverged" in result.stderr.splitlines()[-1]
    calls, turns = ElementTree.parse(junit).getroot()
    assert [case.get("name") for case in calls] == ["call 1", "verdict"]
    assert turns.get("name") == "books"
    assert int(turns.get("failures", "0")) >= 1


async def test_limits_are_those_that_are_asked_for(file: Path) -> None:
    async with agent(Manner(slow={3: 0.5})) as url:
        loose = await replayed(file, url, "--floor", EVER, "--handoff-equal", "reason_code")
        tight = await replayed(file, url, "--max-latency-increase", "50%", "--floor", "300ms")

    assert loose.exit_code == ExitCode.CLEAN, loose.output
    assert tight.exit_code == ExitCode.FAILED
    assert "books: turn 3: The answer began after" in tight.stdout


async def test_a_field_of_the_handoff_that_must_be_equal(file: Path) -> None:
    async with agent(Manner(hands_off='{"reasonCode":"cancelled"}')) as url:
        free = await replayed(file, url, "--floor", EVER)
        held = await replayed(file, url, "--floor", EVER, "--handoff-equal", "reason_code")

    assert free.exit_code == ExitCode.CLEAN, free.output
    assert held.exit_code == ExitCode.FAILED
    assert "cancelled" in held.stdout


async def test_calls_of_today_tell_what_varies_anyway(file: Path) -> None:
    async with agent(Manner(random=True)) as url, agent(Manner(random=True)) as today:
        result = await replayed(file, url, "--against-current", today, "--times", "4", "--at-once", "8")

    assert result.exit_code == ExitCode.CLEAN, result.output
    assert "books: nothing differs more than between calls of today" in result.stdout
    assert result.stdout.splitlines()[-1].endswith(" s: clean")


def test_side_effects_are_allowed_once_for_each_url(file: Path, home: Path) -> None:
    refused = run(file, "ws://127.0.0.1:1/ws?token=secret")
    assert refused.exit_code == ExitCode.USAGE
    assert "ws://127.0.0.1:1/ws: a replayed call is a real one for the agent there" in refused.stderr
    assert "--allow-side-effects" in refused.stderr

    for arguments in (("--allow-side-effects",), ()):
        assert run(file, "ws://127.0.0.1:1/ws?token=other", *arguments).exit_code == ExitCode.NO_CONNECTION
    assert "secret" not in (home / "state/relayproxy/replay-urls").read_text()
    assert run(file, "ws://127.0.0.1:1/other").exit_code == ExitCode.USAGE
    assert run(file, "ws://127.0.0.1:1/ws", "--against-current", ANYWHERE).exit_code == ExitCode.USAGE


def store(home: Path, booking_parts: list[Part]) -> list[str]:
    """Stores a call that can be replayed and one that cannot, and gives our ids of them."""
    settings = Settings(data_dir=home / "data", keep_content=0, keep_numbers=0)
    migrated(settings.database)
    engine = open_engine(settings.database)
    recorded = write_file(home / f"stored{SUFFIX}", booking_parts)
    masked = write_file(home / f"masked{SUFFIX}", parts_of_script(MASKED), "VX" + "2" * 32)
    archive, writer = Archive(engine), AnnotationWriter(engine)
    sessions: list[str] = []
    try:
        for file in (recorded, masked):
            with file.open("rb") as opened:
                sessions.append(import_file(archive, settings, opened, file.name, "ann").session)
            add_tag(writer, sessions[-1], "regression")
    finally:
        writer.close()
        engine.dispose()
    return sessions


async def test_stored_sessions_by_their_ids_and_by_a_filter(home: Path, booking_parts: list[Part]) -> None:
    store(home, booking_parts)
    id = of_parts(booking_parts).conversation.session_id or ""
    database = ("--data-dir", home / "data", "--floor", EVER)

    async with agent() as url:
        by_id = await replayed(id, url, *database)
        by_query = await replayed(url, "--query", "tag:regression", *database)
        both = await replayed(id, url, "--query", "tag:regression", *database)
        none = await replayed(url, "--query", "tag:other", *database)
        wrong = await replayed(url, "--query", "tga:regression", *database)
        few = await replayed(url, "--query", "tag:regression", "--limit", "1", *database)
        unknown = await replayed("VX" + "3" * 32, url, *database)

    assert by_id.exit_code == ExitCode.CLEAN, by_id.output
    assert f"{id}: 1 of 1 passed" in by_id.stdout
    assert by_query.exit_code == ExitCode.CLEAN, by_query.output
    assert "not replayed: " in by_query.stderr, "a set goes on without what cannot be"
    assert "what the caller said is masked" in by_query.stderr
    assert both.exit_code == ExitCode.CLEAN, "what is named is not found besides"
    for result, told in (
        (none, "there is no recording that can be replayed"),
        (wrong, "--query: tga:regression: "),
        (few, "--query finds 2 sessions"),
        (unknown, "there is no session VX3333"),
    ):
        assert (result.exit_code, told in result.stderr) == (ExitCode.USAGE, True), result.output


@pytest.mark.in_database
async def test_a_stored_recording_that_is_damaged_keeps_no_other(home: Path, booking_parts: list[Part]) -> None:
    _, session = store(home, booking_parts)
    engine = open_engine(Settings(data_dir=home / "data").database)
    with writing(engine).begin() as db:
        db.execute(update(recordings).where(recordings.c.connection == session).values(lines=b"not packed"))
    engine.dispose()
    database = ("--data-dir", home / "data", "--floor", EVER)

    async with agent() as url:
        by_query = await replayed(url, "--query", "tag:regression", *database)
        by_id = await replayed(session, url, *database)

    assert by_query.exit_code == ExitCode.CLEAN, by_query.output
    assert f"not replayed: VX{'2' * 32}: database: a recording is damaged" in by_query.stderr
    assert by_id.exit_code == ExitCode.USAGE
    assert "database: a recording is damaged" in by_id.stderr


MASKED = """
    0.000 twilio  setup sessionId=VX22222222222222222222222222222222 callSid=CA1
    1.000 twilio  prompt "My PIN is ◦◦◦◦ ◦◦◦◦◦." last
    2.000 twilio  close 1000 'Closing websocket session'
    2.050 -       gone first=twilio twilio=eof backend=eof
"""


def test_what_is_masked_is_refused_or_filled(home: Path) -> None:
    file = write_file(home / f"pin{SUFFIX}", parts_of_script(MASKED))
    refused = run(file, ANYWHERE, "--allow-side-effects")

    assert refused.exit_code == ExitCode.USAGE
    assert refused.stderr == (
        "relayproxy: error: pin: what the caller said is masked (message 1); --fill puts test values there\n"
    )
    assert run(file, ANYWHERE, "--fill").exit_code == ExitCode.NO_CONNECTION


async def test_parameters_take_the_place_of_recorded_ones(home: Path, booking_parts: list[Part]) -> None:
    file = write_file(home / f"books{SUFFIX}", booking_parts)
    given = home / "parameters.json"
    given.write_text('{"plan": "gold", "token": "old"}')
    seen: list[dict[str, str]] = []
    async with agent(Manner(parameters=seen.append)) as url:
        await replayed(file, url, "--parameters", given, "--parameters", "token=new=er")

    assert seen == [{"restaurant": "aurora", "plan": "gold", "token": "new=er"}]


async def test_half_a_pair_of_surrogates_is_shown_as_what_it_is_not(home: Path) -> None:
    async def talk(peer: Backend) -> None:
        await peer.next("setup")
        await peer.send(type="text", token="For when \ud83d", last=False)
        await peer.send(type="text", token="\ude00 \ud800?", last=True)
        await peer.next("prompt")
        await peer.send(type="end", handoffData='{"reasonCode":"\\ud800"}')
        await peer.closed()

    file = write_file(home / f"half\udcff{SUFFIX}", parts_of_script(HALVES))
    async with backend(talk) as peer:
        result = await replayed(file, peer.url, "--json", "-", "--junit", home / "junit.xml")

    document = json.loads(result.stdout)
    assert document["verdict"]["exit_code"] == result.exit_code == ExitCode.FAILED
    (recording,) = document["recordings"]
    assert recording["name"] == "half\N{REPLACEMENT CHARACTER}"
    (turn, *_) = recording["comparison"]["turns"]
    assert turn["text_before"] == "For how many \N{REPLACEMENT CHARACTER}?"
    assert turn["text_after"] == "For when \N{GRINNING FACE} \N{REPLACEMENT CHARACTER}?"
    assert "For when" in (home / "junit.xml").read_text()


HALVES = r"""
    0.000 twilio  setup sessionId=VX22222222222222222222222222222222 callSid=CA1
    0.500 backend raw '{"type":"text","token":"For how many \ud83d?","last":true}'
    3.000 twilio  prompt "two" last
    4.000 backend raw '{"type":"end","handoffData":"{\"reasonCode\":\"\\\ud800\"}"}'
    4.050 -       gone first=backend twilio=eof backend=eof
"""


async def test_a_folder_of_recordings_is_a_suite(home: Path, booking_parts: list[Part]) -> None:
    suite = home / "suite"
    suite.mkdir()
    for name in ("one", "two"):
        write_file(suite / f"{name}{SUFFIX}", booking_parts)
    async with agent() as url:
        result = await replayed(suite, url, "--floor", EVER)

    assert result.exit_code == ExitCode.CLEAN, result.output
    assert "one: 1 of 1 passed" in result.stdout
    assert "two: 1 of 1 passed" in result.stdout


async def test_ctrl_c_keeps_what_calls_that_were_over_have_shown(file: Path) -> None:
    began = asyncio.Queue[dict[str, str]]()
    async with agent(Manner(parameters=began.put_nowait)) as url:
        arguments = ("--times", "100", "--at-once", "1", "--speed", str(SPEED), "--json", "-", "--allow-side-effects")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "relayproxy", "replay", str(file), url, *arguments, stdout=PIPE, stderr=PIPE
        )
        for _ in range(2):
            await began.get()
        process.send_signal(signal.SIGINT)
        printed, told = await process.communicate()

    assert process.returncode == ExitCode.INTERRUPTED, told.decode()
    document = json.loads(printed)
    assert document["interrupted"] is True
    assert len(document["each_call"]) >= 1
    assert told.decode().splitlines()[-1].endswith(" s: interrupted")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "Missing argument 'URL'"),
        ((ANYWHERE,), "name a recording file or a session, or say --query"),
        (("gone.gz", ANYWHERE), "gone.gz: No such file"),
        (("gone.gz", "http://agent/"), "a ws:// or wss:// URL"),
        (("gone.gz", ANYWHERE, "--parameters", "gone.json"), "NAME=VALUE or a file is expected"),
        (("gone.gz", ANYWHERE, "--parameters", "deep.json"), "a JSON object of texts is expected in it"),
        (("gone.gz", ANYWHERE, "--json", "-", "--junit", "-"), "cannot both be printed"),
        (("gone.gz", ANYWHERE, "--diverged-below", "2"), "is not in the range"),
        ((".", ANYWHERE), "there is no *.relayproxy.jsonl.gz in it"),
    ],
)
def test_usage_errors(arguments: tuple[str, ...], told: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    Path("deep.json").write_text('{"a":' + "[" * 60_000)
    result = run(*arguments, "--allow-side-effects")

    assert result.exit_code == ExitCode.USAGE
    assert told in result.stderr


def test_the_same_recording_twice_and_one_that_is_none(file: Path, home: Path) -> None:
    (home / "text.gz").write_text("no recording")

    twice = run(file, file, ANYWHERE, "--allow-side-effects")
    other = run(home / "text.gz", ANYWHERE)

    assert (twice.exit_code, other.exit_code) == (ExitCode.USAGE, ExitCode.USAGE)
    assert "books is there twice; --times says how often it is replayed" in twice.stderr
    assert "text.gz: not a recording of relayproxy" in other.stderr
