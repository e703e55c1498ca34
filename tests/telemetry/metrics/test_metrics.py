"""The table of metrics: names as both worlds have them, and nothing in it that names a person or a call."""

import re

import pytest

from relayproxy.conversation.measures.numbers import INTERRUPTION_NUMBERS, TURN_NUMBERS
from relayproxy.telemetry.metrics import metrics
from relayproxy.telemetry.metrics.metric import Metric
from relayproxy.telemetry.metrics.metrics import METRICS

LABELS = {
    "route", "version", "tier", "opened_by", "kind", "reason", "outcome", "present", "waiting_for", "code", "severity",
    "result", "status", "signature", "direction", "cause", "signed", "recorder", "receiver", "check", "alert",
    "webhook", "relay",
}  # fmt: skip
"""Routes, checks, rules, webhooks and relays by name, versions of backends and of ours, recorders, and closed
vocabularies."""


def test_the_headline_number_has_its_names_and_the_buckets_of_voice() -> None:
    latency = METRICS["relayproxy.turn.response_latency"]

    assert latency.samples == (
        "relayproxy_turn_response_latency_seconds_bucket",
        "relayproxy_turn_response_latency_seconds_count",
        "relayproxy_turn_response_latency_seconds_sum",
    )
    assert latency.unit == "s"
    assert latency.bounds == (
        0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10, 20,
    )  # fmt: skip


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS.keys())
def test_a_metric_is_named_and_labelled_as_is_usual(metric: Metric) -> None:
    assert re.fullmatch(r"relayproxy(\.[a-z][a-z_]*)+", metric.name)
    assert set(metric.labels) <= LABELS
    assert bool(metric.bounds) == (metric.kind == "histogram")
    assert list(metric.bounds) == sorted(set(metric.bounds))
    assert metric.meaning.endswith(".")
    for ending in ("_total", "_count", "_sum", "_bucket"):
        assert not metric.family.endswith(ending) or metric is metrics.INTERRUPTIONS


def test_no_two_metrics_have_a_name() -> None:
    families = [sample for metric in METRICS.values() for sample in metric.samples]

    assert len(families) == len(set(families))


def test_every_number_of_a_turn_and_of_an_interruption_is_a_metric() -> None:
    told = {number.name for number, _ in (*metrics.OF_TURNS, *metrics.OF_INTERRUPTIONS)}
    defined = {number.name for number in TURN_NUMBERS} | {number.name for number in INTERRUPTION_NUMBERS}

    assert defined - told == {
        "proxy_in_ms", "proxy_out_ms",  # message overhead
        "chunk_gaps",  # its longest one
    }  # fmt: skip
