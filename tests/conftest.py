"""What all tests have in common.

Knows: that thousands of tests in one process leave objects behind that Python would go through again and again, and
have the same statements compiled; that what a shell starts in the background ignores SIGINT, and so does what that
starts.
Must not know: what is tested.
"""

import gc
import signal
from collections.abc import Iterator

import hypothesis
import pytest

from tests.databases import share_compiled_statements
from tests.peers.postgres import Server, server

# How long an example takes says more of what else the machine does.
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("patient")

share_compiled_statements()

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Nothing of what is collected goes away: to go through it again and again takes a fourth of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One server for all tests of a process that want a database on it. Who stops it, starts it again."""
    with server() as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def _forget_what_other_modules_left() -> Iterator[None]:
    yield
    # Collected first, so that what nobody closed is still noticed.
    gc.collect()
    gc.freeze()
