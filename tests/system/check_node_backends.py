"""`make node-check`: spans of Node servers are those of the turns that they worked on, with the lines of
docs/backend-spans.md and the real ws, express-ws, fastify and OpenTelemetry. Without these lines no handshake joins
them."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from tests.patience import PATIENCE
from tests.system.backend_stage import MODEL_AND_TOOL, BackendStage, by_turn, staged
from tests.system.phone import Phone
from tests.telemetry.collector import answers, free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")
EXAMPLES = Path(__file__).parents[2] / "docs/examples/node"
MODULES = Path(sys.prefix) / "node/node_modules"
"""Where `make node-check` installs them."""
FRAMEWORKS = ("ws", "express-ws", "fastify")
BOUND = "context.bind(call, "


@contextmanager
def node(folder: Path, program: str, service: str, endpoint: str) -> Iterator[int]:
    """A server as long as the block lasts; gives its port. It ends in an orderly way, with its last spans sent."""
    port = free_port()
    settings = {
        "PORT": str(port),
        "OTEL_SERVICE_NAME": service,
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
    }
    command = ["node", "--import", "./tracing.mjs", program]
    process = subprocess.Popen(command, cwd=folder, env={**os.environ, **settings})
    try:
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[BackendStage]:
    """Each example on a route of its name, and on another one without what joins its spans to the handshake."""
    folder = tmp_path_factory.mktemp("node")
    shutil.copytree(EXAMPLES, folder, dirs_exist_ok=True)
    (folder / "node_modules").symlink_to(MODULES)
    for framework in FRAMEWORKS:
        lines = (folder / f"{framework}.mjs").read_text("utf-8")
        assert lines.count(BOUND) == 1
        (folder / f"bare-{framework}.mjs").write_text(lines.replace(BOUND, "("), "utf-8")
    listen = f"127.0.0.1:{free_port()}"
    with ExitStack() as servers:
        ports = {
            name: servers.enter_context(node(folder, f"{name}.mjs", name, f"http://{listen}"))
            for framework in FRAMEWORKS
            for name in (framework, f"bare-{framework}")
        }
        await asyncio.gather(*map(answers, ports.values()))
        backends = {name: f"ws://127.0.0.1:{port}" for name, port in ports.items()}
        with staged(tmp_path_factory.mktemp("data"), listen, backends) as stage:
            yield stage


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_three_lines_join_whatever_is_restarted_meanwhile(stage: BackendStage, framework: str) -> None:
    stage.stop_receiver()
    phone = Phone(stage.system.url(f"/r/{framework}/ws"))
    await asyncio.to_thread(phone.says, "Hello.")
    stage.kill_recorder()
    await asyncio.to_thread(phone.says, "Are you there?")
    stage.start_receiver()
    stage.start_recorder()
    await asyncio.to_thread(phone.says, "Goodbye.")

    spans = await stage.spans(phone.call_sid, said=3, count=6)
    assert by_turn(spans) == [(words, MODEL_AND_TOOL) for words in ("Hello.", "Are you there?", "Goodbye.")]
    assert {(span["joined_by"], span["orphan"]) for span in spans["items"]} == {("trace", False)}
    assert [clock["state"] for clock in spans["clocks"]] == ["unknown"], "no span of the handshake"
    assert [(span["depth"], span["child_of_call"]) for span in spans["items"]] == [(0, True), (1, False)] * 3
    phone.hangs_up()


async def test_without_them_their_spans_begin_traces_of_their_own_and_are_guessed(stage: BackendStage) -> None:
    phones = [Phone(stage.system.url(f"/r/bare-{framework}/ws")) for framework in FRAMEWORKS]
    for phone in phones:
        await asyncio.to_thread(phone.says, "Hello.")
        await asyncio.to_thread(phone.says, "Goodbye.")

    for phone in phones:
        spans = await stage.spans(phone.call_sid, said=2, count=4)
        assert by_turn(spans) == [("Hello.", MODEL_AND_TOOL), ("Goodbye.", MODEL_AND_TOOL)]
        assert {(span["joined_by"], span["child_of_call"]) for span in spans["items"]} == {("guess", False)}
        assert [clock["state"] for clock in spans["clocks"]] == ["unknown"]
        assert len({span["trace_id"] for span in spans["items"]}) == 2
        phone.hangs_up()
