"""What is counted of many calls: totals, steps of time, endings, and the values of a field."""

import time
from collections import Counter
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from relayproxy.console.http.times import NS
from relayproxy.console.insight.charts import step_name
from relayproxy.console.insight.selection import selection
from relayproxy.console.insight.summary import AT_MOST, STEPS, VALUES, CallsSummary, ending_of, step_of, summarize
from relayproxy.conversation.measures.percentiles import nearest_rank
from relayproxy.store.read.insight.numbers import Numbers
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.archive import Archive
from tests.console import fortnight
from tests.console.insight.conftest import Ask
from tests.console.insight.recorded import HOUR, call


async def test_percentiles_are_over_turns_not_over_calls(archive: Archive, ask: Ask) -> None:
    call(archive, "quick", 1, [100] * 19)
    call(archive, "slow", 2, [9000])

    found = await ask()

    assert found["response_latency_ms"] == {"p50": 100, "p95": 100, "max": 9000, "n": 20, "excluded": {}}
    assert found["numbers"]["response_p50_ms"]["n"] == 20
    assert [one["turns"] for one in found["histogram"] if one["turns"]] == [19, 1]
    assert sum(step["response_latency_ms"]["n"] for step in found["over_time"]) == 20


async def test_what_is_added_up_is_what_was_recorded(archive: Archive, ask: Ask) -> None:
    now = time.time_ns()
    fortnight.record(archive, now, a_day=10)

    found = await ask(q="since:30d")

    made = list(fortnight.calls(now, 10, 14))
    turns = [turn for _, some, _ in made for turn in some]
    ranked = sorted(turn.response_latency_ms for turn in turns if turn.response_latency_ms is not None)
    latency = found["response_latency_ms"]
    assert latency["n"] == len(ranked)
    assert (latency["p50"], latency["p95"]) == (nearest_rank(ranked, 0.5), nearest_rank(ranked, 0.95))
    greetings = sum(turn.null_reason == "no_prompt" for turn in turns)
    assert sum(latency["excluded"].values()) == len(turns) - len(ranked) - greetings
    assert found["calls"] == {"matching": 140, "counted": 140}
    assert sum(sum(step["calls"].values()) for step in found["over_time"]) == 140
    assert sum(ending["calls"] for ending in found["endings"]) == 140
    interrupted = sum(session.interrupted_responses for session, _, _ in made)
    rate = found["numbers"]["interruption_rate"]
    assert rate["value"] == pytest.approx(interrupted / sum(session.responses for session, _, _ in made))
    assert found["slowest_turns"][0]["response_latency_ms"] == ranked[-1]


async def test_calls_are_told_apart_by_a_field(archive: Archive, ask: Ask) -> None:
    call(archive, "a", 1, [100, 200], labels={"param.release": "41"})
    call(archive, "b", 1, [300], labels={"param.release": "42"}, unanswered=1)
    call(archive, "c", 1, [])

    by = (await ask(by="param.release"))["by"]

    told = {one["value"]: (one["calls"], one["response_latency_ms"]["p95"], one["unanswered"]) for one in by["items"]}
    assert told == {"41": (1, 200, 0), "42": (1, 300, 1), None: (1, None, 0)}
    assert (by["field"], by["more"]) == ("param.release", False)
    assert "by=turns" in (await ask(by="turns", status=400))["error"]["message"]


async def test_a_first_version_is_no_release(archive: Archive, ask: Ask) -> None:
    call(archive, "first", 3, [500], backend_version="1.0")
    call(archive, "second", 2, [500], backend_version="1.0")

    assert (await ask())["versions"] == []


def test_a_chart_has_no_more_steps_than_can_be_seen() -> None:
    for span in (0, 1, 59, 600, 3600, 86_400, 7 * 86_400, 90 * 86_400, 5000 * 86_400):
        assert span * NS / step_of(span * NS) <= AT_MOST
    assert step_of(10**18) == STEPS[-1] * NS
    assert [step_name(seconds * NS) for seconds in (15, 60, 300, 3600, 10_800, 86_400, 604_800)] == [
        "15 seconds",
        "minute",
        "5 minutes",
        "hour",
        "3 hours",
        "day",
        "7 days",
    ]


def summary(queries: Queries, hours: float = 24, **how: Any) -> CallsSummary:
    numbers = Numbers(queries, selection(f"since:{round(hours * 60)}m").criteria)
    return summarize(numbers, numbers.reach(), **how)


@pytest.mark.parametrize(
    ("outcome", "transition", "ending"),
    [
        (None, None, "live"),
        ("caller_hangup", "none", "other"),
        ("ended_by_backend", "success", "success"),
        ("protocol_error", "failed", "failed"),
        ("unknown", None, "other"),
    ],
)
def test_an_ending_is_one_of_four(outcome: str | None, transition: str | None, ending: str) -> None:
    assert ending_of(outcome, transition) == ending


def test_rates_are_of_what_they_are_said_to_be_of(archive: Archive, queries: Queries) -> None:
    call(archive, "a", 1, [100, 200], interrupted_responses=1, unanswered=1, stale_chunks=3)
    call(archive, "b", 2, [300, 400], studio_transition="failed")
    call(archive, "c", 3, [], ended_at=None, outcome=None, studio_transition=None)

    found = summary(queries)

    assert (found.sums.calls, found.sums.ended) == (3, 2)
    assert [(rate.part, rate.n) for rate in (found.interruptions, found.stale, found.unanswered, found.failed)] == [
        (1, 4),
        (1, 3),
        (1, 4),
        (1, 2),
    ]
    assert (found.percentile(0.5).value, found.percentile(0.5).n) == (200, 4)
    assert Counter({(one.outcome, one.transition): one.calls for one in found.endings}) == {
        ("caller_hangup", "none"): 1,
        ("caller_hangup", "failed"): 1,
        (None, None): 1,
    }


def test_steps_begin_at_full_hours_of_the_zone_and_hold_all_there_is(archive: Archive, queries: Queries) -> None:
    for hours in (0.5, 5, 40):
        call(archive, f"{hours} hours ago", hours, [100])

    found = summary(queries, 45, step=6 * HOUR, zone=ZoneInfo("Asia/Kolkata"))

    first = datetime.fromtimestamp(found.steps[0].at // NS, ZoneInfo("Asia/Kolkata"))
    assert (first.hour % 6, first.minute, first.second) == (0, 0, 0)
    assert {b.at - a.at for a, b in zip(found.steps, found.steps[1:], strict=False)} == {6 * HOUR}
    assert sum(sum(step.endings.values()) for step in found.steps) == 3
    assert sum(step.latencies.n for step in found.steps) == found.latencies.n == 3
    assert found.steps[0].at <= found.reach.since


def test_only_so_many_values_are_told_apart(archive: Archive, queries: Queries) -> None:
    for number in range(VALUES + 1):
        call(archive, str(number), 1, [100], route=f"r{number}")

    found = summary(queries, by="route")

    assert (len(found.values), found.more_values) == (VALUES, True)
    assert {value.latencies.n for value in found.values} == {1}
    assert not summary(queries).values


def test_lists_are_left_out_where_nobody_looks_at_them(archive: Archive, queries: Queries) -> None:
    call(archive, "a", 1, [5000], studio_transition="failed")

    assert summary(queries).slowest
    assert (summary(queries, lists=False).slowest, summary(queries, lists=False).worst) == ((), ())
