"""Places that do not answer: each is waited for once, whoever asks it then is told at once, and later it is asked
again."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from relayproxy.objects import bucket, folder, watched
from relayproxy.objects.opening import open_objects
from relayproxy.objects.place import MissingObjectError, ObjectsError, Place
from tests.peers.seaweed import CREDENTIALS

LONG = 1e9


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every failure is one of waiting, and is remembered for as long as the test takes."""
    monkeypatch.setattr(watched, "SILENCE", 0.0)
    monkeypatch.setattr(watched, "REMEMBERED", LONG)
    monkeypatch.setattr(folder, "READ", 0.1)
    monkeypatch.setattr(bucket, "REQUEST", timedelta(seconds=0.2))
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


class Silent:
    """A server that takes connections and says nothing."""

    def __init__(self) -> None:
        self.asked = 0
        self.lines: list[bytes] = []
        """The first of each request."""
        self.again = asyncio.Event()
        self.endpoint = ""
        self._open: list[asyncio.StreamWriter] = []

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        self.again.set()
        self._open.append(writer)
        self.lines.append(await reader.readline())
        await reader.read()

    async def close(self) -> None:
        """Hangs up on everybody."""
        for writer in self._open:
            writer.close()
        for writer in self._open:
            with suppress(ConnectionError):
                await writer.wait_closed()


@pytest.fixture
async def silent() -> AsyncIterator[Silent]:
    found = Silent()
    async with await asyncio.start_server(found.take, "127.0.0.1", 0) as server:
        found.endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield found
        await found.close()


async def test_a_bucket_that_does_not_answer_is_waited_for_once(
    silent: Silent, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_objects(Place("s3://recordings", silent.endpoint))

    async def told(key: str) -> str:
        with pytest.raises(ObjectsError) as problem:
            await asyncio.to_thread(store.get, key)
        return str(problem.value)

    first = await told("a/1")
    assert "does not answer as expected" in first
    asked = silent.asked
    assert asked > 0
    assert await told("a/2") == first
    for act in (lambda: store.put("a/1", b"x"), lambda: store.delete(["a/1"]), lambda: store.written_at("a/1")):
        with pytest.raises(ObjectsError):
            await asyncio.to_thread(act)
    assert silent.asked == asked

    monkeypatch.setattr(store, "_silent_until", 0.0)
    await told("a/1")
    assert silent.asked > asked


async def test_once_it_is_to_be_asked_again_one_asks(silent: Silent, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_objects(Place("s3://recordings", silent.endpoint))
    with pytest.raises(ObjectsError):
        await asyncio.to_thread(store.get, "a/1")
    monkeypatch.setattr(store, "_silent_until", 0.0)
    silent.again = asyncio.Event()
    one = asyncio.create_task(asyncio.to_thread(store.get, "a/1"))
    await silent.again.wait()
    with pytest.raises(ObjectsError):
        store.get("a/2")
    with pytest.raises(ObjectsError):
        await one
    assert {line.split()[1] for line in silent.lines} == {b"/recordings/a/1"}


def test_a_folder_whose_server_is_gone_is_waited_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_objects(Place((tmp_path / "objects").as_uri()))
    store.put("a/1", b"x")
    os.mkfifo(tmp_path / "objects/a/stuck")  # nobody ever writes to it
    for key in ("a/stuck", "a/1"):
        with pytest.raises(ObjectsError, match=r"objects does not answer: nothing was read in 0.1 s$"):
            store.get(key)
    os.close(os.open(tmp_path / "objects/a/stuck", os.O_WRONLY))

    monkeypatch.setattr(store, "_silent_until", 0.0)
    monkeypatch.setattr(folder, "READ", LONG)
    assert store.get("a/1") == b"x"


def test_a_quick_refusal_and_a_missing_object_are_told_each_time_they_are_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "READ", LONG)
    store = open_objects(Place((tmp_path / "objects").as_uri()))
    with pytest.raises(MissingObjectError):
        store.get("a/1")
    monkeypatch.setattr(watched, "SILENCE", LONG)
    with pytest.raises(ObjectsError, match="cannot be used"):
        store.put("a" * 300, b"x")
    store.put("a/1", b"x")
    assert store.get("a/1") == b"x"
