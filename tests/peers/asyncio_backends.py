"""Servers of `websockets` and of aiohttp with OpenTelemetry, in one process: those of docs/examples/python/.

    with running_asyncio("http://127.0.0.1:4318") as (websockets, aiohttp):     # ws://127.0.0.1:PORT each
        ...

No instrumentation of either is installed: they join by the line that docs/backend-spans.md has for them.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.patience import PATIENCE
from tests.peers.instrument import instrumented
from tests.peers.instrumented_backend import tokens

EXAMPLES = Path(__file__).parents[2] / "docs/examples/python"


@contextlib.contextmanager
def running_asyncio(endpoint: str) -> Iterator[tuple[str, str]]:
    """Both as long as the block lasts, with their spans sent to `endpoint`; gives their URLs."""
    command, environment = instrumented([sys.executable, "-m", "tests.peers.asyncio_backends"], endpoint)
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        websockets, aiohttp = said.split()
        yield f"ws://127.0.0.1:{websockets}", f"ws://127.0.0.1:{aiohttp}"
    finally:
        process.terminate()
        process.stdout.close()
        process.wait(PATIENCE)


async def _answer(send: Callable[[str], Awaitable[None]], message: dict[str, Any]) -> None:
    if message["type"] == "prompt" and message["last"]:
        async for token in tokens(message["voicePrompt"]):
            await send(json.dumps({"type": "text", "token": token, "last": False}))
        await send(json.dumps({"type": "text", "token": "", "last": True}))


async def _serve() -> None:
    import importlib

    from aiohttp import web
    from websockets.asyncio.server import serve

    # What stands for the reader's own agent in the examples.
    agent = ModuleType("agent")
    agent.__dict__["answer"] = _answer
    sys.modules["agent"] = agent
    sys.path.insert(0, str(EXAMPLES))

    app = web.Application()
    app.router.add_get("/ws", importlib.import_module("aiohttp_server").converse)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with serve(importlib.import_module("websockets_server").converse, "127.0.0.1", 0) as server:
        print(next(iter(server.sockets)).getsockname()[1], runner.addresses[0][1], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
