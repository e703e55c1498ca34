"""The file that the tests of settings write."""

from pathlib import Path

import pytest


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "relayproxy.toml"
