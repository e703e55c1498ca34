"""A real collector (rotel) in front of a receiver that keeps what the collector passes on."""

import asyncio
import importlib.util
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.patience import PATIENCE

ROTEL = importlib.util.find_spec("rotel")


@dataclass
class Received:
    """Spans as the collector passed them on, each with its resource's attributes."""

    spans: list[Any] = field(default_factory=list)
    resources: list[dict[str, Any]] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)
    """The last of each name, as it came."""
    metric_resources: list[dict[str, Any]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def take_metrics(self, request: web.Request) -> web.Response:
        batch = ExportMetricsServiceRequest.FromString(await request.read())
        for resource in batch.resource_metrics:
            self.metric_resources.append(values(resource.resource.attributes))
            for scope in resource.scope_metrics:
                self.metrics |= {metric.name: metric for metric in scope.metrics}
        self.arrived.set()
        return web.Response(content_type="application/x-protobuf")

    async def take(self, request: web.Request) -> web.Response:
        batch = ExportTraceServiceRequest.FromString(await request.read())
        for resource in batch.resource_spans:
            for scope in resource.scope_spans:
                self.spans += scope.spans
                self.resources += [values(resource.resource.attributes)] * len(scope.spans)
        self.arrived.set()
        return web.Response(content_type="application/x-protobuf")

    async def until(self, count: int) -> list[Any]:
        """The spans, once there are this many."""
        async with asyncio.timeout(PATIENCE):
            while len(self.spans) < count:
                self.arrived.clear()
                await self.arrived.wait()
        return self.spans

    async def until_metrics(self, right: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The metrics by name, once they are right."""
        async with asyncio.timeout(PATIENCE):
            while not right(self.metrics):
                self.arrived.clear()
                await self.arrived.wait()
        return self.metrics

    async def until_named(self, name: str) -> list[Any]:
        """The spans, once there is one of that name."""
        async with asyncio.timeout(PATIENCE):
            while not any(span.name == name for span in self.spans):
                self.arrived.clear()
                await self.arrived.wait()
        return self.spans


def values(attributes: Any) -> dict[str, Any]:
    """OTLP attributes as a dict."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@dataclass
class Collector:
    grpc: str
    http: str
    received: Received


@asynccontextmanager
async def collector(folder: Path) -> AsyncIterator[Collector]:
    """A running rotel that accepts OTLP over gRPC and HTTP."""
    assert ROTEL is not None
    assert ROTEL.origin is not None
    program = Path(ROTEL.origin).parent / "rotel-agent"
    received = Received()
    app = web.Application()
    app.router.add_post("/v1/traces", received.take)
    app.router.add_post("/v1/metrics", received.take_metrics)
    async with TestServer(app) as server:
        grpc, http = free_port(), free_port()
        agent = await asyncio.create_subprocess_exec(
            *(str(program), "start", "--pid-file", str(folder / "rotel.pid"), "--batch-timeout", "20ms"),
            *("--otlp-grpc-endpoint", f"127.0.0.1:{grpc}", "--otlp-http-endpoint", f"127.0.0.1:{http}"),
            *("--exporter", "otlp", "--otlp-exporter-protocol", "http"),
            *("--otlp-exporter-endpoint", str(server.make_url("/")).rstrip("/")),
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            await asyncio.gather(answers(grpc), answers(http))
            yield Collector(f"http://127.0.0.1:{grpc}", f"http://127.0.0.1:{http}", received)
        finally:
            agent.terminate()
            await agent.wait()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


async def answers(port: int, patience: float = PATIENCE) -> None:
    """Returns once something listens on the port; a process does not tell when it has begun to."""
    deadline = time.monotonic() + patience
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            assert time.monotonic() < deadline, f"nothing listens on port {port}"
            await asyncio.sleep(0.02)
        else:
            writer.close()
            await writer.wait_closed()
            return
