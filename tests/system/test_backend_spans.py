"""Spans of real backends are those of the turns that they worked on: a FastAPI and a Starlette backend with
OpenTelemetry, and one that says nothing but the call SID; whatever is restarted meanwhile, whatever comes late."""

import asyncio
import json
import re
import secrets
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.server import ServerConnection

from relayproxy.lab.scenarios.model import Scenario, SendAfter, Turn
from relayproxy.lab.twilio.twiml import TwiML
from tests.patience import PATIENCE
from tests.peers.asyncio_backends import running_asyncio
from tests.peers.instrumented_backend import running_instrumented
from tests.peers.skewed_clock import skewed
from tests.peers.tac_backend import AUTH_TOKEN, running_tac
from tests.system.backend_stage import MODEL_AND_TOOL, WORDS, BackendStage, by_turn, staged
from tests.system.phone import Agent, Phone, answering
from tests.system.test_peers import PUBLIC, TUNNEL, one_call
from tests.telemetry.collector import free_port

SKEW = -90
"""Seconds by which the clock of the backend with Twilio's SDK is wrong."""
PAGE = Path(__file__).parents[2] / "docs/backend-spans.md"


class PlainAgent(Agent):
    """A backend without OpenTelemetry: it sends a span of each answer as docs/backend-spans.md says."""

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        self._endpoint = endpoint
        (self._request,) = re.findall(r"```json\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)

    def serve(self, socket: ServerConnection) -> None:
        """One call."""
        call_sid = ""
        for frame in socket:
            message = json.loads(frame)
            if message["type"] == "setup":
                call_sid = message["callSid"]
            elif message["type"] == "prompt":
                began = time.time_ns()
                time.sleep(0.01)
                ended = time.time_ns()
                socket.send(json.dumps({"type": "text", "token": "You said so.", "last": True}))
                self._send(call_sid, (began, ended), message["voicePrompt"])

    def _send(self, call_sid: str, times: tuple[int, int], words: str) -> None:
        request = json.loads(self._request)
        (span,) = request["resourceSpans"][0]["scopeSpans"][0]["spans"]
        assert [one["key"] for one in span["attributes"]] == ["twilio.call_sid", "gen_ai.operation.name"]
        span |= {
            "traceId": secrets.token_hex(16),
            "spanId": secrets.token_hex(8),
            "startTimeUnixNano": str(times[0]),
            "endTimeUnixNano": str(times[1]),
        }
        span["attributes"][0]["value"]["stringValue"] = call_sid
        span["attributes"].append({"key": WORDS, "value": {"stringValue": words}})
        sent = urllib.request.Request(
            f"{self._endpoint}/v1/traces", json.dumps(request).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(sent, timeout=PATIENCE) as answer:
            assert json.load(answer) == {}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendStage]:
    listen = f"127.0.0.1:{free_port()}"
    endpoint = f"http://{listen}"
    with (
        running_instrumented(endpoint) as instrumented,
        running_asyncio(endpoint) as (websockets, aiohttp),
        skewed(endpoint, seconds=SKEW) as slow,
        running_tac(slow) as tac,
        answering(PlainAgent(endpoint)) as plain,
    ):
        backends = {
            "instrumented": instrumented,
            "websockets": websockets,
            "aiohttp": aiohttp,
            "tac": tac.removesuffix("/ws"),
            "plain": plain,
        }
        with staged(tmp_path_factory.mktemp("data"), listen, backends) as stage:
            yield stage


@pytest.mark.parametrize("framework", ["fastapi", "starlette"])
async def test_an_asgi_backend_joins_by_the_handshake_and_its_own_span_comes_last(
    stage: BackendStage, framework: str
) -> None:
    phone = Phone(stage.system.url(f"/r/instrumented/{framework}?token=kestrel"))
    await asyncio.to_thread(phone.says, "A table, please.")
    await asyncio.to_thread(phone.says, "For two.")

    live = await stage.spans(phone.call_sid, said=2, count=4)
    assert [(span["depth"], span["orphan"]) for span in live["items"]] == [(0, True), (1, False)] * 2
    assert by_turn(live) == [("A table, please.", MODEL_AND_TOOL), ("For two.", MODEL_AND_TOOL)]

    phone.hangs_up()
    spans = await stage.spans(phone.call_sid, said=2, count=5)
    assert by_turn(spans) == by_turn(live)
    assert {span["joined_by"] for span in spans["items"]} == {"trace"}
    server, *others = spans["items"]
    assert (server["name"], server["kind"], server["child_of_call"]) == (f"HTTP /{framework}", "server", True)
    assert [(span["depth"], span["orphan"]) for span in others] == [(1, False), (2, False)] * 2
    assert [(span["work"], span["model"]) for span in others] == [("model", "small"), ("tool", None)] * 2
    assert [clock["state"] for clock in spans["clocks"]] == ["agrees"]
    wait = stage.wait(spans)
    assert wait["answered"]
    assert min(wait["model_ns"], wait["tool_ns"]) > 0
    assert server["attributes"]["http.url"].endswith(f"/{framework}?token=<redacted>")
    assert "kestrel" not in str(spans)
    # connect, setup, two prompts and disconnect; accept and three messages for each answer.
    assert (spans["received_frames"], spans["sent_frames"]) == (5, 7)


@pytest.mark.parametrize("server", ["websockets", "aiohttp"])
async def test_servers_without_an_instrumentation_join_by_one_line(stage: BackendStage, server: str) -> None:
    phone, other = (Phone(stage.system.url(f"/r/{server}/ws")) for _ in range(2))
    for words in ("A table, please.", "For two."):
        await asyncio.to_thread(phone.says, words)
        await asyncio.to_thread(other.says, f"{words} Today.")
    phone.hangs_up()
    other.hangs_up()

    for call, said in (
        (phone, ["A table, please.", "For two."]),
        (other, ["A table, please. Today.", "For two. Today."]),
    ):
        spans = await stage.spans(call.call_sid, said=2, count=4)
        assert by_turn(spans) == [(words, MODEL_AND_TOOL) for words in said]
        assert {span["joined_by"] for span in spans["items"]} == {"trace"}
        assert [(span["depth"], span["child_of_call"]) for span in spans["items"]] == [(0, True), (1, False)] * 2


async def test_what_an_interruption_did_not_stop_is_of_the_turn_that_began_it(stage: BackendStage) -> None:
    phone = Phone(stage.system.url("/r/instrumented/fastapi"))
    phone.asks("Read the menu slowly.")
    assert await asyncio.to_thread(phone.hears_begin) == "One moment. "
    phone.interrupts("One moment.")
    phone.asks("No, a table.")
    answers = [await asyncio.to_thread(phone.hears) for _ in range(2)]
    assert answers == ["You said: Read the menu slowly.", "You said: No, a table."]

    spans = await stage.spans(phone.call_sid, said=2, count=4)
    assert by_turn(spans) == [("Read the menu slowly.", MODEL_AND_TOOL), ("No, a table.", MODEL_AND_TOOL)]
    first, second = spans["turns"]
    late = spans["items"][1]
    assert (late["turn"], late["started_at_ns"] > second["started_at_ns"]) == (first["number"], True)
    phone.hangs_up()


async def test_twilios_own_sdk_joins_without_a_change_of_it_and_with_a_clock_that_is_wrong(stage: BackendStage) -> None:
    signed = {"auth_token": AUTH_TOKEN, "public_url": PUBLIC, "headers": TUNNEL}
    words = ["I would like to book a table for two people.", "At eight o'clock in the evening, please, by the window."]
    turns = (Turn(user=words[0], send_after=SendAfter("turn")), Turn(user=words[1]))
    talks = Scenario("talks", turns, twiml=TwiML(partial_prompts=False))
    call = await one_call(stage.system, talks, "/r/tac/ws", **signed)
    (setup,) = call.sent("setup")

    spans = await stage.spans(setup["callSid"], said=2, count=3)
    assert [(span["name"], span["depth"], span["joined_by"]) for span in spans["items"]] == [
        ("HTTP /ws", 0, "trace"),
        ("chat small", 1, "trace"),
        ("chat small", 1, "trace"),
    ]
    (clock,) = spans["clocks"]
    assert clock["state"] == "moved"
    assert abs(clock["shift_ms"] + SKEW * 1000) <= clock["uncertainty_ms"]
    # Each answer takes more than 100 ms. What a slower handshake tells is too little for turns as short as these.
    if clock["uncertainty_ms"] < 50:
        assert by_turn(spans) == [(each, ["chat small"]) for each in words]


async def test_what_a_backend_could_not_send_comes_later_and_a_new_recorder_goes_on(stage: BackendStage) -> None:
    stage.stop_receiver()
    phone = Phone(stage.system.url("/r/instrumented/fastapi"))
    await asyncio.to_thread(phone.says, "Hello.")
    stage.kill_recorder()
    await asyncio.to_thread(phone.says, "Are you there?")
    stage.start_receiver()
    stage.start_recorder()
    await asyncio.to_thread(phone.says, "Goodbye.")
    phone.hangs_up()

    spans = await stage.spans(phone.call_sid, said=3, count=7)
    assert by_turn(spans) == [(words, MODEL_AND_TOOL) for words in ("Hello.", "Are you there?", "Goodbye.")]
    assert {(span["joined_by"], span["orphan"]) for span in spans["items"]} == {("trace", False)}


async def test_a_call_sid_is_enough_even_before_the_call_is_recorded(stage: BackendStage) -> None:
    stage.kill_recorder()
    phone, other = Phone(stage.system.url("/r/plain")), Phone(stage.system.url("/r/plain"))
    await asyncio.to_thread(phone.says, "Hello.")
    await asyncio.to_thread(other.says, "Good morning.")
    stage.start_recorder()
    await asyncio.to_thread(phone.says, "Are you there?")

    spans = await stage.spans(phone.call_sid, said=2, count=2)
    assert by_turn(spans) == [("Hello.", ["chat"]), ("Are you there?", ["chat"])]
    assert {(span["joined_by"], span["orphan"]) for span in spans["items"]} == {("id", False)}
    assert by_turn(await stage.spans(other.call_sid, said=1, count=1)) == [("Good morning.", ["chat"])]
    phone.hangs_up()
    other.hangs_up()
