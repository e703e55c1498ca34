"""Calling in a process of its own: how it is started, told what to do, listened to, and killed.

Knows: how long it may take, how much it may answer.
Must not know: how a call is made again; what becomes of its recording.
"""

import asyncio
import re
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Iterator, Mapping
from contextlib import suppress

import msgspec

from relayproxy.console.replays.running import ReplayFailed
from relayproxy.lab.replay.process import COMMAND, Answer, Order

GRACE = 60.0
"""Seconds to begin and to come to an end, besides the call."""
MAX_ANSWER = 32 * 1024 * 1024
"""Bytes of a compressed recording."""
_PIECE = 1 << 16
_VARIABLES = re.compile(
    r"PATH|HOME|TMPDIR|TZ|LANG|LC_[A-Z]+|LD_LIBRARY_PATH|PYTHON[A-Z]+|SSL_CERT_FILE|SSL_CERT_DIR|OPENSSL_CONF"
)
"""What Python and TLS need. Any other variable may hold a secret: of relayproxy, a database, a bucket, a collector."""


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What the process gets of the variables of this one: no settings, and no secrets."""
    return {name: value for name, value in environ.items() if _VARIABLES.fullmatch(name)}


async def call_again(order: Order, recorded: Iterator[bytes], environ: Mapping[str, str]) -> tuple[Answer, bytes]:
    """What came of a call, and its recording, compressed. `recorded` is the one that it is made by, in whole lines; it
    is read in another thread. `environ`: the variables of this process. When this is cancelled, the call is over at
    once. Raises `ReplayFailed`, and what `recorded` raises."""
    try:
        process = await asyncio.create_subprocess_exec(
            *COMMAND, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment(environ), start_new_session=True
        )
    except OSError as problem:
        raise ReplayFailed(f"The process that makes the call cannot be started: {problem.strerror}.") from None
    try:
        async with asyncio.timeout(order.max_seconds + GRACE):
            await _tell(process, order, recorded)
            return await _hear(process)
    except TimeoutError:
        raise ReplayFailed(f"The call was not over after {order.max_seconds:.0f} s, and was cut off.") from None
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _tell(process: Process, order: Order, recorded: Iterator[bytes]) -> None:
    assert process.stdin is not None
    # One that has ended meanwhile may have said why.
    with suppress(ConnectionError):
        process.stdin.write(msgspec.json.encode(order) + b"\n")
        while lines := await asyncio.to_thread(next, recorded, b""):
            process.stdin.write(lines)
            await process.stdin.drain()
        process.stdin.write(b"\n")
        await process.stdin.drain()


async def _hear(process: Process) -> tuple[Answer, bytes]:
    assert process.stdout is not None
    told = bytearray()
    while piece := await process.stdout.read(_PIECE):
        told += piece
        if len(told) > MAX_ANSWER:
            raise ReplayFailed("The recording of the call is too large to be kept.")
    first, newline, file = bytes(told).partition(b"\n")
    if not newline:
        code = await process.wait()
        raise ReplayFailed(f"The process that makes the call ended before it was over (exit code {code}).")
    return msgspec.json.decode(first, type=Answer), file
