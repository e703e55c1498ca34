"""What all tests have in common.

Knows: that thousands of tests in one process leave objects behind that Python would go through again and again, and
have the same statements compiled; that what a shell starts in the background ignores SIGINT, and so does what that
starts; which files take long; that several processes run them.
Must not know: what is tested.
"""

import fcntl
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import chain, groupby, zip_longest
from pathlib import Path

import hypothesis
import pytest

from tests.console.browser import Pages, kept_pages
from tests.databases import dispose_kept_engines, share_compiled_statements
from tests.peers.postgres import Server, server
from tests.peers.seaweed import CREDENTIALS, Seaweed
from tests.peers.seaweed import seaweed as running_seaweed

TESTS = Path(__file__).parent

# How long an example takes says more of what else the machine does. More examples than these are `make fuzz`'s.
hypothesis.settings.register_profile(
    "patient", deadline=None, max_examples=50, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")

share_compiled_statements()

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Nothing of what is collected goes away: to go through it again and again takes a fourth of the time."""
    gc.disable()
    try:
        with _compiled_once():
            return (yield)
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def _compiled_once() -> Iterator[None]:
    """Where no test has ever run one process collects them while the others wait: to compile them all takes as long as
    to collect them, and each process would do it for itself."""
    folder = os.open(TESTS, os.O_RDONLY)
    try:
        compiled = sys.dont_write_bytecode or any((TESTS / "settings/__pycache__").glob("test_*.pyc"))
        try:
            fcntl.flock(folder, fcntl.LOCK_SH if compiled else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(folder, fcntl.LOCK_SH)
        yield
    finally:
        os.close(folder)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A process runs one file at a time. Files of real processes and of browsers come first, in turn: the ones wait
    while the others compute. What is pure comes last, as it takes least."""
    files = [list(found) for _, found in groupby(items, lambda item: item.path)]
    systems = [file for file in files if _of(file, "system", "supervisor", "telemetry")]
    browsers = [file for file in files if any(map(_shown, file)) and file not in systems]
    pure = [file for file in files if _of(file, "conversation", "redaction", "settings")]
    rest = [file for file in files if file not in systems and file not in browsers and file not in pure]
    first = (file for pair in zip_longest(systems, browsers) for file in pair if file)
    items[:] = [item for file in chain(first, rest, pure) for item in file]


def _shown(item: pytest.Item) -> bool:
    """Whether the test needs a browser."""
    return isinstance(item, pytest.Function) and "pages" in item.fixturenames


def _of(file: list[pytest.Item], *folders: str) -> bool:
    """Whether the file is in one of these folders of the tests."""
    return file[0].path.relative_to(TESTS).parts[0] in folders


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One server for all tests of a process that want a database on it. Who stops it, starts it again."""
    with server() as running:
        yield running
        dispose_kept_engines()


@pytest.fixture(scope="session")
def _seaweed() -> Iterator[Seaweed]:
    with running_seaweed() as running:
        yield running


@pytest.fixture
def seaweed(_seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch) -> Seaweed:
    """One server that speaks S3 for all tests of a process that want a bucket, with the credentials for it in the
    environment. Who stops it, starts it again."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    return _seaweed


@pytest.fixture(scope="session")
def _kept_pages() -> Iterator[tuple[Pages, Callable[[], AbstractContextManager[None]]]]:
    with kept_pages() as kept:
        yield kept


@pytest.fixture
def pages(_kept_pages: tuple[Pages, Callable[[], AbstractContextManager[None]]]) -> Iterator[Pages]:
    """Pages of the one browser of a process. Not for asynchronous tests."""
    kept, opened = _kept_pages
    with opened():
        yield kept


@pytest.fixture(scope="module", autouse=True)
def _forget_what_other_modules_left() -> Iterator[None]:
    root = logging.getLogger()
    level = root.level
    yield
    # Commands that are run within the process of the tests set their log up.
    root.setLevel(level)
    # Collected first, so that what nobody closed is still noticed.
    gc.collect()
    gc.freeze()
