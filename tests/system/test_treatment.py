"""Shadows and injected faults, from the wire to the console: real processes, two backends, one phone."""

import asyncio
import contextlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from click.testing import CliRunner
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from relayproxy.cli.main import main
from tests.system.phone import Phone
from tests.system.stack import Stack, stack, until


@contextmanager
def agent(answer: str) -> Iterator[str]:
    """A backend that answers every prompt with these words, word by word; its URL."""

    def talk(socket: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            for frame in socket:
                answer_to(socket, frame)

    def answer_to(socket: ServerConnection, frame: str | bytes) -> None:
        if json.loads(frame)["type"] == "prompt":
            words = answer.split()
            for place, word in enumerate(words, 1):
                token = {"type": "text", "token": f"{word} ", "last": place == len(words)}
                socket.send(json.dumps(token))

    with serve(talk, "127.0.0.1", 0) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("data")
    with agent("Good morning to you") as first, agent("Ahoy there") as second:
        treated = {
            "shadow__backend": second,
            "shadow__share": "1",
            "routes__staging__backend": first,
            "routes__staging__faults": '{"first_token_delay": "30ms", "malformed": 1}',
        }
        env = {f"RELAYPROXY_{name.upper().replace('STAGING', 'staging')}": value for name, value in treated.items()}
        with stack(folder, first, env=env) as started:
            yield started


def only(items: list[dict[str, Any]]) -> dict[str, Any]:
    (item,) = items
    return item


async def test_a_shadow_is_a_session_of_its_own_that_counts_nowhere(system: Stack) -> None:
    phone = Phone(system.url("/ws"))
    assert await asyncio.to_thread(phone.says, "Hello?") == "Good morning to you "
    shadows = "/api/sessions?q=is:shadow"
    listed = only(await until(lambda: [one for one in system.get(shadows)["items"] if one["totals"]["turns"]]))
    assert listed["treatment"] == "shadow"
    live = only(system.get("/api/live")["items"])
    await asyncio.to_thread(phone.hangs_up)
    await until(lambda: system.get(f"/api/sessions/{listed['id']}")["ended_at"])
    call = only(await system.ended(1))
    assert call["id"] == live["id"] != listed["id"]

    shadow, call = system.get(f"/api/sessions/{listed['id']}"), system.get(f"/api/sessions/{call['id']}")
    assert shadow["shadow_of"] == call["id"]
    assert [one["id"] for one in call["shadows"]] == [shadow["id"]]
    assert [one["id"] for one in call["call"]] == [call["id"]]
    assert (call["claims"], shadow["claims"]) == ([], [])
    assert shadow["turns"][-1]["agent_text"] == "Ahoy there "
    assert call["turns"][-1]["agent_text"] == "Good morning to you "
    assert [turn["caller_text"] for turn in shadow["turns"]] == [turn["caller_text"] for turn in call["turns"]]
    assert (shadow["session_id"], shadow["studio_transition"]) == (call["session_id"], "unknown")
    assert system.get("/api/insight")["calls"]["matching"] == 1
    assert "relayproxy_sessions_total{" in system.get("/metrics")
    assert f'href="/sessions/{shadow["id"]}"' in system.get(f"/sessions/{call['id']}")
    assert "Nobody heard its answers" in system.get(f"/sessions/{shadow['id']}")


async def test_a_call_with_faults_is_marked_and_every_message_says_what_was_done(system: Stack) -> None:
    async with connect(system.url("/r/staging/ws"), proxy=None, compression=None) as twilio:
        await twilio.send('{"type":"setup","sessionId":"VX-faulted","callSid":"CA-faulted"}')
        await twilio.send('{"type":"prompt","voicePrompt":"Hello?","lang":"en-US","last":true}')
        arrived = [await twilio.recv() for _ in range(4)]
    faulted = "/api/sessions?q=is:faulted"
    listed = only(await until(lambda: [one for one in system.get(faulted)["items"] if one["ended_at"]]))
    assert listed["treatment"] == "faults"
    assert listed["id"] in {one["id"] for one in system.sessions()}
    session = system.get(f"/api/sessions/{listed['id']}")
    assert session["faults"] == [
        "the first message of a reply held back 30 ms",
        "100 % of the backend's messages cut in half",
    ]
    sent = [one for one in system.messages(listed["id"]) if one["from"] == "backend" and one["kind"] == "text"]
    assert [one["text"] for one in sent] == arrived
    assert all("cut from" in one["injected"] for one in sent)
    assert int(re.match(r"held back ([0-9]+) ms; cut from", sent[0]["injected"])[1]) >= 30  # type: ignore[index]
    assert "Faults were injected" in system.get(f"/sessions/{listed['id']}")


@pytest.mark.parametrize("lives", [True, False])
async def test_erasing_a_call_erases_its_shadow(system: Stack, lives: bool) -> None:
    phone = Phone(system.url("/ws"))
    await asyncio.to_thread(phone.says, "Hello?")
    mine = f"/api/sessions?q=is:shadow,ended%20from:{phone.caller.replace('+', '%2B')}"
    shadow = only(await until(lambda: system.get(mine)["items"]))  # which has been told who calls

    async def ended() -> None:
        await asyncio.to_thread(phone.hangs_up)
        await until(lambda: [one for one in system.get(mine)["items"] if one["id"] != shadow["id"]])
        await until(lambda: all(one["ended_at"] for one in system.get(mine)["items"]))

    if not lives:
        await ended()
    call = system.get(f"/api/sessions/{shadow['id']}")["shadow_of"]
    database = f"sqlite:///{system.data_dir / 'relayproxy.db'}"
    arguments = ["erase", "--session", call, "--database-url", database, "--yes"]
    erased = await asyncio.to_thread(CliRunner().invoke, main, arguments)
    assert erased.exit_code == 0, erased.output
    if lives:
        assert "The recorder waits for the end of 2 calls" in erased.output
        await asyncio.to_thread(phone.hangs_up)
    await until(lambda: not system.get(mine)["items"])
    assert system.get("/api/erasures")["items"][0]["sessions"] == 2
