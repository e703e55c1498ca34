"""Differences between two summaries, as they are told."""

import time
from dataclasses import replace

import pytest

from relayproxy.console.insight.comparison import MEASURES, VERDICTS, Difference, Measure, differences, told
from relayproxy.console.insight.comparison import told_difference as words
from relayproxy.console.insight.statistics import Figure, Latencies, Significance
from relayproxy.console.insight.summary import CallsSummary
from relayproxy.store.read.insight.figures import Reach, Sums
from relayproxy.store.write.archive import Archive
from tests.console import fortnight
from tests.console.insight.conftest import Ask, Client
from tests.console.insight.recorded import call

BY_CODE = {measure.code: measure for measure in MEASURES}
P95, FAILED = BY_CODE["response_p95_ms"], BY_CODE["failed_rate"]


def summary(latencies: dict[int, int], **sums: int) -> CallsSummary:
    return CallsSummary(Reach(0, 0, 0, 1, 0), 1, Sums(**sums), Latencies(latencies), (), ())


def between(measure: Measure, a: float | None, b: float | None) -> Difference:
    return Difference(measure, Figure(a, 100, None), Figure(b, 100, None))


def test_every_number_is_that_of_its_side() -> None:
    a = summary({100: 50, 900: 50}, turns=100, unanswered=5, responses=80, interrupted_responses=8, calls=10)
    b = replace(a, latencies=Latencies({200: 100}), sums=Sums(calls=4, ended=4, failed=1, stale_calls=2))

    found = {one.measure.code: (one.a.value, one.b.value) for one in differences(a, b)}

    assert found == {
        "response_p50_ms": (100, 200),
        "response_p95_ms": (900, 200),
        "interruption_rate": (0.1, None),
        "stale_rate": (0.0, 0.5),
        "unanswered_rate": (0.05, None),
        "failed_rate": (None, 0.25),
    }


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (between(P95, 800, 1000), "+200 ms (+25 %)"),
        (between(P95, 1000, 800), "−200 ms (−20 %)"),
        (between(P95, 800, 800), "±0 ms (±0 %)"),
        (between(P95, 0, 300), "+300 ms"),
        (between(FAILED, 0.1, 0.125), "+2.5 points"),
        (between(FAILED, 0.125, 0.1), "−2.5 points"),
        (between(FAILED, None, 0.1), ""),
        (between(P95, 800, None), ""),
    ],
)
def test_a_difference_says_how_much_more_or_less_it_is_on_side_b(one: Difference, said: str) -> None:
    assert words(one) == said


@pytest.mark.parametrize(
    ("measure", "value", "said"),
    [(P95, 799.6, "800 ms"), (P95, None, "–"), (FAILED, 0.125, "12.5 %"), (FAILED, 0, "0.0 %")],
)
def test_a_value_is_told_in_its_unit(measure: Measure, value: float | None, said: str) -> None:
    assert told(measure, value) == said


def test_less_is_better_whichever_number_it_is() -> None:
    low, high = Figure(0.1, 500, (0.09, 0.11)), Figure(0.3, 500, (0.28, 0.32))

    assert {Difference(measure, high, low).verdict for measure in MEASURES} == {"better"}
    assert {Difference(measure, low, high).verdict for measure in MEASURES} == {"worse"}


def test_every_verdict_has_words_and_a_tone() -> None:
    verdicts: tuple[Significance, ...] = ("better", "worse", "unclear", "few", "none")

    assert tuple(VERDICTS) == verdicts
    assert [VERDICTS[one][1] for one in verdicts] == ["good", "bad", "calm", "warn", "calm"]


async def test_did_the_release_make_it_worse(archive: Archive, ask: Ask) -> None:
    fortnight.record(archive, time.time_ns(), a_day=30)

    found = await ask(q="since:15d", a="param.release:41", b="param.release:42")

    said = {one["code"]: one["verdict"] for one in found["differences"]}
    assert said["response_p50_ms"] == said["response_p95_ms"] == "worse"
    assert said["interruption_rate"] == "unclear"
    p95 = next(one for one in found["differences"] if one["code"] == "response_p95_ms")
    assert p95["by"] == p95["b"]["value"] - p95["a"]["value"] > 0
    assert p95["a"]["n"] == found["a"]["response_latency_ms"]["n"] > 1000


async def test_two_ranges_of_time_share_no_call_and_have_steps_that_fit(archive: Archive, ask: Ask) -> None:
    call(archive, "last week", 24 * 8, [500])
    call(archive, "this week", 24 * 6, [900])
    # It went on into this week, but began in the one before.
    call(archive, "between", 24 * 7 + 0.5, [700], ended_at=None)

    found = await ask(a="since:14d until:7d", b="since:7d", q="since:2h")

    assert (found["a"]["calls"]["matching"], found["b"]["calls"]["matching"]) == (2, 1)
    assert found["a"]["step_s"] == found["b"]["step_s"]
    assert len(found["a"]["over_time"]) == len(found["b"]["over_time"])
    assert {one["verdict"] for one in found["differences"]} == {"few"}


async def test_a_comparison_needs_both_sides(ask: Ask, archive: Archive) -> None:
    assert "both are expected" in (await ask(a="since:7d", status=400))["error"]["message"]


async def test_two_versions_are_compared(client: Client, archive: Archive, ask: Ask) -> None:
    call(archive, "old", 9, [500], backend_version="1.9")
    call(archive, "new", 2, [900], backend_version="2.0")

    by = await ask(by="version")
    found = await ask(a="version:1.9", b="version:2.0")

    assert sorted(one["value"] for one in by["by"]["items"]) == ["1.9", "2.0"]
    assert [found[side]["response_latency_ms"]["p50"] for side in "ab"] == [500, 900]
