"""Giving way: work of the recorder in slices, between which it offers its processor to others.

Knows: how long a slice may take.
Must not know: what is worked on.

Linux takes a processor from nobody who makes no system call before its next tick, up to four milliseconds later, no
matter how little a process asks for by its niceness. A relay that shares the processor would pass a message on so late.
"""

import os
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

SLICE = 0.000_4
"""Seconds."""


def giving_way(items: Iterable[T]) -> Iterator[T]:
    """The items, each when it is asked for; between two of them other processes get the processor, if they wait for it
    and a slice is over."""
    begun = time.perf_counter()
    for item in items:
        yield item
        now = time.perf_counter()
        if now - begun >= SLICE:
            os.sched_yield()
            begun = time.perf_counter()
