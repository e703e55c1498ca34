"""Being told to stop, in a process without an event loop.

Knows: how a signal becomes an event without a lock in a signal handler.
Must not know: what stops.
"""

import signal
import socket
import threading

__all__ = ["stop_event"]


def stop_event(*numbers: signal.Signals) -> threading.Event:
    """An event that is set once one of these signals has come. For the main thread, once in a process.

    Python runs a handler between any two instructions of the main thread, which may hold the lock of that very event
    at the time, for example because it runs the handler of the signal before. So the handlers do nothing, and a
    thread reads the number that the interpreter writes to a socket (`signal.set_wakeup_fd`).
    """
    event = threading.Event()
    told, tell = socket.socketpair()
    tell.setblocking(False)
    signal.set_wakeup_fd(tell.fileno(), warn_on_full_buffer=False)
    for number in numbers:
        signal.signal(number, lambda *_: None)

    def wait() -> None:
        with told, tell:
            while not set(told.recv(64)).intersection(numbers):
                pass
            event.set()
            while told.recv(64):  # for as long as the process lives, somebody must read
                pass

    threading.Thread(target=wait, name="signals", daemon=True).start()
    return event
