"""The board of the wall: who follows sees every card that changed, once, and the newest of it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from relayproxy.console.http.change_poller import Pulse
from relayproxy.console.live import change_feed as boards
from relayproxy.console.live.change_feed import Board, Changes
from relayproxy.store.read.live import Glimpse
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.archive import Archive
from tests.console import samples

PATIENCE = 30
Card = tuple[str, int, bool]


def draw(glimpse: Glimpse) -> Card:
    session = glimpse.session
    return session.id, session.revision, session.ended_at is None


@pytest.fixture
async def pulse(queries: Queries) -> AsyncIterator[Pulse]:
    pulse = Pulse(queries, interval=0.01)
    yield pulse
    await pulse.close()


@pytest.fixture
def board(queries: Queries, pulse: Pulse) -> Board[Card]:
    return Board(queries, pulse, draw)


async def following(watch: AsyncIterator[Changes[Card]]) -> Changes[Card]:
    return await asyncio.wait_for(anext(watch), PATIENCE)


async def test_one_who_comes_gets_all_that_live_in_order_of_start(archive: Archive, board: Board[Card]) -> None:
    younger = samples.Call(archive, samples.ago(10)).setup().commit()
    older = samples.Call(archive, samples.ago(20)).setup().commit()
    samples.booking(archive, samples.ago(100)).commit()
    first = await following(board.follow(None))
    assert (first.whole, first.live) == (True, 2)
    assert first.cards == ((older.id, 1, True), (younger.id, 1, True))
    assert first == await board.now()


async def test_then_only_what_changed(archive: Archive, board: Board[Card]) -> None:
    quiet = samples.Call(archive, samples.ago(20)).setup().commit()
    call = samples.Call(archive, samples.ago(10)).setup().commit()
    watch = board.follow((await board.now()).version)
    call.asks(1, "Hello?").commit()
    assert (await following(watch)).cards == ((call.id, 2, True),)
    fresh = samples.Call(archive).setup().commit()
    assert (await following(watch)).cards == ((fresh.id, 1, True),)
    call.hang_up(3).commit()
    last = await following(watch)
    assert (last.cards, last.live, last.whole) == (((call.id, 3, False),), 2, False)
    assert quiet.id in [card[0] for card in (await board.now()).cards]


async def test_one_who_was_away_hears_how_calls_ended_meanwhile(archive: Archive, board: Board[Card]) -> None:
    call = samples.Call(archive, samples.ago(10)).setup().commit()
    version = (await board.now()).version
    call.asks(1, "Hello?").commit()
    call.hang_up(3).commit()
    assert board.followers == 0
    back = await following(board.follow(version))
    assert (back.whole, back.cards) == (False, ((call.id, 3, False),))


@pytest.mark.parametrize("version", [None, "", "1", "0badcafe.1", "nonsense"])
async def test_who_knows_another_board_gets_everything(
    archive: Archive, board: Board[Card], version: str | None
) -> None:
    call = samples.Call(archive).setup().commit()
    first = await following(board.follow(version))
    assert (first.whole, first.cards) == (True, ((call.id, 1, True),))


async def test_one_who_is_slow_gets_the_newest_alone(archive: Archive, board: Board[Card]) -> None:
    call = samples.Call(archive).setup().commit()
    version = (await board.now()).version
    slow, quick = board.follow(version), board.follow(version)
    for revision in range(2, 6):
        call.asks(revision, "Hello?").commit()
        assert (await following(quick)).cards == ((call.id, revision, True),)
    assert (await following(slow)).cards == ((call.id, 5, True),)


async def test_a_session_that_was_none_of_its_own_goes(archive: Archive, board: Board[Card]) -> None:
    call = samples.Call(archive).setup().commit()
    watch = board.follow((await board.now()).version)
    archive.commit(Batch(dropped_sessions=(call.id,)))
    samples.Call(archive).setup().commit()
    assert (await following(watch)).gone == (call.id,)


async def test_ended_calls_are_not_remembered_without_bound(
    archive: Archive, board: Board[Card], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boards, "_ENDED", 1)
    made = [samples.Call(archive, samples.ago(20 - n)).setup().commit() for n in range(3)]
    version = (await board.now()).version
    for call in made:
        call.hang_up(2).commit()
        await board.now()
    assert [card[0] for card in (await following(board.follow(version))).cards] == [made[-1].id]


async def test_of_too_many_the_longest_lived_are_shown(
    archive: Archive, board: Board[Card], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boards, "MOST", 2)
    made = [samples.Call(archive, samples.ago(20 - n)).setup().commit() for n in range(3)]
    now = await board.now()
    assert ([card[0] for card in now.cards], now.live) == ([made[0].id, made[1].id], 3)
    watch = board.follow(now.version)
    made[0].hang_up(2).commit()
    assert [card[0] for card in (await following(watch)).cards] == [made[0].id, made[2].id]


async def test_nobody_looks_when_nobody_follows(archive: Archive, board: Board[Card], pulse: Pulse) -> None:
    watch = board.follow(None)
    await following(watch)
    assert (board.followers, pulse.watchers) == (1, 1)
    await watch.aclose()
    await asyncio.sleep(0)
    assert board.followers == 0
    again = board.follow(None)
    call = samples.Call(archive).setup().commit()
    assert (await following(again)).cards[0][0] == call.id


async def test_it_ends_with_the_pulse(archive: Archive, board: Board[Card], pulse: Pulse) -> None:
    watch = board.follow(None)
    await following(watch)
    waiting = asyncio.create_task(following(watch))
    await asyncio.sleep(0)
    await pulse.close()
    with pytest.raises(StopAsyncIteration):
        await waiting
