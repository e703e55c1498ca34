"""Machines of a chaos test: `relayproxy serve` with two relays, and what happens to its processes.

Knows: how each process is killed or ended, how all are started again, and what is said once all is in order again.
Must not know: calls; what is stored.
"""

import asyncio
import os
import random
import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from tests.forked import Forked
from tests.supervisor.serving import COLD, Serving, start

READY = "relayproxy is ready"
EVENTS = {
    "kill a recorder": r"recorder following ",
    "end a recorder": r"recorder following ",
    "kill a console": r"console listening on ",
    "end a console": r"console listening on ",
    "kill a relay": "",
    "end a relay": "",
    "replace all": r"replaced: calls that were live end with the relays of before",
    "kill serve": READY,
    "end serve": READY,
}
"""What happens to a machine, and what is said once all is in order again. To kill is SIGKILL, to end is SIGTERM."""
SIGNALS = {"kill": signal.SIGKILL, "end": signal.SIGTERM}
PATIENCE = 300.0
HURRY = 3.0
"""Seconds for which calls may go on when `serve` is ended; then it is told once more."""
EXPECTED = (
    "ended (signal SIGKILL)", "ended (signal SIGTERM)", "ended (exit code 0)", "somebody has told relay-",
)  # fmt: skip
"""Errors that are told of processes which were killed or ended. One that has just been started is not listening to
SIGTERM yet."""


class Machine:
    """`relayproxy serve` in a folder, at addresses that it keeps."""

    def __init__(self, backend: str, folder: Path, *settings: str, cold: bool) -> None:
        listen, console = _free(2)
        self._command = ("--backend", backend, "--listen", f"127.0.0.1:{listen}", "--console", f"127.0.0.1:{console}")
        self._settings = settings
        self._cold = cold
        self.folder = folder
        self.url = f"ws://127.0.0.1:{listen}"
        self.console = f"http://127.0.0.1:{console}"
        self.said: list[str] = []
        self.starts_again = 0
        self._serve: Serving | None = None
        self._reading: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Returns once it is ready. What does not start is started again, as a service manager does."""
        command = ("serve", *self._command, "--relays", "2", *self._settings)
        before = self._said(READY)

        def ready() -> bool:
            return self._said(READY) > before

        while True:
            serve: Serving = await start(Serving, *command, data_dir=self.folder, python=COLD if self._cold else ())
            self._serve = serve
            self._reading.add(asyncio.create_task(self._read(serve)))
            await self._until(lambda: ready() or self._has_ended, "start")
            if ready():
                return
            self.starts_again += 1
            await asyncio.sleep(1)

    async def _start_once_ended(self) -> None:
        await self._until(lambda: self._has_ended, "end")
        await self.start()

    async def stop(self) -> None:
        """Ends it, and returns when all that it ever started has ended."""
        assert self._serve is not None
        if not self._has_ended:
            self._serve.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*self._reading)

    async def suffer(self, event: str, chance: random.Random, relay_ends: Callable[[], None]) -> None:
        """Has an event of `EVENTS` happen, and returns when all is in order again. Tells when calls may end."""
        assert self._serve is not None
        before = self._said(EVENTS[event])
        how, _, what = event.partition(" ")
        serve = self._serve.process
        if event == "replace all":
            serve.send_signal(signal.SIGHUP)
        elif what == "serve":
            serve.send_signal(SIGNALS[how])
            relay_ends()
            if how == "end":
                await asyncio.sleep(HURRY)
                if not self._has_ended:
                    serve.send_signal(signal.SIGTERM)
            starting = asyncio.create_task(self._start_once_ended())
            while not starting.done():
                relay_ends()
                await asyncio.wait({starting}, timeout=1)
            await starting
            relay_ends()
        else:
            role = what.split()[-1]
            one = chance.choice(await self._processes(role))
            if role == "relay":
                relay_ends()
            os.kill(one, SIGNALS[how])
            if role == "relay":  # one of those that were replaced has no successor
                await self._processes(role, but=one)
                return
        await self._until(lambda: self._said(EVENTS[event]) > before, event)

    async def _read(self, serve: Serving) -> None:
        while line := await serve.output.readline():
            self.said.append(line.decode().rstrip("\n"))

    async def _processes(self, role: str, but: int = 0) -> list[int]:
        """All that run this command, once there are as many as there should be; one that ends does not count."""
        found: set[int] = set()

        def there() -> bool:
            assert self._serve is not None
            found.clear()
            found.update(self._serve.children(role))
            return len(found - {but}) >= (2 if role == "relay" else 1)

        await self._until(there, f"looking for a {role}")
        return sorted(found)

    async def _until(self, answer: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                while not answer():  # noqa: ASYNC110 (it is read elsewhere)
                    await asyncio.sleep(0.1)
        except TimeoutError:
            said = "\n".join(self.said[-30:])
            raise AssertionError(f"{what}: it was not in order again in {PATIENCE:g} s; it said\n{said}") from None

    @property
    def _has_ended(self) -> bool:
        assert self._serve is not None
        process = self._serve.process
        return (process.poll() if isinstance(process, Forked) else process.returncode) is not None

    def _said(self, pattern: str) -> int:
        return sum(re.match(pattern, line) is not None for line in self.said)

    @property
    def errors(self) -> list[str]:
        """Lines of errors but those that tell of processes which were killed or ended."""
        found = (one for one in self.said if " ERROR " in one or one.startswith(("relayproxy: error:", "Traceback")))
        return [one for one in found if not any(what in one for what in EXPECTED)]

    @property
    def left(self) -> list[Path]:
        """Journals that are in its folder."""
        return sorted(one for one in (self.folder / "journal").glob("*") if one.is_dir())


def _free(number: int) -> list[int]:
    """Ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()
