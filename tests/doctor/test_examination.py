"""The examination as a whole: what is asked when, and of whom."""

import asyncio
from pathlib import Path

import pytest

from relayproxy.doctor.check import GROUPS, Result
from relayproxy.doctor.examination import descriptors, examine, processors
from relayproxy.settings.model import Settings
from relayproxy.settings.otel import Otel
from relayproxy.settings.shadow import Shadow
from relayproxy.settings.tables import Route
from relayproxy.store.engine import open_engine
from relayproxy.store.write.archive import Archive
from tests.console.samples import Call, ago
from tests.databases import migrated
from tests.doctor.test_backends import started


def settings(data_dir: Path, backend: str, **more: object) -> Settings:
    ports = {"listen": "127.0.0.1:0", "console": "127.0.0.1:0"}
    return Settings.model_validate({"data_dir": data_dir, "backend": backend, **ports, **more})


def of(results: tuple[Result, ...], group: str) -> list[Result]:
    return [one for one in results if one.group == group]


async def test_all_groups_are_looked_at(tmp_path: Path) -> None:
    async with started() as backend:
        found = await examine(settings(tmp_path, backend.url), source="flags")

    assert [*dict.fromkeys(one.group for one in found)] == list(GROUPS)
    assert [one for one in found if one.state == "failed"] == []
    assert [*tmp_path.iterdir()] == [], "nothing is made by looking"


async def test_backends_are_asked_with_the_path_of_their_calls(tmp_path: Path) -> None:
    migrated(url := f"sqlite:///{tmp_path}/relayproxy.db")
    engine = open_engine(url)
    async with started() as backend:
        known = settings(tmp_path, backend.url, routes={"sales": Route(backend=f"{backend.url}/voice")})

        async def asked(path: str | None = None) -> list[str]:
            backend.requests.clear()
            await examine(known, source="flags", path=path)
            return sorted(request.path for request in backend.requests)

        assert await asked() == ["/", "/voice"]
        for route, target in (("default", "/ws?key=<redacted>"), ("sales", "/r/sales/call")):
            Call(Archive(engine), ago(60), route=route, opening={"target": target}).setup().hang_up(2).commit()
        assert await asked() == ["/voice/call", "/ws"]
        assert await asked("/other") == ["/other", "/voice/other"]
    engine.dispose()


async def test_shadows_are_asked_where_there_are_any(tmp_path: Path) -> None:
    async with started() as first, started() as second:
        route = Route(backend=f"{first.url}/sales", shadow=Shadow(backend=f"{second.url}/sales"))
        known = settings(tmp_path, first.url, routes={"sales": route, "plain": Route(backend=f"{first.url}/plain")})
        asked = of(await examine(known, source="flags"), "backends")
        alone = of(await examine(known, source="flags", network=False), "backends")

    assert [request.path for request in second.requests] == ["/sales"]
    names = ["default", "plain", "sales", "shadow of sales"]
    assert sorted((one.name, one.state) for one in asked) == [(name, "ok") for name in names]
    assert sorted((one.name, one.state) for one in alone) == [(name, "skipped") for name in names]


async def test_nobody_else_is_asked_without_network(tmp_path: Path) -> None:
    asked: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(1))
        writer.close()

    async with await asyncio.start_server(note, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        known = settings(
            tmp_path,
            f"ws://127.0.0.1:{port}",
            public_url=f"wss://127.0.0.1:{port}",
            database_url=f"postgresql://u:canary@127.0.0.1:{port}/db",
            otel=Otel(endpoint=f"http://127.0.0.1:{port}"),
        )
        found = await examine(known, source="flags", network=False)

    assert asked == []
    for group in ("public URL", "backends", "database", "telemetry", "clock"):
        assert [one.state for one in of(found, group)] == ["skipped"]
    assert "canary" not in repr(found)


@pytest.mark.parametrize(
    ("limit", "state", "words"),
    [
        (1024, "warning", "1,024 here, enough for about 480 calls at once"),
        (20_000, "ok", "20,000 here"),
        (-1, "ok", "without a limit"),
    ],
)
def test_few_descriptors_are_a_warning(limit: int, state: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (limit, limit))

    (one,) = descriptors()

    assert (one.state, one.text.startswith(words)) == (state, True)


@pytest.mark.parametrize(
    ("relays", "state", "action"), [(1, "ok", ""), (2, "ok", ""), (3, "warning", "set relays to 2 at most")]
)
def test_more_relays_than_processors_are_a_warning(
    relays: int, state: str, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {4, 7})

    (one,) = processors(relays)

    assert (one.state, one.action.partition(":")[0]) == (state, action)
    assert "2 processors" in one.text
