"""`relayproxy serve` and `demo`: three processes that start, live and stop as one, whatever happens to them."""

import asyncio
import fcntl
import os
import re
import signal
import socket
import sqlite3
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType

from relayproxy.lab.agent import server as agent
from relayproxy.lab.simulation.simulate import simulate
from tests.databases import migrated
from tests.patience import PATIENCE
from tests.supervisor.serving import COLD, FREE, Serving, Started, call, said_back, serving, start, until


async def test_a_call_goes_through_and_can_be_looked_at_and_nobody_knows_a_secret_without_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGN_TOKEN", "canary-0123456789abcdef")
    monkeypatch.setenv("OTLP_KEY", "nightingale")
    receiver = '[receiver]\nlisten = "127.0.0.1:0"\ntoken = "env:RECEIVER_TOKEN"\n'
    otel = '[otel]\nheaders = { authorization = "env:OTLP_KEY" }\n'
    hook = '[alerts.full]\nkind = "disk"\nabove = 0.9999\n[webhooks.ops]\nurl = "env:OPS_URL"\nsecret = "env:OPS_KEY"\n'
    (tmp_path / "relayproxy.toml").write_text(otel + receiver + hook)
    monkeypatch.setenv("RECEIVER_TOKEN", "woodpecker")
    monkeypatch.setenv("OPS_URL", "http://127.0.0.1:1/chaffinch")
    monkeypatch.setenv("OPS_KEY", "bullfinch")
    enforced = ("--auth-token", "env:SIGN_TOKEN", "--verify", "enforce", "--config", str(tmp_path / "relayproxy.toml"))
    async with agent.serving(speed=10) as backend, serving(backend, tmp_path / "a b", *enforced, python=COLD) as serve:
        stranger = await simulate(serve.relay, scenarios=("asks-for-a-person",), speed=10)
        assert stranger.connected == 0
        for name, knows in (("relay", True), ("recorder", False), ("console", False), ("receiver", False)):
            variables = Path(f"/proc/{serve.child(name)}/environ").read_bytes()
            assert (b"canary" in variables, b"AUTH_TOKENS=env:SIGN_TOKEN" in variables) == (knows, True)
            sends = name in ("recorder", "receiver")
            assert (b"nightingale" in variables, b"env:OTLP_KEY" in variables) == (sends, True)
            assert (b"woodpecker" in variables, b"env:RECEIVER_TOKEN" in variables) == (name == "receiver", True)
            for secret in (b"chaffinch", b"bullfinch", b"WEBHOOKS", b"ALERTS"):
                assert (secret in variables) == (name == "console")
        await simulate(serve.relay, scenarios=("asks-for-a-person",), speed=10, auth_token="canary-0123456789abcdef")

        async def over() -> dict[str, Any] | None:
            sessions = await serve.sessions()
            return sessions[0] if len(sessions) == 1 and not sessions[0]["live"] else None

        session = await until(over)
        assert session["ended_by"] == "backend"
        assert session["handoff"]
        assert session["signature"] == "valid"

        serve.process.send_signal(signal.SIGTERM)
        assert await serve.ends() == 0
        assert "ERROR" not in serve.text
        assert not [secret for secret in ("canary", "chaffinch", "bullfinch") if secret in serve.text]
        assert not any(b"canary" in file.read_bytes() for file in (tmp_path / "a b").rglob("*") if file.is_file())
        assert not list((tmp_path / "a b/journal").glob("*/*.seg")), "the recorder had time to take everything in"


async def test_a_receiver_that_dies_is_started_again_and_no_call_notices(echo: str, tmp_path: Path) -> None:
    (tmp_path / "relayproxy.toml").write_text('[receiver]\nlisten = "127.0.0.1:0"\n')
    async with serving(echo, tmp_path, "--config", str(tmp_path / "relayproxy.toml")) as serve:
        url = next(line.split()[-1] for line in serve.said if line.startswith("receiver listening on"))
        await serve.says(f"^  spans of backends are received on {url}$")
        async with call(serve) as ws:
            os.kill(serve.child("receiver") or 0, signal.SIGKILL)
            await serve.says(r"the receiver ended \(signal SIGKILL\); starting it again")
            assert await said_back(ws, "meanwhile")
            await serve.says(f"receiver listening on {url}$")
            (session,) = await until(serve.sessions)
            span = {"traceId": session["trace_id"], "spanId": "ab" * 8, "name": "chat"}
            request = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
            async with aiohttp.ClientSession() as http, http.post(f"{url}/v1/traces", json=request) as answer:
                assert (answer.status, await answer.json()) == (200, {})
            (kept,) = await until(lambda: serve.spans(session["id"]))
            assert (kept["name"], kept["joined_by"]) == ("chat", "trace")
            assert await said_back(ws, "and afterwards")
        serve.process.send_signal(signal.SIGTERM)
        assert await serve.ends() == 0


async def test_the_first_ctrl_c_lets_live_calls_end_and_everything_of_them_is_recorded(
    echo: str, tmp_path: Path
) -> None:
    async with serving(echo, tmp_path) as serve:
        async with call(serve) as ws:
            os.killpg(serve.process.pid, signal.SIGINT)  # as a terminal does: to everything in its foreground
            await serve.says("stopping: no new calls, live ones may end")
            await serve.says("draining: 1 call may end")
            with pytest.raises(aiohttp.ClientConnectionError):
                async with call(serve):
                    pass
            assert await said_back(ws, "the last words")
        assert await serve.ends() == 0

    async with serving(echo, tmp_path) as later:
        (session,) = await later.sessions()
        assert not session["live"]
        messages = await later.messages(session["id"])
        assert [message.get("text") for message in messages if message["kind"] == "text"] == ["hello"] * 2 + [
            "the last words"
        ] * 2
        assert [message["kind"] for message in messages[4:]] == ["close", "close"]


async def test_a_data_folder_serves_one_whose_live_calls_a_second_signal_closes(echo: str, tmp_path: Path) -> None:
    async with serving(echo, tmp_path) as serve:
        second: Started = await start(Started, "serve", "--backend", echo, *FREE, data_dir=tmp_path)

        assert await second.ends() == 2
        assert second.said == [
            f"relayproxy: error: data_dir={tmp_path}: a folder of its own is expected; "
            "another relayproxy is running on this one"
        ]
        async with call(serve) as ws:
            serve.process.send_signal(signal.SIGTERM)
            await serve.says("draining: 1 call may end")
            serve.process.send_signal(signal.SIGTERM)

            async with asyncio.timeout(PATIENCE):
                assert (await ws.receive()).type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR)
            assert await serve.ends() == 0, serve.text


async def test_one_that_cannot_start_stops_the_start(echo: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        migrated(f"sqlite:///{tmp_path}/relayproxy.db")
        arguments = ("serve", "--backend", echo, "--listen", "127.0.0.1:0", "--console", address)
        serve: Started = await start(Started, *arguments, data_dir=tmp_path)

        assert await serve.ends() == 2
        assert serve.said[-1] == (
            f"relayproxy: error: the console did not start: console={address}: another program listens there; "
            "choose another: --console HOST:PORT (make run CONSOLE=HOST:PORT)"
        )
        assert "is ready" not in serve.text
        assert "relay listening" not in serve.text, "no call may be taken by what will not stay"


async def test_another_address_is_proposed_only_when_the_address_is_the_trouble(echo: str, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("no key")
    migrated(f"sqlite:///{tmp_path}/data/relayproxy.db")
    tls = ("--tls-cert", str(tmp_path / "key.pem"), "--tls-key", str(tmp_path / "key.pem"))
    serve: Started = await start(Started, "serve", "--backend", echo, *FREE, *tls, data_dir=tmp_path / "data")

    assert await serve.ends() == 2
    assert "relayproxy: error: the relay did not start: exit code 2" in serve.said
    assert "choose another" not in serve.text


async def test_a_damaged_database_is_moved_aside_and_calls_are_recorded_in_a_new_one(echo: str, tmp_path: Path) -> None:
    database = tmp_path / "relayproxy.db"
    database.write_text("this is no database" * 100)
    async with serving(echo, tmp_path) as serve:
        assert re.search(
            rf"ERROR The database {database} is damaged \(file is not a database\)\. "
            rf"It was MOVED to {database}\.corrupt-\S+, nothing was deleted",
            serve.text,
        )
        async with call(serve):
            assert await until(serve.sessions)
    (aside,) = tmp_path.glob("relayproxy.db.corrupt-*")
    assert aside.read_text() == "this is no database" * 100


async def test_trouble_with_the_database_is_said_and_calls_work_until_it_is_over(echo: str, tmp_path: Path) -> None:
    database = tmp_path / "relayproxy.db"
    foreign = sqlite3.connect(database)
    foreign.execute("CREATE TABLE films (title)")
    foreign.close()
    async with serving(echo, tmp_path) as serve:
        said = f"ERROR The database at {database} has tables that are not relayproxy's: use another --data-dir"
        assert serve.text.count(said) == 1
        async with call(serve) as ws:
            database.unlink()
            await serve.says("serve WARNING the database is ready; recording goes on$")
            assert await until(serve.sessions)
            assert await said_back(ws, "still here")
    assert serve.text.count(said) == 1, "said once, however often it was tried"


async def test_a_migration_that_waits_holds_up_neither_calls_nor_the_end(echo: str, tmp_path: Path) -> None:
    with (tmp_path / "relayproxy.db.migrating").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        serve: Serving = await start(Serving, "serve", "--backend", echo, *FREE, data_dir=tmp_path)
        serve.relay = "ws" + (await serve.says("^relay listening on http(.+)$"))[1]
        async with call(serve):
            pass
        serve.process.send_signal(signal.SIGTERM)
        assert await serve.ends() == 0


async def test_a_signal_at_the_very_end_does_not_spoil_the_exit_code(echo: str, tmp_path: Path) -> None:
    migrated(f"sqlite:///{tmp_path}/relayproxy.db")
    late = ("-m", "tests.supervisor.signalled_at_exit", "serve")
    serve: Started = await start(Started, *late, "--backend", echo, *FREE, data_dir=tmp_path)
    await serve.says("is ready")
    serve.process.send_signal(signal.SIGTERM)
    assert await serve.ends() == 0


async def test_it_prints_what_to_give_to_twilio(echo: str, tmp_path: Path) -> None:
    migrated(f"sqlite:///{tmp_path}/relayproxy.db")
    where = ("--public-url", "wss://relay.example.com/voice/", "--route", f"sales={echo}", "--route", f"x={echo}")
    serve: Started = await start(Started, "serve", "--backend", echo, *where, *FREE, data_dir=tmp_path)

    await serve.says("^relayproxy is ready")
    assert [(await serve.says(r"^    (\S+ +\S+)$"))[1] for _ in range(3)] == [
        "default  wss://relay.example.com/voice/",
        "sales    wss://relay.example.com/voice/r/sales",
        "x        wss://relay.example.com/voice/r/x",
    ]
    await serve.says(r"^  console: http://127\.0\.0\.1:\d+/$")
    await serve.says(r"^  What was said is kept for 30 days after a call, and its numbers for 400 days\.$")
    await serve.says(r"^  Ctrl-C stops it once live calls have ended; a second one ends them\.$")
    serve.process.send_signal(signal.SIGTERM)
    assert await serve.ends() == 0
    assert "tunnel" not in serve.text
    assert "relay WARNING anyone may call: Twilio's signature is not checked (set auth_tokens, and" in serve.text


async def test_a_data_folder_that_cannot_be_made_is_said(echo: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    serve: Started = await start(Started, "serve", "--backend", echo, *FREE, data_dir=tmp_path / "file/below")

    assert await serve.ends() == 2
    assert serve.said == [
        f"relayproxy: error: data_dir={tmp_path}/file/below: a folder that can be made and written is expected "
        "(Not a directory)"
    ]
