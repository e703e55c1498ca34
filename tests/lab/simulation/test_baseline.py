"""Comparison of a run with an earlier one."""

import json

import msgspec
import pytest

from relayproxy.comparison.limits import LatencyLimit
from relayproxy.lab.simulation.baseline import (
    Baseline,
    BaselineError,
    read_baseline,
    regressions,
    require_comparable,
)
from relayproxy.lab.simulation.document import document
from relayproxy.lab.simulation.summary import SimulationSummary
from relayproxy.lab.simulation.verdict import verdict
from tests.lab.simulation.runs import SETTINGS, call, run

LIMIT = LatencyLimit(20, 150)


def answers(*latencies_ms: int, scenario: str = "keypad") -> SimulationSummary:
    return run(call(scenario=scenario, latencies_ms=latencies_ms))


def baseline(summary: SimulationSummary) -> Baseline:
    return read_baseline(document(summary, verdict(summary)), "baseline.json")


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (1000, 1201, ["keypad: median was 1000 ms, is 1201 ms, +20%"]),
        (1000, 1200, []),
        (1000, 500, []),
        (100, 250, []),
        (100, 251, ["keypad: median was 100 ms, is 251 ms, +151%"]),
        (0, 151, ["keypad: median was 0 ms, is 151 ms"]),
    ],
)
def test_a_regression_exceeds_a_percentage_and_a_floor(before: int, now: int, told: list[str]) -> None:
    assert list(map(str, regressions(baseline(answers(before)), answers(now), LIMIT))) == told


def test_the_slowest_answers_alone_can_grow() -> None:
    before, now = answers(*[100] * 20), answers(*[100] * 18, 900, 900)
    assert [str(one) for one in regressions(baseline(before), now, LIMIT)] == [
        "keypad: p95 was 100 ms, is 900 ms, +800%"
    ]


def test_what_is_not_measured_any_more_is_the_worst_and_comes_first() -> None:
    before = run(call(latencies_ms=(100,)), call(scenario="silent", latencies_ms=(100,) * 20))
    now = run(call(latencies_ms=(900,)), call(scenario="silent", latencies_ms=(100,) * 19))
    assert [str(one) for one in regressions(baseline(before), now, LIMIT)] == [
        "silent: p95 was 100 ms, and could not be measured",
        "keypad: median was 100 ms, is 900 ms, +800%",
    ]
    assert not regressions(baseline(now), before, LIMIT)


def test_a_run_of_other_scenarios_or_settings_is_not_compared() -> None:
    before = baseline(answers(100))
    require_comparable(before, answers(900).hash, SETTINGS)
    with pytest.raises(BaselineError, match="its scenarios are others"):
        require_comparable(before, answers(100, scenario="silent").hash, SETTINGS)
    with pytest.raises(BaselineError, match=r"compared: times was 1, is 2; rate was None, is 2\.0$"):
        require_comparable(before, before.hash, msgspec.structs.replace(SETTINGS, times=2, rate=2.0))


def test_a_file_that_was_edited_is_not_compared() -> None:
    before = baseline(answers(100))
    edited = msgspec.structs.replace(before, scenarios=())
    with pytest.raises(BaselineError, match="its scenarios are others"):
        require_comparable(edited, before.hash, SETTINGS)


def test_a_file_that_is_no_baseline() -> None:
    told = json.loads(document(answers(100), verdict(answers(100))))
    for wrong in (b"", b"[]", b"\xff", b"{}", b"[" * 60_000, json.dumps(told | {"hash": 1}).encode()):
        with pytest.raises(BaselineError, match=r"^baseline\.json: it is no baseline: "):
            read_baseline(wrong, "baseline.json")
    with pytest.raises(BaselineError, match="its version is 2, and 1 is expected"):
        read_baseline(json.dumps(told | {"version": 2, "hash": 1}).encode(), "baseline.json")
