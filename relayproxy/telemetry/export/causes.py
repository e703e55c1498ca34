"""Answers of a collector: why a batch did not arrive, as far as it may be told.

Knows: what answers over HTTP say; the lines in which the OpenTelemetry libraries tell of failures over gRPC.
Must not know: batches, counts, settings.

URLs, headers and messages of errors may hold credentials; only status codes and names of errors are taken.
"""

import enum
import logging
from typing import Any

import requests
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

LIBRARY = logging.getLogger("opentelemetry")
REPEATED = logging.getLogger("opentelemetry.exporter.otlp.proto.grpc.exporter")
"""The library's logger that leaves out lines that resemble the one before, and so the cause."""
UNKNOWN = "no cause given"
REJECTED = "the collector rejects spans"


class Causes(logging.Handler):
    """The last answers: the cause of a failure, and how many spans were rejected out of a batch that was taken."""

    def __init__(self) -> None:
        super().__init__()
        self.last = UNKNOWN
        self.rejected = 0
        self.date: str | None = None
        """The Date header of the last answer over HTTP."""
        self._noted = False

    def forget(self) -> None:
        """Before a batch is sent."""
        self.last, self.rejected, self._noted = UNKNOWN, 0, False

    def note(self, cause: str) -> None:
        """Takes a cause that says more than the libraries' lines."""
        self.last, self._noted = cause, True

    def listen(self) -> None:
        """Attaches the handler: until the last one is gone the libraries' own lines do not reach the log."""
        LIBRARY.addHandler(self)
        LIBRARY.propagate = False
        REPEATED.filters.clear()

    def unlisten(self) -> None:
        LIBRARY.removeHandler(self)
        LIBRARY.propagate = not any(isinstance(one, Causes) for one in LIBRARY.handlers)

    def emit(self, record: logging.LogRecord) -> None:
        args = record.args if isinstance(record.args, tuple) and not self._noted else ()
        self.last = next((cause for cause in map(_cause, args) if cause), self.last)


class Session(requests.Session):
    """HTTP requests of an exporter, whose answers are noted. An answer that leads elsewhere is a failure: the exporter
    would take it for a success and not follow it."""

    def __init__(self, causes: Causes) -> None:
        super().__init__()
        self._causes = causes

    def request(self, *args: Any, **options: Any) -> requests.Response:
        if isinstance(self.verify, str):
            # Else REQUESTS_CA_BUNDLE would come before the certificates that were set.
            options["verify"] = self.verify
        try:
            response = super().request(*args, **options)
        except Exception as problem:
            self._causes.note(type(problem).__name__)
            raise
        self._causes.date = response.headers.get("Date")
        if response.status_code >= 300:
            self._causes.note(f"HTTP {response.status_code}")
        if 300 <= response.status_code < 400:
            raise requests.TooManyRedirects(self._causes.last)
        if response.ok:
            self._causes.rejected = _rejected(response.content)
        return response


def _rejected(content: bytes) -> int:
    try:
        found = ExportTraceServiceResponse.FromString(content)
    except DecodeError:  # of an endpoint that answers in words of its own
        return 0
    return int(found.partial_success.rejected_spans)


def _cause(arg: object) -> str | None:
    if isinstance(arg, enum.Enum):
        return str(arg.name)
    if isinstance(arg, bool):
        return None
    if isinstance(arg, int):
        return f"HTTP {arg}"
    if isinstance(arg, BaseException):
        return type(arg).__name__
    return None
