"""Calls that are copied to a second backend: `websockets` on the far sides of a real relay."""

import asyncio
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from relayproxy.journal.format import EntryKind
from tests import wire
from tests.relay.raw import echo, journal
from tests.relay.shadow.second import Second, call, relay, server, taped


async def test_the_caller_is_copied_and_the_answers_are_recorded_and_go_nowhere(tmp_path: Path) -> None:
    second = Second()
    async with server(echo) as backend, server(second) as other:
        with relay(tmp_path, backend, other) as process:
            async with call(process, additional_headers={"X-Twilio-Signature": "c2lnbmF0dXJl"}) as connection:
                for text in ("one", "two"):
                    await connection.send(text)
                    assert await connection.recv() == text
                    assert await second.got.get() == text
            await second.over.wait()
            process.stop()
    (head,) = second.heads
    assert head["x-relayproxy-shadow"] == "1"
    assert head["X-Twilio-Signature"] == "c2lnbmF0dXJl"
    first, shadow = taped(tmp_path)
    assert shadow.opening.shadow_of == first.connection_id
    mine = [one.kind for one in journal(tmp_path) if one.connection == 2]
    assert (mine[0], mine[-1]) == (EntryKind.OPENING, EntryKind.ENDING)
    assert (shadow.opening.status, shadow.opening.target) == (101, "/ws?a=<redacted>")
    assert shadow.opening.backend == f"ws://127.0.0.1:{other}/ws?a=<redacted>"
    assert head["traceparent"].split("-")[1] == shadow.opening.trace_id != first.trace_id
    assert wire.frame(1, b"unheard one") in shadow.backend
    assert shadow.ending is not None
    assert shadow.ending.cause is None
    assert shadow.ending.backend == "eof"


async def test_messages_that_come_before_the_second_backend_has_answered_reach_it(tmp_path: Path) -> None:
    second, let = Second(), asyncio.Event()

    async def slowly(*_: object) -> None:
        await let.wait()

    async with server(echo) as backend, server(second, process_request=slowly) as other:
        with relay(tmp_path, backend, other) as process:
            async with call(process) as connection:
                for text in ("early", "x" * 100_000):
                    await connection.send(text)
                    assert await connection.recv() == text
                let.set()
                assert [await second.got.get() for _ in range(2)] == ["early", "x" * 100_000]


async def test_a_call_has_no_shadow_without_one_and_by_its_share(tmp_path: Path) -> None:
    second = Second()
    async with server(echo) as backend, server(second) as other:
        with relay(tmp_path, backend, other, shadow__share="0.000000001") as process:
            async with call(process) as connection:
                await connection.send("one")
                assert await connection.recv() == "one"
            process.stop()
    assert not second.heads
    assert {entry.connection for entry in journal(tmp_path)} == {1}


async def test_a_relay_that_stops_tells_how_its_shadows_ended(tmp_path: Path) -> None:
    second = Second()
    async with server(echo) as backend, server(second) as other:
        with relay(tmp_path, backend, other, drain_timeout="0") as process:
            async with call(process) as connection:
                await connection.send("one")
                assert await second.got.get() == "one"
                process.signal()
                with pytest.raises(ConnectionClosed):
                    while True:
                        await connection.recv()
            assert process.wait() == 0
    _, shadow = taped(tmp_path)
    assert shadow.ending is not None
