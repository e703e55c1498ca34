"""Numbers over many calls are asked for as programs do."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

Client = TestClient[Any, Any]
Ask = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def ask(client: Client) -> Ask:
    async def ask(path: str = "/api/insight", status: int = 200, **parameters: str) -> dict[str, Any]:
        async with client.get(path, params=parameters) as response:
            assert response.status == status, await response.text()
            found: dict[str, Any] = await response.json()
            return found

    return ask
