"""Delivery says once that spans do not arrive, why, and that they do again."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from relayproxy.telemetry.export.causes import Causes
from relayproxy.telemetry.export.delivery import Delivery

LOST = "OTLP: spans do not arrive ({}); calls and recordings are not affected"
LIBRARY = logging.getLogger("opentelemetry.exporter.somewhere")


class Scripted(SpanExporter):
    """Fares as it is told, batch after batch, and logs as the libraries do when it fails."""

    def __init__(
        self, *fates: SpanExportResult | Exception, logs: tuple[str, *tuple[object, ...]] | None = None
    ) -> None:
        self._fates = iter(fates)
        self._logs = logs

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        fate = next(self._fates)
        if self._logs is not None:
            LIBRARY.error(*self._logs)
        if isinstance(fate, Exception):
            raise fate
        return fate

    def shutdown(self) -> None: ...


@contextmanager
def listening() -> Iterator[Causes]:
    causes = Causes()
    causes.listen()
    try:
        yield causes
    finally:
        causes.unlisten()


def test_one_line_for_each_change(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    good, bad = SpanExportResult.SUCCESS, SpanExportResult.FAILURE
    delivery = Delivery(Scripted(good, bad, bad, ValueError("token=secret"), good, good, bad), Causes())
    for _ in range(7):
        delivery.export([ReadableSpan("turn")] * 2)
    assert caplog.messages == [
        LOST.format("no cause given"),
        "OTLP: spans arrive again, 6 were lost",
        LOST.format("no cause given"),
    ]
    assert delivery.cause == "no cause given"
    assert (delivery.taken, delivery.sent, delivery.failed) == (14, 6, 8)


@pytest.mark.parametrize(
    ("message", "args", "cause"),
    [
        ("Failed to export %s batch code: %s, reason: %s", ("spans", 401, "token secret refused"), "HTTP 401"),
        (
            "Transient error %s encountered",
            (ConnectionRefusedError("/v1/traces?key=secret"),),
            "ConnectionRefusedError",
        ),
        ("Failed to export %s to %s, error code: %s", ("traces", "secret:4317", HTTPStatus.GONE), "GONE"),
        ("Header format invalid: key=secret", (), "no cause given"),
    ],
)
def test_the_cause_is_told_without_what_may_be_secret(
    caplog: pytest.LogCaptureFixture, message: str, args: tuple[object, ...], cause: str
) -> None:
    with listening() as causes:
        delivery = Delivery(Scripted(SpanExportResult.FAILURE, logs=(message, *args)), causes)
        delivery.export([ReadableSpan("turn")])
    assert delivery.cause == cause
    assert caplog.messages == [LOST.format(cause)]
    assert "secret" not in caplog.text


def test_afterwards_the_libraries_log_as_before(caplog: pytest.LogCaptureFixture) -> None:
    with listening():
        LIBRARY.error("not seen")
    LIBRARY.error("seen")
    assert caplog.messages == ["seen"]


def test_after_its_end_batches_fail_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    delivery = Delivery(Scripted(), Causes())
    delivery.shutdown()
    delivery.shutdown()
    assert delivery.export([ReadableSpan("turn")]) is SpanExportResult.FAILURE
    assert (delivery.failed, caplog.messages) == (1, [])


class Narrow(SpanExporter):
    """A collector that takes requests of so many spans, without some that it takes by no means."""

    def __init__(self, size: int, never: frozenset[str] = frozenset()) -> None:
        self.requests: list[int] = []
        self._size = size
        self._never = never

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.requests.append(len(spans))
        if len(spans) <= self._size and not self._never & {span.name for span in spans}:
            return SpanExportResult.SUCCESS
        LIBRARY.error("Failed to export %s batch code: %s, reason: %s", "spans", 413, "too large")
        return SpanExportResult.FAILURE

    def shutdown(self) -> None: ...


def batch(size: int) -> list[ReadableSpan]:
    return [ReadableSpan(str(number)) for number in range(size)]


def test_a_batch_that_is_too_large_is_sent_in_parts(caplog: pytest.LogCaptureFixture) -> None:
    with listening() as causes:
        narrow = Narrow(100)
        delivery = Delivery(narrow, causes)
        assert delivery.export(batch(512)) is SpanExportResult.SUCCESS
    assert (delivery.sent, delivery.failed) == (512, 0)
    assert narrow.requests == [512, 256, 128, 64, 64, 128, 64, 64, 256, 128, 64, 64, 128, 64, 64]
    assert caplog.messages == []


def test_of_a_batch_with_a_span_that_is_too_large_the_others_arrive(caplog: pytest.LogCaptureFixture) -> None:
    with listening() as causes:
        delivery = Delivery(Narrow(512, frozenset({"300"})), causes)
        assert delivery.export(batch(512)) is SpanExportResult.FAILURE
    assert (delivery.sent, delivery.failed) == (511, 1)
    assert caplog.messages == [LOST.format("HTTP 413")]


def test_a_collector_that_finds_everything_too_large_is_not_asked_for_ever() -> None:
    with listening() as causes:
        narrow = Narrow(0)
        delivery = Delivery(narrow, causes)
        delivery.export(batch(512))
    assert (delivery.sent, delivery.failed) == (0, 512)
    assert len(narrow.requests) <= 32
