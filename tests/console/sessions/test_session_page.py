"""Pages as a plain HTTP client gets them."""

import asyncio
import json
import re

import pytest
from markupsafe import escape

from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.listing import list_page
from relayproxy.console.sessions import message_pages, session_page
from relayproxy.conversation.checks.findings import CATALOGUE
from relayproxy.conversation.words import CONFIDENCES
from relayproxy.settings.model import Settings
from relayproxy.settings.tables import Route
from relayproxy.store.write.archive import Archive
from tests.bench.big_long import record
from tests.console import samples
from tests.console.conftest import Client
from tests.patience import PATIENCE


async def page(client: Client, path: str, status: int = 200) -> str:
    async with client.get(path) as response:
        text = await response.text()
        assert response.status == status, text
        assert response.content_type == "text/html"
        return text


async def test_the_root_leads_to_the_sessions(client: Client, archive: Archive) -> None:
    async with client.get("/", allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (302, "/sessions")


async def test_long_lists_are_paged(client: Client, archive: Archive) -> None:
    made = [samples.booking(archive, samples.ago(9000 - n)).commit().id for n in range(list_page.SESSIONS + 1)]
    first = await page(client, "/sessions")
    assert f'id="s-{made[-1]}"' in first
    assert f'id="s-{made[0]}"' not in first
    older = first.partition('rel="next" href="')[2].partition('"')[0]
    second = await page(client, older.replace("&amp;", "&"))
    assert f'id="s-{made[0]}"' in second
    assert 'rel="next"' not in second


async def test_what_was_never_heard_is_struck_out_and_says_how_that_is_known(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    text = await page(client, f"/sessions/{call.id}")

    struck = text.partition("<del ")[2].partition("</del>")[0]
    assert struck.startswith('title="Never heard, as ')
    assert struck.endswith("there is live music from nine.")
    assert "partly heard</span>" in text


async def test_what_nobody_can_tell_was_heard_is_not_called_heard_or_unheard(client: Client, archive: Archive) -> None:
    call = samples.Call(archive, samples.ago(100)).setup().asks(1, "When are you open?")
    call.backend(1.2, "text", token="Open from nine to five.", last=True).interrupts(1.3, "", 0).hang_up(9)
    text = await page(client, f"/sessions/{call.commit().id}")

    assert "perhaps not heard</span>" in text
    assert "never heard</span>" not in text
    assert "<del " not in text


async def test_a_setup_message_without_numbers_is_one(client: Client, archive: Archive) -> None:
    call = samples.Call(archive, samples.ago(100)).setup(caller="", callee="").asks(1, "Hello?").hang_up(2).commit()

    assert "<h1>Call without phone numbers</h1>" in await page(client, f"/sessions/{call.id}")
    assert "no phone numbers</span>" in await page(client, "/sessions")


async def test_what_came_when_the_caller_had_hung_up_is_called_late(client: Client, archive: Archive) -> None:
    call = samples.Call(archive, samples.ago(100)).setup().asks(1, "When are you open?").hang_up(2)
    call.backend(7, "text", token="Open from nine to five.", last=True).over(8, first="twilio")
    text = await page(client, f"/sessions/{call.commit().id}")

    turn = text.partition('id="turn-1"')[2].partition("</ol>")[0]
    assert turn.index("<i>no answer</i>") < turn.index("Open from nine to five.") < turn.index("too late</span>")
    assert "too late</span>" not in text.replace("too late</span>", "", 1)


async def test_findings_are_told_at_their_turn_and_together(client: Client, archive: Archive) -> None:
    call = samples.Call(archive, samples.ago(100)).setup().asks(1, "Hello?")
    call.text(4.5, "backend", '{"type":"<b>","token":"Hi"}').backend(5, "text", token="Hi.", last=True).hang_up(9)
    text = await page(client, f"/sessions/{call.commit().id}")

    facts = text.partition('<section id="findings"')[2].partition("</section>")[0]
    assert "1 error" in facts
    assert "1 warning" in facts
    for code in ("invalid_message", "slow_turn"):
        assert CATALOGUE[code].title in facts
        assert escape(CATALOGUE[code].action) in facts
    assert f'href="/sessions/{call.id}?at=0.2#message-0.2"' in facts
    assert 'href="#turn-1"' in facts
    turn = text.partition('id="turn-1"')[2].partition("</li>")[0]
    assert CATALOGUE["slow_turn"].title in turn
    assert "<b>&quot;" not in text
    ids = re.findall(r' id="([^"]*)"', text)
    assert len(ids) == len(set(ids))
    rows = await page(client, "/sessions")
    assert 'title="1 error"' in rows
    assert 'title="1 warning"' in rows


async def test_a_caller_who_waits_is_the_first_finding(client: Client, archive: Archive) -> None:
    call = samples.Call(archive, samples.ago(60)).setup().asks(1, "Hello?").commit()
    facts = (await page(client, f"/sessions/{call.id}")).partition('<section id="findings"')[2]
    first = facts.partition("</details>")[0]
    assert "1 error" in first
    assert CATALOGUE["waiting"].title in first


async def test_an_ending_that_is_not_certain_says_so(client: Client, archive: Archive) -> None:
    sure = samples.booking(archive, samples.ago(100)).commit()
    unsure = (
        samples.Call(archive, samples.ago(50)).setup().over(4, first="twilio", twilio="eof", backend="eof").commit()
    )
    assert CONFIDENCES["guess"].phrase not in await page(client, f"/sessions/{sure.id}")
    story = (await page(client, f"/sessions/{unsure.id}")).partition('class="story')[2].partition("</section>")[0]
    assert CONFIDENCES["guess"].phrase in story or CONFIDENCES["likely"].phrase in story


async def test_what_is_slow_is_what_the_route_says(client: Client, archive: Archive, settings: Settings) -> None:
    settings.routes["bookings"] = Route(backend="wss://bookings.example.com/ws", slow_turn=0.7)
    call = samples.booking(archive, samples.ago(100)).commit()
    text = await page(client, f"/sessions/{call.id}")
    assert text.count('title="Slow: 700 ms or more"') == 3
    assert text.count('class="latency slow"') == 3
    assert (await page(client, "/sessions")).count('title="Slow: 700 ms or more"') == 4


async def test_the_sessions_of_a_call_lead_to_each_other(client: Client, archive: Archive) -> None:
    sid = "CA/ 5"
    first = samples.Call(archive, samples.ago(200)).setup(call_sid=sid).hang_up(9).commit()
    second = samples.Call(archive, samples.ago(100)).setup(call_sid=sid).commit()
    alone = samples.booking(archive, samples.ago(50)).commit()

    text = await page(client, f"/sessions/{second.id}")
    assert f'<a href="/sessions/{first.id}">' in text
    path = text.partition('<a href="/calls/')[2].partition('"')[0]
    both = await page(client, f"/calls/{path}")
    assert 0 < both.index(f'id="s-{first.id}"') < both.index(f'id="s-{second.id}"')
    assert alone.id not in both
    assert "This call" not in await page(client, f"/sessions/{alone.id}")
    await page(client, "/calls/CA9", 404)


async def test_long_conversations_are_paged_and_a_live_one_shows_its_end(
    client: Client, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_page, "TURNS", 10)
    call = samples.Call(archive).setup()
    for number in range(24):
        call.asks(1 + number, f"Question {number + 1}?").answers(1.5 + number, "Yes.")
    call.commit()
    live = await page(client, f"/sessions/{call.id}")
    assert 'id="turn-24"' in live
    assert 'id="turn-14"' not in live
    assert "15 earlier turns" in live

    call.hang_up(40).commit()
    ended = await page(client, f"/sessions/{call.id}")
    assert 'id="turn-9"' in ended
    assert 'id="turn-10"' not in ended
    assert "15 later turns" in ended
    assert 'id="turn-10"' in await page(client, f"/sessions/{call.id}?turn=10")


async def test_a_long_call_is_shown_before_it_is_counted(
    client: Client, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_pages, "COUNT_AT_ONCE", 50)
    call = samples.booking(archive, samples.ago(60)).commit()
    first = await page(client, f"/sessions/{call.id}")
    assert 'data-counted=""' in first
    assert '<span id="total">104</span>' in first
    counted = await page(client, f"/sessions/{call.id}/messages")
    assert 'data-counted="1"' in counted
    assert 'data-kind="interrupt"' in counted


async def test_twenty_thousand_messages_are_reached_from_both_ends(client: Client, archive: Archive) -> None:
    call = samples.Call(archive, samples.ago(9999)).setup()
    for number in range(20_000):
        call.text(1 + number / 100, "backend", '{"type":"text","token":"a"}')
    call.hang_up(300).commit()
    first = await page(client, f"/sessions/{call.id}")
    assert first.count('<li class="msg') == message_pages.AT_FIRST
    assert "20,003" in first
    last = await page(client, f"/sessions/{call.id}?before=end")
    assert f'id="message-0.{20_002}"' in last
    assert last.count('<li class="msg') == message_pages.AT_FIRST
    counted = await page(client, f"/sessions/{call.id}/messages?type=close")
    assert '<b id="shown">' in counted
    assert len(first) < 1_000_000


async def test_the_page_of_a_long_call_is_light(client: Client, archive: Archive) -> None:
    text = await page(client, f"/sessions/{record(archive, 10_000)}")
    assert text.count('<li class="turn') > 90
    assert len(text) < 350_000
    assert len(re.findall(r"<[a-z]", text)) < 6_000


async def test_where_the_time_of_a_turn_went_is_a_link_away(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    text = await page(client, f"/sessions/{call.id}")
    assert 'class="waterfall"' not in text
    link = f"/sessions/{call.id}/turns/2/waterfall"
    assert f'href="{link}"' in text
    assert "Response latency" in await page(client, link)
    assert "no response latency" in await page(client, f"/sessions/{call.id}/turns/0/waterfall")
    for number in ("99", "x", "9" * 30):
        await page(client, f"/sessions/{call.id}/turns/{number}/waterfall", 404)


async def test_one_message_has_a_page(client: Client, archive: Archive) -> None:
    call = samples.odd(archive, samples.ago(50)).commit()
    assert "long long" in await page(client, f"/sessions/{call.id}/messages/0.5")
    for nowhere in ("0.99", "1.0", "x", "0.0.0"):
        await page(client, f"/sessions/{call.id}/messages/{nowhere}", 404)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/sessions/nobody", 404),
        ("/sessions/nobody/live", 404),
        ("/sessions/<script>", 404),
        ("/nowhere", 404),
        ("/sessions?before=x", 400),
    ],
)
async def test_errors_are_pages(client: Client, archive: Archive, path: str, status: int) -> None:
    text = await page(client, path, status)
    assert 'href="/sessions"' in text
    assert "<script>" not in text


async def test_a_wrong_turn_is_refused(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(50)).commit()
    for turn in ("-1", "x", "1e3", "99999999999"):
        await page(client, f"/sessions/{call.id}?turn={turn}", 400)
    await page(client, f"/sessions/{call.id}?turn=999")


async def test_without_a_database_the_page_says_what_to_do(client: Client, settings: Settings) -> None:
    text = await page(client, "/sessions", 503)
    assert "relayproxy" in text
    assert str(settings.data_dir) in text or "serve" in text


async def test_a_stream_tells_revisions_and_ends_with_its_reader(client: Client, archive: Archive) -> None:
    call = samples.Call(archive).setup().commit()
    assert client.app
    poller = client.app[APP_CONTEXT].poller
    async with client.get(f"/sessions/{call.vx}/live") as stream:
        assert stream.content_type == "text/event-stream"
        assert stream.headers["Cache-Control"] == "no-store"
        for revision in (1, 2, 3):
            async with asyncio.timeout(PATIENCE):
                while not (line := await stream.content.readline()).startswith(b"data:"):
                    pass
            assert json.loads(line[5:]) == {"revision": revision}
            call.asks(revision, "Hello?").commit()
        assert poller.watchers == 1
        stream.close()
    async with asyncio.timeout(PATIENCE):
        while poller.watchers:  # noqa: ASYNC110 - nothing tells that a handler is gone
            await asyncio.sleep(0.01)
