"""Signing out counts on every console of the installation, whatever the database does meanwhile."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import text

from relayproxy.console.access import revocations, signin
from relayproxy.console.access.cookies import CookieClaims
from relayproxy.console.access.revocations import RevocationFile, Revocations
from relayproxy.settings.model import Settings
from relayproxy.store.engine import open_engine, open_reader
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.revocations import GRACE, Revocation, add_revocations
from tests.console.door import PASSWORD, Client, console_on, settings_in, status_of
from tests.databases import migrated
from tests.patience import PATIENCE
from tests.peers.postgres import Server, server

PAGE = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}
OPENED = "/api/sessions"
NS = 1_000_000_000


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of one database for several consoles."""
    if request.param == "postgresql":
        running: Server = request.getfixturevalue("postgres")
        url = running.migrated()
        yield url
        running.give_back(url)
    else:
        url = f"sqlite:///{tmp_path}/shared/relayproxy.db"
        migrated(url)
        yield url


@pytest.fixture
def host(tmp_path: Path, database: str) -> Callable[[str], Settings]:
    return lambda name: on(tmp_path / name, database)


def on(folder: Path, database: str) -> Settings:
    """The settings of a console with a data folder of its own."""
    return settings_in(folder, console_key="k" * 32, database_url=database)


@asynccontextmanager
async def consoles(*settings: Settings) -> AsyncIterator[list[Client]]:
    """One for each, as processes have them."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(console_on(one, AnnotationWriter(open_engine(one.database, create=False))))
            for one in settings
        ]


async def cookie_of(client: Client) -> str:
    async with client.post("/signin", data={"name": "alice", "password": PASSWORD}, allow_redirects=False) as response:
        assert response.status == 303
        cookie = response.headers["Set-Cookie"].partition(";")[0]
    client.session.cookie_jar.clear()
    return cookie


async def sign_out(client: Client, cookie: str) -> None:
    assert await status_of(client, "/signout", "POST", Cookie=cookie) == 303
    client.session.cookie_jar.clear()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.02)


async def test_who_signs_out_on_one_host_is_signed_out_on_all(host: Callable[[str], Settings]) -> None:
    async with consoles(host("a"), host("b")) as (a, b):
        kept, other = await cookie_of(a), await cookie_of(b)
        assert [await status_of(one, OPENED, Cookie=kept) for one in (a, b)] == [200, 200]

        await sign_out(a, kept)

        assert [await status_of(one, OPENED, Cookie=kept) for one in (a, b)] == [401, 401]
        async with b.get("/sessions", headers={**PAGE, "Cookie": kept}, allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (303, "/signin?next=/sessions")
        assert await status_of(b, "/signin", Cookie=kept) == 200  # the form, not a way back to the page
        assert [await status_of(one, OPENED, Cookie=other) for one in (a, b)] == [200, 200]
    async with consoles(host("b"), host("c")) as after:
        assert [await status_of(one, OPENED, Cookie=kept) for one in after] == [401, 401]


async def test_live_pages_on_another_host_end_as_well(
    host: Callable[[str], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signin, "REVOCATION_INTERVAL", 0.05)
    async with consoles(host("a"), host("b")) as (a, b):
        kept, other = await cookie_of(a), await cookie_of(a)
        live = {"Accept": "text/event-stream"}
        async with (
            b.get("/sessions/live", headers={**live, "Cookie": kept}) as stream,
            b.get("/sessions/live", headers={**live, "Cookie": other}) as going_on,
        ):
            await stream.content.readuntil(b"data:")
            await going_on.content.readuntil(b"data:")

            await sign_out(a, kept)

            with pytest.raises(Exception, match=r"closed|reset|[Pp]ayload|Connection"):
                async with asyncio.timeout(PATIENCE):
                    while await stream.content.read(1024):
                        pass
                    raise ConnectionError("closed")
            assert not going_on.content.at_eof()


class Away(NamedTuple):
    """A database that goes away and comes back."""

    url: str
    go: Callable[[], object]
    come: Callable[[], object]


@pytest.fixture(params=["sqlite", "postgresql"])
def away(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Away]:
    if request.param == "postgresql":
        with server() as own:
            yield Away(own.migrated(), own.stop, own.start)
        return
    shared, elsewhere = tmp_path / "shared", tmp_path / "elsewhere"
    migrated(url := f"sqlite:///{shared}/relayproxy.db")
    yield Away(url, lambda: shared.rename(elsewhere), lambda: elsewhere.rename(shared))


async def test_while_the_database_is_away_one_is_signed_out_here_at_once_and_elsewhere_once_it_is_back(
    away: Away, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(revocations, "PAUSES", (0.05,))
    monkeypatch.setattr(revocations, "SETTLE", 0.05)
    async with consoles(on(tmp_path / "a", away.url), on(tmp_path / "b", away.url)) as (a, b):
        kept, other = await cookie_of(a), await cookie_of(a)
        await asyncio.to_thread(away.go)
        # Nobody can tell whether it still counts: nothing that is recorded is shown, but what helps is.
        paths = (OPENED, "/sessions", "/health", "/api/health")
        assert [await status_of(b, path, Cookie=kept) for path in paths] == [503, 503, 200, 200]
        with caplog.at_level(logging.WARNING):
            await sign_out(a, kept)

            async def told() -> bool:
                return "other consoles are not told who signs out here until this can be written" in caplog.text

            await until(told)
        assert [await status_of(a, path, Cookie=kept) for path in (OPENED, "/api/health")] == [401, 401]
        assert await status_of(a, "/api/health", Cookie=other) == 200

        await asyncio.to_thread(away.come)

        async def known_elsewhere() -> bool:
            return await status_of(b, OPENED, Cookie=kept) == 401

        await until(known_elsewhere)
        assert [await status_of(one, OPENED, Cookie=other) for one in (a, b)] == [200, 200]


async def test_what_could_not_be_written_before_a_restart_is_written_after_it(
    away: Away, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revocations, "SETTLE", 0.05)
    one, other = on(tmp_path / "a", away.url), on(tmp_path / "b", away.url)
    async with consoles(one) as (a,):
        kept = await cookie_of(a)
        await asyncio.to_thread(away.go)
        await sign_out(a, kept)
    await asyncio.to_thread(away.come)
    async with consoles(other) as (b,):
        assert await status_of(b, OPENED, Cookie=kept) == 200  # which nobody could tell it
        async with consoles(one):

            async def known_elsewhere() -> bool:
                return await status_of(b, OPENED, Cookie=kept) == 401

            await until(known_elsewhere)


async def test_who_signs_out_while_a_page_is_asked_for_does_not_get_it(database: str, tmp_path: Path) -> None:
    reader, writer = open_reader(database), AnnotationWriter(open_engine(database))
    found = Revocations(RevocationFile(tmp_path / "ended"), Queries(reader), writer)
    asked = asyncio.create_task(found.among(["a", "b"]))
    await asyncio.sleep(0)  # the database is being asked
    found.revoke(CookieClaims("alice", "a", "", int(time.time()) + 100))
    assert await asked == {"a"}
    writer.close()
    reader.dispose()


def test_what_has_run_out_is_not_kept(database: str) -> None:
    writer, now = AnnotationWriter(open_engine(database)), time.time_ns()
    add_revocations(writer, [Revocation("old", now - GRACE - NS), Revocation("a clock is slow", now - NS)])
    add_revocations(writer, [Revocation("new", now + NS), Revocation("new", now + NS)])
    add_revocations(writer, [Revocation("new", now + NS)])
    with writer.writing() as db:
        assert {*db.execute(text("SELECT id FROM revocations")).scalars()} == {"a clock is slow", "new"}
    writer.close()


def test_what_ended_is_known_to_all_with_the_same_file(tmp_path: Path) -> None:
    one, other = RevocationFile(tmp_path / "ended"), RevocationFile(tmp_path / "ended")
    until = int(time.time()) + 100
    one.add("a", until)
    other.add("b", until)

    assert [id in one for id in ("a", "b", "c")] == [True, True, False]
    assert [id in other for id in ("a", "b", "c")] == [True, True, False]
    assert [*other.entries()] == [("a", until), ("b", until)]
    assert (tmp_path / "ended").stat().st_mode & 0o777 == 0o600


def test_a_file_keeps_nothing_that_has_run_out(tmp_path: Path) -> None:
    ended, now = RevocationFile(tmp_path / "ended"), int(time.time())
    ended.add("old", now - 10)
    ended.add("new", now + 100)

    assert (tmp_path / "ended").read_text() == f"{now + 100} new\n"
    assert [path.name for path in tmp_path.iterdir()] == ["ended"]


def test_a_file_that_cannot_be_written_is_said_and_the_cookie_ended_here(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    ended = RevocationFile(tmp_path / "file" / "ended")
    with caplog.at_level(logging.WARNING):
        ended.add("a", int(time.time()) + 100)

    assert "a" in ended
    assert "cookies may outlast signing out" in caplog.text
