"""Asking for a replay, and waiting until it is over."""

import asyncio

from tests.console.conftest import Client


async def replayed(client: Client, id: str, target: str, **form: str) -> tuple[str, str]:
    """Path and text of the page on which a replay ends."""
    answer = await client.post(f"/sessions/{id}/replay", data={"target": target, **form}, allow_redirects=False)
    assert answer.status == 303, await answer.text()
    path = answer.headers["Location"]
    while True:
        page = await client.get(path)
        if "Refresh" not in page.headers:
            return page.url.path_qs, await page.text()
        assert "is being made again" in await page.text()
        await asyncio.sleep(0.05)
