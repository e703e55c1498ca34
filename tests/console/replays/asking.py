"""Asking for a replay, and waiting until it is over."""

import asyncio
from typing import Any

from tests.console.conftest import Client
from tests.console.contract import ask
from tests.patience import pauses
from tests.supervisor.serving import until


async def until_over(client: Client, run: str) -> Any:
    """The document of a replay once it is over."""

    async def over() -> Any:
        found = await ask(client, "getReplay", run=run)
        return found if found["state"] not in ("waits", "under_way", "being_kept") else None

    return await until(over)


async def replayed(client: Client, id: str, target: str, **form: str) -> tuple[str, str]:
    """Path and text of the page on which a replay ends."""
    answer = await client.post(f"/sessions/{id}/replay", data={"target": target, **form}, allow_redirects=False)
    assert answer.status == 303, await answer.text()
    path = answer.headers["Location"]
    for pause in pauses():
        page = await client.get(path)
        if "Refresh" not in page.headers:
            return page.url.path_qs, await page.text()
        text = await page.text()
        assert "is being made again" in text or "is being kept" in text
        await asyncio.sleep(pause)
    raise AssertionError("a replay never ends")
