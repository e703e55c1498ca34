"""The health of a running system, as its console tells it."""

from pathlib import Path
from signal import SIGKILL
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.running import running
from tests.supervisor.serving import serving
from tests.supervisor.serving import until as patiently
from tests.system.stack import stack, until


def checks(health: Any) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in health["checks"]}


async def test_a_recorder_that_is_killed_is_missed_and_one_that_comes_back_is_not(tmp_path: Path) -> None:
    with stack(tmp_path, "ws://127.0.0.1:1") as system:

        def when(**states: str) -> Any:
            found = system.get("/api/health")
            return found if {name: checks(found)[name]["state"] for name in states} == states else None

        found = await until(lambda: when(recorder="ok", relay="ok", lag="ok", journal="ok", database="ok"))
        [recorder] = found["recorders"]
        assert recorder["pid"] == system.recorder.process.pid
        assert [journal["relay_alive"] for journal in recorder["journals"]] == [True]
        assert system.recorder.stop(SIGKILL) == -SIGKILL
        found = await until(lambda: when(recorder="bad"))
        assert checks(found)["recorder"]["title"].startswith("The recorder has not reported for 1")
        assert "The recorder has not reported for" in system.get("/health")
        with running("recorder", data_dir=tmp_path):
            found = await until(lambda: when(recorder="ok"))
            assert len(found["recorders"]) == 1, "it is the recorder of the same data folder"
        found = await until(lambda: when(recorder="bad"))
        assert checks(found)["recorder"]["title"].startswith("The recorder was stopped ")
        assert system.relay.stop() == 0


async def test_serve_is_in_order_and_says_what_calls_wait_for(tmp_path: Path) -> None:
    async def agent(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for _ in socket:
            pass
        return socket

    app = web.Application()
    app.router.add_get("/", agent)
    server = TestServer(app)
    async with server, serving(f"ws://127.0.0.1:{server.port}/", tmp_path) as serve, aiohttp.ClientSession() as http:

        async def told(live: int) -> Any:
            async with http.get(f"{serve.console}/api/health") as answer:
                found = await answer.json()
            calls = [recorder["live_connections"] for recorder in found["recorders"]]
            return found if calls == [live] else None

        async with http.ws_connect(f"{serve.relay}/"):
            found = await patiently(lambda: told(1))
            assert {name for name, check in checks(found).items() if check["state"] == "bad"} <= {"disk"}
            assert checks(found)["relay"]["title"] == "A relay is running"
        await patiently(lambda: told(0))
