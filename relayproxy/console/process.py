"""Console process: starts and stops the HTTP server.

Knows: where it listens, and how it stops.
Must not know: what it serves.
"""

import asyncio
import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import uvloop
from aiohttp import web

from relayproxy.console.app import build
from relayproxy.console.health.availability import Availability
from relayproxy.console.http.render import compile_templates
from relayproxy.errors import cannot_listen
from relayproxy.memory import keep_little
from relayproxy.private_http import Connections, listen
from relayproxy.settings.model import Settings
from relayproxy.settings.validators import split_address
from relayproxy.signals import signals_to
from relayproxy.store.engine import open_engine, open_reader
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.annotation_writer import AnnotationWriter

THREADS = 32
"""Database queries that may run at once: a few slow ones must not block all others."""
_SHUTDOWN = 3.0
"""Seconds that a request under way gets after a signal to stop."""


def _say(url: str) -> None:
    print(f"console listening on {url}", flush=True)


def run(settings: Settings, listens: Callable[[str], None] = _say, *, recorded_only: bool = False) -> None:
    """Serves until SIGTERM or SIGINT. `listens` is told the URL once it does; unless given it says so in one line on
    stdout. `recorded_only`: see `build`. Raises SettingError when it cannot listen there."""
    keep_little()
    with suppress(KeyboardInterrupt):
        uvloop.run(_serve(settings, listens, recorded_only))


async def _serve(settings: Settings, listens: Callable[[str], None], recorded_only: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="console"))
    with signals_to(lambda _: stop.set()):
        engine, writer = open_reader(settings.database), AnnotationWriter(open_engine(settings.database, create=False))
        app = build(settings, Queries(engine, Availability().note), writer, recorded_only=recorded_only)
        runner = web.AppRunner(
            app,
            # A reader who leaves ends the handler, so that a live stream does not outlast its page.
            handler_cancellation=True,
            shutdown_timeout=_SHUTDOWN,
        )
        await runner.setup()
        try:
            try:
                listening, url = await listen(runner, Connections("console"), *split_address(settings.console))
            except OSError as problem:
                raise cannot_listen("console", settings.console, problem) from None
            # Objects made at start-up live as long as the process; garbage collections while a page is made need not
            # visit them. A page leaves some 250 objects in cycles and what they hold, its rows and texts, to the
            # collector: with ten times the threshold those are megabytes, and pages are not made faster.
            gc.collect()
            gc.freeze()
            gc.set_threshold(5_000, 10, 10)
            listens(url)
            # Takes nearly a second, which whoever waits for the console to listen need not wait for.
            await asyncio.to_thread(compile_templates, app, stop.is_set)
            await stop.wait()
            listening.close()
        finally:
            await runner.cleanup()
            engine.dispose()
            writer.close()
