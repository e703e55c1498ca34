"""The journal of a machine that is gone, mounted on another one: all of it comes into the database."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

from relayproxy.errors import SettingError
from relayproxy.recorder.drain import drain
from relayproxy.settings.model import Settings
from relayproxy.store.engine import open_engine
from relayproxy.store.write.archive import Archive
from tests.forked import run
from tests.peers.postgres import Server
from tests.running import running
from tests.soak.calls import prompt, setup
from tests.system.stack import Stack, until


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    url = postgres.migrated()
    yield url
    postgres.give_back(url)


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def says(call: ClientConnection, *messages: str) -> list[tuple[str, str]]:
    """What was sent and heard, by side."""
    found = []
    for message in messages:
        await call.send(message)
        found += [("twilio", message), ("backend", str(await call.recv()))]
    return found


def texts(url: str, session: str) -> tuple[list[tuple[str, str]], bool]:
    """What is stored of a session, by Twilio's id, and whether it has ended."""
    engine = open_engine(url)
    try:
        archive = Archive(engine)
        (row,) = archive.sessions_by_ids(session, None, 0)
        said = [(str(one.sender), one.text or "") for one in archive.messages(row.id) if one.kind == "text"]
        return said, row.ended_at is not None
    finally:
        engine.dispose()


async def test_what_a_dead_machine_has_left_is_recorded_where_its_volume_is_mounted(url: str, tmp_path: Path) -> None:
    here, there, moved = tmp_path / "here", tmp_path / "there", tmp_path / "mounted"
    async with serve(echo, "127.0.0.1", 0) as server:
        backend = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        listen = {"listen": "127.0.0.1:0", "backend": backend}
        with (
            running("relay", data_dir=here, **listen) as alive,
            running("recorder", data_dir=here, database_url=url) as recorder,
            running("console", data_dir=here, database_url=url, console="127.0.0.1:0") as console,
            running("relay", data_dir=there, **listen) as dead,
            running("recorder", data_dir=there, database_url=url) as theirs,
        ):
            found = Stack(here, alive, recorder, console)
            async with (
                connect(f"ws://127.0.0.1:{alive.port}/", proxy=None) as kept,
                connect(f"ws://127.0.0.1:{dead.port}/", proxy=None, compression=None) as lost,
            ):
                said = {"VX1": await says(kept, setup("VX1")), "VX2": await says(lost, setup("VX2"), prompt("One."))}
                # A console shows the calls of every machine while they live.
                await until(lambda: {one["session_id"] for one in found.sessions() if one["live"]} == {"VX1", "VX2"})
                await until(lambda: len(texts(url, "VX2")[0]) == 4)
                refused = await asyncio.to_thread(drains, there, url)
                assert (refused[0], "another recorder works on this folder" in refused[1]) == (2, True)

                await asyncio.to_thread(theirs.stop, SIGKILL)
                said["VX2"] += await says(lost, prompt("Two."), prompt("Three."))
                refused = await asyncio.to_thread(drains, there, url)
                assert (refused[0], f"drain: a relay writes to {there}/journal" in refused[1]) == (2, True)
                # What was said in the last 25 ms would die with the relay.
                await until(lambda: any(b"Three." in one.read_bytes() for one in there.glob("journal/*/*.seg")))
                await asyncio.to_thread(dead.stop, SIGKILL)
                there.rename(moved)

                code, words = await asyncio.to_thread(drains, moved, url)
                assert (code, words) == (
                    0,
                    f"{moved}: 1 journal with 4 messages recorded and deleted; 1 connection ended, of which 1 as those "
                    "of a relay that died; 0 parts could not be read\n",
                )
                assert texts(url, "VX2") == (said["VX2"], True)
                assert [path.name for path in (moved / "journal").iterdir()] == []
                said["VX1"] += await says(kept, prompt("Still here?"))
            (ended, other) = sorted(await found.ended(2), key=lambda one: one["session_id"])
            assert (ended["outcome"], other["outcome"]) == ("caller_hangup", "unknown")
            assert texts(url, "VX1") == (said["VX1"], True)
            health = found.get("/api/health")
            assert [one["data_dir"] for one in health["recorders"]] == [str(here)], "nobody misses the other one"
    assert (await asyncio.to_thread(drains, moved, url))[0] == 0, "again, there is nothing left to do"


def drains(folder: Path, url: str) -> tuple[int, str]:
    """The exit code of a drain, and all that it says."""
    done = run("recorder", "--drain", str(folder), "--database-url", url, "--record", "full")
    return done.returncode, done.stdout + done.stderr


def test_a_folder_of_nothing_and_a_database_that_is_not_there_are_said(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="a relay's data folder is expected, with"):
        drain(Settings(data_dir=tmp_path))
    (tmp_path / "recorder.lock").write_text("0123456789abcdef")
    with pytest.raises(SettingError, match="the database of that machine is expected"):
        drain(Settings(data_dir=tmp_path))
