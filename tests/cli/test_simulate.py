"""`relayproxy simulate`: what is printed and written, and exit codes."""

import asyncio
import json
import signal
import socket
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from relayproxy.cli.calling import USAGE
from relayproxy.cli.main import main
from relayproxy.lab.agent import server as agent
from relayproxy.lab.scenarios.builtin import CALLERS, FAULTS, names, scenarios
from relayproxy.lab.simulation.verdict import ExitCode
from tests.lab.backend import Backend, backend

SPEED = 50.0


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["simulate", *arguments], prog_name="relayproxy")


async def calling(url: str, *arguments: str) -> Result:
    return await asyncio.to_thread(run, url, *arguments, "--speed", str(SPEED))


def test_the_scenarios_are_listed_each_with_its_sentence() -> None:
    listed = run("--list")

    assert listed.exit_code == 0
    words = " ".join(listed.output.split())
    for group in (CALLERS, FAULTS):
        assert all(f" {scenario.name} {scenario.about}" in words for scenario in scenarios(group))


def test_the_schema_of_scenario_files_is_printed_for_editors() -> None:
    printed = run("--schema")

    assert printed.exit_code == 0
    assert json.loads(printed.output)["$ref"] == "#/$defs/Scenario"


async def test_results_for_people_for_programs_and_for_ci(tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    async with agent.serving(speed=SPEED) as url:
        chosen = ("hangs-up-mid-answer", "keypad", "-n", "2", "--at-once", "3", "--rate", "100/s", "--seed", "1")
        result = await calling(url, *chosen, "--json", "-", "--junit", str(junit))

    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert (document["version"], document["kind"]) == (1, "simulation")
    assert document["verdict"] == {"exit_code": 0, "text": "clean", "details": []}
    assert document["settings"] == {"times": 2, "at_once": 3, "rate": 100, "speed": SPEED}
    assert [(one["name"], one["calls"]) for one in document["scenarios"]] == [("hangs-up-mid-answer", 2), ("keypad", 2)]
    sids = {one["call_sid"] for one in document["each_call"]}
    assert len(sids) == document["calls"] == document["passed"] == 4
    assert all(one["session_ids"] for one in document["each_call"])
    assert "keypad: 2 of 2 passed" in result.stderr, "for people, who are not in the way of what is printed"
    assert result.stderr.splitlines()[-1].endswith(" s: clean")
    (suite,) = ElementTree.parse(junit).getroot()
    assert [case.get("name") for case in suite] == ["call 1", "call 2", "call 1", "call 2", "verdict"] or len(
        suite
    ) == 5


async def test_an_expectation_that_fails(tmp_path: Path) -> None:
    file = tmp_path / "sushi.yaml"
    file.write_text("name: sushi\nturns:\n  - expect: [{event: text, text_contains: sushi, within_ms: 500}]\n")
    async with agent.serving(speed=SPEED) as url:
        result = await calling(url, str(file))

    assert result.exit_code == ExitCode.FAILED
    assert f'sushi, turn 1 ({file}:3): expected text that contains "sushi"' in result.stdout
    assert result.stdout.splitlines()[-1].endswith(" s: 1 expectation failed")


@pytest.mark.parametrize(("sent", "code"), [(None, ExitCode.SILENT), ("this is no JSON", ExitCode.VIOLATION)])
async def test_a_backend_that_says_nothing_or_what_nobody_understands(
    tmp_path: Path, sent: str | None, code: ExitCode
) -> None:
    async def talk(peer: Backend) -> None:
        await peer.next("setup")
        if sent is not None:
            await peer.connection.send(sent)
        await peer.next("dtmf")
        await peer.connection.close()

    file = tmp_path / "presses.yaml"
    file.write_text('name: presses\nturns: [{dtmf: "1", send_after: {event: turn, delay_ms: 500}}]\n')
    async with backend(talk) as peer:
        assert (await calling(peer.url, str(file))).exit_code == code


async def test_a_run_is_compared_with_one_that_was_clean(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    async with agent.serving(speed=SPEED) as url:
        saved = await calling(url, "keypad", "--save-baseline", str(file))
        same = await calling(url, "keypad", "--baseline", str(file), "--floor", "60000ms")
        other = await calling(url, "keypad", "-n", "2", "--baseline", str(file))
        told = json.loads(file.read_bytes())
        told["scenarios"][0]["latency"] |= {"p95_ms": 1}
        file.write_text(json.dumps(told))
        worse = await calling(url, "keypad", "--baseline", str(file), "--save-baseline", str(tmp_path / "next.json"))

    assert (saved.exit_code, same.exit_code) == (0, 0)
    assert (other.exit_code, other.stderr) == (
        USAGE,
        "relayproxy: error: the baseline cannot be compared: times was 1, is 2\n",
    )
    assert worse.exit_code == ExitCode.FAILED
    assert worse.stdout.splitlines()[-2] == "keypad: p95 was 1 ms, and could not be measured"
    assert worse.stdout.splitlines()[-1].endswith(" s: 1 limit exceeded")
    assert not (tmp_path / "next.json").exists()
    assert "next.json is not written" in worse.stderr


def test_calls_that_cannot_be_connected() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        result = run(f"ws://127.0.0.1:{unused.getsockname()[1]}/")

    assert result.exit_code == ExitCode.NO_CONNECTION
    count = len(names(CALLERS))
    assert f"{count} calls could not be connected" in result.output, "one call of each, as none is named"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("http://agent/",), "a ws:// or wss:// URL"),
        ((), "Missing argument 'URL'"),
        (("ws://a/", "--calls", "2"), "No such option '--calls'"),
        (("ws://a/", "-n", "0"), "0 is not in the range"),
        (("ws://a/", "--rate", "often"), "such as 2/s or 0.5/s"),
        (("ws://a/", "--rate", "nan"), "such as 2/s or 0.5/s"),
        (("ws://a/", "--rate", "0/s"), "such as 2/s or 0.5/s"),
        (("ws://a/", "impatent"), "there is no scenario 'impatent'; did you mean 'impatient'?"),
        (("ws://a/", "keypad", "keypad"), "'keypad' is there 2 times"),
        (("ws://a/", "gone.yaml"), "gone.yaml: No such file"),
        (("ws://a/", "--json", "gone/results.json"), "gone/results.json cannot be written"),
        (("ws://a/", "--baseline", "gone.json"), "gone.json: No such file"),
        (("ws://a/", "--max-latency-increase", "20"), "such as 20%"),
        (("ws://a/", "--floor", "-1ms"), "such as 150ms"),
        (("ws://a/", "--json", "-", "--junit", "-"), "cannot both be printed"),
    ],
)
def test_usage_errors_have_an_exit_code_of_their_own(arguments: tuple[str, ...], told: str) -> None:
    result = run(*arguments)
    assert result.exit_code == USAGE == ExitCode.USAGE
    assert told in result.stderr


async def test_ctrl_c_keeps_the_results_of_calls_that_are_over(tmp_path: Path) -> None:
    connected = asyncio.Queue[str]()

    async def talk(peer: Backend) -> None:
        await connected.put((await peer.next("setup"))["sessionId"])
        await peer.send(type="text", token="Good day.", last=True)
        await peer.closed()

    for name, turn in (("short", "{hangup: true, send_after: {event: text}}"), ("long", "{silence: 3600000}")):
        (tmp_path / f"{name}.yaml").write_text(f"name: {name}\nturns: [{turn}]\n")
    async with backend(talk) as peer:
        arguments = (peer.url, str(tmp_path / "short.yaml"), str(tmp_path / "long.yaml"), "--at-once", "1")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "relayproxy", "simulate", *arguments, "--json", "-", stdout=PIPE, stderr=PIPE
        )
        first = await connected.get()
        await connected.get()
        process.send_signal(signal.SIGINT)
        printed, told = await process.communicate()

    assert process.returncode == ExitCode.INTERRUPTED
    document = json.loads(printed)
    assert document["interrupted"] is True
    assert [one["session_ids"] for one in document["each_call"]] == [[first]]
    assert "short: 1 of 1 passed" in told.decode()
    assert told.decode().splitlines()[-1].endswith(" s: interrupted")
