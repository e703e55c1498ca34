"""Delivery says once that spans do not arrive, why, and that they do again."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from relayproxy.telemetry.delivery import Causes, Delivery

LOST = "OTLP: spans do not arrive ({}); calls and recordings are not affected"
LIBRARY = logging.getLogger("opentelemetry.exporter.somewhere")


class Scripted(SpanExporter):
    """Fares as it is told, batch after batch."""

    def __init__(self, *fates: SpanExportResult | Exception) -> None:
        self._fates = iter(fates)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        fate = next(self._fates)
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
        LOST.format("ValueError"),
    ]
    assert (delivery.taken, delivery.sent, delivery.failed) == (14, 6, 8)


@pytest.mark.parametrize(
    ("message", "args", "cause"),
    [
        ("Failed to export %s batch code: %s, reason: %s", ("spans", 401, "token secret refused"), "HTTP 401"),
        ("Transient error %s encountered while exporting %s", ("Service Unavailable", "spans"), "Service Unavailable"),
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
        LIBRARY.error(message, *args)
        Delivery(Scripted(SpanExportResult.FAILURE), causes).export([])
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
