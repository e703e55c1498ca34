"""Child process: started, watched and restarted.

Knows: starting `python -m relayproxy <name>`, its ready line, starting it again when it dies, stopping it.
Must not know: what the processes do, or in which order they start and stop.

A child has a session of its own, so that a terminal's Ctrl-C reaches the parent alone. It holds the reading end of
a pipe as its standard input: when the parent is gone, however it went, the child reads the end of it and stops as if
it had been told to.
"""

import asyncio
import contextlib
import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping

from relayproxy.errors import RelayproxyError

log = logging.getLogger(__name__)

BACKOFF = (0.2, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before the next start of a process that died, the last one again and again."""
STEADY = 60.0
"""Seconds of life after which a death counts as the first one again."""
HURRY = 10.0
"""Seconds between SIGINT and SIGKILL of a process that does not end."""


def end_with_parent() -> None:
    """For a child: SIGTERM to this process once the parent is gone."""
    threading.Thread(target=_watch_parent, name="parent", daemon=True).start()


def _watch_parent() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


class Child:
    """`python -m relayproxy <name>` with this environment.

    `ready` gets what its ready line says (a URL or a path). `run` is its life, to be run as a task. `cause` gives
    why a first start has failed, as far as that can be told from outside; else empty.
    """

    def __init__(
        self,
        name: str,
        environment: Mapping[str, str],
        cause: Callable[[], str] = str,
        mend: Callable[[int], Awaitable[None]] | None = None,
    ) -> None:
        self._mend = mend
        self.name = name
        self._cause = cause
        self.environment = dict(environment)
        self.ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Keeps the process running until `stop`. Raises RelayproxyError when it ends before its first ready line."""
        deaths = 0
        loop = asyncio.get_running_loop()
        try:
            while not self._stopping.is_set():
                began = loop.time()
                code = await self._live()
                if self._stopping.is_set():
                    break
                if not self.ready.done():
                    raise RelayproxyError(f"the {self.name} did not start: {self._cause() or _ended(code)}")
                deaths = 0 if loop.time() - began > STEADY else deaths
                pause = BACKOFF[min(deaths, len(BACKOFF) - 1)]
                deaths += 1
                log.error("the %s ended (%s); starting it again in %g s", self.name, _ended(code), pause)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), pause)
                if self._mend is not None and not self._stopping.is_set():
                    await self._mend(code)
        finally:
            self._ended.set()

    def renew(self) -> None:
        """Sends SIGTERM; `run` then starts it again. Only for one that is ready."""
        self._signal(signal.SIGTERM)

    async def stop(self, hurry: asyncio.Event, patience: float | None = None) -> None:
        """Sends SIGTERM, then waits for the end. Once `hurry` is set SIGINT, since a second SIGTERM could pass for the
        first; SIGKILL if that does not help, or when `patience` seconds are over."""
        self._stopping.set()
        self._signal(signal.SIGTERM)
        if await self._ends(hurry, patience):
            return
        if hurry.is_set():
            self._signal(signal.SIGINT)
            if await self._ends(asyncio.Event(), HURRY):
                return
        log.error("the %s does not end; killing it", self.name)
        self._signal(signal.SIGKILL)
        await self._ended.wait()

    async def _ends(self, hurry: asyncio.Event, patience: float | None) -> bool:
        waits = {asyncio.ensure_future(self._ended.wait()), asyncio.ensure_future(hurry.wait())}
        await asyncio.wait(waits, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        return self._ended.is_set()

    async def _live(self) -> int:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "relayproxy", self.name, "--supervised"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=self.environment,
            start_new_session=True,
        )
        if self._stopping.is_set():
            self._signal(signal.SIGTERM)
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            self._take(line.decode("utf-8", "replace").rstrip())
        return await self._process.wait()

    def _take(self, line: str) -> None:
        say(line)
        found = re.fullmatch(rf"{self.name} (?:listening on|following) (.+)", line)
        if found and not self.ready.done():
            self.ready.set_result(found[1])

    def _signal(self, number: int) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)


def say(text: str) -> None:
    """Writes a line to standard output, if that is still open."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


def _ended(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
