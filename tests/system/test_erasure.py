"""Erasing a caller's number while `serve` runs and one of the calls lives: at the end nothing is left in any file."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
from click.testing import CliRunner

from relayproxy.cli.main import main
from tests.supervisor.serving import Serving, echo, serving, until

__all__ = ["echo"]

NUMBER, NAME = "+15550100077", "Quagmire"


async def say(ws: "aiohttp.ClientWebSocketResponse[Any]", **message: Any) -> None:
    await ws.send_str(json.dumps(message))
    await ws.receive()


async def call(http: aiohttp.ClientSession, serve: Serving, vx: str) -> "aiohttp.ClientWebSocketResponse[Any]":
    ws = await http.ws_connect(serve.relay + "/")
    numbers = {"from": NUMBER, "to": "+15550100002"}
    await say(ws, type="setup", sessionId=vx, callSid=f"CA-{vx}", customParameters={"name": NAME}, **numbers)
    await say(ws, type="prompt", voicePrompt=f"my name is {NAME}", lang="en-US", last=True)
    await say(ws, type="text", token=f"good morning, {NAME}", last=True)
    return ws


def files_with(folder: Path, *words: str) -> list[str]:
    found = []
    for path in folder.rglob("*"):
        try:
            data = path.read_bytes() if path.is_file() else b""
        except FileNotFoundError:
            continue
        found += [path.name for word in words if word.encode() in data]
    return found


async def test_an_erased_caller_is_in_no_file_any_more(echo: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with serving(echo, data) as serve, aiohttp.ClientSession() as http:
        first = await call(http, serve, "VX1")
        await first.close()
        live = await call(http, serve, "VX2")

        async def recorded() -> Any:
            found = await serve.sessions()
            return len(found) == 2 and [one["live"] for one in found] == [True, False] and found

        over = (await until(recorded))[1]["id"]
        await http.post(f"{serve.console}/api/sessions/{over}/notes", json={"text": f"{NAME} will call again"})
        assert files_with(data, NUMBER, NAME)

        done = await asyncio.to_thread(
            CliRunner().invoke, main, ["erase", "--number", NUMBER, "--yes", "--data-dir", str(data)]
        )
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
