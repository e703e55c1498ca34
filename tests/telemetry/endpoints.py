"""Endpoints for spans that fare ill: over HTTP and gRPC, each with its own way of saying so."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from google.rpc.error_details_pb2 import RetryInfo
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

from tests.patience import PATIENCE

GRPC = {
    401: grpc.StatusCode.UNAUTHENTICATED,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
}
RETRY_INFO = "google.rpc.retryinfo-bin"


@dataclass
class Endpoint:
    """What an endpoint is to answer: `statuses` one after the other, then 200. While `gate` is closed it answers
    nothing."""

    statuses: Iterator[int] = field(default_factory=lambda: iter(()))
    gate: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)
    requests: list[ExportTraceServiceRequest] = field(default_factory=list)
    rejected: int = 0
    """Spans that it says it has rejected out of each request that it takes."""
    delay: float = 0.0
    """Seconds that an answer takes."""
    secrets: set[str] = field(default_factory=set)
    """Values of the header `authorization` that came."""

    def answer(self, body: ExportTraceServiceRequest, secret: str) -> int:
        self.requests.append(body)
        self.secrets.add(secret)
        self.asked.set()
        self.gate.wait(PATIENCE)
        time.sleep(self.delay)
        return next(self.statuses, 200)


@contextmanager
def http_endpoint(port: int, endpoint: Endpoint) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            secret = self.headers.get("authorization", "")
            spans = body if self.path.endswith("/v1/traces") else b""
            status = endpoint.answer(ExportTraceServiceRequest.FromString(spans), secret)
            try:
                self.send_response(status)
                self.send_header("Retry-After", "0")
                self.send_header("Location", "/sign-in")
                content = ExportTraceServiceResponse()
                content.partial_success.rejected_spans = endpoint.rejected
                self.send_header("Content-Length", str(content.ByteSize()))
                self.end_headers()
                self.wfile.write(content.SerializeToString())
            except OSError:
                self.close_connection = True  # it was not waited for

        def log_message(self, format: str, *args: object) -> None: ...

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None: ...

    with Server(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield
        finally:
            endpoint.gate.set()
            server.shutdown()
            thread.join()


@contextmanager
def grpc_endpoint(port: int, endpoint: Endpoint) -> Iterator[None]:
    class Service(TraceServiceServicer):
        def Export(self, request: ExportTraceServiceRequest, context: Any) -> ExportTraceServiceResponse:
            secret = dict(context.invocation_metadata()).get("authorization", "")
            status = endpoint.answer(request, secret)
            if status != 200:
                context.set_trailing_metadata(((RETRY_INFO, RetryInfo().SerializeToString()),))
                context.abort(GRPC[status], "token canary refused")
            return ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(4))
    add_TraceServiceServicer_to_server(Service(), server)  # type: ignore[no-untyped-call]
    assert server.add_insecure_port(f"127.0.0.1:{port}") == port
    server.start()
    try:
        yield
    finally:
        endpoint.gate.set()
        server.stop(None).wait()


ENDPOINTS: dict[str, Callable[[int, Endpoint], Any]] = {"http/protobuf": http_endpoint, "grpc": grpc_endpoint}
