"""From the wire to the browser: how long it takes until a reader sees what was said."""

import asyncio
import json
import random
import statistics
import time
from collections.abc import Awaitable
from pathlib import Path

from playwright.async_api import Page, async_playwright
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from relayproxy.conversation.protocol.messages import encode
from relayproxy.lab.twilio.result import Caller
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


async def delays(
    page: Page, system: Stack, arrivals: "asyncio.Queue[ServerConnection]", path: str
) -> tuple[list[float], float]:
    """Milliseconds from sending each prompt to its being on the page that `path` names (`{}` is the session), and those
    in which the whole page loads, which tell how busy the machine is."""
    found, loads = [], []
    async with connect(system.url(), proxy=None, compression=None) as twilio:
        backend = await arrivals.get()
        await twilio.send(encode(Caller.random(random.Random()).setup()))
        [session] = await until(lambda: [item["id"] for item in system.sessions() if item["live"]])
        loads.append(await _seconds(page.goto(system.console.url + path.format(session))))
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
        loads.append(await _seconds(page.reload()))
    await until(lambda: not any(item["live"] for item in system.sessions()))
    return sorted(found), max(loads) * 1000


async def _seconds(action: Awaitable[object]) -> float:
    began = time.monotonic()
    await action
    return time.monotonic() - began


async def test_what_is_said_is_on_the_page_in_a_moment(tmp_path: Path) -> None:
    arrivals: asyncio.Queue[ServerConnection] = asyncio.Queue()

    async def agent(connection: ServerConnection) -> None:
        arrivals.put_nowait(connection)
        await connection.wait_closed()

    async with serve(agent, "127.0.0.1", 0, compression=None) as server, async_playwright() as playwright:
        port = server.sockets[0].getsockname()[1]
        browser = await playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        with stack(tmp_path, f"ws://127.0.0.1:{port}") as system:
            page = await browser.new_page()
            for path in ("/live", "/sessions/{}"):
                found, load = await delays(page, system, arrivals, path)
                spread = zip(("median", "p95", "max"), spread_of(found), strict=True)
                told = f"{path}: {', '.join(f'{name} {ms:.0f}' for name, ms in spread)} ms of {len(found)}"
                print(f"{told}; the page loads in {load:.0f} ms")
                # Nobody looks only once a second; what is said takes no longer than some loads of the page.
                assert statistics.median(found) < 200 + 3 * load, told
            await page.goto("about:blank")
        await browser.close()


def spread_of(found: list[float]) -> tuple[float, float, float]:
    """Median, 95th percentile and the longest of ascending values."""
    return statistics.median(found), found[round(0.95 * (len(found) - 1))], found[-1]
