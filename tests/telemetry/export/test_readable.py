"""A span value becomes a span of the SDK with the same ids, times and attributes."""

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.trace import SpanKind, StatusCode

from relayproxy import __version__
from relayproxy.conversation.measures.spans import Span, SpanEvent, SpanLink
from relayproxy.telemetry.export.readable import readable, resource

ROOT = Span(
    name="conversation",
    trace_id="0af7651916cd43dd8448eb211c80319c",
    span_id="b7ad6b7169203331",
    parent_span_id="00f067aa0ba902b7",
    kind="server",
    start=1_800_000_000_000_000_001,
    end=1_800_000_009_999_999_999,
    attributes={"gen_ai.conversation.id": "VX1", "turns": 2, "live": False, "ratio": 0.25},
    events=(SpanEvent("interrupt", 1_800_000_000_500_000_007, {"heard": "Sure, for"}),),
)


def test_ids_and_times_are_exact() -> None:
    span = readable(ROOT, resource({}))
    assert span.context is not None
    assert span.parent is not None
    assert f"{span.context.trace_id:032x}" == ROOT.trace_id
    assert f"{span.context.span_id:016x}" == ROOT.span_id
    assert f"{span.parent.span_id:016x}" == ROOT.parent_span_id
    assert (span.start_time, span.end_time) == (ROOT.start, ROOT.end)
    assert [(event.name, event.timestamp) for event in span.events] == [("interrupt", 1_800_000_000_500_000_007)]
    assert dict(span.attributes or {}) == ROOT.attributes
    assert span.kind is SpanKind.SERVER
    assert span.status.status_code is StatusCode.UNSET


def test_the_callers_own_span_is_a_remote_parent_and_ours_is_not() -> None:
    turn = Span("turn", ROOT.trace_id, "1" * 16, ROOT.span_id, "internal", 1, 2, {})
    for span, remote in ((ROOT, True), (turn, False)):
        parent = readable(span, resource({})).parent
        assert parent is not None
        assert parent.is_remote is remote
    alone = Span("conversation", ROOT.trace_id, ROOT.span_id, None, "server", 1, 2, {})
    assert readable(alone, resource({})).parent is None


def test_a_failed_conversation_has_an_error_status() -> None:
    failed = Span("conversation", ROOT.trace_id, ROOT.span_id, None, "server", 1, 2, {}, error="backend refused")
    status = readable(failed, resource({})).status
    assert (status.status_code, status.description) == (StatusCode.ERROR, "backend refused")


def test_links_lead_to_other_spans_of_whichever_trace() -> None:
    link = SpanLink("a" * 32, "b" * 16, {"relayproxy.link": "session"})
    [found] = readable(
        Span("turn", ROOT.trace_id, "1" * 16, None, "internal", 1, 2, {}, links=(link,)), resource({})
    ).links

    assert (f"{found.context.trace_id:032x}", f"{found.context.span_id:016x}") == (link.trace_id, link.span_id)
    assert dict(found.attributes or {}) == link.attributes


def test_values_that_otlp_cannot_hold_do_not_cost_the_batch() -> None:
    odd = Span("turn", "a" * 32, "b" * 16, None, "internal", 1, 2, {"x": "\ud800é", "n": 2**64, "m": -(2**63)})
    encoded = encode_spans([readable(odd, resource({}))]).resource_spans[0].scope_spans[0].spans[0]
    assert {a.key: (a.value.string_value, a.value.int_value) for a in encoded.attributes} == {
        "x": ("\ufffdé", 0),
        "n": (str(2**64), 0),
        "m": ("", -(2**63)),
    }


def test_the_sender_is_relayproxy_unless_told_otherwise() -> None:
    own = resource({}).attributes
    assert (own["service.name"], own["service.version"]) == ("relayproxy", __version__)
    told = resource({"service.name": "voice", "deployment.environment.name": "prod"}).attributes
    names = ("service.name", "service.version", "deployment.environment.name")
    assert [told[name] for name in names] == ["voice", __version__, "prod"]
