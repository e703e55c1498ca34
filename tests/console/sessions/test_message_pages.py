"""Pages of raw messages as a plain HTTP client gets them."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from relayproxy.console.calls.messages import message_reading
from relayproxy.console.http.times import rfc3339
from relayproxy.console.sessions import message_pages
from relayproxy.settings.model import Settings
from relayproxy.store.engine import open_engine
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.calls.test_reading import spoil
from tests.console.conftest import Client
from tests.databases import migrated


async def page(client: Client, path: str, status: int = 200) -> str:
    async with client.get(path) as response:
        text = await response.text()
        assert response.status == status, text
        return text


def cursors(text: str) -> list[str]:
    return re.findall(r'<li class="msg[^>]* data-key="([^"]+)"', text)


def query_of(text: str, id: str) -> str | None:
    found = re.search(rf'id="{id}" href="[^"?]*([^"#]*)#messages"', text)
    return found[1].replace("&amp;", "&") if found else None


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, samples.Call]:
    """501 messages: a key and its answer every second; and the database with them."""
    path = tmp_path_factory.mktemp("recorded") / "relayproxy.db"
    migrated(f"sqlite:///{path}")
    engine = open_engine(f"sqlite:///{path}")
    call = samples.Call(Archive(engine), samples.ago(400)).setup()
    for number in range(250):
        call.twilio(1 + number, "dtmf", digit="1").backend(1.4 + number, "text", token=f"Number {number}.", last=True)
    call.commit()
    engine.dispose()
    return path, call


@pytest.fixture
def archive(settings: Settings, recorded: tuple[Path, samples.Call]) -> Iterator[Archive]:
    """Of a copy of that database."""
    settings.data_dir.mkdir(mode=0o700)
    shutil.copy(recorded[0], settings.data_dir)
    engine = open_engine(settings.database)
    yield Archive(engine)
    engine.dispose()


@pytest.fixture
def call(recorded: tuple[Path, samples.Call], archive: Archive) -> samples.Call:
    return recorded[1]


async def test_pages_lead_on_and_back(client: Client, call: samples.Call) -> None:
    base = f"/sessions/{call.id}/messages"
    first = await page(client, base)
    assert (cursors(first)[0], cursors(first)[-1]) == ("0.0", "0.199")
    assert query_of(first, "earlier") is None
    second = await page(client, base + (query_of(first, "more") or ""))
    assert (cursors(second)[0], cursors(second)[-1]) == ("0.200", "0.399")
    assert cursors(await page(client, base + (query_of(second, "earlier") or ""))) == cursors(first)
    end = await page(client, base + "?before=end")
    assert (cursors(end)[0], cursors(end)[-1], query_of(end, "more")) == ("0.301", "0.500", None)
    assert cursors(await page(client, base + (query_of(end, "earlier") or "")))[-1] == "0.300"


async def test_without_a_message_the_page_says_why(client: Client, archive: Archive, call: samples.Call) -> None:
    assert "No message fits this filter" in await page(client, f"/sessions/{call.id}/messages?text=nowhere")
    silent = samples.Call(archive).commit()
    assert "No message yet." in await page(client, f"/sessions/{silent.id}/messages")


async def test_a_link_to_a_message_shows_it_among_its_neighbours(client: Client, call: samples.Call) -> None:
    for path, first in ((f"/sessions/{call.id}?at=0.444", 419), (f"/sessions/{call.id}/messages?at=0.444", 394)):
        text = await page(client, path)
        assert cursors(text)[:25] == [f"0.{seq}" for seq in range(first, first + 25)]
        assert 'cursor" id="message-0.444"' in text


async def test_a_moment_is_found_by_offset_and_by_the_clock(client: Client, call: samples.Call) -> None:
    by_clock = rfc3339(call.began + 201 * samples.S).replace("+", "%2B")
    for time in ("3:21", "201", "0:03:21.0", "201.0", by_clock):
        text = await page(client, f"/sessions/{call.id}/messages?time={time}")
        assert 'cursor" id="message-0.401"' in text, time
    text = await page(client, f"/sessions/{call.id}/messages?time=9:00:00")
    assert (cursors(text)[-1], query_of(text, "more")) == ("0.500", None)


@pytest.mark.parametrize(
    "query", ["time=soon", "time=1:2:3:4", "time=2026-01-01T00:00:00", "at=x", "before=1", "after=a.b"]
)
async def test_what_is_no_place_is_refused(client: Client, call: samples.Call, query: str) -> None:
    assert "is expected" in await page(client, f"/sessions/{call.id}/messages?{query}", 400)
    assert "at most 200" in await page(client, f"/sessions/{call.id}/messages?text={'x' * 201}", 400)


async def test_a_search_marks_what_it_finds(client: Client, call: samples.Call) -> None:
    text = await page(client, f"/sessions/{call.id}?text=number+24&from=backend")
    assert cursors(text) == ["0.50", *(f"0.{seq}" for seq in range(482, 501, 2))]
    assert "“<mark>Number 24</mark>.”" in text
    assert '<input type="hidden" name="from" value="backend">' in text
    assert 'name="text" value="number 24"' in text
    assert "No message fits this filter" in await page(client, f"/sessions/{call.id}?text=nowhere")


async def test_a_search_that_stops_for_its_length_says_so(
    client: Client, call: samples.Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_reading, "SCAN", 100)
    monkeypatch.setattr(message_reading, "_BATCH", 30)
    text = await page(client, f"/sessions/{call.id}/messages?text=Number+99")
    assert "100 messages were searched" in text
    assert "Search on" in text
    assert query_of(text, "more") == "?text=Number+99&after=0.99"


async def test_every_row_says_when_it_was_read_and_written(client: Client, call: samples.Call) -> None:
    text = await page(client, f"/sessions/{call.id}/messages")
    assert f'data-at="{call.began / 1_000_000 + 50:.3f}"' in text
    assert ">120 µs<" in text
    alone = await page(client, f"/sessions/{call.id}/messages/0.0")
    assert rfc3339(call.began + 50_000_000 + 120_000) in alone


async def test_hostile_searches_stay_text(client: Client, call: samples.Call) -> None:
    text = await page(client, f"/sessions/{call.id}?text=%3Cscript%3E%22%27&at=0.1")
    assert "<script>&#34;" not in text
    assert "&lt;script&gt;&#34;&#39;" in text


async def test_the_api_searches_too(client: Client, call: samples.Call) -> None:
    async with client.get(f"/api/sessions/{call.id}/messages", params={"text": "NUMBER 7", "limit": 3}) as response:
        body = await response.json()
    assert [item["seq"] for item in body["items"]] == [16, 142, 144]
    assert body["next"] == "0.144"
    assert body["scanned"] == 145


async def test_one_message_marks_what_was_searched_for(client: Client, call: samples.Call) -> None:
    text = await page(client, f"/sessions/{call.id}/messages/0.2?text=number")
    assert "<mark>Number</mark> 0." in text
    await page(client, f"/sessions/{call.id}/messages/0.9999", 404)
    await page(client, f"/sessions/{call.id}/messages/x", 404)
    assert message_pages.MESSAGES == 200


DAMAGES = {
    "SET lines = substr(lines, 1, length(lines) - 30)": "a recording is damaged",
    "SET n = n + 1": "a recording is damaged",
    "SET lines = CAST(substr(lines, 1, 9000) || x'ff' || substr(lines, 9002) AS BLOB)": "a recording is damaged",
    "SET lines = CAST(substr(lines, 1, 9000) || '{' || substr(lines, 9002) AS BLOB)": "a recording is damaged",
    "DELETE": "104 messages of this call cannot be found.",
}


@pytest.mark.in_database
@pytest.mark.parametrize("table", ["chunks", "recordings"])
@pytest.mark.parametrize("damage", DAMAGES)
async def test_messages_that_are_damaged_or_gone_are_said_to_be_and_take_nothing_else_of_their_call_away(
    client: Client, archive: Archive, settings: Settings, table: str, damage: str
) -> None:
    call = samples.booking(archive, samples.ago(100))
    if table == "chunks":
        call.ending = None  # it lives
    call.commit()
    change = f"DELETE FROM {table}" if damage == "DELETE" else f"UPDATE {table} {damage}"
    spoil(settings, f"{change} WHERE connection = :id", call.id)

    whole = await page(client, f"/sessions/{call.id}")
    assert DAMAGES[damage] in whole
    assert 'id="turn-2"' in whole
    assert DAMAGES[damage] in await page(client, f"/sessions/{call.id}/messages")
    if damage != "DELETE":
        assert "recording_unavailable" in await page(client, f"/api/sessions/{call.id}/messages", 503)
