"""Memory of a process: what the C library keeps of what was freed.

Knows: glibc's allocator.
Must not know: who allocates, and what.

Measured under an hour of calls with faults: after each peak, such as a standstill that is caught up with, the C library
keeps what it held then, in an area for every thread: 10 to 20 MiB of a recorder's or a console's 80 that nothing uses.
"""

import ctypes
import threading
import time

EVERY = 15.0
"""Seconds between two times that freed memory is given back."""
_M_ARENA_MAX = -8
"""malloc.h of glibc."""


def keep_little(every: float = EVERY) -> None:
    """Has the threads of this process allocate from one area, and gives back what was freed every so many seconds.
    To be called before other threads begin. Nothing happens where the C library is not glibc."""
    library = glibc()
    if library is None:
        return
    library.mallopt(_M_ARENA_MAX, 1)
    threading.Thread(target=_go_on, args=(library, every), name="memory", daemon=True).start()


def _go_on(library: ctypes.CDLL, every: float) -> None:
    while True:
        time.sleep(every)
        library.malloc_trim(0)


def glibc() -> ctypes.CDLL | None:
    """The C library where it is glibc, or another that can do the same."""
    try:
        library = ctypes.CDLL(None)
        return library if hasattr(library, "malloc_trim") and hasattr(library, "mallopt") else None
    except OSError:
        return None
