"""The change feed of the live view: a follower sees every tile that changed, once, and its newest state."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from relayproxy.console.http.change_poller import ChangePoller
from relayproxy.console.live import change_feed
from relayproxy.console.live.call_tile import call_tile
from relayproxy.console.live.change_feed import ChangeFeed, Changes, RenderedTile
from relayproxy.store.read.live import LiveCall
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.patience import PATIENCE


def draw(call: LiveCall) -> RenderedTile:
    return RenderedTile(call_tile(call, slow_ms=2000), "")


def tiles(changes: Changes) -> tuple[tuple[str, int, bool], ...]:
    """Id, revision, and whether it lives, of each tile."""
    return tuple((one.tile.row.id, one.tile.row.revision, one.tile.live) for one in changes.tiles)


@pytest.fixture
async def poller(queries: Queries) -> AsyncIterator[ChangePoller]:
    poller = ChangePoller(queries, interval=0.01)
    yield poller
    await poller.close()


@pytest.fixture
def feed(queries: Queries, poller: ChangePoller) -> ChangeFeed:
    return ChangeFeed(queries, poller, draw)


async def following(watch: AsyncIterator[Changes]) -> Changes:
    return await asyncio.wait_for(anext(watch), PATIENCE)


async def test_one_who_comes_gets_all_that_live_in_order_of_start(archive: Archive, feed: ChangeFeed) -> None:
    younger = samples.Call(archive, samples.ago(10)).setup().commit()
    older = samples.Call(archive, samples.ago(20)).setup().commit()
    samples.booking(archive, samples.ago(100)).commit()
    first = await following(feed.follow(None))
    assert (first.whole, first.live) == (True, 2)
    assert tiles(first) == ((older.id, 1, True), (younger.id, 1, True))
    assert first == await feed.now()


async def test_then_only_what_changed(archive: Archive, feed: ChangeFeed) -> None:
    quiet = samples.Call(archive, samples.ago(20)).setup().commit()
    call = samples.Call(archive, samples.ago(10)).setup().commit()
    watch = feed.follow((await feed.now()).version)
    call.asks(1, "Hello?").commit()
    assert tiles(await following(watch)) == ((call.id, 2, True),)
    fresh = samples.Call(archive).setup().commit()
    assert tiles(await following(watch)) == ((fresh.id, 1, True),)
    call.hang_up(3).commit()
    last = await following(watch)
    assert (tiles(last), last.live, last.whole) == (((call.id, 3, False),), 2, False)
    assert quiet.id in [tile[0] for tile in tiles(await feed.now())]


async def test_one_who_was_away_hears_how_calls_ended_meanwhile(archive: Archive, feed: ChangeFeed) -> None:
    call = samples.Call(archive, samples.ago(10)).setup().commit()
    version = (await feed.now()).version
    call.asks(1, "Hello?").commit()
    call.hang_up(3).commit()
    assert feed.followers == 0
    back = await following(feed.follow(version))
    assert (back.whole, tiles(back)) == (False, ((call.id, 3, False),))


@pytest.mark.parametrize("version", [None, "", "1", "0badcafe.1", "nonsense"])
async def test_who_knows_another_feed_gets_everything(archive: Archive, feed: ChangeFeed, version: str | None) -> None:
    call = samples.Call(archive).setup().commit()
    first = await following(feed.follow(version))
    assert (first.whole, tiles(first)) == (True, ((call.id, 1, True),))


async def test_one_who_is_slow_gets_the_newest_alone(archive: Archive, feed: ChangeFeed) -> None:
    call = samples.Call(archive).setup().commit()
    version = (await feed.now()).version
    slow, quick = feed.follow(version), feed.follow(version)
    for revision in range(2, 6):
        call.asks(revision, "Hello?").commit()
        assert tiles(await following(quick)) == ((call.id, revision, True),)
    assert tiles(await following(slow)) == ((call.id, 5, True),)


async def test_a_session_that_was_none_of_its_own_goes(archive: Archive, feed: ChangeFeed) -> None:
    call = samples.Call(archive).setup().commit()
    watch = feed.follow((await feed.now()).version)
    archive.commit(Batch(dropped_sessions=(call.id,)))
    samples.Call(archive).setup().commit()
    assert (await following(watch)).gone == (call.id,)


async def test_ended_calls_are_not_remembered_without_bound(
    archive: Archive, feed: ChangeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_feed, "_ENDED", 1)
    made = [samples.Call(archive, samples.ago(20 - n)).setup().commit() for n in range(3)]
    version = (await feed.now()).version
    for call in made:
        call.hang_up(2).commit()
        await feed.now()
    assert [tile[0] for tile in tiles(await following(feed.follow(version)))] == [made[-1].id]


async def test_of_too_many_the_longest_lived_are_shown(
    archive: Archive, feed: ChangeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_feed, "MAX_TILES", 2)
    made = [samples.Call(archive, samples.ago(20 - n)).setup().commit() for n in range(3)]
    now = await feed.now()
    assert ([tile[0] for tile in tiles(now)], now.live) == ([made[0].id, made[1].id], 3)
    watch = feed.follow(now.version)
    made[0].hang_up(2).commit()
    assert [tile[0] for tile in tiles(await following(watch))] == [made[0].id, made[2].id]


async def test_nobody_looks_when_nobody_follows(archive: Archive, feed: ChangeFeed, poller: ChangePoller) -> None:
    watch = feed.follow(None)
    await following(watch)
    assert (feed.followers, poller.watchers) == (1, 1)
    await watch.aclose()
    await asyncio.sleep(0)
    assert feed.followers == 0
    again = feed.follow(None)
    call = samples.Call(archive).setup().commit()
    assert tiles(await following(again))[0][0] == call.id


async def test_it_ends_with_the_changes(archive: Archive, feed: ChangeFeed, poller: ChangePoller) -> None:
    watch = feed.follow(None)
    await following(watch)
    waiting = asyncio.create_task(following(watch))
    await asyncio.sleep(0)
    await poller.close()
    with pytest.raises(StopAsyncIteration):
        await waiting
