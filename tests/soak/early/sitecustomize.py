"""Recorders that Python starts with this folder on its path move recordings a minute after the end of their calls.

Knows: how Python was started.
Must not know: anything else.
"""

import sys

if "recorder" in sys.orig_argv:
    from relayproxy.store.write.moving import mover

    mover.OVER = 60_000_000_000
