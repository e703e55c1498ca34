"""What becomes of a request: spans for the queue, a parcel to pass on, numbers."""

import pytest

from relayproxy.conversation.backend_span import SpanDetail
from relayproxy.receiver.intake import Intake
from relayproxy.receiver.passing_on import Parcel, PassingOn
from relayproxy.receiver.requests import FullError, RequestCounts, Requests
from relayproxy.receiver.spans.trimming import Bounds
from relayproxy.settings.otel import Otel
from relayproxy.settings.otlp import otlp_export
from relayproxy.telemetry.received.received import UndecodableError
from tests.telemetry.spans import attribute, json, json_span

PARCEL = Parcel("traces", b"as it came", "application/json")


def passing() -> PassingOn:
    """To an endpoint for traces alone; it is never started."""
    way = otlp_export(Otel(endpoint="http://127.0.0.1:9"), "traces", {})
    assert way is not None
    return PassingOn({"traces": way})


def test_spans_are_bounded_frames_marked_and_the_proxys_own_passed_over() -> None:
    intake, passing_on = Intake(), passing()
    requests = Requests(intake, passing_on, Bounds(2, 64))
    many = [attribute(name, "x" * 100) for name in "abc"]
    frame = json_span(2, kind=1, parentSpanId="ab" * 8, name="/ws websocket send", attributes=many)
    body = json(json_span(1, attributes=many), frame)
    own = json(json_span(3)).replace(b"agent.tracing", b"relayproxy")

    requests.traces(body, "json", PARCEL, "10.0.0.7")
    requests.traces(own, "json", PARCEL, "10.0.0.7")

    first, second = intake.take(5, 0)
    assert (len(first.span.detail.attributes), first.span.left_out, first.peer) == (2, 3, "10.0.0.7")
    assert (first.frame, second.frame, second.span.detail) == (None, "send", SpanDetail())
    assert requests.counts == RequestCounts(requests=2, spans=3)
    assert [passing_on._next(), passing_on._next(), passing_on._next()] == [PARCEL, PARCEL, None]


def test_what_is_refused_is_not_passed_on() -> None:
    passing_on = passing()

    with pytest.raises(UndecodableError):
        Requests(Intake(), passing_on, Bounds(2, 64)).traces(b"[", "json", PARCEL, "")
    with pytest.raises(FullError):
        Requests(Intake(spans=0), passing_on, Bounds(2, 64)).traces(b"{}", "json", PARCEL, "")

    assert passing_on._next() is None


def test_metrics_and_logs_that_nobody_wants_are_counted() -> None:
    requests = Requests(Intake(), passing(), Bounds(2, 64))

    requests.others(Parcel("logs", b"", "application/json"))

    assert requests.counts.unread == 1
