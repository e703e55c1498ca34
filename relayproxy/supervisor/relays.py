"""Relays: as many relay processes as the settings say, on one port, replaced one after the other.

Knows: that each is started again alone when it dies; that a relay which is replaced has its successor listen first,
and that so must one that somebody else has told to end: connections to its sockets would wait until its calls are over.
Must not know: settings of relays, other processes.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from relayproxy.errors import RelayproxyError
from relayproxy.plural import plural
from relayproxy.signals import REPLACED
from relayproxy.supervisor.child import Child
from relayproxy.supervisor.listening import Listening, listen

log = logging.getLogger(__name__)

QUICK = 5.0
"""Seconds that a successor gets to end that has not taken calls yet."""


class Relays:
    """`count` relays at `address` (`HOST:PORT`), each with this environment. Call `begin` first. Once `hurry` is set,
    those that are to end do so at once. A successor that is not ready within `patience` seconds is given up.

    `lives` are those that are there to take calls, with the tasks in which they are kept running.
    """

    def __init__(
        self, address: str, count: int, environment: Mapping[str, str], hurry: asyncio.Event, patience: float
    ) -> None:
        self._address = address
        self._count = count
        self.environment = dict(environment)
        """What those get that are started from now on as successors."""
        self._hurry = hurry
        self._patience = patience
        self._listening: Listening | None = None
        self._relays: list[Child] = []
        self.lives: dict[Child, asyncio.Task[None]] = {}
        self._replaced: set[asyncio.Task[None]] = set()
        self._replacing = asyncio.Lock()
        self._draining: asyncio.Queue[Child] = asyncio.Queue()
        """Those that drain and were not told to from here."""
        self._watch: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Listens and starts all. Raises RelayproxyError when the address cannot be listened on."""
        try:
            self._listening = listen(self._address, self._count)
        except RelayproxyError as problem:
            raise RelayproxyError(f"the relay did not start: {problem}") from None
        self._relays = [self._child(number) for number in range(self._count)]
        for child in self._relays:
            self.lives[child] = asyncio.create_task(child.run())
        self._watch = asyncio.create_task(self._replace_what_drains())

    async def ready(self) -> None:
        """Returns once all listen."""
        await asyncio.wait({child.ready for child in self._relays})

    @property
    def url(self) -> str:
        """Where they listen: an http(s) URL. Once they are ready."""
        return self._relays[0].ready.result()

    async def replace(self) -> bool:
        """Starts a successor of each relay, one after the other, on the same sockets. When it listens, its predecessor
        takes no more connections; it ends with its calls. When a successor is given up, so are those that would follow:
        the answer is False then."""
        async with self._replacing:
            for number in range(self._count):
                if not await self._succeeded(number, plural(self._count - number, "relay")):
                    return False
        return True

    async def _succeeded(self, number: int, staying: str) -> bool:
        old, new = self._relays[number], self._child(number)
        life = asyncio.create_task(new.run())
        first: set[asyncio.Future[Any]] = {new.ready, life}
        try:
            await asyncio.wait(first, timeout=self._patience, return_when=asyncio.FIRST_COMPLETED)
            if not new.ready.done():
                late = f"the new {new.name} was not ready in {self._patience:g} s"
                why = str(life.exception()) if life.done() else late
                log.error("%s; %s of before and their settings stay", why, staying)
                return False
            self._relays[number] = new
            self.lives[new] = life
            self._retire(old)
        finally:
            if new not in self.lives:
                await new.stop(self._hurry, QUICK)
                await asyncio.gather(life, return_exceptions=True)
        return True

    async def _replace_what_drains(self) -> None:
        while True:
            old = await self._draining.get()
            async with self._replacing:
                if old in self._relays:
                    log.error("somebody has told %s to end; another one takes its calls from now on", old.name)
                    await self._succeeded(self._relays.index(old), old.name)

    async def stop(self) -> None:
        """Has all take no new calls, and returns when they have ended, those too that were replaced."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait({self._watch})
        if self._listening is not None:
            self._listening.close()
        running = [child.stop(self._hurry) for child in self._relays]
        await asyncio.gather(*running, *self._replaced)
        await asyncio.gather(*self.lives.values(), return_exceptions=True)

    def _child(self, number: int) -> Child:
        assert self._listening is not None
        name = "relay" if self._count == 1 else f"relay-{number + 1}"
        descriptors = self._listening.descriptors(number)
        inherited = (word for one in descriptors for word in ("--fd", str(one)))
        child = Child(
            name,
            self.environment,
            command=("relay", "--name", name, *inherited),
            descriptors=descriptors,
            drains=lambda: self._draining.put_nowait(child),
        )
        return child

    def _retire(self, old: Child) -> None:
        life = self.lives.pop(old)

        async def end() -> None:
            await old.stop(self._hurry, number=REPLACED)
            await asyncio.gather(life, return_exceptions=True)

        task = asyncio.create_task(end())
        self._replaced.add(task)
        task.add_done_callback(self._replaced.discard)
