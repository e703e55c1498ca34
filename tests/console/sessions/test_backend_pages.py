"""The spans of the backend on the pages, as a plain HTTP client gets them."""

import re

import pytest

from relayproxy.console.sessions import backend_pages
from relayproxy.settings.model import Settings
from relayproxy.settings.receiver import Receiver
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.backend_spans import Counted
from relayproxy.store.write.deletion.deletion import Deletion
from tests.console import samples
from tests.console.backend_spans import BOOKING, keep
from tests.console.conftest import Client


async def page(client: Client, path: str) -> str:
    async with client.get(path) as response:
        assert response.status == 200
        return await response.text()


def words(markup: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", markup).split())


async def test_the_bar_of_the_backend_says_what_the_wait_went_into_and_opens(
    client: Client, archive: Archive, writer: AnnotationWriter
) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    keep(writer, call, BOOKING)

    text = await page(client, f"/sessions/{call.id}/turns/2/waterfall")

    inside = text.partition('<details id="inside-2">')[2].partition("</tr>")[0]
    summary = words(inside.partition("</summary>")[0])
    assert summary == "model 1,820.0 , tools 560.0 , database 240.0 , other 10.0 , outside of spans 9.9 ms"
    names = re.findall(r'class="span-name[^>]*title="([^"]*)"', inside)
    assert names == ["answer", "chat m-large", "POST", "execute_tool find_table", "SELECT tables", "chat m-large"]
    assert "812 → 41 tokens" in inside
    assert "goes on for" in inside
    assert "by the handshake" in inside
    assert f"/api/sessions/{call.id}/spans?turn=2" in inside
    ids = re.findall(r' id="([^"]*)"', text)
    assert len(ids) == len(set(ids))


async def test_a_turn_without_spans_is_as_it_was(client: Client, archive: Archive, writer: AnnotationWriter) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    before = (await page(client, f"/sessions/{call.id}/turns/4/waterfall")).partition("<article")[2]
    keep(writer, call, BOOKING)
    assert (await page(client, f"/sessions/{call.id}/turns/4/waterfall")).partition("<article")[2] == before
    assert "inside" not in before


async def test_a_turn_that_was_not_answered_shows_its_spans(
    client: Client, archive: Archive, writer: AnnotationWriter
) -> None:
    call = samples.failing(archive, samples.ago(100)).commit()
    keep(writer, call, "chat+m-large 14.1 30 model failed guess")

    session = await page(client, f"/sessions/{call.id}")
    assert f'<a class="load" href="/sessions/{call.id}/turns/2/waterfall">What the backend did</a>' in session
    assert f'<a class="load" href="/sessions/{call.id}/turns/1/waterfall">What the backend did</a>' not in session
    shown = await page(client, f"/sessions/{call.id}/turns/2/waterfall")
    assert '<details id="inside-2" open>' in shown
    assert "failed" in words(shown)
    assert "guessed" in words(shown)
    assert "Not aligned" in shown
    assert "no span of the backend" in await page(client, f"/sessions/{call.id}/turns/0/waterfall")


async def test_a_session_says_how_many_there_are_and_shows_those_of_no_turn(
    client: Client, archive: Archive, writer: AnnotationWriter
) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    keep(writer, call, BOOKING, clock_ahead=-5, counted=Counted(limited=3))

    facts = (await page(client, f"/sessions/{call.id}")).partition('id="backend-spans"')[2].partition("</section>")[0]
    assert words(facts).startswith("> Backend spans 11 Clock, and spans of no turn")
    assert "3 spans" in facts

    shown = await page(client, f"/sessions/{call.id}/spans")
    assert re.findall(r'class="span-name[^>]*title="([^"]*)"', shown) == ["HTTP /ws"]
    assert "is 5,000.5 ms behind relayproxy" in shown.replace("&#39;", "'")


async def test_a_session_without_spans_says_once_how_to_get_them(
    client: Client, archive: Archive, settings: Settings
) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    text = await page(client, f"/sessions/{call.id}")
    assert text.count("docs/backend-spans.md") == 1
    assert "<code>[receiver]</code>, which is off" in text
    assert "What the backend did</a>" not in text
    vars(settings)["receiver"] = Receiver(listen="127.0.0.1:4318")
    assert "None came from the backend" in await page(client, f"/sessions/{call.id}")
    assert "There are none." in await page(client, f"/sessions/{call.id}/spans")


async def test_what_there_is_no_room_for_is_counted(
    client: Client, archive: Archive, writer: AnnotationWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend_pages, "MAX_ROWS", 3)
    monkeypatch.setattr(backend_pages, "MAX_LATER", 1)
    call = samples.booking(archive, samples.ago(100)).commit()
    keep(writer, call, BOOKING + "      save 16.0 16.1 database\n      load 16.2 16.4 database\n", clock_ahead=0)

    text = words(await page(client, f"/sessions/{call.id}/turns/2/waterfall"))

    assert "3 shorter spans more." in text
    assert "2 spans that began after the first word" in text
    assert "1 shorter span more." in text
    assert "began 459.9 ms later" in text or "began 460" in text


async def test_spans_that_are_markup_are_shown_as_text(
    client: Client, archive: Archive, writer: AnnotationWriter
) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    keep(writer, call, "<img+src=x>\"&' 13.2 13.9 model\n</table>\u202e 13.3 30 tool")
    text = await page(client, f"/sessions/{call.id}/turns/2/waterfall")
    assert "<img src=x>" not in text
    assert "&lt;img src=x&gt;" in text
    assert text.count("</table>") == 1
    assert "\u202e" not in text


async def test_nothing_is_left_once_what_was_said_has_been_deleted(
    client: Client, archive: Archive, writer: AnnotationWriter
) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    keep(writer, call, BOOKING)
    with writer.writing() as db:
        Deletion(call.id, whole=False).work(db, lambda: False)

    assert 'id="backend-spans"' not in await page(client, f"/sessions/{call.id}")
    assert "inside-2" not in await page(client, f"/sessions/{call.id}/turns/2/waterfall")
    assert "deleted with what was said" in await page(client, f"/sessions/{call.id}/spans")
