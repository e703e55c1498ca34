"""A SeaweedFS of its own: a real server that speaks S3, run in memory and gone with the tests."""

import asyncio
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from relayproxy.objects.place import Place
from tests.patience import PATIENCE

KEY, SECRET = "a-test-key", "a-test-secret"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
"""The variables by which its one user is known."""
IDENTITIES = {
    "identities": [
        {
            "name": "tests",
            "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List"],
        }
    ]
}


class Seaweed:
    """The server, in a folder; `endpoint` is its URL."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "data").mkdir()
        (folder / "s3.json").write_text(json.dumps(IDENTITIES))
        # Of a new bucket one volume, not seven, which takes seconds.
        (folder / "master.toml").write_text("[master.volume_growth]\ncopy_1 = 1\n")
        parts = ("master", "volume", "filer", "s3")
        self._ports = dict(zip((*parts, *(f"{part}.port.grpc" for part in parts)), _free(8), strict=True))
        self.endpoint = f"http://127.0.0.1:{self._ports['s3']}"
        self._numbers = count(1)
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        ports = [f"-{name if name.endswith('grpc') else name + '.port'}={port}" for name, port in self._ports.items()]
        with (self._folder / "log").open("ab") as log:
            self._running = subprocess.Popen(
                [
                    str(Path(sys.executable).parent / "weed"), "server", f"-dir={self._folder / 'data'}",
                    "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", f"-s3.config={self._folder / 's3.json'}",
                    "-s3.port.iceberg=0", "-s3.port.lance=0",
                    "-master.volumeSizeLimitMB=64", "-volume.max=1000", *ports,
                ],
                cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        while not _answers(self.endpoint):
            given_up = self._running.poll() is not None or time.monotonic() > deadline
            assert not given_up, (self._folder / "log").read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        """For good: it takes half a minute to start on what it has stored."""
        if self._running is not None:
            self._running.kill()
            self._running.wait()
            self._running = None

    def bucket(self) -> Place:
        """A place in a bucket that nobody has used; the server makes it with the first object."""
        return Place(f"s3://recordings-{next(self._numbers)}/of/tests", self.endpoint)


class Door:
    """A second address of a server, which can be away. `endpoint` is its URL."""

    def __init__(self, seaweed: Seaweed) -> None:
        self._behind = int(seaweed.endpoint.rpartition(":")[2])
        self._port = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._through, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """From now on nobody gets through, also not on connections that are there."""
        assert self._server is not None
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        await self._server.wait_closed()

    async def _through(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection("127.0.0.1", self._behind)
        self._open |= {writer, outer}
        with suppress(OSError):
            await asyncio.gather(_pass_on(reader, outer), _pass_on(inner, writer))
        self._open -= {writer, outer}


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


@contextmanager
def seaweed() -> Iterator[Seaweed]:
    """A running server for as long as the block lasts."""
    folder = Path(tempfile.mkdtemp(prefix="relayproxy-s3-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    server = Seaweed(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def _answers(endpoint: str) -> bool:
    try:
        urllib.request.urlopen(endpoint, timeout=5).close()
    except urllib.error.HTTPError as refusal:
        refusal.close()
        return True
    except OSError:
        return False
    return True


def _free(number: int) -> list[int]:
    """Ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()
