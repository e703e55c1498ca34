"""The charts above the list of sessions, and what draws them."""

import hashlib
import html
import json
import re
import time
from functools import partial
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from relayproxy.assets import web_dir
from relayproxy.console.http.times import NS
from relayproxy.console.insight import selection
from relayproxy.console.insight.charts import WEIGHTY
from relayproxy.console.listing import overview
from relayproxy.store.read.insight.numbers import Numbers
from relayproxy.store.schema.rows import Batch, JournalRow
from relayproxy.store.write.archive import Archive
from tests.console import fortnight, samples
from tests.store import build

Client = TestClient[Any, Any]


async def test_calls_and_latencies_over_time_obey_the_filter(client: Client, archive: Archive) -> None:
    fortnight.record(archive, time.time_ns(), a_day=10)
    async with client.get("/api/overview", params={"q": "since:30d"}) as response:
        everything = await response.json()
    async with client.get("/api/overview", params={"q": "since:30d outcome:failed"}) as response:
        failed = await response.json()

    def samples(found: dict[str, Any], ending: str) -> int:
        return sum(int(item["calls"][ending]) for item in found["items"])

    assert everything["calls"]["counted"] == 140
    assert everything["next"] is None
    assert samples(failed, "failed") == samples(everything, "failed") == failed["calls"]["matching"] > 0
    assert samples(failed, "success") == 0
    assert sum(item["response_latency_ms"]["n"] for item in everything["items"]) > 500


async def test_a_wrong_filter_is_an_error_for_programs_and_left_to_the_list_for_readers(
    client: Client, archive: Archive
) -> None:
    async with client.get("/api/overview", params={"q": "latency:soon"}) as response:
        assert response.status == 400
    async with client.get("/sessions/overview", params={"q": "latency:soon"}) as response:
        assert response.status == 200
        assert "No calls to draw" in await response.text()


async def test_the_fragment_has_both_charts_and_their_tables(client: Client, archive: Archive) -> None:
    fortnight.record(archive, time.time_ns(), a_day=10)
    async with client.get("/sessions/overview") as response:
        text = await response.text()
    assert text.count("data-chart=") == text.count("<table") == 2
    assert text.count("last 7 days</span>") == text.count("last 7 days, per") // 2 == 1
    # The list has all of them.
    assert re.search(r"\b(6|7)\d of 140 calls, last 7 days, per 3 hours", text)


async def test_calls_that_began_before_the_range_are_in_the_list_and_accounted_for(
    client: Client, archive: Archive
) -> None:
    for ago in (7200, 4000, 600):
        samples.Call(archive, samples.ago(ago)).setup().hang_up(500 if ago < 7200 else 5000).commit()
    async with client.get("/api/sessions", params={"q": "since:1h"}) as response:
        assert len((await response.json())["items"]) == 3
    async with client.get("/sessions/overview", params={"q": "since:1h"}) as response:
        text = await response.text()
    assert 'data-total="3"' in text
    assert "1 of 3 calls, per minute; the other 2 had begun before" in text


async def test_of_very_many_older_calls_it_says_that_there_are_more(
    client: Client, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "OLDER", 50)
    fortnight.record(archive, time.time_ns(), a_day=10)
    async with client.get("/sessions/overview") as response:
        assert re.search(r"\b\d\d of over 1[12]\d calls, last 7 days", await response.text())


async def test_of_more_calls_than_are_read_the_newest_are_drawn(
    client: Client, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "Numbers", partial(Numbers, most=30))
    fortnight.record(archive, time.time_ns(), a_day=10)

    async def drawn(q: str) -> str:
        async with client.get("/sessions/overview", params={"q": q}) as response:
            return await response.text()

    assert re.search(r"newest 30 of 140 calls, ", await drawn("since:30d"))
    assert re.search(r"newest 30 of over 30 calls, ", await drawn("until:1m"))


async def test_who_begins_sees_the_time_since_the_first_call(client: Client, archive: Archive) -> None:
    fortnight.record(archive, time.time_ns(), a_day=10, days=1)
    async with client.get("/sessions/overview") as response:
        text = await response.text()
    assert text.count("since the first call</span>") == text.count("since the first call, per") // 2 == 1
    assert "10 calls, since the first call" in text


def test_the_files_of_others_are_unmodified() -> None:
    folder = web_dir() / "static/vendor"
    listed = dict(re.findall(r"\| `(\S+)` \| `([0-9a-f]{64})` \|", (folder / "VENDORED.md").read_text()))
    assert set(listed) == {"uPlot.esm.js", "uPlot.min.css", "uPlot.LICENSE"}
    for name, digest in listed.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name


async def test_a_scale_shows_what_is_slow_and_says_when_a_line_leaves_it(client: Client, archive: Archive) -> None:
    at = time.time_ns() - 2 * 3600 * NS
    quiet = [build.turn("quiet", 0, started_at=at, response_latency_ms=9000)]
    busy = [build.turn("busy", n, started_at=at + 1800 * NS, response_latency_ms=500) for n in range(WEIGHTY)]
    for id, turns in (("busy", busy), ("quiet", quiet)):
        row = build.session(id, started_at=turns[0].started_at, response_n=len(turns))
        archive.commit(Batch(journals=(JournalRow(id, 1, 1),), sessions=(row,), turns=tuple(turns)))
        async with client.get("/sessions/overview", params={"q": f"since:3h session:busy,{id}"}) as response:
            text = html.unescape(await response.text())
        drawn = json.loads(re.findall(r'data-chart="(\{.*?\})"', text)[1])
        assert (drawn["top"], drawn["clipped"]) == (2200, id == "quiet")
