"""An endpoint for spans that fares ill, as a process of its own.

`python -m tests.bench.failing_endpoint` gets its port, protocol, status, the seconds that an answer takes, and whether
it answers at all.
"""

import itertools
import os
import sys
import threading

from tests.telemetry.endpoints import ENDPOINTS, Endpoint

if __name__ == "__main__":
    port, protocol, status, delay, answers = sys.argv[1:]
    # Collectors are elsewhere; this one shall not compete with what is measured.
    os.nice(19)
    endpoint = Endpoint(itertools.repeat(int(status)), delay=float(delay))
    if answers == "yes":
        endpoint.gate.set()
    with ENDPOINTS[protocol](int(port), endpoint):
        print("ready", flush=True)
        threading.Event().wait()
