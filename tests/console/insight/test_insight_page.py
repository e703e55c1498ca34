"""Numbers over many calls and comparisons, as programs and readers get them."""

import re
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from html import unescape
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit
from zoneinfo import ZoneInfo

import pytest
from aiohttp.test_utils import TestClient

from relayproxy.console.filters.language import parse
from relayproxy.console.http.zones import COOKIE
from relayproxy.console.insight import selection as memory
from relayproxy.console.insight.selection import selection, without_times
from relayproxy.conversation.measures.percentiles import nearest_rank
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import Batch, JournalRow, SessionLabels
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.annotations import add_note, add_tag, delete_note, remove_tag
from relayproxy.store.write.archive import Archive
from tests.console import fortnight
from tests.store import build

Client = TestClient[Any, Any]
Ask = Callable[..., Awaitable[dict[str, Any]]]
HOUR = 3_600_000_000_000


@pytest.fixture
def ask(client: Client) -> Ask:
    async def ask(path: str = "/api/insight", status: int = 200, **parameters: str) -> dict[str, Any]:
        async with client.get(path, params=parameters) as response:
            assert response.status == status, await response.text()
            found: dict[str, Any] = await response.json()
            return found

    return ask


def call(archive: Archive, id: str, ago_h: float, latencies: list[int], **known: Any) -> None:
    """A call that began so many hours ago, with a turn for each latency."""
    at = time.time_ns() - round(ago_h * HOUR)
    labels = tuple(known.pop("labels", {}).items())
    row = build.session(
        id,
        started_at=at,
        **{
            "ended_at": at + HOUR // 60,
            "outcome": "caller_hangup",
            "studio_transition": "none",
            "turns": len(latencies),
            "responses": len(latencies),
            "response_n": len(latencies),
            "response_max_ms": max(latencies, default=None),
            **known,
        },
    )
    turns = tuple(
        build.turn(id, number, started_at=at + number, response_latency_ms=ms) for number, ms in enumerate(latencies)
    )
    archive.commit(
        Batch(
            journals=(JournalRow("j1", 1, at),), sessions=(row,), turns=turns, labels=(SessionLabels(id, at, labels),)
        )
    )


def archive_started(archive: Archive, id: str) -> int:
    row = archive.session(id)
    assert row is not None
    return row.started_at


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


async def test_without_a_time_it_is_the_last_week_else_all_there_is(archive: Archive, ask: Ask) -> None:
    call(archive, "old", 24 * 30, [500])
    found = await ask()
    assert (found["range"]["span"], found["calls"]["matching"]) == ("all", 1)

    call(archive, "new", 1, [700])
    # A summary is given again for some seconds, so another question shows it.
    found = await ask(by="route")
    assert (found["range"]["span"], found["calls"]["matching"]) == ("week", 1)
    found = await ask(q="since:90d")
    assert (found["range"]["span"], found["calls"]["matching"]) == ("given", 2)


async def test_who_begins_sees_the_time_since_the_first_call(archive: Archive, ask: Ask) -> None:
    call(archive, "first", 0.02, [500])
    call(archive, "second", 0.01, [700])

    found = await ask()

    assert (found["range"]["span"], found["calls"]["matching"], found["step_s"]) == ("first", 2, 60)
    assert 60 <= len(found["over_time"]) <= 62
    assert sum(step["response_latency_ms"]["n"] for step in found["over_time"]) == 2

    call(archive, "earlier", 20, [700])
    found = await ask(by="route")
    assert (found["range"]["span"], found["step_s"]) == ("first", 1800)
    assert 40 <= len(found["over_time"]) <= 42


async def test_values_are_compared_over_the_same_time(archive: Archive, ask: Ask) -> None:
    call(archive, "early", 20, [500], route="bookings")
    call(archive, "late", 2, [700])

    found = await ask(a="route:bookings", b="-route:bookings")

    assert found["a"]["range"] == found["b"]["range"]
    assert found["a"]["over_time"][0]["at"] == found["b"]["over_time"][0]["at"]


async def test_tags_and_notes_show_although_no_call_comes(
    archive: Archive, ask: Ask, queries: Queries, writer: AnnotationWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_FRESH", 0.0)
    an_hour_ago = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600))
    for id in ("a", "b"):
        call(archive, id, 2, [100])

    async def matching(q: str) -> int:
        # A range that does not move with the clock: nothing but what people write changes the answer.
        return int((await ask(q=f"{q} since:2020-01-01 until:{an_hour_ago}"))["calls"]["matching"])

    assert [await matching("tag:urgent"), await matching("is:noted")] == [0, 0]
    add_tag(writer, "a", "urgent")
    note = add_note(writer, "a", "kim", "Called back.")
    assert [await matching("tag:urgent"), await matching("is:noted")] == [1, 1]
    remove_tag(writer, "a", "urgent")
    add_tag(writer, "b", "later")
    assert [await matching("tag:urgent"), await matching("tag:later")] == [0, 1]
    assert note
    delete_note(writer, "a", note.id)
    assert await matching("is:noted") == 0


async def test_the_filter_is_that_of_the_list(archive: Archive, ask: Ask) -> None:
    call(archive, "a", 1, [100], route="bookings")
    call(archive, "b", 1, [300], labels={"param.plan": "gold"})

    assert (await ask(q="route:bookings"))["response_latency_ms"]["p50"] == 100
    assert (await ask(q="param.plan:gold"))["response_latency_ms"]["p50"] == 300
    error = (await ask(q="rout:x", status=400))["error"]
    assert error["code"] == "bad_request"
    assert "rout:x" in error["message"]


async def test_calls_are_told_apart_by_a_field(archive: Archive, ask: Ask) -> None:
    call(archive, "a", 1, [100, 200], labels={"param.release": "41"})
    call(archive, "b", 1, [300], labels={"param.release": "42"}, unanswered=1)
    call(archive, "c", 1, [])

    by = (await ask(by="param.release"))["by"]

    told = {one["value"]: (one["calls"], one["response_latency_ms"]["p95"], one["unanswered"]) for one in by["items"]}
    assert told == {"41": (1, 200, 0), "42": (1, 300, 1), None: (1, None, 0)}
    assert (by["field"], by["more"]) == ("param.release", False)
    assert "by=turns" in (await ask(by="turns", status=400))["error"]["message"]


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


async def test_a_first_version_is_no_release(archive: Archive, ask: Ask) -> None:
    call(archive, "first", 3, [500], backend_version="1.0")
    call(archive, "second", 2, [500], backend_version="1.0")

    assert (await ask())["versions"] == []


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


async def test_two_versions_are_compared(client: Client, archive: Archive, ask: Ask) -> None:
    call(archive, "old", 9, [500], backend_version="1.9")
    call(archive, "new", 2, [900], backend_version="2.0")

    by = await ask(by="version")
    found = await ask(a="version:1.9", b="version:2.0")

    assert sorted(one["value"] for one in by["by"]["items"]) == ["1.9", "2.0"]
    assert [found[side]["response_latency_ms"]["p50"] for side in "ab"] == [500, 900]


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


async def test_one_summary_is_made_for_all_who_ask(archive: Archive, ask: Ask, queries: Queries) -> None:
    call(archive, "a", 30 * 24, [100])
    range_of_old = "since:2020-01-01 until:2026-01-01"
    first = await ask(q=range_of_old)
    call(archive, "b", 1, [100])
    assert await ask(q=range_of_old) == first


def test_the_other_filter_s_time_replaces_that_of_the_first() -> None:
    now = 20_000 * 86_400 * 10**9
    chosen = selection("route:a since:2h", "until:7d", now)
    assert chosen.criteria.since is None
    assert chosen.criteria.until == now - 7 * 86_400 * 10**9
    assert without_times('route:a since:2h "since we spoke" on:today -tag:"to do"') == (
        'route:a "since we spoke" -tag:"to do"'
    )
