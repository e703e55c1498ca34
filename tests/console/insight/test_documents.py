"""What the API says of many calls, and of two selections side by side."""

from dataclasses import replace
from typing import Any, cast

import msgspec

from relayproxy.console.insight.comparison import MEASURES, differences
from relayproxy.console.insight.documents import comparison_document, insight_document
from relayproxy.console.insight.selection import reach_of, selection
from relayproxy.console.insight.summary import ENDINGS, CallsSummary, summarize
from relayproxy.store.read.insight.figures import Sums
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.archive import Archive
from tests.console.contract import complaints
from tests.console.insight.recorded import call

CHOSEN = selection("since:24h")


def summary(queries: Queries, by: str = "") -> CallsSummary:
    numbers, reach, _ = reach_of(queries, CHOSEN)
    return summarize(numbers, reach, by=by)


def decoded(document: msgspec.Struct, name: str) -> dict[str, Any]:
    answer = msgspec.json.decode(msgspec.json.encode(document))
    assert complaints({"$ref": f"#/components/schemas/{name}"}, answer) == []
    return cast(dict[str, Any], answer)


def test_of_no_calls_there_is_no_number(archive: Archive, queries: Queries) -> None:
    answer = decoded(insight_document(summary(queries), CHOSEN, "given"), "Insight")

    assert list(answer["numbers"]) == [measure.code for measure in MEASURES]
    assert all(one == {"value": None, "n": 0, "interval": None} for one in answer["numbers"].values())
    assert answer["sums"] == dict.fromkeys(Sums.__struct_fields__, 0)
    assert answer["response_latency_ms"] == {"p50": None, "p95": None, "max": None, "n": 0, "excluded": {}}
    assert (answer["by"], answer["versions"], answer["slowest_turns"], answer["worst_calls"]) == (None, [], [], [])
    assert answer["histogram"][-1] == {"up_to_ms": None, "turns": 0}


def test_calls_are_told_by_how_they_ended_when_they_began_and_by_a_field(archive: Archive, queries: Queries) -> None:
    call(archive, "a", 2, [700], route="sales", outcome="protocol_error", studio_transition="failed", errors=2)
    call(archive, "b", 1, [300, 400], from_number="+15550100001")
    answer = decoded(insight_document(summary(queries, "route"), CHOSEN, "given", "route"), "Insight")

    assert answer["q"] == "since:24h"
    assert (answer["range"]["span"], answer["calls"]) == ("given", {"matching": 2, "counted": 2})
    assert {tuple(step["calls"]) for step in answer["over_time"]} == {ENDINGS}
    assert sum(step["calls"]["failed"] for step in answer["over_time"]) == 1
    assert {"outcome": "protocol_error", "studio_transition": "failed", "calls": 1} in answer["endings"]
    assert (answer["by"]["field"], answer["by"]["more"], answer["by"]["calls"]) == ("route", False, 2)
    one = summary(queries, "route")
    some = replace(one, reach=replace(one.reach, told_apart=1))
    assert decoded(insight_document(some, CHOSEN, "given", "route"), "Insight")["by"]["calls"] == 1
    (sales,) = (one for one in answer["by"]["items"] if one["value"] == "sales")
    assert list(sales) == ["value", *Sums.__struct_fields__, "response_latency_ms"]
    assert (sales["calls"], sales["failed"], sales["response_latency_ms"]["max"]) == (1, 1, 700)
    worst = answer["worst_calls"][0]
    assert (worst["id"], worst["turn"], worst["failed"], worst["errors"]) == ("a", None, True, 2)
    assert [one["response_latency_ms"] for one in answer["slowest_turns"]] == [700, 400, 300]
    assert answer["slowest_turns"][1]["from"] == "+15550100001"


def test_two_selections_are_told_with_every_difference(archive: Archive, queries: Queries) -> None:
    call(archive, "a", 1, [100])
    one = summary(queries)
    side = insight_document(one, CHOSEN, "given")
    answer = decoded(comparison_document(side, side, differences(one, one)), "Comparison")

    assert answer["a"] == answer["b"]
    assert [one["code"] for one in answer["differences"]] == [measure.code for measure in MEASURES]
    assert (answer["differences"][0]["by"], answer["differences"][0]["verdict"]) == (0, "few")
