"""`relayproxy` that gets SIGTERM when Python is about to end. Run as `python -m tests.supervisor.signalled_at_exit`.

Knows: that Python calls what is registered before it ends.
Must not know: what the command does.
"""

import atexit
import os
from signal import SIGTERM

from relayproxy.__main__ import main

if __name__ == "__main__":
    atexit.register(os.kill, os.getpid(), SIGTERM)
    main()
