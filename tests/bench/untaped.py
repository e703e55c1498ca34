"""The relay with a tape that goes nowhere, to see what recording costs. `python -m tests.bench.untaped PORT`."""

import asyncio
import gc
import sys

import uvloop

from relayproxy.journal.format import EntryKind
from relayproxy.journal.tape import Tape
from relayproxy.relay.handler import Relay
from relayproxy.relay.handshake.upstream import Upstream
from relayproxy.relay.handshake.verification import Verifier
from relayproxy.relay.listener.refusal_log import RefusalLog
from relayproxy.relay.listener.server import Listener
from relayproxy.settings.model import Settings


class Nowhere:
    pending = 0

    def put(self, entries: bytearray) -> None:
        """Forgets them."""


class Blank(Tape):
    def chunk(self, kind: EntryKind, connection: int, t: int, took: int, data: bytes) -> None:
        """Records nothing."""


async def main(backend: int) -> None:
    tape = Blank(Nowhere(), 1 << 20, asyncio.get_running_loop().call_later)
    settings = Settings(backend=f"ws://127.0.0.1:{backend}", listen="127.0.0.1:0")
    refusals = RefusalLog(asyncio.get_running_loop().call_later, lambda _: None)
    relay = Relay(settings, tape, Upstream(settings.connect_timeout), refusals, Verifier(lambda _: None), lambda: None)
    listener = Listener(relay.handle, relay.unreadable, settings.listen, None, settings.max_handshakes)
    await listener.start()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    print(listener.url.rpartition(":")[2], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
