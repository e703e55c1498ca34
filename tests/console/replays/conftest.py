"""A console whose settings know two backends: the demo agent, and one that nobody listens at."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from relayproxy.console.replays import making
from relayproxy.lab.agent.server import serving
from relayproxy.settings.model import Settings

NOBODY = "ws://127.0.0.1:9"


@pytest.fixture
async def agent() -> AsyncIterator[str]:
    async with serving(speed=20, seed=1) as url:
        yield url


@pytest.fixture
def settings(tmp_path: Path, agent: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(making, "SPEED", 20.0)
    targets = {
        "next": {"backend": f"{agent}/?key=goldfinch", "allow_side_effects": True},
        "away": {"backend": NOBODY, "allow_side_effects": True},
    }
    return Settings(data_dir=tmp_path / "data", backend="wss://agent.example.com", replay_targets=targets)  # type: ignore[arg-type]
