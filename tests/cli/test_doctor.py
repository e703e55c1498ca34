"""`relayproxy doctor`: lines, JSON and exit codes; before `serve` ever ran, and beside it."""

import asyncio
import json
import os
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner, Result

from relayproxy.cli.doctor import _printable
from relayproxy.cli.main import main
from tests.forked import fork
from tests.supervisor.serving import echo as echo  # a fixture
from tests.supervisor.serving import serving, until

HERE = ("--listen", "127.0.0.1:0", "--console", "127.0.0.1:0")


def doctor(tmp_path: Path, *arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(main, ["doctor", *HERE, "--data-dir", str(tmp_path / "data"), *arguments], env=environ)


def test_lines_and_the_exit_code_of_what_failed(tmp_path: Path) -> None:
    result = doctor(tmp_path, "--no-network")

    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert lines[0] == "configuration"
    assert lines[1].startswith("  failed   backend: backend is not set: the ws:// or wss:// URL of your")
    assert lines[1].endswith("; `serve` does not start before")
    assert "  skipped  collector: not asked, as --no-network says" in lines
    assert lines[-1].startswith("1 failed, ")
    assert doctor(tmp_path, "--no-network", "--backend", "ws://127.0.0.1:9").exit_code == 0


def test_json_says_the_same(tmp_path: Path) -> None:
    result = doctor(tmp_path, "--no-network", "--json")

    assert result.exit_code == 1
    document = json.loads(result.output)
    assert document["failed"] == 1
    (failed,) = [one for one in document["checks"] if one["state"] == "failed"]
    assert {*failed} == {"group", "name", "state", "text", "action"}
    assert (failed["group"], failed["name"]) == ("configuration", "backend")


def test_usage_exits_with_2(tmp_path: Path) -> None:
    for wrong in (("--backend", "http://a"), ("--path", "ws"), ("--config", str(tmp_path / "none.toml"))):
        assert doctor(tmp_path, *wrong).exit_code == 2


def test_secrets_are_never_printed(tmp_path: Path) -> None:
    config = tmp_path / "relayproxy.toml"
    config.write_text(
        'backend = "ws://127.0.0.1:9/ws?key=canary"\n'
        'auth_tokens = ["env:TOKEN_HERE"]\n'
        'console_key = "canary-canary-canary-canary-canary"\n'
        'database_url = "postgresql://user:canary@127.0.0.1:9/db"\n'
        '[webhooks.ops]\nurl = "env:HOOK_HERE"\nformat = "slack"\n'
        '[otel]\nendpoint = "http://user:canary@127.0.0.1:9"\nheaders = {authorization = "env:TOKEN_HERE"}\n'
        "timeout = 0.2\n"
        '[receiver]\nlisten = "127.0.0.1:0"\ntoken = "env:TOKEN_HERE"\n'
    )
    secrets = {"TOKEN_HERE": "canary", "HOOK_HERE": "https://hooks.example.com/canary"}

    for how in ((), ("--json",)):
        result = doctor(tmp_path, "--config", str(config), *how, **secrets)
        assert result.exit_code == 1
        assert "canary" not in result.output
        assert f"{config} can be read by everybody" in result.output


async def test_beside_serve_it_takes_nothing_and_leaves_no_session(echo: str, tmp_path: Path) -> None:
    async with serving(echo, tmp_path) as serve:
        listen, console = serve.relay.partition("://")[2], serve.console.partition("://")[2]
        arguments = ("--backend", echo, "--listen", listen, "--console", console, "--data-dir", str(tmp_path))
        process = fork(("doctor", *arguments), dict(os.environ))
        with process.stdout as said:
            output = await asyncio.to_thread(said.read)

        assert await asyncio.to_thread(process.wait) == 0, output
        assert f"  ok       relay: {listen}: a relay answers and takes calls; 0 live calls" in output
        assert f"  ok       console: {console}: relayproxy's console answers" in output
        assert "  ok       writing: could be written" in output
        assert f"  ok       default: {echo} takes calls: 101 after " in output
        assert "and hung up in order" in output
        # Whatever came would have been recorded before this call.
        async with aiohttp.ClientSession() as http, http.ws_connect(serve.relay + "/after") as ws:
            await ws.close()
        assert len(await until(serve.sessions)) == 1


@pytest.mark.parametrize("text", ["a\nb", "\x1b[2J"])
def test_what_others_say_stays_one_line(text: str) -> None:
    assert _printable(text).isprintable()
