"""The changes: one look for all watchers."""

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

import pytest

from relayproxy.console.http.change_poller import ChangePoller
from relayproxy.settings.model import Settings
from relayproxy.store.engine import open_reader
from relayproxy.store.errors import StoreError
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.migrate import migrate
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.patience import PATIENCE

T = TypeVar("T")


@pytest.fixture
async def poller(queries: Queries) -> AsyncIterator[ChangePoller]:
    poller = ChangePoller(queries, interval=0.01)
    yield poller
    await poller.close()


async def following(watch: AsyncIterator[T]) -> T:
    return await asyncio.wait_for(anext(watch), PATIENCE)


async def test_a_watcher_hears_the_revision_at_once_and_after_each_change(
    archive: Archive, poller: ChangePoller
) -> None:
    call = samples.Call(archive).setup().commit()
    other = samples.Call(archive).setup().commit()
    watch = poller.session(call.id)
    assert await following(watch) == 1
    call.asks(1, "Hello?").commit()
    assert await following(watch) == 2
    other.asks(1, "Hello?").commit()
    call.hang_up(2).commit()
    assert await following(watch) == 3


async def test_one_who_is_slow_hears_the_newest_alone(archive: Archive, poller: ChangePoller) -> None:
    call = samples.Call(archive).setup().commit()
    slow, quick = poller.session(call.id), poller.session(call.id)
    assert await following(slow) == await following(quick) == 1
    for revision in range(2, 6):
        call.asks(revision, "Hello?").commit()
        assert await following(quick) == revision
    assert await following(slow) == 5


async def test_a_session_that_goes_away_is_none(archive: Archive, poller: ChangePoller) -> None:
    call = samples.Call(archive).setup().commit()
    watch = poller.session(call.id)
    assert await following(watch) == 1
    archive.commit(Batch(dropped_sessions=(call.id,)))
    samples.Call(archive).setup().commit()
    assert await following(watch) is None


async def test_the_list_hears_of_every_change(archive: Archive, poller: ChangePoller) -> None:
    watch = poller.sessions()
    before = await following(watch)
    samples.Call(archive).setup().commit()
    assert await following(watch) != before


async def test_one_who_has_seen_it_all_hears_of_what_comes_alone(
    queries: Queries, archive: Archive, poller: ChangePoller
) -> None:
    samples.Call(archive).setup().commit()
    watch = poller.sessions(seen=queries.changes())
    first = asyncio.create_task(following(watch))
    assert await following(poller.sessions()) == queries.changes()
    assert not first.done()
    samples.Call(archive).setup().commit()
    assert await first == queries.changes()


async def test_a_watcher_in_a_hurry_does_not_wait_for_a_patient_one(archive: Archive, poller: ChangePoller) -> None:
    call = samples.Call(archive).setup().commit()
    patient = poller.sessions(interval=100 * PATIENCE)
    await following(patient)
    call.asks(1, "Hello?").commit()
    assert await following(poller.session(call.id)) == 2
    await following(patient)


async def test_nobody_looks_when_nobody_watches(archive: Archive, poller: ChangePoller) -> None:
    call = samples.Call(archive).setup().commit()
    watch = poller.session(call.id)
    await following(watch)
    assert poller.watchers == 1
    await watch.aclose()
    assert poller.watchers == 0
    again = poller.session(call.id)
    assert await following(again) == 1


async def test_closing_ends_every_watcher(archive: Archive, poller: ChangePoller) -> None:
    call = samples.Call(archive).setup().commit()
    watch = poller.session(call.id)
    await following(watch)
    waiting = asyncio.create_task(following(watch))
    await asyncio.sleep(0)
    await poller.close()
    with pytest.raises(StopAsyncIteration):
        await waiting


async def test_a_database_that_comes_later_is_found(settings: Settings) -> None:
    loop, missed = asyncio.get_running_loop(), asyncio.Event()

    def note(problem: StoreError | None) -> None:
        if problem is not None:
            loop.call_soon_threadsafe(missed.set)

    poller = ChangePoller(Queries(open_reader(settings.database), note), interval=0.01)
    try:
        first = asyncio.create_task(following(poller.sessions()))
        await asyncio.wait_for(missed.wait(), PATIENCE)
        assert not first.done()
        await asyncio.to_thread(migrate, settings.database)
        assert await first
    finally:
        await poller.close()
