"""Completion in the filter bar, and what links do to a filter's text."""

import pytest

from relayproxy.console.completion import complete
from relayproxy.console.edits import Edits
from relayproxy.console.strips import HEIGHT, WIDTH, draw
from relayproxy.store.archive import Archive
from relayproxy.store.queries import Queries

from . import calls


@pytest.fixture
def seen(archive: Archive, queries: Queries) -> Queries:
    calls.booking(archive, calls.ago(3000)).commit()
    calls.failing(archive, calls.ago(2000)).commit()
    calls.Call(archive, calls.ago(100)).setup(parameters={"the plan": "pure gold", "Plan": "a,b"}).commit()
    return queries


def inserted(queries: Queries, text: str) -> list[str]:
    """What the text may become when its end, or the place of `|`, is completed."""
    at = text.find("|")
    text = text.replace("|", "")
    found = complete(queries, text, len(text) if at < 0 else at)
    return [text[: found.start] + one.insert + text[found.end :] for one in found.items]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("inter", "interruptions:"),
        ("turns:>3 inter", "turns:>3 interruptions:"),
        ("-tra", "-transition:"),
        ("tra| turns:>3", "transition: turns:>3"),
        ("param.pl", "param.plan:"),
        ("plan", "param.plan:"),
        ("sin", "since:"),
        ("fail", "transition:failed"),
        ("is:l", "is:live"),
        ("errors:", "errors:>0"),
        ("duration:", "duration:>1m"),
        ("since:2", "since:24h"),
        ("transition:succ", "transition:success"),
        ("studio:f", "transition:failed"),
        ("route:bookings,su", "route:bookings,support"),
        ("-route:b", "-route:bookings"),
        ("route:ook", "route:bookings"),
        ("from:+1555010007", "from:+15550100077"),
        ('param."the plan":', 'param."the plan":"pure gold"'),
        ("param.Plan:a", 'param.Plan:"a,b"'),
        ("finding:slow", "finding:slow_turn"),
    ],
)
def test_the_likeliest_comes_first(seen: Queries, text: str, first: str) -> None:
    assert inserted(seen, text)[0] == first


def test_nothing_is_made_up(seen: Queries) -> None:
    assert inserted(seen, "nonsense:x") == []
    assert inserted(seen, '"inter') == []
    assert inserted(seen, "route:zzz") == []
    assert "is:" in inserted(seen, "")
    assert len(inserted(seen, "turns:>3 ")) > 20


def test_values_are_counted_under_the_rest_of_the_filter(seen: Queries) -> None:
    def counts(text: str) -> dict[str, int | None]:
        return {one.label: one.count for one in complete(seen, text, len(text)).items}

    assert counts("route:") == {"bookings": 1, "support": 1, "default": 1}
    assert counts("is:live route:") == {"default": 1}
    assert counts("number:+") == {calls.CALLER: 2, calls.CALLEE: 3, "+15550100077": 1}


@pytest.mark.parametrize(
    ("text", "field", "value", "after"),
    [
        ("", "route", "a", "route:a"),
        ("turns:>3", "route", "a b", 'turns:>3 route:"a b"'),
        ("route:a turns:>3", "route", "b", "route:a,b turns:>3"),
        ("route:a,b turns:>3", "route", "a", "route:b turns:>3"),
        ("route:a turns:>3", "route", "a", "turns:>3"),
        ("-route:a", "route", "a", "-route:a route:a"),
        ("route:a*", "route", "a", "route:a* route:a"),
        ("outcome:failed", "transition", "failed", ""),
        ("studio:failed", "transition", "success", "transition:failed,success"),
        ("rout:a", "route", "a", "rout:a route:a"),
    ],
)
def test_a_value_is_added_to_the_filter_or_taken_away(text: str, field: str, value: str, after: str) -> None:
    assert Edits(text).toggled(field, value) == after


def test_other_edits() -> None:
    assert Edits('route:a,"b c" -route:d route:e*').chosen("route") == ("a", "b c")
    assert Edits("x").left_out("tag", "to do") == 'x -tag:"to do"'
    assert Edits("turns:>3 x turns:<9 -turns:4 since:24h").without("turns") == "x -turns:4 since:24h"
    assert Edits("since:1h x on:today y").without("on") == "since:1h x y"
    assert Edits("since:1h x on:today y").without("since", "until", "on") == "x y"
    assert Edits("outcome:failed outcome:caller_hangup").without("outcome") == "outcome:failed"


def test_a_strip_becomes_shapes_that_can_be_seen() -> None:
    assert draw("") is None
    assert draw("nonsense") is None
    drawing = draw("250:" + "B" + "A" * 237 + "Q" + "g")
    assert drawing is not None
    shapes = dict(drawing.paths)
    assert shapes["caller"] == "M0 1h2v6h-2z"
    assert shapes["lost"] == f"M{WIDTH - 2} 8.5h2v3h-2z"
    assert shapes["cut"].startswith(f"M{WIDTH - 4} 0")
    assert drawing.label == "Who spoke when; 1 unanswered prompt, 1 interruption"
    assert HEIGHT < WIDTH
    calm = draw("1000:BCBC")
    assert calm is not None
    assert calm.label.endswith("no slow answers, no interruptions")
