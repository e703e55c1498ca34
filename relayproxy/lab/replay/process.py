"""Process of one replayed call: it reads an order and the recorded call, makes the call, and writes what came of it.

Knows: what it may take of the machine, the form of what goes in and out, that it ends with its parent.
Must not know: who orders the call, and where its recording goes.

A backend that is tried may do anything. What it does to this process is nothing to the one that started it.

In, on standard input: an `Order` in a line, the lines of the recorded call, an empty line; it stays open. Out, on
standard output: an `Answer` in a line, then the new recording, compressed, where there is one.
"""

import asyncio
import gzip
import os
import random
import resource
import sys
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from relayproxy.conversation.recording import NotARecording, read_recording
from relayproxy.errors import RelayproxyError
from relayproxy.lab.replay.performing import Replayed, perform
from relayproxy.lab.replay.preparing import MaskedContent, prepare
from relayproxy.lab.replay.recorded import recording
from relayproxy.lab.replay.script import Script
from relayproxy.lab.twilio.connection import Line
from relayproxy.recordings.call import recorded_call
from relayproxy.signals import end_with_parent
from relayproxy.text import mended

NICE = 10
"""Whatever else the machine does comes first; and the agent's latencies can still be measured."""
MEMORY = 1 << 30
"""Bytes of its address space."""
COMMAND = (sys.executable, "-P", "-m", "relayproxy.lab.replay.process")


class Order(msgspec.Struct, frozen=True):
    """Where the call goes, and how."""

    target: str
    """The name of the backend."""
    url: str
    auth_token: str | None
    fill: bool
    """Whether test values stand where content is masked."""
    speed: float
    """The factor by which the call is faster than it was."""
    max_seconds: float
    of: str
    """Our id of the recorded session."""
    route: str
    """Its route."""


class Answer(msgspec.Struct, frozen=True):
    """What came of it."""

    problem: str | None = None
    """Why there is no recording, in one sentence."""
    diverged: int | None = None
    """The turn of the recorded call at which it diverged."""


class _Failed(Exception):
    """Why there is no recording, in one sentence."""


def main() -> None:
    """Makes one call."""
    os.nice(NICE)
    with suppress(ValueError, OSError):  # where the system has no such limit, or a lower one is set
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    answer, file = _made(sys.stdin.buffer)
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n" + file)
    sys.stdout.buffer.flush()


def _made(source: BinaryIO) -> tuple[Answer, bytes]:
    try:
        order = msgspec.json.decode(source.readline(), type=Order)
        # Up to the empty line, which is also what the end of the input looks like.
        script = _script(order, iter(lambda: source.readline().rstrip(b"\n"), b""))
        end_with_parent()
        made = _call(order, script)
        file = gzip.compress(recording(made, order.of, order.route), 3)
        return Answer(diverged=None if made.divergence is None else made.divergence.turn), file
    except _Failed as problem:
        return Answer(mended(str(problem))), b""
    except MemoryError:
        return Answer(f"The call was cut off: it needs more than {MEMORY >> 20} MiB of memory."), b""
    except Exception as problem:
        # Values may be what callers said: where it was is told, and nothing else.
        frame = traceback.extract_tb(problem.__traceback__)[-1]
        place = f"{type(problem).__name__} in {Path(frame.filename).name}:{frame.lineno}"
        return Answer(f"A bug of relayproxy ended the replay ({place}); nothing of it is kept."), b""


def _script(order: Order, lines: Iterator[bytes]) -> Script:
    try:
        return prepare(recorded_call(*read_recording(lines)), "This call", {}, fill=order.fill)
    except MaskedContent as problem:
        raise _Failed(f"{problem}. Test values can be filled in there.") from None
    except (NotARecording, RelayproxyError) as problem:
        raise _Failed(f"{problem}.") from None


def _call(order: Order, script: Script) -> Replayed:
    line = Line(order.url, auth_token=order.auth_token, speed=order.speed, max_seconds=order.max_seconds)
    made = asyncio.run(perform(line, script, rng=random.Random()))
    if made.call.connections[0].opening.status != 101:
        raise _Failed(f"The backend of {order.target} was not reached: {made.call.problem}.")
    if made.call.ending == "cut_off":
        raise _Failed(f"The call to {order.target} was cut off: {made.call.problem}. Nothing of it is kept.")
    return made


if __name__ == "__main__":
    main()
