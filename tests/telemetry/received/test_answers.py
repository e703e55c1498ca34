"""Answers read as OTLP says, in both encodings."""

import msgspec
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from relayproxy.telemetry.received.answers import accepted, error


def test_a_full_success_is_empty() -> None:
    assert (accepted("protobuf"), accepted("json")) == (b"", b"{}")


def test_a_partial_success_says_how_many_and_why() -> None:
    read = ExportTraceServiceResponse.FromString(accepted("protobuf", 2, "why"))

    assert (read.partial_success.rejected_spans, read.partial_success.error_message) == (2, "why")
    assert msgspec.json.decode(accepted("json", 2, "why")) == {
        "partialSuccess": {"rejectedSpans": "2", "errorMessage": "why"}
    }


def test_an_error_is_a_status() -> None:
    assert Status.FromString(error("protobuf", 3, "why")) == Status(code=3, message="why")
    assert msgspec.json.decode(error("json", 3, "why")) == {"code": 3, "message": "why"}
