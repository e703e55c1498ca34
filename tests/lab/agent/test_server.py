"""The demo agent, seen by another WebSocket implementation."""

import asyncio
import json
import signal
import sys
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedOK

from relayproxy.lab.agent import server as agent
from relayproxy.lab.agent.phrases import PHRASES
from tests.patience import PATIENCE

SPEED = 50.0


async def send(ws: ClientConnection, **message: Any) -> None:
    await ws.send(json.dumps(message))


async def setup(ws: ClientConnection, call: str = "CA1", **parameters: str) -> None:
    await send(ws, type="setup", callSid=call, customParameters=parameters)


async def prompt(ws: ClientConnection, text: str, *, last: bool = True) -> None:
    await send(ws, type="prompt", voicePrompt=text, lang="en-US", last=last)


async def message(ws: ClientConnection) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(await asyncio.wait_for(ws.recv(), PATIENCE))
    return value


async def sentence(ws: ClientConnection) -> str:
    """Tokens up to `last`."""
    text = ""
    while True:
        part = await message(ws)
        assert part["type"] == "text"
        text += str(part["token"])
        if part["last"]:
            return text


async def test_it_greets() -> None:
    async with agent.serving(speed=SPEED) as url, connect(url + "/any/path?x=1") as ws:
        await setup(ws)
        assert await sentence(ws) in PHRASES["en"]["greeting"]


@pytest.mark.parametrize(("query", "parameters"), [("?greeting=twiml", {}), ("", {"greeting": "twiml"})])
async def test_it_leaves_the_greeting_to_the_twiml(query: str, parameters: dict[str, str]) -> None:
    async with agent.serving(speed=SPEED) as url, connect(url + "/" + query) as ws:
        await setup(ws, **parameters)
        await prompt(ws, "When", last=False)
        await prompt(ws, "When are you open?")
        assert await sentence(ws) == PHRASES["en"]["hours"][0]


async def test_the_same_seed_and_call_get_the_same_answers() -> None:
    async def greeting(seed: int, call: str) -> str:
        async with agent.serving(speed=SPEED, seed=seed) as url, connect(url) as ws:
            await setup(ws, call)
            return await sentence(ws)

    calls = [f"CA{number}" for number in range(6)]
    once = [await greeting(1, call) for call in calls]
    assert once == [await greeting(1, call) for call in calls]
    assert len(set(once)) == 2


async def test_a_call_that_is_connected_again_goes_on_where_it_was() -> None:
    async with agent.serving(speed=SPEED) as url:
        async with connect(url) as ws:
            await setup(ws, "CA1")
            await sentence(ws)
            await prompt(ws, "My name is Ada Winter.")
            await sentence(ws)
        async with connect(url) as ws:
            await setup(ws, "CA1")
            assert await sentence(ws) == PHRASES["en"]["resumed"][0]
            await prompt(ws, "What is my name?")
            assert "Ada Winter" in await sentence(ws)
        async with connect(url) as ws:
            await setup(ws, "CA2")
            assert await sentence(ws) in PHRASES["en"]["greeting"]


async def test_an_interruption_stops_it_and_is_acknowledged() -> None:
    async with agent.serving(speed=1.0) as url, connect(url) as ws:
        await setup(ws, greeting="twiml")
        await prompt(ws, "What do you recommend?")
        assert (await message(ws))["token"] == "Gladly!"
        await send(ws, type="interrupt", utteranceUntilInterrupt="", durationUntilInterruptMs=0)
        heard = "Gladly!" + await sentence(ws)
        assert PHRASES["en"]["specials"][0].startswith(heard)
        assert len(heard) < 100
        await send(ws, type="dtmf", digit="4")
        assert await sentence(ws) == PHRASES["en"]["kitchen"][0]
        assert await message(ws) == {"type": "sendDigits", "digits": "1ww23#"}


async def test_the_answer_to_the_key_that_interrupted_still_comes() -> None:
    async with agent.serving(speed=SPEED) as url, connect(url) as ws:
        await setup(ws, greeting="twiml")
        await send(ws, type="dtmf", digit="2")
        await send(ws, type="interrupt", utteranceUntilInterrupt="This", durationUntilInterruptMs=15)
        assert await message(ws) == {"type": "text", "token": "", "last": True}
        assert await sentence(ws) == PHRASES["en"]["hours"][0]


async def test_a_new_prompt_takes_the_place_of_the_reply() -> None:
    async with agent.serving(speed=1.0) as url, connect(url) as ws:
        await setup(ws, greeting="twiml")
        await prompt(ws, "What do you recommend?")
        await message(ws)
        await prompt(ws, "Can I talk to a person?")
        assert len(await sentence(ws)) < 100
        assert await sentence(ws) == PHRASES["en"]["person"][0]
        end = await message(ws)
        assert end["type"] == "end"
        assert json.loads(end["handoffData"])["reasonCode"] == "live-agent"


async def test_hold_music_and_language() -> None:
    async with agent.serving(speed=SPEED) as url, connect(url) as ws:
        await setup(ws, greeting="twiml")
        await prompt(ws, "Could you check that?")
        await sentence(ws)
        assert await message(ws) == {"type": "play", "source": "https://example.com/hold.mp3", "loop": 1}
        await sentence(ws)
        await prompt(ws, "Spanish please")
        assert await message(ws) == {"type": "language", "ttsLanguage": "es-ES", "transcriptionLanguage": "es-ES"}


async def test_what_it_does_not_know_it_ignores() -> None:
    async with agent.serving(speed=SPEED) as url, connect(url) as ws:
        for frame in ("no json", "[]", "{}", '{"type":"setup"}', '{"type":"news"}', '{"type":"prompt"}', b"\x00"):
            await ws.send(frame)
        await send(ws, type="dtmf", digit="2")
        assert await sentence(ws) == PHRASES["en"]["hours"][0]


async def test_plain_http_is_told_what_this_is() -> None:
    async with agent.serving() as url, aiohttp.ClientSession() as http:
        response = await http.get(url.replace("ws://", "http://"))
        assert response.status == 426
        assert "demo agent" in await response.text()


async def test_live_calls_are_closed_when_it_stops() -> None:
    async with agent.serving() as url:
        ws = await connect(url)
        await setup(ws)
    with pytest.raises(ConnectionClosedOK):
        await asyncio.wait_for(ws.recv(), PATIENCE)
    assert (ws.close_code, ws.close_reason) == (1001, "demo agent stops")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_runs_as_a_process_until_told_to_stop(number: int) -> None:
    code = "from relayproxy.lab.agent import server as agent; agent.run('127.0.0.1', 0, speed=50)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    words, _, url = (await process.stdout.readline()).decode().strip().rpartition(" ")
    assert words == "demo agent listening on"
    async with connect(url) as ws:
        await setup(ws)
        await sentence(ws)
    process.send_signal(number)
    assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
