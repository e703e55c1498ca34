"""Runs `relayproxy serve` or `demo` as people do, follows what is said and calls through it."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp import WSMsgType, web

from tests.databases import migrated
from tests.forked import Forked, fork
from tests.patience import PATIENCE, pauses

COLD = ("-m", "relayproxy")
"""Starts Python as people do."""
FREE = ("--listen", "127.0.0.1:0", "--console", "127.0.0.1:0")


class Started:
    """A `relayproxy` command under way, and all that it and its children have said."""

    def __init__(
        self, process: asyncio.subprocess.Process | Forked, output: asyncio.StreamReader, data_dir: Path
    ) -> None:
        self.process = process
        self.data_dir = data_dir
        self.output = output
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

    async def has_said(self, pattern: str) -> re.Match[str]:
        """Once it is found in all that was said, over several lines if need be."""
        async with asyncio.timeout(PATIENCE):
            while not (found := re.search(pattern, self.text)):
                await self._read()
            return found

    async def ends(self) -> int:
        """The exit code, once it and all its children have ended (they hold its output open)."""
        async with asyncio.timeout(PATIENCE):
            while await self._read(last=True):
                pass
            process = self.process
            return await (asyncio.to_thread(process.wait) if isinstance(process, Forked) else process.wait())

    async def _read(self, *, last: bool = False) -> bool:
        line = await self.output.readline()
        assert line or last, f"it ended, saying:\n{self.text}"
        self.said += [line.decode().rstrip("\n")] if line else []
        return bool(line)

    @property
    def text(self) -> str:
        return "\n".join(self.said)

    def child(self, name: str) -> int | None:
        """The process id of relay, recorder or console."""
        return next(iter(self.children(name)), None)

    def children(self, name: str) -> list[int]:
        """The process ids of all that run this command."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
                command = (folder / "cmdline").read_text(errors="replace").split("\0")
                forked = (folder / "comm").read_text(errors="replace").rstrip()
            except OSError:
                continue
            if parent == self.process.pid and name in (forked, *command):
                found.append(int(folder.name))
        return sorted(found)


class Serving(Started):
    """`relayproxy serve`, ready."""

    relay = ""
    console = ""

    async def until_ready(self) -> "Serving":
        await self.says(r"^relayproxy is ready\.$")
        self.relay = (await self.says(r"^    (?:default +)?(ws://127\.0\.0\.1:\d+)/$"))[1]
        self.console = (await self.says(r"^  console: (http://127\.0\.0\.1:\d+)/$"))[1]
        return self

    async def sessions(self, query: str = "") -> list[dict[str, Any]]:
        return await self._items(f"/api/sessions?{urlencode({'q': query})}")

    async def messages(self, session: str) -> list[dict[str, Any]]:
        return await self._items(f"/api/sessions/{session}/messages")

    async def spans(self, session: str) -> list[dict[str, Any]]:
        return await self._items(f"/api/sessions/{session}/spans")

    async def _items(self, path: str) -> list[dict[str, Any]]:
        async with aiohttp.ClientSession() as http, http.get(self.console + path) as answer:
            items: list[dict[str, Any]] = (await answer.json())["items"]
            return items


async def until(answer: Callable[[], Any]) -> Any:
    """What `answer` gives, once it gives something; other processes are at work on it."""
    async with asyncio.timeout(PATIENCE):
        for pause in pauses():
            try:
                found = answer()
                found = await found if asyncio.iscoroutine(found) else found
            except aiohttp.ClientConnectionError:
                found = None
            if found:
                return found
            await asyncio.sleep(pause)
    raise AssertionError("it never came to pass")


async def start(kind: type[Any], *arguments: str, data_dir: Path, python: tuple[str, ...] = ()) -> Any:
    """Its processes are forked off one that has imported all, unless it is told with what to start Python."""
    arguments = (*arguments, "--data-dir", str(data_dir))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RELAYPROXY_")}
    if python:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *python, *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        return kind(process, process.stdout, data_dir)
    forked = await asyncio.to_thread(fork, arguments, environment, family=True)
    output = asyncio.StreamReader()
    reading = partial(asyncio.StreamReaderProtocol, output)
    await asyncio.get_running_loop().connect_read_pipe(reading, forked.stdout)
    return kind(forked, output, data_dir)


@asynccontextmanager
async def serving(
    backend: str, data_dir: Path, *arguments: str, python: tuple[str, ...] = ()
) -> AsyncIterator[Serving]:
    """`relayproxy serve` on a folder whose database has been migrated before, unless there is another; `start` has it
    made by `serve`."""
    if not (data_dir / "relayproxy.db").exists():
        migrated(f"sqlite:///{data_dir}/relayproxy.db")
    command = ("serve", "--backend", backend, *FREE, *arguments)
    serve: Serving = await start(Serving, *command, data_dir=data_dir, python=python)
    try:
        yield await serve.until_ready()
    finally:
        for _ in range(2):
            if serve.process.returncode is None:
                serve.process.send_signal(signal.SIGTERM)
                await asyncio.sleep(0.1)
        await serve.ends()


@asynccontextmanager
async def call(serve: Serving) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with aiohttp.ClientSession() as http, http.ws_connect(serve.relay + "/") as ws:
        assert await said_back(ws, "hello")
        yield ws


async def said_back(ws: "aiohttp.ClientWebSocketResponse[Any]", words: str) -> bool:
    await ws.send_str(words)
    async with asyncio.timeout(PATIENCE):
        return bool((await ws.receive()).data == words)


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
