"""Signals: asks a process to stop on SIGTERM or SIGINT, and ignores SIGHUP unless the process means something by it.

Knows: how a signal reaches an event loop, or becomes an event, without a lock in a signal handler; that a process which
is at its end anyway is not to be killed by one more.
Must not know: what stops.
"""

import asyncio
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

log = logging.getLogger(__name__)

NUMBERS = (signal.SIGTERM, signal.SIGINT)
REPLACED = signal.SIGUSR1
"""Tells a relay that another one takes connections from the same sockets."""


@contextmanager
def signals_to(note: Callable[[int], object], *others: signal.Signals) -> Iterator[None]:
    """The running event loop calls `note` with the number of each SIGTERM, SIGINT and signal of `others` until the
    block ends. From then on they are ignored: what is left to do is little, and one more would spoil the exit code.
    SIGHUP, unless it is one of them, is logged and ignored. For the main thread."""
    loop = asyncio.get_running_loop()

    def tell(number: int, _: FrameType | None) -> None:
        # Takes no lock; a handler that did could wait for the very code that it interrupts.
        loop.call_soon_threadsafe(note, number)

    # Not the loop's own handlers: it takes them away when it closes.
    signal.signal(signal.SIGHUP, lambda *_: loop.call_soon_threadsafe(_log_hangup))
    for number in (*NUMBERS, *others):
        signal.signal(number, tell)
    try:
        yield
    finally:
        ignore_signals(*others)


def ignore_signals(*others: signal.Signals) -> None:
    """Ignores SIGTERM, SIGINT, SIGHUP and `others` from now on. For the main thread."""
    for number in (*NUMBERS, signal.SIGHUP, *others):
        signal.signal(number, signal.SIG_IGN)


def stop_event(*numbers: signal.Signals) -> threading.Event:
    """An event that is set once one of these signals has come; SIGHUP is logged and ignored. For the main thread, once
    in a process.

    Python runs a handler between any two instructions of the main thread, which may hold the lock of that very event
    at the time, for example because it runs the handler of the signal before. So the handlers do nothing, and a
    thread reads the number that the interpreter writes to a socket (`signal.set_wakeup_fd`).
    """
    event = threading.Event()
    told, tell = socket.socketpair()
    tell.setblocking(False)
    signal.set_wakeup_fd(tell.fileno(), warn_on_full_buffer=False)
    for number in (*numbers, signal.SIGHUP):
        signal.signal(number, lambda *_: None)

    def wait() -> None:
        with told, tell:
            while not (came := set(told.recv(64))).intersection(numbers):
                if signal.SIGHUP in came:
                    _log_hangup()
            event.set()
            while told.recv(64):  # for as long as the process lives, it must be read
                pass

    threading.Thread(target=wait, name="signals", daemon=True).start()
    return event


def end_with_parent() -> None:
    """For a process whose standard input is the reading end of a pipe that its parent holds: SIGTERM to this process
    once the parent is gone."""
    threading.Thread(target=_watch_parent, name="parent", daemon=True).start()


def _watch_parent() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _log_hangup() -> None:
    log.info("SIGHUP is ignored: settings are read at the start, so restart to change them")
