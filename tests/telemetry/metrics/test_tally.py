"""Counting: sums, buckets, and that neither label values nor wild numbers get out of hand."""

import math

import pytest

from relayproxy.telemetry.metrics.metric import Metric
from relayproxy.telemetry.metrics.tally import LARGEST, OTHER, SETS, VALUE_LENGTH, VALUES, Point, Tally

TURNS = Metric("relayproxy.turns", "counter", "{turn}", "Turns.", ("route", "version"))
LATENCY = Metric("relayproxy.latency", "histogram", "s", "Latency.", ("route",), (0.1, 0.5))


def test_counts_are_told_apart_by_their_labels() -> None:
    tally = Tally()
    for route in ("sales", "sales", "help"):
        tally.cell(TURNS, {"route": route, "version": "1", "tier": "A"}).add(1)

    assert tally.snapshot() == {TURNS.name: (Point(("sales", "1"), 2), Point(("help", "1"), 1))}


def test_a_value_falls_into_the_first_bucket_whose_bound_it_does_not_exceed() -> None:
    tally = Tally()
    for seconds in (0.05, 0.1, 0.11, 0.5, 0.51, 60.0):
        tally.cell(LATENCY, {"route": "sales"}).observe(seconds)

    [point] = tally.snapshot()[LATENCY.name]
    assert point.counts == (2, 2, 2)
    assert point.value == pytest.approx(61.27)


def test_a_snapshot_does_not_change_afterwards() -> None:
    tally = Tally()
    cell = tally.cell(LATENCY, {"route": "sales"})
    cell.observe(0.2)
    before = tally.snapshot()
    cell.observe(0.2)

    assert before == {LATENCY.name: (Point(("sales",), 0.2, (0, 1, 0)),)}


def test_a_negative_or_immense_number_spoils_no_sum() -> None:
    tally = Tally()
    cell = tally.cell(LATENCY, {"route": "sales"})
    cell.observe(-3.0)
    cell.observe(10**400)
    tally.cell(TURNS, {"route": "sales", "version": ""}).add(10**400)
    tally.cell(TURNS, {"route": "sales", "version": ""}).add(-1)

    [latency], [turns] = tally.snapshot()[LATENCY.name], tally.snapshot()[TURNS.name]
    assert (latency.counts, latency.value, turns.value) == ((1, 0, 1), LARGEST, LARGEST)
    assert math.isfinite(latency.value)


def test_beyond_a_number_of_values_a_label_says_other() -> None:
    tally = Tally()
    for number in range(VALUES + 30):
        tally.cell(TURNS, {"route": "sales", "version": f"build-{number}"}).add(1)
    tally.cell(TURNS, {"route": "sales", "version": "build-0"}).add(1)

    found = {point.labels: point.value for point in tally.snapshot()[TURNS.name]}
    assert len(found) == VALUES + 1
    assert found["sales", OTHER] == 30
    assert found["sales", "build-0"] == 2, "what is known stays known"


def test_a_metric_has_a_bounded_number_of_series_whatever_its_labels_are() -> None:
    tally = Tally()
    for route in range(VALUES):
        for version in range(VALUES):
            tally.cell(TURNS, {"route": f"r{route}", "version": f"v{version}"}).add(1)

    found = {point.labels: point.value for point in tally.snapshot()[TURNS.name]}
    assert len(found) == SETS + 1
    assert found[OTHER, OTHER] == VALUES * VALUES - SETS


def test_a_label_can_be_stored_and_sent_and_is_not_long() -> None:
    tally = Tally()
    tally.cell(TURNS, {"route": "sales", "version": "a\ud800\0" + "b" * 100}).add(1)

    [point] = tally.snapshot()[TURNS.name]
    assert point.labels[1].encode().count(b"\0") == 0
    assert len(point.labels[1]) == VALUE_LENGTH
