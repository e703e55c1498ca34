"""`make viewer-check`: Arize Phoenix shows calls as sessions, with their first and last words, and turns as agents; a
backend's own spans, passed on by the receiver, lie below the call that they were made for.

All of it is as Phoenix reports it by its own API.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from relayproxy.lab.agent.server import serving
from relayproxy.lab.simulation.simulate import simulate
from tests.peers.instrumented_backend import running_instrumented
from tests.running import running
from tests.system.phone import Phone
from tests.system.stack import stack, until
from tests.telemetry.collector import free_port
from tests.telemetry.phoenix import Phoenix, phoenix

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def viewer(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Phoenix]:
    async with phoenix(tmp_path_factory.mktemp("phoenix")) as running:
        yield running


@pytest.mark.parametrize(
    ("shape", "protocol", "content"),
    [
        ("session", "http/protobuf", True),
        ("session", "grpc", False),
        ("turn", "grpc", True),
        ("turn", "http/protobuf", False),
    ],
)
async def test_a_call_is_a_session(viewer: Phoenix, tmp_path: Path, shape: str, protocol: str, content: bool) -> None:
    env = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": viewer.grpc if protocol == "grpc" else viewer.http,
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        "RELAYPROXY_OTEL__CONTENT": str(content),
        "RELAYPROXY_OTEL__TRACE_SHAPE": shape,
    }
    seed = sum(map(ord, shape + protocol))
    async with serving(speed=20) as agent:
        with stack(tmp_path, agent, env=env) as system:
            await simulate(system.url("/"), scenarios=["book-a-table"], speed=20, seed=seed)
            (listed,) = await system.ended(1)
            call = system.get(f"/api/sessions/{listed['id']}")
            session_id, turns = call["session_id"], call["turns"]

            def whole() -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
                sessions, spans = viewer.found()
                own = [span for span in spans if span["attributes"]["session"]["id"] == session_id]
                roots = [span for span in own if span["name"] == "conversation"]
                return (sessions[session_id], own) if roots else None

            session, spans = await until(whole)

    # Turns are agents; nothing is a model call.
    agents = [span for span in spans if span["spanKind"] == "agent"]
    assert sorted(span["attributes"]["turn"]["number"] for span in agents) == [turn["number"] for turn in turns]
    assert {span["name"] for span in agents} == {"turn"}
    assert not [span for span in spans if span["spanKind"] == "llm"]
    # A session is one trace, or one for each turn beside the call's.
    assert session["numTraces"] == (1 if shape == "session" else 1 + len(turns))
    # The first and the last words, where they are sent.
    said = [turn["caller_text"] for turn in turns if turn["caller_text"]]
    answered = [turn["agent_text"] for turn in turns if turn["agent_text"]]
    if content:
        assert said[0].startswith(session["firstInput"]["value"].removesuffix("..."))
        assert answered[-1].startswith(session["lastOutput"]["value"].removesuffix("..."))
    else:
        assert (session["firstInput"], session["lastOutput"]) == (None, None)
        assert not any(word in str(span) for span in spans for word in (*said, *answered))


async def test_a_backends_own_spans_lie_below_their_call(viewer: Phoenix, tmp_path: Path) -> None:
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": viewer.http, "OTEL_BSP_SCHEDULE_DELAY": "50"}
    listen = f"127.0.0.1:{free_port()}"
    with (
        running_instrumented(f"http://{listen}") as backend,
        stack(tmp_path, backend, env=env, verify="off") as system,
        running("receiver", data_dir=tmp_path, env=env, receiver__listen=listen),
    ):
        phone = Phone(system.url("/fastapi"))
        await asyncio.to_thread(phone.says, "A table, please.")
        phone.hangs_up()

        def path() -> list[tuple[str, str]] | None:
            _, spans = viewer.found()
            by_id = {span["spanId"]: span for span in spans}
            at = next((span for span in spans if span["name"] == "execute_tool find_table"), None)
            found = []
            while at is not None:
                found.append((at["name"], at["spanKind"]))
                at = by_id.get(at["parentId"])
            return found if found and found[-1][0] == "conversation" else None

        assert await until(path) == [
            ("execute_tool find_table", "tool"),
            ("chat small", "llm"),
            ("HTTP /fastapi", "unknown"),
            ("conversation", "unknown"),
        ]
