"""A relay for tests that leave nothing behind in it."""

import socket
from collections.abc import Iterator

import pytest

from tests import wire
from tests.running import Running, relay


@pytest.fixture(scope="module")
def relayed() -> Iterator[tuple[socket.socket, Running]]:
    """Where a backend listens, and a relay before it: one for all tests that leave neither anything."""
    with wire.listening() as (server, port), relay(f"ws://127.0.0.1:{port}") as process:
        yield server, process
