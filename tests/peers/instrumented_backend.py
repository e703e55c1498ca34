"""A FastAPI backend with OpenTelemetry, as people run one: `opentelemetry-instrument uvicorn …`, a process of its own.

    with running_instrumented("http://127.0.0.1:4318") as url:      # ws://127.0.0.1:PORT
        ...

Each answer is made by a model and a tool that it calls; both have spans by the GenAI conventions, whose
`gen_ai.input.messages` are the caller's words. To a prompt with `slowly` it calls the tool once the next prompt
has come, for interruptions do not stop it. Nothing here knows of relayproxy, nor of `traceparent`: under `/fastapi`
OpenTelemetry's instrumentation of FastAPI does, under `/starlette` its middleware for any ASGI application.
"""

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from opentelemetry import trace

from tests.patience import PATIENCE
from tests.peers.instrument import instrumented

ROOT = Path(__file__).parents[2]
MODEL_SECONDS, TOOL_SECONDS = 0.02, 0.01
SLOW_SECONDS = 0.1
"""More than clocks are taken to be apart, so that what begins before an interruption is surely before it."""


@contextlib.contextmanager
def running_instrumented(endpoint: str) -> Iterator[str]:
    """The backend as long as the block lasts, with its spans sent to `endpoint`; gives its URL. It ends in an orderly
    way, with its last spans sent or given up."""
    # The kernel queues connections until uvicorn accepts them.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
        uvicorn = [
            *(sys.executable, "-m", "uvicorn", "--factory", "tests.peers.instrumented_backend:build"),
            *("--fd", str(listener.fileno()), "--log-level", "critical"),
        ]
        command, environment = instrumented(uvicorn, endpoint)
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, pass_fds=[listener.fileno()], stdout=subprocess.PIPE, text=True
        )
    assert process.stdout is not None
    try:
        assert process.stdout.readline(), "the backend did not start"
        yield url
    finally:
        process.terminate()
        process.stdout.close()
        process.wait(PATIENCE)


def build() -> Any:
    """The application that uvicorn serves."""
    from fastapi import FastAPI, WebSocket
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
    from starlette.applications import Starlette
    from starlette.routing import WebSocketRoute

    async def converse(call: WebSocket) -> None:
        await call.accept()
        heard: asyncio.Queue[str] = asyncio.Queue()
        more = asyncio.Event()
        answering = asyncio.create_task(answer_all(call, heard, more))
        async for message in call.iter_json():
            if message["type"] == "prompt" and message["last"]:
                heard.put_nowait(message["voicePrompt"])
                more.set()
        answering.cancel()

    async def answer_all(call: WebSocket, heard: asyncio.Queue[str], more: asyncio.Event) -> None:
        while True:
            words = await heard.get()
            if heard.empty():
                more.clear()
            async for token in tokens(words, more):
                await call.send_json({"type": "text", "token": token, "last": False})
            await call.send_json({"type": "text", "token": "", "last": True})

    fastapi = FastAPI()
    fastapi.websocket("/fastapi")(converse)
    starlette = OpenTelemetryMiddleware(Starlette(routes=[WebSocketRoute("/starlette", converse)]))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await (starlette if scope.get("path") == "/starlette" else fastapi)(scope, receive, send)

    print("ready", flush=True)  # what it takes is imported
    return app


async def tokens(words: str, more: asyncio.Event | None = None) -> AsyncIterator[str]:
    """What is answered. `more` is set once the caller has spoken again."""
    tracer = trace.get_tracer("agent")
    said = {"gen_ai.input.messages": words}
    chat = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "small", **said}
    with tracer.start_as_current_span("chat small", kind=trace.SpanKind.CLIENT, attributes=chat):
        await asyncio.sleep(SLOW_SECONDS if "slowly" in words else MODEL_SECONDS)
        if "slowly" in words and more is not None:
            yield "One moment. "
            await more.wait()
        tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "find_table", **said}
        with tracer.start_as_current_span("execute_tool find_table", attributes=tool):
            await asyncio.sleep(TOOL_SECONDS)
        yield "You said: "
        yield words
