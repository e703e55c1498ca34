"""Calls of the simulated Twilio to another WebSocket implementation."""

import asyncio
from typing import Any

import pytest
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosedError

from relayproxy.lab.twilio.call import SimulatedCall
from relayproxy.lab.twilio.twiml import TwiML
from tests.lab.backend import Backend, backend
from tests.lab.twilio.dialling import asks, dial, listens, made_by


async def test_the_caller_hangs_up() -> None:
    async def talk(peer: Backend) -> None:
        closes.append(await peer.closed())

    closes: list[tuple[int | None, str | None]] = []
    async with backend(talk) as peer:
        result = await dial(peer.url, lambda person: person.pause(100))
    assert closes == [(1000, "Closing websocket session")]
    assert (result.ending, result.conversation.outcome) == ("hung_up", "caller_hangup")
    assert (result.close_code, result.close_reason) == (1000, "Closing websocket session")
    assert result.action["SessionStatus"] == result.action["CallStatus"] == "completed"


async def test_the_backend_ends_the_session() -> None:
    async def talk(peer: Backend) -> None:
        await peer.next("setup")
        await peer.send(type="text", token="Goodbye.", last=True)
        await peer.send(type="end", handoffData='{"reasonCode":"live-agent"}')
        closes.append(await peer.closed())

    closes: list[tuple[int | None, str | None]] = []
    async with backend(talk) as peer:
        result = await dial(peer.url, listens)
    assert closes == [(1000, "Closing websocket session")]
    assert result.heard == "Goodbye."
    assert (result.ending, result.conversation.studio_transition) == ("ended", "success")
    assert result.action == {
        "SessionId": result.caller.session_id,
        "CallSid": result.caller.call_sid,
        "SessionDuration": "0",
        "SessionStatus": "ended",
        "CallStatus": "in-progress",
        "HandoffData": '{"reasonCode":"live-agent"}',
    }


async def test_ten_malformed_messages() -> None:
    async def talk(peer: Backend) -> None:
        await peer.next("setup")
        for number in range(10):
            await peer.connection.send(f"this is not json #{number + 1}")
        errors.extend([(await peer.next("error"))["description"] for _ in range(10)])
        with pytest.raises(ConnectionClosedError):
            await peer.next()
        closes.append((peer.connection.close_code, peer.connection.close_reason))

    errors: list[str] = []
    closes: list[tuple[int | None, str | None]] = []
    async with backend(talk) as peer:
        result = await dial(peer.url, listens)
    assert errors == [f"Invalid message received, code: 64107, this is not json #{n + 1}" for n in range(10)]
    assert closes == [(1007, "Too many consecutive malformed messages.")]
    assert (result.ending, result.conversation.outcome) == ("malformed", "protocol_error")
    assert result.action["ErrorCode"] == "64105"


async def test_the_fold_tells_of_the_call_what_it_would_of_a_recording() -> None:
    async def talk(peer: Backend) -> None:
        while (await peer.next("prompt"))["last"] is False:
            pass
        await peer.send(type="language", ttsLanguage="es-ES")
        await peer.send(type="text", token=" ", last=False)
        await asyncio.sleep(0.05)
        await peer.send(type="text", token="Yes.", last=True)
        await peer.closed()

    async with backend(talk) as peer:
        result = await dial(peer.url, asks("Are you there?"))
    _, turn = result.conversation.turns
    assert (turn.caller_text, turn.agent_text, turn.heard_text) == ("Are you there?", " Yes.", " Yes.")
    assert turn.response_latency_ms is not None
    assert 50 <= turn.response_latency_ms < 10_000
    assert result.conversation.session_id == result.caller.session_id
    assert result.conversation.outcome == "caller_hangup"


async def test_without_application_reconnect_a_call_goes_on_as_a_new_session() -> None:
    async def talk(peer: Backend) -> None:
        setups.append(await peer.next("setup"))
        await peer.closed()

    async def perform(made: SimulatedCall) -> None:
        assert await made.reconnect()

    setups: list[dict[str, Any]] = []
    async with backend(talk) as peer:
        result = await made_by(peer.url, perform, twiml=TwiML(greeting="Good day."))
    first, second = setups
    assert first["callSid"] == second["callSid"] == result.caller.call_sid
    assert first["sessionId"] != second["sessionId"] == result.caller.session_id
    assert (first["callStatus"], second["callStatus"]) == ("RINGING", "IN_PROGRESS")
    assert [one.session_id for one in result.conversations] == [first["sessionId"], second["sessionId"]]
    assert [one.ended_by for one in result.conversations] == ["twilio", "caller"]
    assert (result.ending, result.status) == ("hung_up", 101)


async def test_with_application_reconnect_the_session_goes_on_and_what_happened_meanwhile_is_replayed() -> None:
    async def talk(peer: Backend) -> None:
        setups.append(await peer.next("setup"))
        if len(setups) == 2:
            prompts.append((await peer.next("prompt"))["voicePrompt"])
        await peer.closed()

    async def perform(made: SimulatedCall) -> None:
        made.drop()
        assert not made.connected
        made.session.has_spoken("Are you there?")
        assert await made.reconnect()
        await made.events.notifier.until(lambda: bool(prompts), 30)

    setups: list[dict[str, Any]] = []
    prompts: list[str] = []
    async with backend(talk) as peer:
        result = await made_by(peer.url, perform, twiml=TwiML(application_reconnect=True))
    first, second = setups
    assert second == {**first, "callStatus": "IN_PROGRESS"}
    assert len(result.connections) == 2
    (conversation,) = result.conversations
    assert conversation.totals.findings["reconnected"] == 1
    assert [turn.caller_text for turn in conversation.turns][-1] == "Are you there?"


async def test_a_call_that_cannot_be_connected_again() -> None:
    async def refuse(connection: Any, request: Any) -> Any:
        return connection.respond(503, "no") if calls else calls.append(1)

    calls: list[int] = []

    async def perform(made: SimulatedCall) -> None:
        assert not await made.reconnect()

    async with serve(lambda one: one.wait_closed(), "127.0.0.1", 0, process_request=refuse) as server:
        url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        result = await made_by(url, perform)
    assert (result.ending, result.status, result.problem) == ("refused", 503, "handshake answered with 503")
    assert result.conversation.outcome == "backend_connect_failed"
