"""Turns of a scenario, as a backend gets them."""

from typing import Any

from tests.lab.backend import Backend
from tests.lab.scenarios.stage import failed, played


async def test_turns_wait_for_the_answer_and_the_caller_hangs_up_in_the_end() -> None:
    async def talk(peer: Backend) -> None:
        await peer.send(type="text", token="Good day.", last=True)
        async for message in finals(peer):
            seen.append(message)
            if message.get("digit") != "1":
                await peer.send(type="text", token="Yes.", last=True)

    seen: list[dict[str, Any]] = []
    result = await played(
        """
        parameters: {plan: gold}
        twiml: {language: en-GB}
        turns:
          - user: Hello.
          - user: Hola.
            language: es-ES
          - dtmf: "1#"
        """,
        talk,
    )
    assert [message.get("voicePrompt", message.get("digit")) for message in seen] == ["Hello.", "Hola.", "1", "#"]
    assert [message["lang"] for message in seen[:2]] == ["en-GB", "es-ES"]
    assert result.call.sent("setup")[0]["customParameters"] == {"plan": "gold"}
    assert result.call.heard.startswith("Good day. Yes. Yes. Yes.")
    assert (result.call.ending, result.failures, result.passed, result.spoke) == ("hung_up", (), True, True)


async def test_an_interruption_by_characters_and_one_by_time() -> None:
    async def talk(peer: Backend) -> None:
        async for message in finals(peer):
            if message["type"] != "interrupt":
                await peer.send(type="text", token="One two three four five six.", last=True)

    result = await played(
        """
        turns:
          - user: Count.
            send_after: {event: turn}
          - user: Stop.
            interrupt: {after_chars: 13}
          - dtmf: "1"
            interrupt: {after_ms: 300}
        expect: {interruptions: 2}
        """,
        talk,
    )
    assert [one["utteranceUntilInterrupt"] for one in result.call.sent("interrupt")] == ["One two three", "One two"]
    assert result.failures == ()


async def test_a_turn_can_wait_for_an_event() -> None:
    async def talk(peer: Backend) -> None:
        async for message in finals(peer):
            seen.append(message["type"])
            if len(seen) == 1:
                await peer.send(type="play", source="https://example.com/hold.mp3", loop=100)

    seen: list[str] = []
    result = await played(
        """
        turns:
          - user: Please check.
            send_after: {event: turn}
          - user: Are you still there?
            send_after: {event: play, delay_ms: 100}
          - hangup: true
            send_after: {event: interrupt}
        """,
        talk,
    )
    assert seen == ["prompt", "interrupt", "prompt"]
    assert result.call.ending == "hung_up"


async def test_a_silence_that_the_agent_breaks() -> None:
    async def talk(peer: Backend) -> None:
        await peer.send(type="text", token="Good day.", last=True)
        while await peer.next("info") != {"type": "info", "name": "agentSpeaking", "value": "off"}:
            pass
        await peer.send(type="text", token="Hello?", last=True)
        await peer.closed()

    result = await played(
        """
        turns:
          - silence: 5000
            send_after: {event: text}
            expect: [{event: text, text_contains: hello}]
        """,
        talk,
    )
    assert result.passed


async def test_connected_again_it_is_another_session_of_the_same_call() -> None:
    async def talk(peer: Backend) -> None:
        setups.append(await peer.next("setup"))
        await peer.send(type="text", token="Good day." if len(setups) == 1 else "Welcome back.", last=True)
        await peer.closed()

    setups: list[dict[str, Any]] = []
    result = await played(
        """
        turns:
          - expect: [{event: text, text_contains: Good day}]
          - reconnect: true
            expect: [{event: text, text_contains: Welcome back}]
        """,
        talk,
    )
    assert result.passed
    assert [setup["callSid"] for setup in setups] == [result.call.caller.call_sid] * 2
    assert len(result.call.conversations) == 2


async def test_what_is_said_without_a_connection_is_replayed_where_twilio_does_so() -> None:
    async def talk(peer: Backend) -> None:
        setups.append(await peer.next("setup"))
        if len(setups) == 2:
            said = [message["voicePrompt"] async for message in finals(peer, 1)]
            await peer.send(type="text", token=f"You said: {said[0]}", last=True)
        await peer.closed()

    setups: list[dict[str, Any]] = []
    result = await played(
        """
        twiml: {application_reconnect: true}
        turns:
          - drop: true
            send_after: {event: turn}
          - user: Is there anybody?
            send_after: {event: turn}
          - reconnect: true
            send_after: {event: turn}
            expect: [{event: text, text_contains: Is there anybody}]
        """,
        talk,
    )
    assert result.passed
    assert len(result.call.conversations) == 1


async def test_a_turn_that_comes_after_the_end_of_the_call() -> None:
    async def talk(peer: Backend) -> None:
        await peer.send(type="text", token="Goodbye.", last=True)
        await peer.send(type="end")
        await peer.closed()

    assert await failed(
        """
        turns:
          - user: Hello?
            send_after: {event: end}
            expect: [{event: text}, {event: play}]
          - user: Is there anybody?
        """,
        talk,
    ) == ["test, turn 1 (test.yaml:6): expected text; got the end of the call before this turn"]


async def test_of_a_call_that_was_not_connected_nothing_is_judged() -> None:
    async def talk(peer: Backend) -> None:
        raise AssertionError

    from tests.lab.scenarios.stage import called, scenario

    result = await called(
        "ws://127.0.0.1:9/", scenario("turns: [{expect: [{event: text}]}]\nexpect: {handoff: {a: 1}}")
    )
    assert result.failures == ()
    assert not result.passed
    assert not result.spoke
    assert result.problem
    assert result.conversation.outcome == "backend_connect_failed"


async def finals(peer: Backend, count: int = -1) -> Any:
    """Final prompts, keys and interruptions as they come, until the call is over."""
    from websockets.exceptions import ConnectionClosed

    while count:
        try:
            message = await peer.next()
        except ConnectionClosed:
            return
        if message["type"] in ("dtmf", "interrupt") or message.get("last"):
            count -= 1
            yield message
