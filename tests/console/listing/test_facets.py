"""Completion in the filter bar, and what links do to a filter's text."""

import html
import re
import time

import pytest

from relayproxy.assets import web_dir
from relayproxy.console.calls.sparkline import HEIGHT, WIDTH, draw
from relayproxy.console.filters.completion import complete
from relayproxy.console.filters.edits import Edits
from relayproxy.console.filters.language import parse
from relayproxy.console.listing.facets import sidebar
from relayproxy.conversation.checks.findings import CATALOGUE
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.archive import Archive
from tests.console import samples


@pytest.fixture
def seen(archive: Archive, queries: Queries) -> Queries:
    samples.booking(archive, samples.ago(3000)).commit()
    samples.failing(archive, samples.ago(2000)).commit()
    samples.Call(archive, samples.ago(100)).setup(parameters={"the plan": "pure gold", "Plan": "a,b"}).commit()
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
        ("slow_", "finding:slow_turn"),
        ("slow", "latency:"),
        ("hung", "outcome:caller_hangup"),
        ("outcome:hung", "outcome:caller_hangup"),
        ("outcome:succ", "outcome:success"),
        ("outcome:fail", "outcome:failed"),
        ("stud", "transition:"),
        ("interrupts", "interruptions:"),
        ("longest", "wait:"),
    ],
)
def test_the_likeliest_comes_first(seen: Queries, text: str, first: str) -> None:
    assert inserted(seen, text)[0] == first


def test_everything_that_the_field_shows_as_an_example_is_offered(seen: Queries) -> None:
    (placeholder,) = re.findall(
        r'placeholder="([^"]*)"', (web_dir() / "templates" / "filters/filterbar.html").read_text()
    )
    conditions = [token for token in html.unescape(placeholder).split() if ":" in token]
    assert len(conditions) == 3
    for token in conditions:
        name, colon, _ = token.partition(":")
        assert f"{name}:" in inserted(seen, name[:3])
        assert token in inserted(seen, name + colon)


def test_each_outcome_and_finding_says_what_pages_call_it(seen: Queries) -> None:
    hints = {one.label: one.hint for one in complete(seen, "outcome:", 8).items}
    assert hints["caller_hangup"] == "Caller hung up"
    assert hints["failed"] == "Studio goes to Failed"
    assert complete(seen, "finding:slow_t", 14).items[0].hint == CATALOGUE["slow_turn"].title


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
    assert counts("number:+") == {samples.CALLER: 2, samples.CALLEE: 3, "+15550100077": 1}


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


def test_each_list_says_what_its_counts_are_of_and_how_many_more_there_are(archive: Archive, queries: Queries) -> None:
    for number in range(12):
        backend = f"wss://agent.production.eu-central-1.example.com/v2/tenants/{number:04d}/relay"
        call = samples.Call(archive, samples.ago(100 + number), opening={"backend": backend})
        call.setup(parameters={"tenant": f"t{number % 2}", "plan": "gold" if number else "free"}).commit()
    asked = parse("param.tenant:t0", time.time_ns())

    found = {facet.field: facet for facet in sidebar(queries, asked).facets}

    assert (len(found["backend"].options), found["backend"].more, found["backend"].apart) == (6, 0, "")
    assert (found["param.tenant"].sessions, found["param.tenant"].apart) == (12, "12")
    assert [(one.value, one.count) for one in found["param.tenant"].options] == [("t0", 6), ("t1", 6)]
    everything = {facet.field: facet for facet in sidebar(queries, parse("", 0)).facets}
    assert (len(everything["backend"].options), everything["backend"].more) == (8, 4)
    longer = {facet.field: facet for facet in sidebar(queries, parse("", 0), "backend").facets}
    assert (len(longer["backend"].options), longer["backend"].more) == (12, 0)
    names = [one.name for one in longer["backend"].options]
    assert names[0] == "agent.producti…2/tenants/0000/relay"
    assert len({*names}) == 12


def test_long_backends_that_differ_in_the_middle_are_named_whole(archive: Archive, queries: Queries) -> None:
    urls = [f"wss://agents.example.com/a/rather/long/path/{name}/and/more/of/it/relay" for name in ("one", "two")]
    for at, backend in enumerate(urls):
        samples.Call(archive, samples.ago(100 + at), opening={"backend": backend}).setup().commit()
    (facet,) = [facet for facet in sidebar(queries, parse("", 0)).facets if facet.field == "backend"]
    assert sorted(one.name for one in facet.options) == [url.removeprefix("wss://") for url in urls]
