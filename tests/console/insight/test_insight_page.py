"""Numbers over many calls and comparisons, as programs and readers get them."""

import re
import time
from dataclasses import replace
from datetime import datetime
from functools import partial
from html import unescape
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit
from zoneinfo import ZoneInfo

import pytest

from relayproxy.console.filters.language import parse
from relayproxy.console.http.zones import COOKIE
from relayproxy.console.insight import insight_page, selection
from relayproxy.console.insight.summary import CallsSummary, summarize
from relayproxy.store.read.insight.numbers import Numbers
from relayproxy.store.write.archive import Archive
from tests.console import fortnight
from tests.console.insight.conftest import Ask, Client
from tests.console.insight.recorded import HOUR, call


def archive_started(archive: Archive, id: str) -> int:
    row = archive.session(id)
    assert row is not None
    return row.started_at


async def test_the_filter_is_that_of_the_list(archive: Archive, ask: Ask) -> None:
    call(archive, "a", 1, [100], route="bookings")
    call(archive, "b", 1, [300], labels={"param.plan": "gold"})

    assert (await ask(q="route:bookings"))["response_latency_ms"]["p50"] == 100
    assert (await ask(q="param.plan:gold"))["response_latency_ms"]["p50"] == 300
    error = (await ask(q="rout:x", status=400))["error"]
    assert error["code"] == "bad_request"
    assert "rout:x" in error["message"]


async def test_a_page_says_how_many_of_the_calls_are_told_apart(
    client: Client, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(archive, "a", 1, [100])

    async def page() -> str:
        async with client.get("/insight", params={"by": "param.plan"}) as response:
            return await response.text()

    assert "Told apart" not in await page()

    def of_the_newest(*args: Any, **known: Any) -> CallsSummary:
        one = summarize(*args, **known)
        return replace(one, reach=replace(one.reach, told_apart=2000))

    monkeypatch.setattr(insight_page, "summarize", of_the_newest)
    call(archive, "b", 1, [100])
    monkeypatch.setattr(selection, "_FRESH", 0.0)
    assert "Told apart are the newest 2,000 of these calls." in await page()


async def test_of_more_calls_than_are_read_a_page_tells_the_newest(
    client: Client, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "Numbers", partial(Numbers, most=2))
    for hours in (1, 2, 3):
        call(archive, f"c{hours}", hours, [100])

    async def page(**asked: str) -> str:
        async with client.get("/insight", params=asked) as response:
            return " ".join(re.sub("<[^>]*>", "", await response.text()).split())

    one = await page(q="since:12h")
    assert re.search(r"The newest 2 calls that began from .* There are more; numbers stand on these alone\.", one)
    both = await page(a="since:12h", b="since:90m")
    assert both.count("There are more; numbers stand on these alone.") == both.count("The newest 2 calls") == 1
    assert "1 call from" in both


async def test_before_and_after_a_time_are_as_long_and_in_the_readers_zone(client: Client, archive: Archive) -> None:
    since = time.time_ns() - 50 * HOUR
    call(archive, "before", 60, [500])
    call(archive, "after", 40, [900])
    client.session.cookie_jar.update_cookies({COOKIE: "Asia/Tokyo"})
    at = f"{datetime.fromtimestamp(since // 10**9, ZoneInfo('Asia/Tokyo')):%Y-%m-%dT%H:%M}"

    async with client.get("/insight", params={"at": at, "q": "route:default since:1h"}, allow_redirects=False) as told:
        link = told.headers["Location"]
    async with client.get(link) as response:
        page = await response.text()

    sides = parse_qs(urlsplit(link).query)
    assert sides["q"] == ["route:default"]
    assert sides["a"][0].endswith(f" until:{at}+09:00")
    assert sides["b"][0].startswith(f"since:{at}+09:00 until:")
    a, b = (parse(sides[side][0], 0).criteria for side in "ab")
    assert (a.since, a.until, b.since, b.until) != (None,) * 4
    assert (a.until or 0) - (a.since or 0) == (b.until or 0) - (b.since or 0)
    assert 0 <= time.time_ns() - (b.until or 0) < 3 * HOUR // 60
    assert page.count(">1 call</a>") == 2
    assert "Before (A) and after (B)" in page
    assert "as long before as after" in page


async def test_a_week_of_each_side_is_compared_at_most(client: Client, archive: Archive) -> None:
    call(archive, "long ago", 24 * 40, [500])

    async with client.get("/insight", params={"at": "30d"}, allow_redirects=False) as told:
        b = parse(parse_qs(urlsplit(told.headers["Location"]).query)["b"][0], 0).criteria

    assert ((b.until or 0) - (b.since or 0)) == 7 * 24 * HOUR


@pytest.mark.parametrize("at", ["soon", "", "2096-11-20T10:00", "2026-11-20T10:00 09:00"])
async def test_a_time_that_has_not_been_has_no_after(client: Client, archive: Archive, at: str) -> None:
    async with client.get("/insight", params={"at": at}) as response:
        assert response.status == 400
        assert "a time that has been is expected" in await response.text()


async def test_a_version_that_comes_up_is_marked_and_the_one_that_was_there_is_not(
    client: Client, archive: Archive, ask: Ask
) -> None:
    for ago, version in ((30, "1.9"), (20, "1.9"), (10, "2.0"), (8, "1.9"), (5, "2.1 <b>")):
        call(archive, f"call {ago}", ago, [500], backend_version=version)
    call(archive, "elsewhere", 7, [500], route="other", backend_version="9")

    told = await ask(q="since:24h route:default")
    over_time = await ask("/api/overview", q="since:24h route:default")
    async with client.get("/insight", params={"q": "since:24h route:default"}) as response:
        page = await response.text()

    assert [one["version"] for one in told["versions"]] == ["2.0", "2.1 <b>"]
    assert over_time["versions"] == told["versions"]
    assert told["versions"][0]["first_at_ns"] == archive_started(archive, "call 10")
    assert "2.1 &lt;b&gt;" in page
    assert page.count("before and after</a>") == 2
    assert [one["version"] for one in (await ask(q="since:40h"))["versions"]] == ["2.0", "9", "2.1 <b>"]


async def test_a_range_is_compared_with_as_long_before(client: Client, archive: Archive) -> None:
    call(archive, "earlier", 9, [500])
    call(archive, "now", 2, [900])
    links = []
    for q in ("since:6h", "since:5h until:1h", "until:1h"):
        async with client.get("/insight", params={"q": f"route:default {q}"}) as response:
            links.append(re.findall(r'href="([^"]+)">Compare with the ([^<]+) before<', await response.text()))

    assert [[length for _, length in found] for found in links] == [["6 hours"], ["4 hours"], []]
    async with client.get(unescape(links[0][0][0])) as response:
        page = await response.text()
    assert page.count(">1 call</a>") == 2


async def test_a_call_says_which_version_answered_it(client: Client, archive: Archive, ask: Ask) -> None:
    call(archive, "old", 9, [500], backend_version="1.9")
    call(archive, "new", 2, [900], backend_version="2.0 beta")

    async with client.get("/sessions/new") as response:
        page = await response.text()
    found = await ask("/api/sessions", q='version:"2.0 beta"')

    assert '<a href="/sessions?q=version%3A%222.0+beta%22"' in page
    assert [(one["id"], one["backend_version"]) for one in found["items"]] == [("new", "2.0 beta")]
    assert [one["id"] for one in (await ask("/api/sessions", q="-version:2*"))["items"]] == ["old"]


async def test_marked_values_lead_to_their_comparison(client: Client, archive: Archive) -> None:
    async def leads(query: str) -> str:
        async with client.get(f"/insight?{query}", allow_redirects=False) as response:
            assert response.status == 303
            return unquote_plus(response.headers["Location"])

    assert await leads("q=since:3d&field=route&value=a+b&value=c") == ('/insight?q=since:3d&a=route:"a b"&b=route:c')
    assert await leads("field=param.release&value=42&value=") == "/insight?a=-param.release:42&b=param.release:42"
    for wrong in ("field=route&value=", "field=turns&value=3", "field=route&value=a&value=b&value=c"):
        async with client.get(f"/insight?{wrong}") as response:
            assert response.status == 400


async def test_the_page_says_what_its_numbers_stand_on(client: Client, archive: Archive) -> None:
    async with client.get("/insight") as response:
        assert "Nothing has been recorded yet" in await response.text()
    call(archive, "a", 1, [100, 2500], route="<b>&")
    async with client.get("/insight", params={"q": "since:1d nonsense:1", "by": "route"}) as response:
        text = await response.text()
    assert response.status == 200
    assert "<code><bdi>nonsense:1</bdi></code> is not applied" in text
    assert "<b>&" not in text
    assert "2 turns</b> with" not in text
    assert "2 turns with a latency" in text
    assert '/sessions/a#turn-1"><b>2,500 ms</b>' in text
    assert text.count("a number says little") == 2  # of all, and of the one route
    assert '<a class="quiet" href="/insight?q=since%3A1d&amp;by=route">Take it out</a>' in text
    async with client.get("/insight", params={"q": "rout:x"}) as response:
        assert '<a href="/insight?q=route%3Ax"><code><bdi>route:x</bdi></code></a>' in await response.text()


async def test_a_comparison_page_gives_direction_in_words_and_warns_of_few(client: Client, archive: Archive) -> None:
    fortnight.record(archive, time.time_ns(), a_day=20)
    async with client.get("/insight", params={"a": "since:14d until:7d", "b": "since:7d"}) as response:
        text = await response.text()
    assert response.status == 200
    assert "worse</span>" in text
    assert "no clear difference</span>" in text
    async with client.get("/insight", params={"q": "since:1d", "a": "route:none", "b": ""}) as response:
        text = await response.text()
    assert response.status == 200
    assert "nothing to compare</span>" in text
