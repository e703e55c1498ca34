"""A backend as most are: uvicorn with its defaults, and Twilio's own validator on the URL that Starlette rebuilds.

    with running_uvicorn() as port:
        ...

It checks signatures with AUTH_TOKEN against scheme, host, path and query as uvicorn tells them. Its defaults believe
`X-Forwarded-Proto` of this machine, as one value. A request that does not match gets HTTP 403 before 101.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

from tests.patience import PATIENCE

AUTH_TOKEN = "lab-auth-token"


@contextlib.contextmanager
def running_uvicorn() -> Iterator[int]:
    """The backend as long as the block lasts; gives its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.peers.uvicorn_backend"], env={**os.environ}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        port = process.stdout.readline().strip()
        assert port.isdigit(), f"the backend did not start (it said {port!r})"
        yield int(port)
    finally:
        process.terminate()
        process.stdout.close()
        process.wait(PATIENCE)


async def _serve() -> None:
    import socket

    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import WebSocketRoute
    from starlette.websockets import WebSocket
    from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

    async def answer(call: WebSocket) -> None:
        signature = call.headers.get("x-twilio-signature", "")
        if not RequestValidator(AUTH_TOKEN).validate(str(call.url), {}, signature):
            await call.close()
            return
        await call.accept()
        await call.close()

    app = Starlette(routes=[WebSocketRoute("/{path:path}", answer)])
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
    print(listener.getsockname()[1], flush=True)  # the kernel queues connections until uvicorn accepts them
    await server.serve([listener])


if __name__ == "__main__":
    asyncio.run(_serve())
