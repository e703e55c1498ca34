"""A clock that is wrong: spans on their way to a receiver, with times as a machine whose clock is set wrong would tell.

with skewed("http://127.0.0.1:4318", seconds=-90) as endpoint:
    ...
"""

import gzip
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.patience import PATIENCE


@contextmanager
def skewed(endpoint: str, *, seconds: int) -> Iterator[str]:
    """Where OTLP/HTTP is taken and passed on to `endpoint`, as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            body = gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body
            request = urllib.request.Request(
                f"{endpoint}{self.path}", _shifted(body, seconds * 10**9), {"Content-Type": "application/x-protobuf"}
            )
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                told = answer.read()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join(PATIENCE)


def _shifted(body: bytes, nanoseconds: int) -> bytes:
    request = ExportTraceServiceRequest.FromString(body)
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                span.start_time_unix_nano += nanoseconds
                span.end_time_unix_nano += nanoseconds
    return request.SerializeToString()
