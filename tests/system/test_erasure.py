"""Erasing a caller's number while `serve` runs and one of the calls lives: at the end nothing is left, in no file and
no table."""

import asyncio
import json
import os
from pathlib import Path
from signal import SIGKILL
from typing import Any

import aiohttp
from click.testing import CliRunner, Result
from sqlalchemy import Engine, text

from relayproxy.cli.main import main
from relayproxy.store.engine import open_engine
from relayproxy.store.schema.packing import detail_of
from tests.databases import details_in
from tests.peers.postgres import Server
from tests.running import Running, running
from tests.supervisor.serving import echo, serving, until

__all__ = ["echo"]

NUMBER, NAME = "+15550100077", "Quagmire"
OTHER, BESIDE = "+15550100078", "Nightingale"


async def say(ws: "aiohttp.ClientWebSocketResponse[Any]", **message: Any) -> None:
    await ws.send_str(json.dumps(message))
    await ws.receive()


async def call(
    http: aiohttp.ClientSession, relay: str, vx: str, number: str = NUMBER, name: str = NAME
) -> "aiohttp.ClientWebSocketResponse[Any]":
    ws = await http.ws_connect(relay + "/")
    numbers = {"from": number, "to": "+15550100002"}
    await say(ws, type="setup", sessionId=vx, callSid=f"CA-{vx}", customParameters={"name": name}, **numbers)
    await say(ws, type="prompt", voicePrompt=f"my name is {name}", lang="en-US", last=True)
    await say(ws, type="text", token=f"good morning, {name}", last=True)
    return ws


async def erase(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, main, ["erase", *arguments, "--yes"])


def files_with(folder: Path, *words: str) -> list[str]:
    found = []
    for path in folder.rglob("*"):
        try:
            data = path.read_bytes() if path.is_file() else b""
        except FileNotFoundError:
            continue
        data += details_in(path) if path.suffix == ".db" else b""
        found += [path.name for word in words if word.encode() in data]
    return found


def tables_with(engine: Engine, *words: str) -> list[str]:
    """The tables of a server in which one of the words stands."""
    with engine.connect() as db:
        names = db.execute(text("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"))
        found = []
        for name in names.scalars().all():
            rows = str(db.execute(text(f"SELECT row::text FROM {name} row")).all())
            found += [name for word in words if word in rows or word.encode().hex() in rows]
        for name in ("sessions", "turns"):
            details = [detail_of(*row) for row in db.execute(text(f"SELECT detail, packed FROM {name}"))]
            found += [name for word in words if word in str(details)]
        return found


def strays(engine: Engine) -> int:
    """Recordings and chunks, whose content cannot be searched, that belong to no connection."""
    with engine.connect() as db:
        counts = (
            text(f"SELECT count(*) FROM {table} WHERE connection NOT IN (SELECT id FROM connections)")
            for table in ("recordings", "chunks")
        )
        return sum(int(db.execute(count).scalar_one()) for count in counts)


async def test_an_erased_caller_is_in_no_file_any_more(echo: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with serving(echo, data) as serve, aiohttp.ClientSession() as http:
        first = await call(http, serve.relay, "VX1")
        await first.close()
        live = await call(http, serve.relay, "VX2")

        async def recorded() -> Any:
            found = await serve.sessions()
            return len(found) == 2 and [one["live"] for one in found] == [True, False] and found

        over = (await until(recorded))[1]["id"]
        await http.post(f"{serve.console}/api/sessions/{over}/notes", json={"text": f"{NAME} will call again"})
        assert files_with(data, NUMBER, NAME)

        done = await erase("--number", NUMBER, "--data-dir", str(data))
        assert done.exit_code == 0, done.output
        assert "Erased 1 session with 6 messages and 1 note" in done.output
        assert "waits for the end of 1 call" in done.output
        assert [one["live"] for one in await serve.sessions()] == [True]

        await say(live, type="prompt", voicePrompt=f"it is still {NAME}", lang="en-US", last=True)
        await live.close()

        async def erased() -> Any:
            async with http.get(f"{serve.console}/api/erasures") as answer:
                (receipt,) = (await answer.json())["items"]
            return receipt["state"] == "done" and receipt

        receipt = await until(erased)
        assert (receipt["sessions"], receipt["notes"]) == (2, 1)
        assert await serve.sessions() == []
        await until(lambda: not files_with(data, NUMBER, NAME))
        assert (await (await http.get(f"{serve.console}/api/health")).json())["database"]["sessions_at_least"] == 0
    assert files_with(data, NUMBER, NAME) == []
    assert NAME not in serve.text
    assert NUMBER not in serve.text


async def test_on_a_server_an_erasure_is_done_once_every_machine_has_seen_to_its_own_journal(
    echo: str, postgres: Server, tmp_path: Path
) -> None:
    url, here, there = postgres.migrated(), tmp_path / "here", tmp_path / "there"
    engine = open_engine(url)
    async with serving(echo, here, "--database-url", url) as serve, aiohttp.ClientSession(serve.console) as http:
        with running("relay", data_dir=there, listen="127.0.0.1:0", backend=echo) as relay:
            beside = Running("recorder", data_dir=there, database_url=url)
            try:
                second = f"ws://127.0.0.1:{relay.port}"
                for number in range(30):
                    await (await call(http, serve.relay, f"VX{number}")).close()
                await (await call(http, second, "VX-there")).close()
                for number, machine in enumerate((serve.relay, second)):
                    await (await call(http, machine, f"VX-other-{number}", OTHER, BESIDE)).close()
                live = await call(http, serve.relay, "VX-live")

                async def asked(path: str, **body: Any) -> dict[str, Any]:
                    async with http.post(path, json=body) if body else http.get(path) as answer:
                        told: dict[str, Any] = await answer.json()
                        assert answer.ok, told
                        return told

                async def recorded() -> Any:
                    """What would be erased, once every call has ended but the live one, whose number has been read."""
                    found = await serve.sessions()
                    shown = await asked("/api/erasures/preview", number=NUMBER)
                    ended = sorted(one["live"] for one in found) == [False] * 33 + [True]
                    return shown if ended and (shown["sessions"], shown["live"]) == (32, 1) else None

                shown = await until(recorded)
                await asyncio.to_thread(beside.stop, SIGKILL)
                with engine.begin() as db:
                    # The recorder comes to this one in the middle of it.
                    db.execute(text("SELECT 1 FROM sessions WHERE session_id = 'VX29' FOR UPDATE"))
                    id = (await asked("/api/erasures", number=NUMBER, confirm=shown["confirm"]))["id"]

                    async def told(**wanted: Any) -> Any:
                        found = await asked(f"/api/erasures/{id}")
                        return found if found.items() >= wanted.items() else None

                    async def begun() -> bool:
                        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
                        return bool(db.execute(text(waiting)).scalar_one())

                    await until(begun)
                    recorder = serve.child("recorder")
                    assert recorder is not None
                    os.kill(recorder, SIGKILL)
                assert (await asked(f"/api/erasures/{id}"))["sessions"] < 31

                await say(live, type="prompt", voicePrompt=f"it is still {NAME}", lang="en-US", last=True)
                await live.close()
                await until(lambda: told(sessions=32, waiting_for=0, waiting_for_journals=1))
                assert await told(state="open")
                assert files_with(there, NAME)
                assert {one["session_id"] for one in await serve.sessions()} == {"VX-other-0", "VX-other-1"}
                assert files_with(here, BESIDE)
                assert files_with(there, BESIDE)

                beside = await asyncio.to_thread(Running, "recorder", data_dir=there, database_url=url)
                done = await erase("--number", OTHER, "--database-url", url)
                assert "Erased 2 sessions with 12 messages and 0 notes. Receipt: " in done.output
                receipt = await until(lambda: told(state="done"))
                assert (receipt["sessions"], receipt["shown"], receipt["more"]) == (32, 32, 0)
                await until(lambda: not files_with(tmp_path, NUMBER, NAME, OTHER, BESIDE))
                assert await serve.sessions() == []
                assert tables_with(engine, NUMBER, NAME, OTHER, BESIDE) == []
                assert strays(engine) == 0
            finally:
                await asyncio.to_thread(beside.stop)
    assert files_with(tmp_path, NUMBER, NAME, OTHER, BESIDE) == []
    engine.dispose()
