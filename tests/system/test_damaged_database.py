"""The embedded database is deleted, moved, overwritten or cut while `relayproxy serve` runs: no call notices, and those
that come after it are recorded."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

from tests.supervisor.serving import Serving, call, echo, said_back, serving, until

__all__ = ["echo"]
PAGE = 4096


async def asked(serve: Serving, path: str) -> Any:
    async with aiohttp.ClientSession() as http, http.get(serve.console + path) as answer:
        return await (answer.json() if path.startswith("/api/") else answer.text())


async def recorded(serve: Serving, count: int) -> bool:
    """That many calls have been, and are over."""
    sessions = (await asked(serve, "/api/sessions")).get("items", [])
    return sum(not one["live"] for one in sessions) >= count


async def database(serve: Serving) -> dict[str, Any]:
    checks: list[dict[str, Any]] = (await asked(serve, "/api/health"))["checks"]
    return next(check for check in checks if check["name"] == "database")


async def missed(serve: Serving) -> str | None:
    check = await database(serve)
    return f"{check['title']}: {check['detail']}" if check["state"] == "bad" else None


async def some_calls(serve: Serving, count: int = 3) -> None:
    for _ in range(count):
        async with call(serve):
            pass
    await until(lambda: recorded(serve, count))


def delete(file: Path) -> None:
    for part in file.parent.glob("relayproxy.db*"):
        part.unlink()


def move(file: Path) -> None:
    file.rename(file.with_name("elsewhere.db"))


def overwrite_the_middle(file: Path) -> None:
    pages = file.stat().st_size // PAGE
    with file.open("r+b") as same:
        same.seek(pages // 3 * PAGE)
        same.write(b"\xff" * PAGE * 10)


def empty(file: Path) -> None:
    with file.open("r+b") as same:
        same.truncate(0)


async def heals(serve: Serving, live: "aiohttp.ClientWebSocketResponse[Any]", harm: Callable[[Path], None]) -> None:
    """Nobody calls meanwhile; the call that is under way goes on, and is found in the new database as all of it that
    the journal still holds."""
    await some_calls(serve)
    harm(serve.data_dir / "relayproxy.db")
    assert await said_back(live, "still here")
    await serve.says("the recorder ended")
    await serve.says("recorder following")
    assert await said_back(live, "and on it goes")
    await until(lambda: _live(serve))


async def _live(serve: Serving) -> bool:
    sessions = (await asked(serve, "/api/sessions")).get("items", [])
    return any(one["live"] for one in sessions)


async def test_a_database_that_goes_while_serve_runs_is_missed_and_made_anew(echo: str, tmp_path: Path) -> None:
    async with serving(echo, tmp_path) as serve, call(serve) as live:
        await heals(serve, live, delete)
        await heals(serve, live, move)
        await some_calls(serve)


async def test_a_database_that_is_damaged_while_serve_runs_is_moved_aside_and_told(echo: str, tmp_path: Path) -> None:
    file = tmp_path / "relayproxy.db"
    async with serving(echo, tmp_path) as serve:
        async with call(serve) as live:
            for harm in (overwrite_the_middle, empty):
                await heals(serve, live, harm)
                await serve.has_said(
                    rf"ERROR The database {file} (is|has) .*\. It was MOVED to {file}\.corrupt-\S+, nothing "
                    r"was deleted; a new one is made\n.*WARNING the database is ready; recording goes on"
                )
                serve.said.clear()
                serve._seen = 0
        await some_calls(serve)
        health = await asked(serve, "/api/health")
        moved = [one["path"] for one in health["databases_moved_aside"]]
        assert len(moved) == 2
        assert all(Path(path).exists() for path in moved)
        told = await database(serve)
        assert told["state"] == "warn"
        assert told["title"].startswith("A damaged database was moved aside ")
        assert moved[0] in told["detail"]
        assert f"sqlite3 {moved[0]} .recover" in told["action"]
        assert moved[0] in await asked(serve, "/health")
