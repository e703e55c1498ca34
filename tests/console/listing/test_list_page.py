"""The list of sessions under a filter, as a page and as JSON."""

import re
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest

from relayproxy.console.http.times import rfc3339
from relayproxy.console.listing import list_page
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.annotations import add_note, add_tag
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client


async def page(client: Client, path: str, status: int = 200) -> str:
    async with client.get(path) as response:
        text = await response.text()
        assert response.status == status, text
        return text


async def document(client: Client, path: str, status: int = 200) -> Any:
    async with client.get(path) as response:
        assert response.status == status, await response.text()
        return await response.json()


def shown(text: str) -> list[str]:
    return re.findall(r'<tr id="s-([^"]*)"', text)


def links(text: str) -> list[str]:
    return [unescape(link) for link in re.findall(r'href="([^"]*)"', text)]


def q(text: str) -> str:
    return f"/sessions?q={quote(text)}"


async def listed(client: Client, text: str) -> list[str]:
    """The sessions that the API and the page list, which are the same."""
    items = (await document(client, f"/api/sessions?q={quote(text)}"))["items"]
    ids = [item["id"] for item in items]
    assert shown(await page(client, q(text))) == ids
    return ids


async def test_the_filter_narrows_the_list_alike_for_people_and_programs(client: Client, archive: Archive) -> None:
    good = samples.booking(archive, samples.ago(3000)).commit()
    bad = samples.failing(archive, samples.ago(2000)).commit()
    live = samples.Call(archive, samples.ago(10)).setup(caller="+14155550123").commit()
    everything = [live.id, bad.id, good.id]

    assert await listed(client, "") == everything
    assert await listed(client, "outcome:failed") == [bad.id]
    assert await listed(client, "outcome:success latency:>2 interruptions:>0") == [good.id]
    assert await listed(client, "-outcome:failed") == [live.id, good.id]
    assert await listed(client, "is:live") == [live.id]
    assert await listed(client, "number:+1415*") == [live.id]
    assert await listed(client, "param.plan:gold") == [good.id]
    assert await listed(client, "route:support,bookings") == [bad.id, good.id]
    assert await listed(client, good.vx) == [good.id]
    assert await listed(client, "lang:es-ES is:handoff") == [good.id]
    assert await listed(client, "finding:slow_turn -route:support") == [good.id]
    assert await listed(client, "nothing_said_this") == []


async def test_a_call_is_within_a_time_when_any_of_it_is(client: Client, archive: Archive) -> None:
    over = samples.Call(archive, samples.ago(7200)).setup().hang_up(10).commit()
    long = samples.Call(archive, samples.ago(7200)).setup().hang_up(7000).commit()
    live = samples.Call(archive, samples.ago(7100)).setup().commit()
    assert await listed(client, "since:1h") == [live.id, long.id]
    assert set(await listed(client, "until:1h")) == {over.id, long.id, live.id}
    assert await listed(client, "until:3h") == []


async def test_what_was_said_is_found_in_its_turn(client: Client, archive: Archive) -> None:
    samples.failing(archive, samples.ago(2000)).commit()
    good = samples.booking(archive, samples.ago(3000)).commit()
    found = await document(client, "/api/sessions?q=" + quote('"window table" wonderful'))
    (item,) = found["items"]
    (hit,) = item["hits"]
    assert item["id"] == good.id
    assert "Wonderful, the window table" in hit["text"]
    assert [part["text"] for part in hit["parts"] if part["match"]] == ["Wonderful", "window table"]
    assert hit["who"] == "agent"

    text = await page(client, q('"window table"'))
    assert "<mark>window table</mark>" in text
    assert f"/sessions/{good.id}?turn={hit['turn']}#turn-{hit['turn']}" in links(text)
    turn = await page(client, f"/sessions/{good.id}?turn={hit['turn']}")
    assert f'id="turn-{hit["turn"]}"' in turn


async def test_hostile_words_are_shown_as_text(client: Client, archive: Archive) -> None:
    evil = "<script>alert(1)</script> refund \N{RIGHT-TO-LEFT OVERRIDE}"
    call = samples.Call(archive, samples.ago(50)).setup(parameters={"<b>": "<i>"}).asks(1, evil).hang_up(9).commit()
    for text in ("refund", 'alert "</script><b>"', f'{evil} "<b>":>', 'param."<b>":"<i>"', "<u>:1", 'rout:"<u>"'):
        found = await page(client, q(text))
        assert not any(f"<{tag}>" in found.partition("<main")[2] for tag in ("script", "b", "i", "u"))
        await page(client, f"/sessions/facets?q={quote(text)}")
    assert shown(await page(client, q("refund"))) == [call.id]


async def test_mistakes_are_told_and_the_rest_applies(client: Client, archive: Archive) -> None:
    good = samples.booking(archive, samples.ago(3000)).commit()
    samples.failing(archive, samples.ago(2000)).commit()
    text = await page(client, q("rout:bookings outcome:success latency:fast"))
    assert shown(text) == [good.id]
    assert "there is no field rout." in text
    assert q("route:bookings outcome:success latency:fast") in links(text)
    assert q("outcome:success latency:fast") in links(text)
    assert "seconds or a length of time" in text

    refused = await document(client, "/api/sessions?q=" + quote("rout:x latency:fast"), 400)
    assert refused["error"]["code"] == "bad_request"
    assert "rout:x: there is no field rout" in refused["error"]["message"]
    assert "latency:fast" in refused["error"]["message"]
    await document(client, "/api/facets?q=rout:x", 400)


async def test_without_a_match_each_condition_can_be_taken_away(client: Client, archive: Archive) -> None:
    samples.booking(archive, samples.ago(3000)).commit()
    text = await page(client, q("route:nowhere turns:>0 refund"))
    assert "No call matches" in text
    for less in ("turns:>0 refund", "route:nowhere refund", "route:nowhere turns:>0"):
        assert q(less) in links(text)


async def test_pages_of_a_filtered_list_follow_each_other(
    client: Client, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_page, "SESSIONS", 2)
    made = [samples.failing(archive, samples.ago(9000 - n)).commit().id for n in range(5)]
    samples.booking(archive, samples.ago(10)).commit()
    path, seen = q("outcome:failed"), list[str]()
    for _ in range(3):
        text = await page(client, path)
        seen += shown(text)
        path = next((link for link in links(text) if "before=" in link), "")
    assert seen == made[::-1]
    assert path == ""

    first = await document(client, "/api/sessions?limit=3&q=outcome:failed")
    second = await document(client, f"/api/sessions?limit=3&q=outcome:failed&before={first['next']}")
    assert [item["id"] for item in first["items"] + second["items"]] == made[::-1]
    assert second["next"] is None
    await document(client, "/api/sessions?before=x", 400)
    await document(client, "/api/sessions?limit=501", 400)


async def test_cells_lead_to_what_is_like_them(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(3000)).commit()
    turns = len(call.fold.conversation().turns)
    found = links(await page(client, q("turns:>2 route:bookings,x since:24h")))
    assert q("turns:>2 since:24h route:bookings") in found
    assert q("turns:>2 route:bookings,x since:24h outcome:ended_by_backend") in found
    assert q(f"route:bookings,x since:24h turns:>={turns}") in found
    assert q(f"turns:>2 route:bookings,x since:24h number:{samples.CALLER}") in found
    assert q("turns:>2 route:bookings,x since:24h p95:>=2.64") in found
    assert q(f"turns:>2 route:bookings,x on:{rfc3339(call.began)[:10]}") in found


async def test_rows_that_no_longer_match_are_still_told_of(client: Client, archive: Archive) -> None:
    live = samples.Call(archive, samples.ago(60)).setup().commit()
    other = samples.Call(archive, samples.ago(50)).setup().commit()
    live.hang_up(5).commit()
    rows = await page(client, f"/sessions/rows?q=is:live&shown={live.id},{other.id},nobody")
    assert shown(rows) == [other.id, live.id]
    left = rows.partition(f'data-key="{live.id}"')[2].partition(">")[0]
    assert "data-left" in left
    assert rows.count("data-left") == 1


async def test_what_a_page_has_is_not_sent_again(client: Client, archive: Archive) -> None:
    same = samples.booking(archive, samples.ago(600)).commit()
    grown = samples.Call(archive, samples.ago(60)).setup().commit()
    have = f"{same.id}.1,{grown.id}.1"
    assert shown(await page(client, f"/sessions/rows?have={have}")) == []
    grown.asks(30, "Hello?").commit()
    new = samples.Call(archive, samples.ago(5)).setup().commit()
    rows = await page(client, f"/sessions/rows?have={have}")
    assert shown(rows) == [new.id, grown.id]
    assert rows.count("<td") == rows.partition(f's-{grown.id}"')[2].count("<td") > 5
    assert shown(await page(client, "/sessions/rows?have=,x.,.,&shown=,")) == [new.id, grown.id, same.id]


async def test_the_miniature_says_in_words_what_it_shows(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(3000)).commit()
    text = await page(client, "/sessions")
    assert 'aria-label="Who spoke when; 1 slow answer, 1 interruption"' in text
    (item,) = (await document(client, "/api/sessions"))["items"]
    assert re.fullmatch(r"\d+:[A-Za-z0-9+/]+", item["strip"])
    assert item["id"] == call.id
    assert item["hits"] == []


async def test_facets_count_what_is_there_and_toggle_it(client: Client, archive: Archive) -> None:
    samples.booking(archive, samples.ago(3000)).commit()
    samples.booking(archive, samples.ago(2500)).commit()
    samples.failing(archive, samples.ago(2000)).commit()
    found = await document(client, "/api/facets?q=" + quote("transition:failed refund"))
    assert (found["sessions"], found["complete"]) == (0, True)

    found = await document(client, "/api/facets?q=" + quote("transition:failed"))
    facets = {one["field"]: one["values"] for one in found["items"]}
    studio = {one["value"]: one for one in facets["transition"]}
    assert {value: one["count"] for value, one in studio.items()} == {"success": 2, "failed": 1}
    assert studio["failed"]["chosen"]
    assert studio["failed"]["q"] == ""
    assert studio["success"]["q"] == "transition:failed,success"
    assert "param.plan" not in facets

    every = {one["field"]: one["values"] for one in (await document(client, "/api/facets"))["items"]}
    assert every["param.plan"][0] == {
        "value": "gold",
        "name": "gold",
        "count": 2,
        "chosen": False,
        "q": "param.plan:gold",
    }
    side = await page(client, "/sessions/facets?q=transition:failed")
    assert 'aria-current="true"' in side
    assert q("transition:failed,success") in links(side)
    assert 'class="facet"' in await page(client, "/sessions?facets=1")


async def test_a_filter_as_long_as_an_address_can_be_is_answered(client: Client, archive: Archive) -> None:
    samples.booking(archive, samples.ago(3000)).commit()
    for text in (
        "a " * 3000,
        "-turns:1,2 " * 400,
        "number:" + ",".join("+1" * 50) + " x:y" * 900,
        '"' * 2001,
        "tag:a," * 500,
    ):
        await page(client, "/sessions?q=" + quote(text, safe=",:+-")[:7500])
        await page(client, "/sessions/facets?q=" + quote(text, safe=",:+-")[:7500])
        await document(client, "/api/complete?q=" + quote(text, safe=",:+-")[:7500])


async def test_a_page_stays_small_however_much_is_asked_for(client: Client, archive: Archive) -> None:
    for n in range(20):
        samples.booking(archive, samples.ago(3000 + n)).commit()
    many = " ".join("number:" + ",".join(f"{n}*" for n in range(60)) for _ in range(30))
    for text in (many, "a: " * 2600):
        for path in ("/sessions", "/sessions/facets"):
            found = await page(client, f"{path}?q={quote(text, safe=':,*')[:8000]}")
            assert len(found) < 400_000
    refused = await document(client, "/api/sessions?q=" + quote("word " * 900), 400)
    assert refused["error"]["message"].count("at most") == 1


async def test_nothing_recorded_yet_shows_how_to_connect(client: Client, archive: Archive) -> None:
    text = await page(client, q("turns:>3"))
    assert "No calls yet" in text
    assert 'id="filter"' not in text


async def test_completions_say_what_they_replace(client: Client, archive: Archive) -> None:
    samples.booking(archive, samples.ago(3000)).commit()
    found = await document(client, "/api/complete?q=" + quote("turns:>3 trans") + "&at=14")
    assert (found["start"], found["end"]) == (9, 14)
    assert found["items"][0] == {
        "insert": "transition:",
        "label": "transition:",
        "hint": found["items"][0]["hint"],
        "count": None,
        "done": False,
    }
    found = await document(client, "/api/complete?q=" + quote("rout:x -route:bo"))
    assert [(one["insert"], one["count"]) for one in found["items"]] == [("-route:bookings", 1)]
    await document(client, "/api/complete?q=a&at=x", 400)


async def test_the_list_is_sorted_by_its_headings(client: Client, archive: Archive) -> None:
    long = samples.Call(archive, samples.ago(3000)).setup().asks(1, "hello").answers(5, "Hi").hang_up(90).commit()
    short = samples.Call(archive, samples.ago(2000)).setup().asks(1, "hello").answers(1.5, "Hi").hang_up(9).commit()
    live = samples.Call(archive, samples.ago(50)).setup().commit()
    for sort, ids in {
        "-duration": [long.id, short.id, live.id],
        "duration": [short.id, long.id, live.id],
        "-latency": [long.id, short.id, live.id],
        "started": [long.id, short.id, live.id],
        "-started": [live.id, short.id, long.id],
    }.items():
        items = (await document(client, f"/api/sessions?sort={sort}"))["items"]
        text = await page(client, f"/sessions?sort={sort}")
        assert [item["id"] for item in items] == shown(text) == ids, sort
    text = await page(client, "/sessions?sort=-duration&q=turns:%3E=0")
    assert '<th scope="col" class="c-num c-duration" aria-sort="descending">' in text
    assert text.count("aria-sort") == 1
    assert "/sessions?q=turns%3A%3E%3D0&sort=duration" in links(text)
    assert "/sessions?q=turns%3A%3E%3D0&sort=-latency" in links(text)
    assert 'aria-sort="descending"><a class="sort descending"' in await page(client, "/sessions")
    first = await document(client, "/api/sessions?sort=-duration&limit=1")
    rest = await document(client, f"/api/sessions?sort=-duration&before={first['next']}")
    assert [item["id"] for item in rest["items"]] == [short.id, live.id]
    refused = await document(client, "/api/sessions?sort=size", 400)
    assert "one of started, duration, turns, latency, wait, interruptions is expected" in refused["error"]["message"]
    refused = await document(client, f"/api/sessions?sort=duration&before={first['next']}", 400)
    assert "a cursor as an earlier page gave it" in refused["error"]["message"]


async def test_tags_and_notes_are_in_their_row(client: Client, archive: Archive, writer: AnnotationWriter) -> None:
    good = samples.booking(archive, samples.ago(3000)).commit()
    samples.failing(archive, samples.ago(2000)).commit()
    before = re.findall(r'data-digest="([^"]*)"', await page(client, "/sessions"))
    add_tag(writer, good.id, "to do <now>")
    add_note(writer, good.id, "ann", "Called back.")
    add_note(writer, good.id, "ann", "Booked <twice>.")
    text = await page(client, "/sessions")
    row = text[text.index(f'<tr id="s-{good.id}"') :]
    assert all(part in row for part in ("to do &lt;now&gt;", "2 notes", 'title="Booked &lt;twice&gt;."'))
    assert 'class="marks"' not in text[: text.index(row)]
    assert q('tag:"to do <now>"') in links(row)
    items = (await document(client, "/api/sessions"))["items"]
    assert [(item["tags"], item["notes"]) for item in items] == [([], 0), (["to do <now>"], 2)]
    after = re.findall(r'data-digest="([^"]*)"', text)
    assert before[0] == after[0]
    assert before[1] != after[1]


async def test_a_range_of_time_is_chosen_by_its_name(client: Client, archive: Archive) -> None:
    samples.booking(archive, samples.ago(3000)).commit()
    text = await page(client, q("route:bookings since:7d"))
    assert q("route:bookings since:24h") in links(text)
    assert q("route:bookings") in links(text)
    assert '<span class="when-name">Last 7 days</span>' in text
    assert '<span class="when-name">Some time</span>' in await page(client, q("since:5d"))
