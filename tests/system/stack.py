"""The whole system as processes on this machine, and what its API says."""

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.databases import migrated
from tests.running import Running, running

PATIENCE = 60.0


class Stack:
    """Relay, recorder and console on one data folder."""

    def __init__(self, data_dir: Path, relay: Running, recorder: Running, console: Running) -> None:
        self.data_dir = data_dir
        self.relay = relay
        self.recorder = recorder
        self.console = console

    def url(self, path: str = "/") -> str:
        """Where Twilio connects."""
        return f"ws://127.0.0.1:{self.relay.port}{path}"

    def get(self, path: str) -> Any:
        """A page of the console, parsed when it is JSON."""
        with urllib.request.urlopen(self.console.url + path, timeout=PATIENCE) as page:
            body = page.read().decode()
            return json.loads(body) if page.headers.get_content_type() == "application/json" else body

    def sessions(self) -> list[dict[str, Any]]:
        """Every session that the API lists, following its cursor."""
        found: list[dict[str, Any]] = []
        path = "/api/sessions"
        while True:
            page = self.get(path)
            found += page["items"]
            if page["next"] is None:
                return found
            path = f"/api/sessions?before={page['next']}"

    def messages(self, session: str) -> list[dict[str, Any]]:
        """Every message of a session, following its cursor."""
        found: list[dict[str, Any]] = []
        path = f"/api/sessions/{session}/messages"
        while True:
            page = self.get(path)
            found += page["items"]
            if page["next"] is None:
                return found
            path = f"/api/sessions/{session}/messages?after={page['next']}"

    async def ended(self, count: int, patience: float = PATIENCE) -> list[dict[str, Any]]:
        """The sessions, once `count` of them are there and all are over, oldest first."""

        def over() -> list[dict[str, Any]] | None:
            sessions = self.sessions()
            done = len(sessions) == count and all(session["ended_at"] for session in sessions)
            return sorted(sessions, key=lambda session: session["started_at"]) if done else None

        try:
            found: list[dict[str, Any]] = await until(over, patience)
        except AssertionError:
            there = self.sessions()
            live = [session["id"] for session in there if not session["ended_at"]]
            raise AssertionError(f"{len(there)} of {count} sessions, of which live: {live}") from None
        return found


async def until(answer: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """What `answer` gives once it gives something; asked again and again, as other processes are at work."""
    deadline = time.monotonic() + patience
    while True:
        try:
            found = await asyncio.to_thread(answer)
        except urllib.error.URLError:
            found = None
        if found:
            return found
        assert time.monotonic() < deadline, "it never came to pass"
        await asyncio.sleep(0.05)


@contextmanager
def stack(
    data_dir: Path,
    backend: str,
    env: dict[str, str] | None = None,
    console: dict[str, Any] | None = None,
    **settings: Any,
) -> Iterator[Stack]:
    """The three processes for as long as the block lasts. `settings` are the relay's, `console` the console's."""
    database = data_dir / "relayproxy.db"
    if not database.exists():
        migrated(f"sqlite:///{database}")
    with ExitStack() as processes:
        relay, recorder, shown = (
            processes.enter_context(running(role, data_dir=data_dir, env=env, **only))
            for role, only in (
                ("relay", {"listen": "127.0.0.1:0", "backend": backend, **settings}),
                ("recorder", {}),
                ("console", {"console": "127.0.0.1:0", "backend": backend, **(console or {})}),
            )
        )
        yield Stack(data_dir, relay, recorder, shown)
