"""Completion in the filter bar, and what links do to a filter's text."""

import time

from relayproxy.console.filters.language import parse
from relayproxy.console.listing.facets import sidebar
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.archive import Archive
from tests.console import samples


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
