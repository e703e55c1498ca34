"""Recording fails in its ways while calls go on; afterwards nothing is missing and nothing is there twice."""

import asyncio
import random
import sqlite3
from contextlib import ExitStack
from pathlib import Path
from signal import SIGKILL
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from tests.patience import PATIENCE
from tests.running import Running, running
from tests.system.stack import Stack, stack, until

CALLERS = 4
LOCK_WAIT = 5.0
"""Seconds that the recorder waits for a locked database at each attempt."""
SENTENCE = "and the words go on and on and on, "


class Calls:
    """Calls that never stop coming: numbered messages both ways, compressed or not, whole or in fragments."""

    def __init__(self, url: str, *, paced: bool = False) -> None:
        self.url = url
        self._allowed = asyncio.Semaphore(0) if paced else None
        self.sent: dict[str, list[tuple[str, str]]] = {}
        self.slowest = 0.0
        self._number = 0
        self._over = asyncio.Event()

    async def keep_calling(self) -> None:
        while not self._over.is_set():
            if self._allowed is not None:
                await self._allowed.acquire()
            self._number += 1
            await self.call(self._number)

    def allow(self, more: int) -> None:
        """Paced calls wait for this, so that a slow machine does not get more of them to record."""
        assert self._allowed is not None
        for _ in range(more):
            self._allowed.release()

    def stop(self) -> None:
        self._over.set()
        if self._allowed is not None:
            self.allow(CALLERS)

    async def call(self, number: int) -> None:
        chance = random.Random(number)
        session = f"VX{number:032x}"
        said: list[tuple[str, str]] = []
        compression = "deflate" if number % 2 else None
        async with connect(self.url, proxy=None, compression=compression, open_timeout=PATIENCE) as twilio:
            setup = f'{{"type":"setup","sessionId":"{session}","callSid":"CA{number:032x}"}}'
            await twilio.send(setup)
            said.append(("twilio", setup))
            for step in range(chance.randrange(5, 60)):
                text = f'{{"type":"prompt","voicePrompt":"{SENTENCE * chance.randrange(3)}{step}","last":true}}'
                started = asyncio.get_running_loop().time()
                if step % 5 == 4:
                    await twilio.send([text[:9], text[9:20], text[20:]])
                else:
                    await twilio.send(text)
                said.append(("twilio", text))
                for _ in range(2):
                    said.append(("backend", str(await twilio.recv())))
                self.slowest = max(self.slowest, asyncio.get_running_loop().time() - started)
                await asyncio.sleep(chance.random() * 0.02)
        self.sent[session] = said


async def answer(connection: ServerConnection) -> None:
    async for message in connection:
        if "prompt" in str(message):
            await connection.send(f'{{"type":"text","token":"{SENTENCE}{len(message)}"}}')
            await connection.send('{"type":"text","token":"","last":true}')


def stored(system: Stack, session: str) -> list[tuple[str, str]]:
    messages: list[dict[str, Any]] = system.messages(session)
    assert [message["seq"] for message in messages] == list(range(len(messages)))
    return [(m["from"], m["text"]) for m in messages if m["kind"] == "text"]


async def nothing_is_missing(system: Stack, calls: Calls) -> None:
    listed = await system.ended(len(calls.sent), patience=120)
    assert sorted(session["session_id"] for session in listed) == sorted(calls.sent)
    for session, said in calls.sent.items():
        assert stored(system, session) == said, session


async def nothing_is_missing_after_kills(kills: int, folder: Path) -> None:
    """Makes calls while the recorder is killed so many times, and looks whether each of their messages is stored."""
    chance = random.Random(50)
    async with serve(answer, "127.0.0.1", 0, ping_interval=None) as server:
        backend = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with stack(folder, backend, journal_segment=64 * 1024) as system:
            await asyncio.to_thread(system.recorder.stop, SIGKILL)
            calls = Calls(system.url(), paced=True)
            callers = [asyncio.create_task(calls.keep_calling()) for _ in range(CALLERS)]
            with ExitStack() as lives:

                async def start() -> Running:
                    return await asyncio.to_thread(lives.enter_context, running("recorder", data_dir=folder))

                for _ in range(kills):
                    recorder = await start()
                    calls.allow(CALLERS)
                    await asyncio.sleep(chance.random() * 0.3)
                    assert await asyncio.to_thread(recorder.stop, SIGKILL) == -SIGKILL
                await start()
                calls.stop()
                await asyncio.gather(*callers)
                await nothing_is_missing(system, calls)


async def test_a_recorder_killed_again_and_again_neither_loses_nor_doubles_a_message(tmp_path: Path) -> None:
    await nothing_is_missing_after_kills(12, tmp_path)


async def test_calls_do_not_notice_a_database_that_cannot_be_written(tmp_path: Path) -> None:
    async with serve(answer, "127.0.0.1", 0, ping_interval=None) as server:
        with stack(tmp_path, f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}") as system:
            calls = Calls(system.url())
            callers = [asyncio.create_task(calls.keep_calling()) for _ in range(4)]
            blocker = sqlite3.connect(tmp_path / "relayproxy.db", isolation_level=None)
            blocker.execute("BEGIN IMMEDIATE")
            before = system.get("/api/sessions")["items"]
            log = tmp_path / "recorder.log"
            await until(lambda: "nothing can be recorded (database: database is locked)" in log.read_text())
            assert system.get("/api/sessions")["items"] == before
            assert len(calls.sent) > 4
            assert calls.slowest < LOCK_WAIT / 2, "an exchange waited for the database"
            blocker.execute("ROLLBACK")
            blocker.close()
            calls.stop()
            await asyncio.gather(*callers)
            await nothing_is_missing(system, calls)
