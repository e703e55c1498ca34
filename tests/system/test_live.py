"""From the wire to the browser: how long it takes until a reader sees what was said."""

import asyncio
import json
import random
import statistics
import time
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from relayproxy.conversation.protocol.messages import encode
from relayproxy.lab.result import Caller
from tests.console.browser import ARGUMENTS, chromium
from tests.system.stack import Stack, stack, until

SAMPLES = 9
PATIENCE = 30_000
SEEN = """
    window.seen = {};
    const look = () => {
      for (const found of document.body.textContent.matchAll(/Sample (\\d+)\\b/g)) window.seen[found[1]] ??= Date.now();
    };
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true, characterData: true });
"""


async def delays(page: Page, system: Stack, arrivals: "asyncio.Queue[ServerConnection]", path: str) -> list[float]:
    """Milliseconds from sending each prompt to its being on the page that `path` names (`{}` is the session)."""
    found = []
    async with connect(system.url(), proxy=None, compression=None) as twilio:
        backend = await arrivals.get()
        await twilio.send(encode(Caller.random(random.Random()).setup({})))
        [session] = await until(lambda: [item["id"] for item in system.sessions() if item["live"]])
        await page.goto(system.console.url + path.format(session))
        await page.evaluate(SEEN)
        for number in range(SAMPLES):
            # At odd moments of the recorder's and the console's rhythm.
            await asyncio.sleep(random.uniform(0.25, 0.45))
            sent = time.time() * 1000
            prompt = {"type": "prompt", "voicePrompt": f"Sample {number}", "lang": "en-US", "last": True}
            await twilio.send(json.dumps(prompt))
            await backend.recv()
            await page.get_by_text(f"Sample {number}", exact=True).first.wait_for(timeout=PATIENCE)
            found.append(await page.evaluate(f"window.seen[{number}]") - sent)
            await backend.send(json.dumps({"type": "text", "token": f"Answer {number}.", "last": True}))
            await twilio.recv()
    await until(lambda: not any(item["live"] for item in system.sessions()))
    return found


@pytest.mark.parametrize("path", ["/live", "/sessions/{}"])
async def test_what_is_said_is_on_the_page_in_a_moment(tmp_path: Path, path: str) -> None:
    arrivals: asyncio.Queue[ServerConnection] = asyncio.Queue()

    async def agent(connection: ServerConnection) -> None:
        arrivals.put_nowait(connection)
        await connection.wait_closed()

    async with serve(agent, "127.0.0.1", 0, compression=None) as server, async_playwright() as playwright:
        port = server.sockets[0].getsockname()[1]
        browser = await playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        with stack(tmp_path, f"ws://127.0.0.1:{port}") as system:
            page = await browser.new_page()
            found = sorted(await delays(page, system, arrivals, path))
            await page.goto("about:blank")
        await browser.close()
    told = ", ".join(f"{name} {ms:.0f}" for name, ms in zip(("median", "p95", "max"), spread(found), strict=True))
    print(f"{path}: {told} ms of {len(found)}")
    # A machine that is busy with other things is slower, but nobody looks only once a second.
    assert statistics.median(found) < 500, told


def spread(found: list[float]) -> tuple[float, float, float]:
    """Median, 95th percentile and the longest of ascending values."""
    return statistics.median(found), found[round(0.95 * (len(found) - 1))], found[-1]
