"""What a process keeps of what it has freed."""

import subprocess
import sys

import pytest

from relayproxy.memory import glibc

USES_MUCH = """
import ctypes, sys, threading, time
from relayproxy.memory import keep_little

def held():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon")) / 1024

def use():
    much = [bytes(2000) for _ in range(10_000)]
    kept.append([each for number, each in enumerate(much) if number % 500 == 0])

{keep}
kept, before = [], held()
for _ in range(8):
    threads = [threading.Thread(target=use) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
deadline = time.monotonic() + {patience}
while (grown := held() - before) > 10 and time.monotonic() < deadline:
    time.sleep(0.01)
print(grown)
"""


@pytest.mark.skipif(glibc() is None, reason="the C library is not glibc")
def test_what_threads_have_freed_is_given_back() -> None:
    def grown(keep: str, patience: float) -> float:
        program = USES_MUCH.format(keep=keep, patience=patience)
        return float(subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout)

    assert grown("", 0.1) > 10
    assert grown("keep_little(0.05)", 30) <= 10
