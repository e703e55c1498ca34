"""Relays: as many relay processes as the settings say, on one port, replaced one after the other.

Knows: that each is started again alone when it dies; that a relay which is replaced has its successor listen first.
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
    """`count` relays at `address` (`HOST:PORT`), each with this environment. Call `begin` first.

    `lives` are those that are there to take calls, with the tasks in which they are kept running.
    """

    def __init__(self, address: str, count: int, environment: Mapping[str, str]) -> None:
        self._address = address
        self._count = count
        self.environment = dict(environment)
        """What those get that are started from now on as successors."""
        self._listening: Listening | None = None
        self._relays: list[Child] = []
        self.lives: dict[Child, asyncio.Task[None]] = {}
        self._replaced: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        """Listens and starts all. Raises RelayproxyError when the address cannot be listened on."""
        try:
            self._listening = listen(self._address, self._count)
        except RelayproxyError as problem:
            raise RelayproxyError(f"the relay did not start: {problem}") from None
        self._relays = [self._child(number) for number in range(self._count)]
        for child in self._relays:
            self.lives[child] = asyncio.create_task(child.run())

    async def ready(self) -> None:
        """Returns once all listen."""
        await asyncio.wait({child.ready for child in self._relays})

    @property
    def url(self) -> str:
        """Where they listen: an http(s) URL. Once they are ready."""
        return self._relays[0].ready.result()

    async def replace(self, hurry: asyncio.Event, patience: float) -> bool:
        """Starts a successor of each relay, one after the other, on the same sockets. When it listens, its predecessor
        takes no more connections; it ends with its calls, at once when `hurry` is set. A successor that is not ready
        within `patience` seconds is given up, and so are those that would follow: the answer is False then."""
        for number, old in enumerate(self._relays):
            new = self._child(number)
            life = asyncio.create_task(new.run())
            first: set[asyncio.Future[Any]] = {new.ready, life}
            try:
                await asyncio.wait(first, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                if not new.ready.done():
                    why = (
                        str(life.exception()) if life.done() else f"the new {new.name} was not ready in {patience:g} s"
                    )
                    left = plural(self._count - number, "relay")
                    log.error("%s; %s of before and their settings stay", why, left)
                    return False
                self._relays[number] = new
                self.lives[new] = life
                self._retire(old, hurry)
            finally:
                if new not in self.lives:
                    await new.stop(hurry, QUICK)
                    await asyncio.gather(life, return_exceptions=True)
        return True

    async def stop(self, hurry: asyncio.Event) -> None:
        """Has all take no new calls, and returns when they have ended, those too that were replaced. When `hurry` is
        set they end at once."""
        if self._listening is not None:
            self._listening.close()
        running = [child.stop(hurry) for child in self._relays]
        await asyncio.gather(*running, *self._replaced)
        await asyncio.gather(*self.lives.values(), return_exceptions=True)

    def _child(self, number: int) -> Child:
        assert self._listening is not None
        name = "relay" if self._count == 1 else f"relay-{number + 1}"
        descriptors = self._listening.descriptors(number)
        inherited = (word for one in descriptors for word in ("--fd", str(one)))
        return Child(name, self.environment, command=("relay", "--name", name, *inherited), descriptors=descriptors)

    def _retire(self, old: Child, hurry: asyncio.Event) -> None:
        life = self.lives.pop(old)

        async def end() -> None:
            await old.stop(hurry, number=REPLACED)
            await asyncio.gather(life, return_exceptions=True)

        task = asyncio.create_task(end())
        self._replaced.add(task)
        task.add_done_callback(self._replaced.discard)
