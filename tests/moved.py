"""Recordings that are in a bucket or a folder as soon as they are whole, for whatever reads them: a plugin of pytest.

Knows: that everything is stored by `Archive` and deleted by `Deleter`.
Must not know: what a test looks at. Tests that move recordings themselves, or look at the rows that hold them, are
marked `in_database`.

`python -m pytest -p tests.moved --recordings=folder tests/…`
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest
from sqlalchemy import Engine

from relayproxy.objects.place import Place
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.deletion.deleter import Deleter
from relayproxy.store.write.moving import mover
from relayproxy.store.write.moving.places import use_place
from relayproxy.store.write.moving.sweeper import Sweeper
from tests.peers.seaweed import CREDENTIALS, Seaweed

_PATCHING = threading.RLock()
_AT_ONCE = -(10**18)
"""Calls are over before they have ended: a test may say that they end at any time."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--recordings`: where they go."""
    parser.addoption("--recordings", choices=("s3", "folder"), default="s3")


@pytest.fixture(scope="session")
def _recordings(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Where all recordings of a process lie, those of each database by themselves."""
    if request.config.getoption("--recordings") == "folder":
        yield Place(tmp_path_factory.mktemp("recordings").as_uri())
        return
    server: Seaweed = request.getfixturevalue("_seaweed")
    with pytest.MonkeyPatch.context() as environment:
        for name, value in CREDENTIALS.items():
            environment.setenv(name, value)
        yield server.bucket()


@pytest.fixture(autouse=True)
def _moved(request: pytest.FixtureRequest, _recordings: Place) -> Iterator[None]:
    if request.node.get_closest_marker("in_database"):
        yield
        return
    with moved(_recordings):
        yield


@contextmanager
def moved(place: Place) -> Iterator[None]:
    """Within the block, what an archive of this process has stored as a recording lies at the place when it returns;
    and what a deleter has erased is gone from there."""
    commit, add, erase = Archive.commit, Archive.add_session, Deleter.erase

    def committed(self: Archive, batch: Batch) -> None:
        commit(self, batch)
        move(self._engine, place)

    def added(self: Archive, batch: Batch) -> str | None:
        there = add(self, batch)
        if there is None:
            move(self._engine, place)
        return there

    def erased(self: Deleter, told: Callable[[int], None] = lambda _done: None) -> int:
        left = erase(self, told)
        return erase(self, told) if Sweeper(self._engine, _wait).delete_noted() else left

    with patch.multiple(Archive, commit=committed, add_session=added), patch.object(Deleter, "erase", erased):
        yield


def move(engine: Engine, place: Place) -> None:
    """Moves all recordings of calls that have ended, by whatever clock they did."""
    moving = mover.Mover(engine, _wait)
    # Of two threads that patch at once, the one that ends last would leave behind what the other had patched.
    with _PATCHING, patch.object(mover, "OVER", _AT_ONCE):
        if moving.waiting().parts:
            known = use_place(engine, place)
            while moving.move_out(known):
                pass


def _wait(_seconds: float) -> bool:
    return True
