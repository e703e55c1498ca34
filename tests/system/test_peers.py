"""Peers that we did not write: Twilio's own agent SDK as the backend, a real collector for the traces."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relayproxy.lab.agent.server import serving
from relayproxy.lab.scenarios.model import Scenario, SendAfter, Turn
from relayproxy.lab.scenarios.result import ScenarioResult
from relayproxy.lab.simulation.simulate import simulate
from relayproxy.lab.twilio.result import CallResult
from relayproxy.lab.twilio.twiml import TwiML
from tests.peers.tac_backend import AUTH_TOKEN, HANDOFF, running_tac
from tests.system.stack import Stack, stack
from tests.telemetry.collector import collector, values

PUBLIC = "wss://phone.example.net/ws"
TUNNEL = (("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "phone.example.net"))
ASKS_FOR_A_PERSON = Scenario(
    "asks-for-a-person",
    (Turn(user="Hello there", send_after=SendAfter("turn")), Turn(user="Let me talk to a person.")),
    twiml=TwiML(partial_prompts=False),
)


@pytest.fixture(scope="module")
def tac() -> Iterator[str]:
    with running_tac() as url:
        yield url


async def one_call(system: Stack, scenario: str | Scenario, path: str = "/ws", **options: Any) -> CallResult:
    results: list[ScenarioResult] = []
    usual = {"speed": 20, "seed": 7, "patience": 30}
    await simulate(system.url(path), scenarios=[scenario], each=results.append, **usual | options)
    (result,) = results
    return result.call


async def test_twilios_own_sdk_accepts_its_signature_behind_the_relay_and_refuses_a_forged_one(
    tac: str, tmp_path: Path
) -> None:
    with stack(tmp_path, tac.removesuffix("/ws"), public_url=PUBLIC.removesuffix("/ws")) as system:
        good = await one_call(system, ASKS_FOR_A_PERSON, auth_token=AUTH_TOKEN, public_url=PUBLIC)
        assert (good.status, good.ending, good.handoff_data) == (101, "ended", HANDOFF)
        forged = await one_call(system, ASKS_FOR_A_PERSON, auth_token="somebody-else", public_url=PUBLIC)
        assert (forged.status, forged.ending) == (403, "refused")
        first, second = await system.ended(2)
        assert (first["outcome"], first["studio_transition"]) == ("ended_by_backend", "success")
        handoff = system.get(f"/api/sessions/{first['id']}")["handoff"]
        assert (handoff["json"], handoff["reason_code"]) == (json.loads(HANDOFF), "live-agent")
        assert (second["outcome"], second["twilio_error_code"]) == ("backend_connect_failed", 64102)
        assert "403" in second["end_reason"]


async def test_twilios_own_sdk_with_a_path_of_its_own_talks_to_calls_that_are_signed_anew_for_it(
    tac: str, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text(AUTH_TOKEN)
    public = "wss://phone.example.net"
    settings: dict[str, Any] = {
        "public_url": public,
        "auth_tokens": f"file:{token}",
        "verify": "enforce",
        "signature": "resign",
    }
    with stack(tmp_path, tac, **settings) as system:
        signed = {"auth_token": AUTH_TOKEN, "public_url": f"{public}/"}
        call = await one_call(system, ASKS_FOR_A_PERSON, "/", **signed)
        assert (call.status, call.ending, call.handoff_data) == (101, "ended", HANDOFF)
        stranger = await one_call(system, ASKS_FOR_A_PERSON, "/", auth_token="somebody-else", public_url=f"{public}/")
        assert (stranger.status, stranger.ending) == (403, "refused")
        (session,) = await system.ended(1)
        assert session["signature"] == "valid"
        found = system.get(f"/api/sessions/{session['id']}")["connections"][0]["signature"]
        assert (found["url"], found["form"]) == (f"{public}/", "as written")


async def test_twilios_own_sdk_takes_partial_prompts_for_prompts_and_the_console_says_so(
    tac: str, tmp_path: Path
) -> None:
    turn = Turn(user="I would like to book a table for two, please.", send_after=SendAfter("turn"))
    talks = Scenario("talks", (turn,))
    with stack(tmp_path, tac.removesuffix("/ws"), public_url=PUBLIC.removesuffix("/ws")) as system:
        # As slow as people, so that even a busy machine has answered before the prompt is final.
        call = await one_call(system, talks, auth_token=AUTH_TOKEN, public_url=PUBLIC, speed=1)
        assert call.status == 101
        (session,) = await system.ended(1)
        found = system.get(f"/api/sessions/{session['id']}")
    assert found["totals"]["findings_by_code"]["reply_to_partial"] >= 1
    (early,) = (turn for turn in found["turns"] if turn["null_reason"] == "speculative")
    assert early["lead_time_ms"] > 0
    finding = next(one for one in found["findings"] if one["code"] == "reply_to_partial")
    assert (finding["turn"], finding["severity"]) == (early["number"], "warning")


async def test_behind_a_tunnel_that_says_so_nothing_needs_to_be_set(tac: str, tmp_path: Path) -> None:
    with stack(tmp_path, tac.removesuffix("/ws")) as system:
        call = await one_call(system, ASKS_FOR_A_PERSON, auth_token=AUTH_TOKEN, public_url=PUBLIC, headers=TUNNEL)
        assert (call.status, call.ending) == (101, "ended")


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
async def test_a_real_collector_gets_one_trace_a_session_with_the_trace_id_that_the_backend_got(
    protocol: str, tmp_path: Path
) -> None:
    async with collector(tmp_path) as rotel, serving(speed=20) as agent:
        endpoint = rotel.grpc if protocol == "grpc" else rotel.http
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
        with stack(tmp_path, agent, env=env) as system:
            await one_call(system, "book-a-table", "/")
            (session,) = await system.ended(1)
            found = system.get(f"/api/sessions/{session['id']}")
            spans = await rotel.received.until_named("conversation")
    (root,) = (span for span in spans if span.name == "conversation")
    turns = [span for span in spans if span.name == "turn"]
    assert len(turns) == len(found["turns"])
    assert {span.trace_id.hex() for span in spans} == {found["trace_id"]}
    assert {span.parent_span_id for span in turns} == {root.span_id}
    assert {values(span.attributes)["gen_ai.conversation.id"] for span in spans} == {found["session_id"]}
    for turn in found["turns"]:
        (span,) = (span for span in turns if values(span.attributes)["turn.number"] == turn["number"])
        assert span.start_time_unix_nano == turn["started_at_ns"]
    assert root.start_time_unix_nano == found["started_at_ns"]
    assert root.end_time_unix_nano == found["ended_at_ns"]
