"""A PostgreSQL server of its own, run with the real binaries and gone with the tests."""

import atexit
import os
import pwd
import shutil
import subprocess
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

from relayproxy.store.schema.migrate import migrate
from tests.databases import staying
from tests.peers import programs

INSTALL = "PostgreSQL's server is not here: `make test` installs it; or apt-get install postgresql (Debian, Ubuntu)"
FAST = (
    "fsync=off", "full_page_writes=off", "listen_addresses=", "max_connections=50", "shared_buffers=32MB",
    "autovacuum=off", "log_min_messages=fatal",
)  # fmt: skip
"""What is committed survives a crash of the server, though not one of the machine."""
SCHEMA = """
SELECT (SELECT jsonb_agg(to_jsonb(one) - ARRAY['relfilenode', 'relpages', 'reltuples', 'relallvisible', 'relfrozenxid',
            'relminmxid'] ORDER BY oid)::text FROM pg_class one WHERE relnamespace = 'public'::regnamespace),
    (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_attribute),
    (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_constraint),
    (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_proc),
    (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_trigger),
    (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_extension),
    (SELECT (datacl, datconnlimit)::text FROM pg_database WHERE datname = current_database()),
    (SELECT count(*)::text FROM pg_db_role_setting),
    (SELECT string_agg(version_num, ' ') FROM alembic_version)
"""
"""Tells whether a database's schema is the one that it was copied with."""
LEAVE = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid <> ALL(%s)
"""
"""Has everybody else go but these. Who has closed a connection may be there a moment longer."""
EMPTY = """
DO $$ DECLARE filled text; BEGIN
    SELECT string_agg(oid::regclass::text, ', ') INTO filled FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version'
        AND pg_relation_size(oid) > 0;
    IF filled IS NOT NULL THEN EXECUTE 'TRUNCATE ' || filled; END IF;
    PERFORM setval(seqrelid::regclass, seqstart, false) FROM pg_sequence;
END $$
"""
"""Leaves every table as if there had never been a row in it."""


def binaries() -> Path:
    """The folder of initdb and pg_ctl. Fails when there is none."""
    found = programs.postgresql()
    if found is None:
        raise AssertionError(INSTALL)
    return found


def _account(folder: Path) -> pwd.struct_passwd:
    """The account that PostgreSQL runs as, since it refuses to be run by root, as which tests run in a container."""
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        if not subprocess.run([*_as(found), "test", "-x", str(folder / "initdb")]).returncode:
            return found
    raise AssertionError(f"root cannot run PostgreSQL, and neither postgres nor nobody can read {folder}")


def _as(account: pwd.struct_passwd) -> list[str]:
    return ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]


@cache
def _new_cluster() -> Path:
    """The folder in which this process keeps a cluster that nobody has used: to copy one takes a third of the time that
    it takes to make one."""
    folder = tempfile.mkdtemp(prefix="relayproxy-pg-")
    atexit.register(shutil.rmtree, folder)
    return Path(folder)


class Server:
    """A cluster in a folder, reached over a socket in it; a standby of the one that it follows, with the settings of
    that. `url` is that of its maintenance database."""

    def __init__(self, folder: Path, settings: Sequence[str] = FAST, follows: "Server | None" = None) -> None:
        self.folder = folder
        self.url = self._url("postgres")
        self._bin = binaries()
        self._data = folder / "data"
        self._numbers = count(1)
        self._template = ""
        self._schema: tuple[object, ...] | None = None
        self._used: deque[str] = deque()
        self._watched: dict[str, psycopg.Connection[Any]] = {}
        self._owner = (-1, -1)
        self.account: list[str] = []
        if os.getuid() == 0:
            account = _account(self._bin)
            self._owner = (account.pw_uid, account.pw_gid)
            self.account = _as(account)
        self.hand_over(folder)
        if follows is None:
            self._make_cluster()
        else:
            of = (f"--host={follows.folder}", "--username=postgres")
            self._run("pg_basebackup", *of, "--write-recovery-conf", "--checkpoint=fast", "--no-sync")
        with (self._data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, _, value in (one.partition("=") for one in settings))
            file.write(f"unix_socket_directories = '{folder}'\n")

    def _make_cluster(self) -> None:
        if (new := _new_cluster() / "data").exists():
            subprocess.run(["cp", "-a", str(new), str(self._data)], check=True)
            return
        # Where the account can write.
        options = ("--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
        self._run("initdb", *options)
        half = new.with_name("half")
        subprocess.run(["cp", "-a", str(self._data), str(half)], check=True)
        half.rename(new)

    def hand_over(self, folder: Path) -> None:
        """Makes a folder that of the account that the server runs as, which `account` before a command changes to."""
        os.chown(folder, *self._owner)

    def start(self) -> None:
        """Returns when it takes connections."""
        self._run("pg_ctl", "start", "--wait", "--silent", f"--log={self.folder / 'log'}")

    def stop(self, mode: str = "fast") -> None:
        """`immediate` is a crash."""
        while self._watched:
            self._watched.popitem()[1].close()
        self._run("pg_ctl", "stop", "--wait", "--silent", f"--mode={mode}")

    @property
    def pid(self) -> int:
        """Of the process whose children serve the connections."""
        return int((self._data / "postmaster.pid").read_text().split()[0])

    def promote(self) -> None:
        """Makes a standby one that takes writes."""
        self._run("pg_ctl", "promote", "--wait", "--silent")

    def signal(self, number: int) -> None:
        """Sends a signal, SIGSTOP say, to every process of the server."""
        first = self.pid
        own = [first]
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == first:
                    own.append(int(folder.name))
        for pid in own:
            os.kill(pid, number)

    def database(self, template: str = "template1") -> str:
        """The URL of a database that nobody has used."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self._url(name)

    def migrated(self) -> str:
        """The same of one with this version's schema: one that was given back and is empty again, or a copy of one
        that was migrated."""
        if not self._template:
            url = self.database()
            migrate(url)
            self._template = url.removeprefix("postgresql://postgres@/").partition("?")[0]
            with psycopg.connect(url) as db:
                self._schema = db.execute(SCHEMA).fetchone()
        for _ in range(len(self._used)):
            if self._emptied(url := self._used.popleft()):
                return url
        return self.database(self._template)

    def give_back(self, url: str) -> None:
        """Takes a database that `migrated` has given, for another test: to empty one takes less than half of the time
        that it takes to make one."""
        self._used.append(url)

    def _emptied(self, url: str) -> bool:
        """Whether there is nothing in the database any more, and all else is as in a new one. One that somebody still
        uses is kept for later."""
        try:
            if url not in self._watched:
                self._watched[url] = psycopg.connect(url, autocommit=True, options="-c lock_timeout=5s")
            db = self._watched[url]
            if db.execute(LEAVE, [[*staying]]).fetchone() != (0,):
                self._used.append(url)
                return False
            if db.execute(SCHEMA).fetchone() == self._schema:
                db.execute(EMPTY)
                return True
        except psycopg.Error:
            pass
        if url in self._watched:
            self._watched.pop(url).close()
        return False

    def execute(self, statement: str) -> None:
        """Runs a statement in the maintenance database, as the superuser and outside a transaction."""
        with psycopg.connect(self.url, autocommit=True) as db:
            db.execute(statement.encode())

    def _url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def _run(self, program: str, *arguments: str) -> None:
        # To a file: a server that is started keeps it open.
        with (self.folder / "out").open("ab") as out:
            done = subprocess.run(
                [*self.account, str(self._bin / program), f"--pgdata={self._data}", *arguments],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        assert done.returncode == 0, (self.folder / "out").read_text()


@contextmanager
def server(settings: Sequence[str] = FAST, follows: Server | None = None) -> Iterator[Server]:
    """A running server with these settings, or a standby, for as long as the block lasts."""
    # Not pytest's folder: the name of a socket may have 107 bytes, and postgres must be able to get there.
    with tempfile.TemporaryDirectory(prefix="relayproxy-pg-") as folder:
        found = Server(Path(folder), settings, follows)
        found.start()
        try:
            yield found
        finally:
            if (found.folder / "data" / "postmaster.pid").exists():
                found.stop("immediate")
