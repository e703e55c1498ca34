"""A console on either database whose settings know backends to replay to: the demo agent, one that nobody listens at,
and whatever a test makes one do."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from relayproxy.console.replays import making
from relayproxy.lab.agent.server import serving
from relayproxy.settings.model import Settings
from tests.console.replays.peer import Peer, peer_listens
from tests.peers.postgres import Server

NOBODY = "ws://127.0.0.1:9"


@pytest.fixture
async def agent() -> AsyncIterator[str]:
    async with serving(speed=20, seed=1) as url:
        yield url


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with peer_listens() as listening:
        yield listening


@pytest.fixture
def more() -> dict[str, Any]:
    """Further settings."""
    return {}


@pytest.fixture(params=["sqlite"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """SQLite, unless a test asks for `postgresql` too."""
    if request.param == "sqlite":
        yield None
        return
    running: Server = request.getfixturevalue("postgres")
    url = running.migrated()
    yield url
    running.give_back(url)


@pytest.fixture
def settings(
    tmp_path: Path,
    agent: str,
    peer: Peer,
    database_url: str | None,
    more: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    monkeypatch.setattr(making, "SPEED", 20.0)
    targets = {
        "next": {"backend": f"{agent}/?key=goldfinch", "allow_side_effects": True},
        "away": {"backend": NOBODY, "allow_side_effects": True},
        "peer": {"backend": peer.url, "allow_side_effects": True},
    }
    return Settings(
        data_dir=tmp_path / "data",
        database_url=database_url,
        backend="wss://agent.example.com",
        replay_targets=targets,  # type: ignore[arg-type]
        **more,
    )
