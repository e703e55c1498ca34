"""A PgBouncer in front of a PostgreSQL server of the tests: each transaction gets whichever session of the server is
free."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.patience import PATIENCE
from tests.peers import programs
from tests.peers.postgres import Server

INSTALL = "PgBouncer is not here: `make pooler-check` installs it; or apt-get install pgbouncer (Debian, Ubuntu)"
SETTINGS = """
[databases]
* = host={server} user=postgres
[pgbouncer]
unix_socket_dir = {folder}
auth_type = any
pool_mode = transaction
default_pool_size = {sessions}
"""
PORT = 6432
"""What it names its socket by, which lies in a folder of its own."""


@contextmanager
def pgbouncer(server: Server, sessions: int) -> Iterator[Path]:
    """One in transaction mode, with so many sessions of the server for each database. Gives its socket's folder."""
    program = programs.pgbouncer()
    assert program is not None, INSTALL
    with tempfile.TemporaryDirectory(prefix="relayproxy-pgbouncer-") as name:
        folder = Path(name)
        settings = folder / "pgbouncer.ini"
        settings.write_text(SETTINGS.format(server=server.folder, folder=folder, sessions=sessions))
        server.hand_over(folder)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([*server.account, str(program), str(settings)], stdout=log, stderr=log)
        try:
            _await(process, folder)
            yield folder
        finally:
            process.terminate()
            process.wait(PATIENCE)


def through(folder: Path, url: str) -> str:
    """The URL of the same database through the PgBouncer whose socket is in that folder."""
    return f"{url.partition('?')[0]}?host={folder}&port={PORT}"


def _await(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            psycopg.connect(f"host={folder} port={PORT} user=postgres dbname=postgres").close()
        except psycopg.OperationalError:
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.02)
        else:
            return
