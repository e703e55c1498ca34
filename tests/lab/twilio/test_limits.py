"""Backends that send too much, or never end, and what becomes of the call."""

import asyncio

import pytest
from websockets.exceptions import ConnectionClosed

from relayproxy.lab.twilio import connection, limits
from relayproxy.lab.twilio.call import SimulatedCall
from relayproxy.lab.twilio.twiml import TwiML
from tests.lab.backend import Backend, backend
from tests.lab.twilio.dialling import answer_101, made_by


async def floods(peer: Backend) -> None:
    """Sends tokens of a reply until the line is gone."""
    await peer.next("setup")
    with pytest.raises(ConnectionClosed):
        while True:
            await peer.send(type="text", token="la " * 200, last=False)
            await asyncio.sleep(0)  # as this loop is the caller's too


async def waits(made: SimulatedCall) -> None:
    """A caller who does not hang up."""
    await made.events.notifier.until(lambda: made.session.over)


@pytest.mark.parametrize(
    ("limit", "value", "told"),
    [
        ("MAX_MESSAGES", 2000, "the backend sent more than 2,000 messages in one call"),
        ("MAX_BYTES", 2 * limits.MB, "the backend sent more than 2 MB in one call"),
    ],
)
async def test_a_flood_ends_the_call(monkeypatch: pytest.MonkeyPatch, limit: str, value: int, told: str) -> None:
    monkeypatch.setattr(limits, limit, value)
    async with backend(floods) as peer:
        result = await made_by(peer.url, waits)
    assert (result.ending, result.problem) == ("cut_off", told)
    assert len(result.messages) < 7000


async def test_a_message_that_is_too_large_ends_the_call() -> None:
    async def talk(peer: Backend) -> None:
        await peer.next("setup")
        with pytest.raises(ConnectionClosed):
            await peer.send(type="text", token="x" * limits.MAX_MESSAGE, last=True)
            await peer.next()

    async with backend(talk) as peer:
        result = await made_by(peer.url, waits)
    assert (result.ending, result.problem) == ("cut_off", "the backend sent a message of 8 MB or more")
    assert result.received("text") == []


async def test_a_call_that_is_not_over_in_time_is_cut_off() -> None:
    async def talk(peer: Backend) -> None:
        with pytest.raises(ConnectionClosed):
            await peer.closed()
        closes.append(peer.connection.close_code)

    closes: list[int | None] = []
    async with backend(talk) as peer:
        result = await made_by(peer.url, waits, max_seconds=0.1)
    assert (result.ending, result.problem) == ("cut_off", "the call was not over after 0 s")
    assert closes == [1006]


async def test_what_comes_over_several_connections_counts_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_MESSAGES", 5)

    async def talk(peer: Backend) -> None:
        await peer.next("setup")
        for _ in range(3):
            await peer.send(type="text", token="Yes.", last=True)
        await peer.closed()

    async def perform(made: SimulatedCall) -> None:
        again.append(await made.reconnect())
        await made.events.notifier.until(lambda: made.session.over, 30)
        again.append(await made.reconnect())

    again: list[bool] = []
    async with backend(talk) as peer:

        async def all_said(made: SimulatedCall) -> None:
            await made.events.notifier.until(lambda: len(made.events.events) >= 3, 30)
            await perform(made)

        result = await made_by(peer.url, all_said, TwiML(application_reconnect=True))
    assert again == [True, False]
    assert (result.ending, len(result.connections)) == ("cut_off", 2)


async def test_a_line_that_is_lost_for_good_while_it_is_dialled_again_stays_so() -> None:
    async def talk(peer: Backend) -> None:
        await peer.closed()

    async def perform(made: SimulatedCall) -> None:
        made.drop()
        dialling = asyncio.create_task(made.reconnect())
        await asyncio.sleep(0)
        made._cut("the call was not over after 1 s")
        assert not await dialling
        assert not made.connected

    async with backend(talk) as peer:
        result = await made_by(peer.url, perform, TwiML(application_reconnect=True))
    assert (result.ending, result.problem) == ("cut_off", "the call was not over after 1 s")


async def test_who_goes_on_sending_after_the_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LEAVE_TIMEOUT", 0.2)
    left = asyncio.Event()

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer_101(reader, writer)
        with pytest.raises(ConnectionError):
            while True:
                writer.write(b"\x81\x02{}")
                await writer.drain()
                await asyncio.sleep(0)
        left.set()
        writer.close()

    async def hang_up(made: SimulatedCall) -> None:
        made.session.hangs_up()

    async with await asyncio.start_server(deaf, "127.0.0.1", 0) as server:
        result = await made_by(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", hang_up)
        await asyncio.wait_for(left.wait(), 30)
    assert result.ending == "hung_up"
