"""Processes that share a PostgreSQL database and nothing else: what one machine records, another one shows."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect

from relayproxy.lab.agent.server import serving
from relayproxy.lab.scenarios.model import Scenario, Turn
from relayproxy.lab.scenarios.result import ScenarioResult
from relayproxy.lab.simulation.simulate import simulate
from relayproxy.lab.twilio.twiml import TwiML
from tests.forked import run
from tests.patience import PATIENCE
from tests.peers.postgres import Server, server
from tests.running import Running, running
from tests.system.stack import Stack, until

PASSWORD = "hunter2"
TALKS = Scenario(
    "talks",
    tuple(Turn(user=f"Is a table free at {n}?") for n in range(8)),
    twiml=TwiML(partial_prompts=False),
)


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    """A server for the tests of this module, which stop it."""
    with server() as postgres:
        yield postgres


@pytest.fixture
def url(own: Server) -> str:
    """A database that nobody has used."""
    return own.database().replace("postgres@", f"postgres:{PASSWORD}@")


@contextmanager
def recording(data_dir: Path, url: str, backend: str, **settings: Any) -> Iterator[tuple[Running, Running]]:
    """A relay with these settings, and its recorder."""
    with (
        running("relay", data_dir=data_dir, listen="127.0.0.1:0", backend=backend, **settings) as relay,
        running("recorder", data_dir=data_dir, database_url=url) as recorder,
    ):
        yield relay, recorder


@contextmanager
def system(folder: Path, url: str, backend: str, **settings: Any) -> Iterator[Stack]:
    """A relay with these settings and its recorder, and a console somewhere else."""
    with ExitStack() as processes:
        command("migrate", url)
        relay, recorder = processes.enter_context(recording(folder / "relay", url, backend, **settings))
        console = processes.enter_context(
            running("console", data_dir=folder / "console", database_url=url, console="127.0.0.1:0", backend=backend)
        )
        yield Stack(folder / "relay", relay, recorder, console)


def command(name: str, url: str, *arguments: str) -> str:
    """What a command says."""
    done = run(name, "--database-url", url, *arguments)
    assert done.returncode == 0, done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    return done.stdout


@asynccontextmanager
async def followed(url: str) -> AsyncIterator["asyncio.Queue[Any]"]:
    """The events of a stream, as they come."""
    events: asyncio.Queue[Any] = asyncio.Queue()

    async def follow() -> None:
        timeout = aiohttp.ClientTimeout(total=None, sock_read=PATIENCE)
        async with aiohttp.ClientSession(timeout=timeout) as http, http.get(url) as stream:
            assert stream.status == 200
            async for line in stream.content:
                if line.startswith(b"data:"):
                    events.put_nowait(json.loads(line[5:]))

    task = asyncio.create_task(follow())
    try:
        yield events
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def new_revision(events: "asyncio.Queue[Any]", after: int) -> int:
    while True:
        event = await asyncio.wait_for(events.get(), PATIENCE)
        if event["revision"] > after:
            return int(event["revision"])


def said_nothing(folder: Path) -> None:
    """No log holds the password."""
    assert not [log for log in folder.rglob("*.log") if PASSWORD in log.read_text()]


def texts(found: Stack, session: str) -> dict[str, list[str]]:
    messages = found.messages(session)
    assert [message["seq"] for message in messages] == list(range(len(messages)))
    return by_side((message["from"], message["text"]) for message in messages if message["kind"] == "text")


def by_side(said: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """What each side said, in order; who was first when both spoke at once, each sees in its own way."""
    found: dict[str, list[str]] = {}
    for side, text in said:
        found.setdefault(side, []).append(text)
    return found


async def test_a_call_is_followed_on_another_machine_and_survives_a_crash_of_the_database(
    own: Server, url: str, tmp_path: Path
) -> None:
    results: list[ScenarioResult] = []
    async with serving(speed=5) as backend:
        with system(tmp_path, url, backend) as found:
            call = asyncio.create_task(
                simulate(found.url(), scenarios=[TALKS], speed=5, seed=1, patience=30, each=results.append)
            )
            (session,) = await until(found.sessions)
            assert session["ended_at"] is None
            async with followed(f"{found.console.url}/sessions/{session['id']}/live") as events:
                seen = await new_revision(events, await new_revision(events, 0))
                assert "Is a table free at" in await until(lambda: page_with(found, session["id"], "table free"))

                await asyncio.to_thread(own.stop, "immediate")
                log = found.data_dir / "recorder.log"
                await until(lambda: "nothing can be recorded (database: " in log.read_text())
                assert not call.done()
                await asyncio.to_thread(own.start)
                await until(lambda: "recording goes on" in log.read_text())

                await new_revision(events, seen)
                await call
            (ended,) = await found.ended(1)
            (result,) = results
            wire = by_side((one.sender, one.text or "") for one in result.call.messages)
            assert texts(found, ended["id"]) == wire
            assert (ended["totals"]["gaps"], ended["totals"]["turns"] > 5) == (0, True)

            before = found.get(f"/api/sessions/{ended['id']}")
            assert "is up to date" in command("migrate", url)
            assert command("rebuild", url) == "1 of 1 session rebuilt\n"
            after = found.get(f"/api/sessions/{ended['id']}")
            assert after["turns"] == before["turns"]
            assert texts(found, ended["id"]) == wire
    said_nothing(tmp_path)


def page_with(found: Stack, session: str, words: str) -> str | None:
    page: str = found.get(f"/sessions/{session}")
    return page if words in page else None


async def test_what_runs_without_a_database_says_what_to_do_and_works_once_it_is_there(
    url: str, tmp_path: Path
) -> None:
    async with serving(speed=20) as backend:
        with (
            recording(tmp_path / "relay", url, backend) as (relay, recorder),
            running("console", data_dir=tmp_path / "console", database_url=url, console="127.0.0.1:0") as console,
        ):
            found = Stack(tmp_path / "relay", relay, recorder, console)
            log = tmp_path / "relay" / "recorder.log"
            await until(lambda: "run `relayproxy migrate`" in log.read_text())
            await simulate(found.url(), scenarios=["keypad"], speed=20, seed=1)
            command("migrate", url)
            (session,) = await found.ended(1)
            assert session["totals"]["turns"] > 0
    said_nothing(tmp_path)


def setup(session: str) -> str:
    return json.dumps({"type": "setup", "sessionId": session, "callSid": f"CA-{session}"})


async def say(call: ClientConnection, words: str) -> None:
    await call.send(json.dumps({"type": "prompt", "voicePrompt": words, "lang": "en-US", "last": True}))


async def test_two_recorders_share_a_database_and_leave_each_others_calls_alone(url: str, tmp_path: Path) -> None:
    async with serving() as backend:
        with (
            system(tmp_path, url, backend) as found,
            recording(tmp_path / "other", url, backend) as (other, second),
        ):
            async with (
                connect(found.url(), proxy=None) as here,
                connect(f"ws://127.0.0.1:{other.port}/", proxy=None) as there,
            ):
                await here.send(setup("VX-here"))
                await there.send(setup("VX-there"))
                await until(lambda: {one["session_id"] for one in found.sessions()} == {"VX-here", "VX-there"})

                await asyncio.to_thread(second.stop, SIGKILL)
                second = await asyncio.to_thread(Running, "recorder", data_dir=tmp_path / "other", database_url=url)
                try:
                    await say(here, "Still here?")
                    await say(there, "Still there?")
                    await until(lambda: all(one["totals"]["turns"] for one in found.sessions()))
                    assert [one["ended_at"] for one in found.sessions()] == [None, None]
                finally:
                    await here.close()
                    await there.close()
                    await found.ended(2)
                    await asyncio.to_thread(second.stop)
            assert {one["outcome"] for one in found.sessions()} == {"caller_hangup"}


async def test_a_server_that_is_frozen_is_told_in_time_and_calls_go_on(own: Server, url: str, tmp_path: Path) -> None:
    def asked(stack: Stack, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(stack.console.url + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.read().decode()

    async with serving(speed=50) as backend:
        with system(tmp_path, url, backend) as stack:
            await simulate(stack.url(), speed=50, scenarios=(TALKS,))
            await stack.ended(1)
            assert (await asyncio.to_thread(asked, stack, "/sessions"))[0] == 200
            own.signal(SIGSTOP)
            try:
                pages = ["/sessions", "/api/sessions", "/insight", "/live", "/api/health", "/sessions"]
                answers = await asyncio.gather(*(asyncio.to_thread(asked, stack, path) for path in pages))
                await simulate(stack.url(), speed=50, scenarios=(TALKS,))
                again = await asyncio.to_thread(asked, stack, "/api/sessions")
                log = stack.recorder.log
                await until(lambda: "nothing can be recorded" in log.read_text())
            finally:
                own.signal(SIGCONT)
            assert [status for status, _ in answers] == [503, 503, 503, 503, 200, 503]
            assert "database_unavailable" in answers[1][1]
            assert json.loads(answers[4][1])["database_problem"]
            assert again[0] == 503
            await stack.ended(2)
            await until(lambda: "recording goes on" in log.read_text())
            assert log.read_text().count("nothing can be recorded") == 1
