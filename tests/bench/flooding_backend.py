"""A second backend that sends 100,000 messages a second over each connection, as a process of its own.

`python -m tests.bench.flooding_backend RATE` prints its port, and how many messages it got rid of when it is told to
stop. With a rate of 0 it says nothing.
"""

import asyncio
import os
import signal
import sys

from tests import wire
from tests.bench.load import PAYLOAD

MESSAGE = wire.frame(1, PAYLOAD)
STEP = 0.01
"""Seconds between two batches."""
_ANSWER = wire.ANSWER.replace(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", b"x")


async def main(rate: int) -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        batch = round(rate * STEP)
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(_ANSWER)
            while batch:
                writer.write(MESSAGE * batch)
                await writer.drain()
                sent += batch
                await asyncio.sleep(STEP)
            await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    async with await asyncio.start_server(flood, "127.0.0.1", 0) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await over.wait()
        print(sent, flush=True)
        os._exit(0)  # whoever is still flooded


if __name__ == "__main__":
    # It is elsewhere in real life; here it shall not compete with what is measured.
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    os.setpriority(os.PRIO_PROCESS, 0, 19)
    asyncio.run(main(int(sys.argv[1])))
