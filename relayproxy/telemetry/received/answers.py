"""Answers to OTLP requests, in the encoding of the request.

Knows: how a success, a partial success and an error are written in protobuf and in JSON.
Must not know: HTTP, gRPC, why a request is answered so.
"""

from typing import Literal

import msgspec
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

Encoding = Literal["protobuf", "json"]


def accepted(encoding: Encoding, rejected: int = 0, message: str = "") -> bytes:
    """Everything was taken but `rejected` spans, for the reasons in `message`. The answer to metrics and logs of which
    everything was taken reads the same."""
    if encoding == "json":
        partial = {"rejectedSpans": str(rejected), "errorMessage": message}
        return msgspec.json.encode({"partialSuccess": partial} if rejected else {})
    response = ExportTraceServiceResponse()
    if rejected:
        response.partial_success.rejected_spans = rejected
        response.partial_success.error_message = message
    return bytes(response.SerializeToString())


def error(encoding: Encoding, code: int, message: str) -> bytes:
    """Nothing was taken. `code` is one of `google.rpc.Code`."""
    if encoding == "json":
        return msgspec.json.encode({"code": code, "message": message})
    return bytes(Status(code=code, message=message).SerializeToString())
