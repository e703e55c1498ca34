"""The wall as a plain HTTP client gets it."""

import json
from typing import Any

from aiohttp import ClientResponse

from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client


async def event(response: ClientResponse) -> dict[str, Any]:
    """The next event of a stream."""
    while True:
        line = (await response.content.readline()).decode()
        assert line, "the stream ended"
        if line.startswith("data: "):
            found: dict[str, Any] = json.loads(line[6:])
            return found


async def text_of(client: Client, path: str) -> str:
    async with client.get(path) as response:
        assert response.status == 200
        return await response.text()


async def test_the_page_shows_live_calls_in_order_of_start(client: Client, archive: Archive) -> None:
    younger = samples.Call(archive, samples.ago(10)).setup().asks(1, "Is it <b>open</b>?").commit()
    older = samples.Call(archive, samples.ago(20)).setup().commit()
    ended = samples.booking(archive, samples.ago(100)).commit()
    page = await text_of(client, "/live")
    assert page.index(f'id="c-{older.id}"') < page.index(f'id="c-{younger.id}"')
    assert ended.id not in page
    assert "Is it &lt;b&gt;open&lt;/b&gt;?" in page
    assert "Agent is awaited" in page


async def test_without_a_live_call_the_page_says_so(client: Client, archive: Archive) -> None:
    assert "No call is live." in await text_of(client, "/live")


async def test_the_stream_goes_on_from_where_the_page_stood(client: Client, archive: Archive) -> None:
    call = samples.Call(archive, samples.ago(10)).setup().commit()
    page = await text_of(client, "/live")
    version = page.partition('data-version="')[2].partition('"')[0]
    async with client.get("/live/stream", params={"since": version}) as stream:
        assert stream.content_type == "text/event-stream"
        call.asks(1, "Hello?").commit()
        change = await event(stream)
        assert (change["live"], change["whole"], change["gone"]) == (1, False, [])
        [[id, markup]] = change["tiles"]
        assert id == call.id
        assert "Hello?" in markup
        call.over(3, first="backend", twilio="eof", backend="reset").commit()
        [[_, markup]] = (await event(stream))["tiles"]
        assert "card over" in markup
        assert "Backend disconnected" in markup


async def test_without_a_version_the_stream_begins_with_everything(client: Client, archive: Archive) -> None:
    call = samples.Call(archive).setup().commit()
    async with client.get("/live/stream") as stream:
        first = await event(stream)
        assert (first["whole"], [id for id, _ in first["tiles"]]) == (True, [call.id])


async def test_the_twin_says_the_same_in_json(client: Client, archive: Archive) -> None:
    call = samples.Call(archive, samples.ago(10)).setup().asks(1, "Hello?").commit()
    async with client.get("/api/live") as response:
        body = await response.json()
    assert (body["next"], body["live"]) == (None, 1)
    [item] = body["items"]
    assert (item["id"], item["live"], item["said"]["caller"]) == (call.id, True, "Hello?")
    assert (item["awaited"]["state"], item["slow_turn_ms"]) == ("agent", 2000)
