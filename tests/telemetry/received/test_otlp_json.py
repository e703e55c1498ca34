"""Trace requests in JSON: hex ids, numbers as texts, unknown fields, and what one bad span among good ones becomes."""

from typing import Any

import msgspec
import pytest

from relayproxy.telemetry.received import otlp_protobuf
from relayproxy.telemetry.received.otlp_json import decode
from relayproxy.telemetry.received.received import UndecodableError
from tests.telemetry.spans import SPAN, START, TRACE, attribute, json, json_span, proto_span, protobuf

EXAMPLE = b"""{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"my.service"}}
]},"scopeSpans":[{"scope":{"name":"my.library","version":"1.0.0","attributes":[{"key":"my.scope.attribute","value":
{"stringValue":"some scope attribute"}}]},"spans":[{"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":
"EEE19B7EC3C1B174","parentSpanId":"EEE19B7EC3C1B173","name":"I'm a server span","startTimeUnixNano":
"1544712660000000000","endTimeUnixNano":"1544712661000000000","kind":2,"attributes":[{"key":"my.span.attr","value":
{"stringValue":"some value"}}]}]}]}]}"""
"""The example of the OTLP specification."""


def test_the_example_of_the_specification_is_read() -> None:
    (span,) = decode(EXAMPLE).spans

    assert (span.trace_id, span.span_id, span.parent_span_id) == (TRACE, SPAN, "eee19b7ec3c1b173")
    assert (span.name, span.kind, span.service, span.scope) == (
        "I'm a server span",
        "server",
        "my.service",
        "my.library",
    )
    assert span.ended_at - span.started_at == 1_000_000_000
    assert span.detail.attributes == {"my.span.attr": "some value"}


def test_both_encodings_say_the_same() -> None:
    in_json = decode(json(json_span(1), json_span(2), service_name="agent"))
    in_protobuf = otlp_protobuf.decode(protobuf(proto_span(1), proto_span(2), service_name="agent"))

    assert in_json == in_protobuf


def test_every_kind_of_value_is_read() -> None:
    values: dict[str, Any] = {
        "a": {"stringValue": ""},
        "b": {"boolValue": False},
        "c": {"intValue": "-9007199254740993"},
        "d": {"intValue": 7},
        "e": {"doubleValue": 1.5},
        "f": {"arrayValue": {"values": [{"stringValue": "x"}, {"intValue": "1"}, {}]}},
        "g": {"kvlistValue": {"values": [{"key": "k", "value": {"boolValue": True}}]}},
        "h": {"bytesValue": "AAE="},
        "i": {},
        "j": {"arrayValue": {}},
    }
    pairs = [{"key": key, "value": value} for key, value in values.items()]
    event = {"timeUnixNano": "5", "name": "first token", "attributes": [attribute("k", "v")]}
    status = {"code": "STATUS_CODE_ERROR", "message": "no answer"}

    (span,) = decode(json(json_span(1, attributes=pairs, events=[event], status=status, kind="SPAN_KIND_SERVER"))).spans

    assert span.detail.attributes == {
        "a": "", "b": False, "c": -9007199254740993, "d": 7, "e": 1.5, "f": ["x", 1, None], "g": {"k": True},
        "h": "AAE=", "i": None, "j": [],
    }  # fmt: skip
    assert (span.detail.events[0].at, span.detail.events[0].attributes) == (5, {"k": "v"})
    assert (span.status, span.detail.status_message, span.kind) == ("error", "no answer", "server")


@pytest.mark.parametrize(
    ("known", "why"),
    [
        ({"traceId": "W47/95gDgQPSabYzgT/GDA=="}, "traceId has 24 characters, 32 hex digits are expected"),
        ({"traceId": None}, "traceId has 0 bytes, 16 are expected"),
        ({"spanId": "zz" * 8}, "spanId has 16 characters, 16 hex digits are expected"),
        ({"parentSpanId": "1234"}, "parentSpanId has 4 characters, 16 hex digits are expected"),
        ({"spanId": "0" * 16}, "spanId is all zeros"),
        ({"name": 5}, "a field has a wrong type ($.name)"),
        ({"startTimeUnixNano": "now"}, "a time or a whole number is none"),
        ({"attributes": [{"key": "k", "value": {"intValue": "x"}}]}, "a time or a whole number is none"),
    ],
)
def test_a_bad_span_is_rejected_alone(known: dict[str, Any], why: str) -> None:
    request = decode(json(json_span(1), json_span(2, **known), json_span(3)))

    assert [int(span.span_id, 16) for span in request.spans] == [1, 3]
    assert (request.rejected, request.message) == (1, f"resourceSpans[0].scopeSpans[0].spans[1]: {why}")


def test_unknown_fields_and_nulls_are_passed_over() -> None:
    odd = json_span(1, flags=257, traceState="a=b", attributes=None, events=None, links=None, status=None, later=[{}])

    (span,) = decode(json(odd)).spans

    assert span.started_at == START


def test_nulls_in_lists_do_not_cost_the_request() -> None:
    body = json(json_span(1)).replace(b'"scopeSpans":[', b'"scopeSpans":[null,').replace(b"[", b"[null,", 1)

    (span,) = decode(body).spans

    assert span.started_at == START


@pytest.mark.parametrize("odd", [b"null", b"5", b'"X"', b"[]"])
def test_what_is_no_span_at_all_is_rejected_alone(odd: bytes) -> None:
    request = decode(json(json_span(1), json_span(2)).replace(b'"spans":[', b'"spans":[' + odd + b","))

    assert len(request.spans) == 2
    assert request.message == "resourceSpans[0].scopeSpans[0].spans[0]: a field has a wrong type (the span itself)"


def test_halves_of_surrogate_pairs_and_bytes_that_are_no_utf_8_are_replaced() -> None:
    texts = {r'"\ud83d\ude00"': "😀", r'"\ud800"': "�", r'"\\ud800"': r"\ud800", r'"\u0000"': "\0", '"\udcff"': "�"}
    pairs = b",".join(
        b'{"key":"%d","value":{"stringValue":%s}}' % (at, text.encode("utf-8", "surrogateescape"))
        for at, text in enumerate(texts)
    )
    body = json(json_span(1, attributes=[msgspec.Raw(pairs[:0] + b'"X"')]), json_span(2))

    first, second = decode(body.replace(b'"X"', pairs)).spans

    assert list(first.detail.attributes.values()) == list(texts.values())
    assert second.name == "chat gpt"


def test_a_resource_that_cannot_be_read_leaves_its_spans() -> None:
    body = json(json_span(1), service_name="agent").replace(b'[{"key":"service.name"', b'[{"key":5')

    (span,) = decode(body).spans

    assert (span.service, span.detail.resource) == ("", {})


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"{", b'{"resourceSpans":5}', b"[" * 100_000, b'{"resourceSpans":' + b"[" * 100_000]
)
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(UndecodableError):
        decode(body)


@pytest.mark.parametrize("body", [b"{}", b'{"resourceSpans":null}', b'{"resourceSpans":[{"scopeSpans":[{}]}]}'])
def test_an_empty_request_has_no_spans(body: bytes) -> None:
    assert decode(body).spans == []
