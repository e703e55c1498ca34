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
import re
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence

from relayproxy.errors import RelayproxyError

log = logging.getLogger(__name__)

BACKOFF = (0.2, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before the next start of a process that died, the last one again and again."""
STEADY = 60.0
"""Seconds of life after which a death counts as the first one again."""
HURRY = 10.0
"""Seconds between SIGINT and SIGKILL of a process that does not end."""


class Child:
    """`python -m relayproxy <name>` with this environment, or with another `command`.

    `ready` gets what its ready line says (a URL or a path). `run` is its life, to be run as a task. `cause` gives
    why a first start has failed, as far as that can be told from outside; else empty. `drains` is called when it says
    that it drains and `stop` has not told it to. It inherits `descriptors`.
    """

    def __init__(
        self,
        name: str,
        environment: Mapping[str, str],
        cause: Callable[[], str] = str,
        mend: Callable[[int], Awaitable[None]] | None = None,
        *,
        command: Sequence[str] = (),
        descriptors: Sequence[int] = (),
        drains: Callable[[], object] = lambda: None,
    ) -> None:
        self._mend = mend
        self.name = name
        self._command = (*(command or (name,)), "--supervised")
        self._descriptors = tuple(descriptors)
        self._cause = cause
        self._drains = drains
        self.environment = dict(environment)
        self.ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._renewing = False
        self._again = asyncio.Event()
        """Set whenever it says that it is ready."""
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
                if self._renewing:
                    self._renewing = False
                    continue
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

    async def renew(self, patience: float) -> None:
        """Has it end and start again; SIGKILL when it has not within `patience` seconds. Returns when it is ready
        again, or after as many seconds once more: it is started again and again then, as any that dies. Only for one
        that was ready."""
        if self._process is None or self._process.returncode is not None:
            return  # it is being started anyway
        self._renewing = True
        self._again.clear()
        self._signal(signal.SIGTERM)
        if not await self._comes_back(patience):
            if self._renewing:
                log.error("the %s does not end; killing it", self.name)
                self._signal(signal.SIGKILL)
            await self._comes_back(patience)

    async def _comes_back(self, patience: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._again.wait(), patience)
        return self._again.is_set()

    async def stop(self, hurry: asyncio.Event, patience: float | None = None, number: int = signal.SIGTERM) -> None:
        """Sends SIGTERM, or the signal `number`, then waits for the end. Once `hurry` is set SIGINT, since a second
        SIGTERM could pass for the first; SIGKILL if that does not help, or when `patience` seconds are over."""
        self._stopping.set()
        self._signal(number)
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
            *(sys.executable, "-P", "-m", "relayproxy", *self._command),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=self.environment,
            start_new_session=True,
            pass_fds=self._descriptors,
        )
        if self._stopping.is_set():
            self._signal(signal.SIGTERM)
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            self._take(line.decode("utf-8", "replace").rstrip())
        return await self._process.wait()

    def _take(self, line: str) -> None:
        if line == f"{self.name} draining":
            if not self._stopping.is_set():
                self._drains()
            return
        say(line)
        found = re.fullmatch(rf"{self.name} (?:listening on|following|waiting for) (.+)", line)
        if found:
            self._again.set()
            if not self.ready.done():
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
