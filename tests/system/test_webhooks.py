"""Webhooks fare ill in every way while calls go on: no call notices, everything is stored, and each failure is told."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from websockets.asyncio.server import serve

from tests.patience import PATIENCE
from tests.system.stack import stack, until
from tests.system.test_faults import Calls, answer, nothing_is_missing
from tests.telemetry.collector import free_port

ANSWERS = {
    "takes": (200, "answered 200"),
    "401": (401, "answered 401"),
    "413": (413, "answered 413"),
    "429": (429, "answered 429"),
    "503": (503, "answered 503"),
    "slow": (200, "answered 200"),
    "hangs": (200, ""),
}
"""What each answers, and what is told of it meanwhile."""
CALLERS = 2


class Endpoints:
    """The webhooks' end, which is told by the path how to fare."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: set[str] = set()
        self.over = threading.Event()

    def status(self, name: str) -> int:
        self.asked.add(name)
        if name == "hangs":
            self.over.wait(PATIENCE)
        elif name == "slow":
            time.sleep(1)
        return ANSWERS[name][0]


@contextmanager
def listening(ends: Endpoints) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            status = ends.status(self.path.removeprefix("/"))
            try:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()
            except OSError:
                self.close_connection = True  # it was not waited for

        def log_message(self, format: str, *args: object) -> None: ...

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        ends.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield
        finally:
            ends.over.set()
            server.shutdown()
            thread.join()


async def test_webhooks_that_fare_ill_change_nothing_for_calls_and_what_is_stored(tmp_path: Path) -> None:
    ends = Endpoints()
    with listening(ends):
        webhooks = {name: {"url": f"{ends.url}/{name}"} for name in ANSWERS}
        webhooks["refuses"] = {"url": f"http://127.0.0.1:{free_port()}/"}
        alerts = {"full": {"kind": "disk", "above": 0}}
        async with serve(answer, "127.0.0.1", 0, ping_interval=None) as server:
            backend = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            with stack(tmp_path, backend, console={"alerts": alerts, "webhooks": webhooks}) as system:
                calls = Calls(system.url())
                callers = [asyncio.create_task(calls.keep_calling()) for _ in range(CALLERS)]

                def told() -> dict[str, Any] | None:
                    (alert,) = system.get("/api/alerts")["items"] or [{"deliveries": ()}]
                    found = {one["webhook"]: one for one in alert["deliveries"] if one["attempts"]}
                    answered = [one for one in found.values() if one["answer"]]
                    return found if len(answered) == len(webhooks) - 1 else None

                found: dict[str, Any] = await until(told)
                # While one still hangs, the console answers and calls go on.
                already = len(calls.sent)
                await until(lambda: len(calls.sent) > already + CALLERS)
                calls.stop()
                await asyncio.gather(*callers)
                await nothing_is_missing(system, calls)

    assert ends.asked == {*ANSWERS}
    expected = {name: said or None for name, (_, said) in ANSWERS.items()}
    expected["refuses"] = "cannot be reached (Connection refused)"
    assert {name: one["answer"] for name, one in found.items()} == expected
    assert {name for name, one in found.items() if one["state"] == "sent"} == {"takes", "slow"}
    lines = [line for line in (tmp_path / "console.log").read_text().splitlines() if "does not take alerts" in line]
    assert len(lines) == len({line.partition("webhook ")[2] for line in lines}) == 5
    assert "webhook" not in (tmp_path / "relay.log").read_text() + (tmp_path / "recorder.log").read_text()
