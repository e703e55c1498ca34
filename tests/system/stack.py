"""The whole system as processes on this machine, and what its API says."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.databases import migrated
from tests.patience import PATIENCE, pauses
from tests.running import Running, running


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
        """The sessions, once `count` of them are there and all are over, oldest first. Waits for as long as more
        of them are told: where others need the processors, the recorder, which gives way, gets little of them."""
        before = (-1, -1)
        while True:

            def changed(known: tuple[int, int] = before) -> list[dict[str, Any]] | None:
                sessions = self.sessions()
                return None if told(sessions) == known else sessions

            try:
                sessions = await until(changed, patience)
            except AssertionError:
                raise AssertionError("{} of {count} sessions, {} of them over".format(*before, count=count)) from None
            before = told(sessions)
            if before == (count, count):
                return sorted(sessions, key=lambda session: session["started_at"])


def told(sessions: list[dict[str, Any]]) -> tuple[int, int]:
    """How many sessions are there, and how many of them are over."""
    return len(sessions), sum(session["ended_at"] is not None for session in sessions)


async def until(answer: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """What `answer` gives once it gives something; asked again and again, as other processes are at work."""
    for pause in pauses(patience):
        try:
            found = await asyncio.to_thread(answer)
        except urllib.error.URLError:
            found = None
        if found:
            return found
        await asyncio.sleep(pause)
    raise AssertionError("it never came to pass")


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
