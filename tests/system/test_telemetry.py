"""Spans of the running system: what a crash leaves; that keys and words get nowhere but where they belong."""

import itertools
import json
from pathlib import Path
from typing import Any

from relayproxy.lab.agent.server import serving
from relayproxy.lab.scenarios.model import Scenario, SendAfter, Turn
from relayproxy.lab.simulation.simulate import simulate
from relayproxy.lab.twilio.twiml import TwiML
from tests.databases import migrated
from tests.recorder.stage import Journal, prompt, setup, token
from tests.running import running
from tests.system.stack import stack, until
from tests.telemetry.collector import collector, free_port, values
from tests.telemetry.endpoints import Endpoint, http_endpoint

CANARY = "nightingale"
KEY = "Bearer goldfinch"


async def test_a_recorder_that_is_killed_in_the_middle_of_a_call_leaves_its_turns(tmp_path: Path) -> None:
    migrated(f"sqlite:///{tmp_path}/relayproxy.db")
    journal = Journal(tmp_path / "journal")
    call = journal.call()
    call.twilio(setup())
    for number in range(4):
        call.twilio(prompt(f"Question {number}?"))
        call.backend(token(f"Answer {number}.", last=True))
        journal.now += 60_000
    async with collector(tmp_path) as there:
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": there.http, "OTEL_BSP_SCHEDULE_DELAY": "20"}
        with running("recorder", data_dir=tmp_path, env=env) as recorder:
            await until(lambda: sum(span.name == "turn" for span in there.received.spans) >= 4)
            recorder.process.kill()
            recorder.wait()
        before = {span.span_id for span in there.received.spans}
        assert not [span for span in there.received.spans if span.name == "conversation"]
        with running("recorder", data_dir=tmp_path, env=env):
            call.twilio(prompt("Anything else?"))
            call.end()
            spans = await there.received.until_named("conversation")
    journal.die()
    turns = [span for span in spans if span.name == "turn"]
    assert sorted(values(span.attributes)["turn.number"] for span in turns) == [0, 1, 2, 3, 4, 5]
    assert before < {span.span_id for span in spans}
    assert len({span.span_id for span in spans}) == len(spans)
    assert len({span.trace_id for span in spans}) == 1


async def test_no_key_and_no_word_is_in_logs_names_events_metrics_or_pages(tmp_path: Path) -> None:
    port, endpoint = free_port(), Endpoint(itertools.repeat(401))
    endpoint.gate.set()
    key = tmp_path / "key"
    key.write_text(KEY)
    data = tmp_path / "data"
    data.mkdir()
    env = {
        "RELAYPROXY_OTEL__ENDPOINT": f"http://127.0.0.1:{port}",
        "RELAYPROXY_OTEL__HEADERS": f"authorization=file:{key}",
        "RELAYPROXY_OTEL__CONTENT": "true",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_BSP_SCHEDULE_DELAY": "20",
    }
    turn = Turn(user=f"The {CANARY} sings.", send_after=SendAfter("turn"))
    scenario = Scenario("sings", (turn,), twiml=TwiML(partial_prompts=False))
    with http_endpoint(port, endpoint):
        async with serving(speed=20) as agent:
            with stack(data, agent, env=env) as system:
                calls: dict[str, Any] = {"speed": 20, "patience": 30}
                await simulate(system.url(), scenarios=[scenario], **calls)
                await system.ended(1)

                def otlp() -> Any:
                    (recorder,) = system.get("/api/health")["recorders"]
                    return recorder["otlp"]

                refused = await until(lambda: otlp() if otlp()["failing_since"] else None)
                assert (refused["sent"], refused["cause"]) == (0, "HTTP 401")
                endpoint.statuses = iter(())
                await simulate(system.url(), scenarios=[scenario], **calls)
                await until(lambda: otlp()["sent"] and not otlp()["failing_since"])
                await system.ended(2)
                pages = [system.get(page) for page in ("/health", "/api/health", "/metrics", "/connect")]
    logs = "".join((data / f"{name}.log").read_text() for name in ("relay", "recorder", "console"))
    assert logs.count("OTLP") == 2
    shown = logs + "".join(page if isinstance(page, str) else json.dumps(page) for page in pages)
    assert "OTLP" in shown
    assert not [secret for secret in (CANARY, "goldfinch") if secret in shown]
    assert endpoint.secrets == {KEY}
    # Words are in the attributes that are for them, and in no others.
    spans = [
        span
        for request in endpoint.requests
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    holding = {one.key for span in spans for one in span.attributes if CANARY in str(one.value)}
    assert holding == {"relayproxy.pii.caller_text", "input.value", "gen_ai.input.messages"}
    for span in spans:
        del span.attributes[:]
        assert CANARY not in str(span)
