"""`relayproxy serve` and `demo`: three processes that start, live and stop as one, whatever happens to them."""

import asyncio
import fcntl
import os
import re
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType, web

from relayproxy.lab import agent
from relayproxy.lab.restaurant import SLOW_MS
from relayproxy.lab.simulate import simulate

PATIENCE = 60.0
FREE = ("--listen", "127.0.0.1:0", "--console", "127.0.0.1:0")


class Started:
    """A `relayproxy` command under way, and all that it and its children have said."""

    def __init__(self, process: asyncio.subprocess.Process, data_dir: Path) -> None:
        self.process = process
        self.data_dir = data_dir
        self.said: list[str] = []
        self._seen = 0

    async def says(self, pattern: str) -> re.Match[str]:
        """The next line that matches, among those not yet asked for."""
        async with asyncio.timeout(PATIENCE):
            while True:
                while self._seen < len(self.said):
                    self._seen += 1
                    if found := re.search(pattern, self.said[self._seen - 1]):
                        return found
                await self._read()

    async def ends(self) -> int:
        """The exit code, once it and all its children have ended (they hold its output open)."""
        async with asyncio.timeout(PATIENCE):
            while await self._read(last=True):
                pass
            return await self.process.wait()

    async def _read(self, *, last: bool = False) -> bool:
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        assert line or last, f"it ended, saying:\n{self.text}"
        self.said += [line.decode().rstrip("\n")] if line else []
        return bool(line)

    @property
    def text(self) -> str:
        return "\n".join(self.said)

    def child(self, name: str) -> int | None:
        """The process id of relay, recorder or console."""
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                command = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if parent == self.process.pid and name.encode() in command:
                return int(folder.name)
        return None


class Serving(Started):
    """`relayproxy serve`, ready."""

    relay = ""
    console = ""

    async def until_ready(self) -> "Serving":
        await self.says(r"^relayproxy is ready\.$")
        self.relay = (await self.says(r"^    (?:default +)?(ws://127\.0\.0\.1:\d+)/$"))[1]
        self.console = (await self.says(r"^  console: (http://127\.0\.0\.1:\d+)/$"))[1]
        return self

    async def sessions(self) -> list[dict[str, Any]]:
        return await self._items("/api/sessions")

    async def messages(self, session: str) -> list[dict[str, Any]]:
        return await self._items(f"/api/sessions/{session}/messages")

    async def _items(self, path: str) -> list[dict[str, Any]]:
        async with aiohttp.ClientSession() as http, http.get(self.console + path) as answer:
            items: list[dict[str, Any]] = (await answer.json())["items"]
            return items


async def until(answer: Callable[[], Any]) -> Any:
    """What `answer` gives, once it gives something; other processes are at work on it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                found = answer()
                found = await found if asyncio.iscoroutine(found) else found
            except aiohttp.ClientConnectionError:
                found = None
            if found:
                return found
            await asyncio.sleep(0.05)


async def start(
    kind: type[Any], *arguments: str, data_dir: Path, python: tuple[str, ...] = ("-m", "relayproxy")
) -> Any:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *python, *arguments, "--data-dir", str(data_dir)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={name: value for name, value in os.environ.items() if not name.startswith("RELAYPROXY_")},
        start_new_session=True,
    )
    return kind(process, data_dir)


@asynccontextmanager
async def serving(backend: str, data_dir: Path, *arguments: str) -> AsyncIterator[Serving]:
    serve: Serving = await start(Serving, "serve", "--backend", backend, *FREE, *arguments, data_dir=data_dir)
    try:
        yield await serve.until_ready()
    finally:
        for _ in range(2):
            if serve.process.returncode is None:
                serve.process.send_signal(signal.SIGTERM)
                await asyncio.sleep(0.1)
        await serve.ends()


@pytest.fixture
async def echo() -> AsyncIterator[str]:
    """A backend that says everything back, and closes when asked to."""

    async def answer(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            if message.type is WSMsgType.TEXT:
                await ws.send_str(message.data)
        return ws

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"ws://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@asynccontextmanager
async def call(serve: Serving) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with aiohttp.ClientSession() as http, http.ws_connect(serve.relay + "/") as ws:
        assert await said_back(ws, "hello")
        yield ws


async def said_back(ws: "aiohttp.ClientWebSocketResponse[Any]", words: str) -> bool:
    await ws.send_str(words)
    async with asyncio.timeout(PATIENCE):
        return bool((await ws.receive()).data == words)


async def test_a_call_goes_through_and_can_be_looked_at(tmp_path: Path) -> None:
    async with agent.serving(speed=10) as backend, serving(backend, tmp_path / "a b") as serve:
        await simulate(serve.relay, scenarios=("asks-for-a-person",), speed=10)

        async def over() -> dict[str, Any] | None:
            sessions = await serve.sessions()
            return sessions[0] if len(sessions) == 1 and not sessions[0]["live"] else None

        session = await until(over)
        assert session["ended_by"] == "backend"
        assert session["handoff"]

        serve.process.send_signal(signal.SIGTERM)
        assert await serve.ends() == 0
        assert "ERROR" not in serve.text
        assert not list((tmp_path / "a b/journal").glob("*/*.seg")), "the recorder had time to take everything in"


@pytest.mark.parametrize("name", ["relay", "recorder", "console"])
async def test_whichever_dies_is_started_again_at_the_same_address(name: str, echo: str, tmp_path: Path) -> None:
    async with serving(echo, tmp_path) as serve:
        first = serve.child(name)
        assert first is not None
        os.kill(first, signal.SIGKILL)

        await serve.says(rf"the {name} ended \(signal SIGKILL\); starting it again in 0\.2 s")
        await serve.says(rf"^{name} (listening on|following) ")
        assert serve.child(name) not in (None, first)
        async with call(serve):
            assert [session["live"] for session in await until(serve.sessions)] == [True]


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


async def test_the_second_signal_closes_live_calls(echo: str, tmp_path: Path) -> None:
    async with serving(echo, tmp_path) as serve, call(serve) as ws:
        serve.process.send_signal(signal.SIGTERM)
        await serve.says("draining: 1 call may end")
        serve.process.send_signal(signal.SIGTERM)

        async with asyncio.timeout(PATIENCE):
            assert (await ws.receive()).type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR)
        assert await serve.ends() == 0


async def test_when_serve_is_killed_its_children_stop_in_an_orderly_way(echo: str, tmp_path: Path) -> None:
    async with serving(echo, tmp_path) as serve:
        async with call(serve) as ws:
            serve.process.kill()
            await serve.says("draining: 1 call may end")
            assert await said_back(ws, "still here")
        assert await serve.ends() == -signal.SIGKILL


async def test_one_that_cannot_start_stops_the_start(echo: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
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
    late = (
        "import atexit, os, runpy, signal; atexit.register(os.kill, os.getpid(), signal.SIGTERM);"
        "runpy.run_module('relayproxy', run_name='__main__', alter_sys=True)"
    )
    serve: Started = await start(Started, "serve", "--backend", echo, *FREE, data_dir=tmp_path, python=("-c", late))
    await serve.says("is ready")
    serve.process.send_signal(signal.SIGTERM)
    assert await serve.ends() == 0


async def test_a_data_folder_serves_one(echo: str, tmp_path: Path) -> None:
    async with serving(echo, tmp_path) as serve:
        second: Started = await start(Started, "serve", "--backend", echo, *FREE, data_dir=tmp_path)

        assert await second.ends() == 2
        assert second.said == [
            f"relayproxy: error: data_dir={tmp_path}: a folder of its own is expected; "
            "another relayproxy is running on this one"
        ]
        async with call(serve):
            pass


async def test_it_prints_what_to_give_to_twilio(echo: str, tmp_path: Path) -> None:
    where = ("--public-url", "wss://relay.example.com/voice/", "--route", f"sales={echo}", "--route", f"x={echo}")
    serve: Started = await start(Started, "serve", "--backend", echo, *where, *FREE, data_dir=tmp_path)

    await serve.says("^relayproxy is ready")
    assert [(await serve.says(r"^    (\S+ +\S+)$"))[1] for _ in range(3)] == [
        "default  wss://relay.example.com/voice/",
        "sales    wss://relay.example.com/voice/r/sales",
        "x        wss://relay.example.com/voice/r/x",
    ]
    await serve.says(r"^  console: http://127\.0\.0\.1:\d+/$")
    await serve.says(r"^  Ctrl-C stops it once live calls have ended; a second one ends them\.$")
    serve.process.send_signal(signal.SIGTERM)
    assert await serve.ends() == 0
    assert "tunnel" not in serve.text


async def test_a_data_folder_that_cannot_be_made_is_said(echo: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    serve: Started = await start(Started, "serve", "--backend", echo, *FREE, data_dir=tmp_path / "file/below")

    assert await serve.ends() == 2
    assert serve.said == [
        f"relayproxy: error: data_dir={tmp_path}/file/below: a folder that can be made and written is expected "
        "(Not a directory)"
    ]


async def test_the_demo_shows_a_newcomer_what_can_be_found(tmp_path: Path) -> None:
    demo: Serving = await start(Serving, "demo", *FREE, data_dir=tmp_path)
    await demo.until_ready()

    async def all_kinds() -> bool:
        sessions = await demo.sessions()
        slow = [one for one in sessions if (one["totals"]["response_latency_ms"]["p95"] or 0) >= SLOW_MS]
        unanswered = [one for one in sessions if one["totals"]["unanswered"]]
        outcomes = {(one["outcome"], one["studio_transition"]) for one in sessions}
        failed = {("backend_connect_failed", "failed"), ("backend_disconnect", "failed")}
        return len(sessions) == 10 and bool(slow) and bool(unanswered) and failed <= outcomes

    await until(all_kinds)
    demo.process.send_signal(signal.SIGINT)
    assert await demo.ends() == 0
    assert "Traceback" not in demo.text
