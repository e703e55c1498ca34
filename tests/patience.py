"""How long tests wait for what must come, before they give it up, and how often they look.

Knows: that a machine that does much else may leave a process without a processor for a minute; that to ask a process
takes processor time from it.
Must not know: what is waited for.
"""

import time
from collections.abc import Iterator

PATIENCE = 300.0
"""Seconds. What comes within them is never late, and nothing is concluded from how long it took."""
_SHORTEST, _LONGEST = 0.01, 0.5


def pauses(patience: float = PATIENCE) -> Iterator[float]:
    """Seconds to wait before each further look at what others do, a third of what was waited until then: what comes
    soon is seen soon, and what takes long is not asked about a hundred times. None are left once `patience` seconds are
    over."""
    began = time.monotonic()
    while (waited := time.monotonic() - began) < patience:
        yield min(max(_SHORTEST, waited / 3), _LONGEST)
