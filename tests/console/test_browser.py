"""The pages in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from relayproxy.console.http.times import rfc3339
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.browser import Pages, chromium, frames, from_the_top
from tests.console.conftest import OpenPage
from tests.console.look import fits
from tests.peers import programs

NARROW = {"width": 360, "height": 740}
HOSTILE = (
    '<script>alert(1)</script><img src=x onerror=alert(2)><a href="javascript:alert(3)">x</a></script>"\'>'
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe {{7*7}} ${1}"
)


def test_without_chromium_the_tests_say_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(programs, "APPLICATIONS", ())
    monkeypatch.setattr(programs, "BROWSERS", Path("/nowhere"))
    monkeypatch.delenv("RELAYPROXY_CHROMIUM", raising=False)
    with pytest.raises(pytest.fail.Exception, match="apt-get install chromium"):
        chromium()
    monkeypatch.setenv("RELAYPROXY_CHROMIUM", "/nowhere/chromium")
    with pytest.raises(pytest.fail.Exception, match="RELAYPROXY_CHROMIUM"):
        chromium()


def test_a_page_is_like_new_for_the_next_test(pages: Pages, console: str, archive: Archive) -> None:
    with pages.watched(console) as page:
        page.goto(f"{console}/connect")
        page.route("**/connect*", lambda route: None)
        page.evaluate("localStorage.setItem('mine', '1')")
    with pages.watched(console) as next_one:
        assert next_one is page
        next_one.goto(f"{console}/connect")
        assert next_one.evaluate("localStorage.getItem('mine')") is None


def colour(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_without_calls_the_page_says_how_to_connect_one_and_notices_the_first(
    visit: OpenPage, archive: Archive
) -> None:
    page = visit("/")

    expect(page.get_by_role("heading", name="No calls yet")).to_be_visible()
    expect(page.get_by_text("wss://relay.example.com/r/bookings", exact=True)).to_be_visible()
    expect(page.get_by_text("<ConversationRelay url=")).to_contain_text('url="wss://relay.example.com/"')
    assert "secret" not in page.content()

    call = samples.Call(archive).setup().commit()
    page.get_by_text("Your first call is here").click()
    expect(page.locator(f"#s-{call.id}")).to_contain_text("Live")


def test_the_list_shows_each_call_changes_rows_in_place_lets_new_calls_wait_and_opens_them(
    visit: OpenPage, archive: Archive
) -> None:
    good = samples.booking(archive, samples.ago(300)).commit()
    bad = samples.failing(archive, samples.ago(200)).commit()
    live = samples.Call(archive).setup(caller="+15550100042").commit()
    page = visit("/")

    rows = page.locator("#rows tr")
    assert [row.get_attribute("data-key") for row in rows.all()] == [live.id, bad.id, good.id]
    expect(rows.nth(0)).to_contain_text("Live")
    expect(rows.nth(1)).to_contain_text("Backend disconnected")
    expect(rows.nth(1)).to_contain_text("Failed")
    expect(rows.nth(2)).to_contain_text("710 / 2,640")
    expect(rows.nth(2)).to_contain_text("Ended by backend")
    expect(rows.nth(2)).to_contain_text("handoff")
    expect(rows.nth(2).locator("time")).to_have_attribute("title", "UTC " + rfc3339(good.began))

    live.hang_up(4).commit()
    expect(page.locator(f"#s-{live.id}")).to_contain_text("Caller hung up")
    newer = [samples.Call(archive).setup().commit() for _ in range(2)]
    expect(page.get_by_role("link", name="2 new calls")).to_be_visible()
    assert rows.count() == 3
    expect(page).to_have_title("(2) Sessions · relayproxy")
    page.get_by_role("link", name="2 new calls").click()
    expect(rows).to_have_count(5)
    expect(page.locator(f"#s-{newer[0].id}")).to_be_visible()

    page.locator(f"#s-{good.id} td").last.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(samples.CALLER)
    page.go_back()
    page.get_by_role("link", name=page.locator(f"#s-{bad.id} a.open").inner_text()).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("+15550100077")


def test_the_conversation_comes_first_with_all_that_happened(visit: OpenPage, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(300)).commit()
    page = visit(f"/sessions/{call.vx}")

    turns = page.locator("#turns > li")
    expect(turns.nth(0)).to_contain_text("Hello, this is the Harbour Restaurant. How can I help?")
    expect(turns.nth(1)).to_contain_text("I'd like to book a table for tonight, please.")
    expect(turns.nth(1).locator(".latency")).to_have_text("720 ms")
    expect(turns.nth(2).locator(".latency.slow")).to_have_text("slow 2,640 ms")
    expect(turns.nth(2).locator(".interruption")).to_contain_text("We have a table by the window at half")
    expect(turns.nth(2).locator(".interruption")).to_contain_text("2 chunks sent after it")
    expect(turns.nth(4).locator("kbd")).to_have_text(["4", "7", "1", "#"])
    expect(turns.nth(5).locator(".lang")).to_have_text("es-ES")
    expect(page.locator(".ending")).to_contain_text("hands off: live-agent")
    expect(page.locator(".ending")).to_contain_text("Studio: Success")
    expect(page.locator("#handoff")).to_contain_text('"reasonCode": "live-agent"')
    expect(page.locator("#handoff")).to_contain_text("{{widgets.<name>.HandoffData}}")
    expect(page.locator(".facts")).to_contain_text("gold")
    expect(page.locator(".facts")).to_contain_text(call.vx)
    above = page.locator("#turns").bounding_box()
    below = page.locator("#wire").bounding_box()
    assert above
    assert below
    assert above["y"] < below["y"]

    page.get_by_role("button", name="Times: from the start").click()
    expect(turns.nth(1).locator("time").first).not_to_have_text("0:06.200")
    page.get_by_role("button", name="Times: by the clock").click()
    expect(turns.nth(1).locator("time").first).to_have_text("0:06.200")


def test_a_live_call_grows_while_one_watches_and_ends(visit: OpenPage, archive: Archive) -> None:
    call = samples.Call(archive).setup().asks(1.0, "Hello?").commit()
    page = visit(f"/sessions/{call.id}")
    expect(page.locator(".latency.waiting")).to_be_visible()

    call.answers(1.8, "Good morning. How can I help?").commit()
    expect(page.locator("#turn-1 .latency.fast")).to_have_text("800 ms")
    expect(page.locator("#turn-1")).to_contain_text("How can I help?")
    call.asks(5.0, "Only a test.").interrupts(5.1, "", 0).commit()
    expect(page.locator("#turn-2")).to_contain_text("Only a test.")
    expect(page.locator("#wire > li")).to_have_count(10)
    expect(page.locator("#shown")).to_have_text("10")
    expect(page.locator(".pill[data-kind=prompt] .n")).to_have_text("2")

    call.hang_up(7).commit()
    expect(page.locator(".title .state")).to_have_text("Caller hung up")
    expect(page.locator(".sentence")).to_have_text("The caller hung up.")
    expect(page.locator("#wire > li")).to_have_count(12)
    expect(page.locator(".latency.waiting")).to_have_count(0)


HEIGHTS_AS_TURNS_COME = """() => {
  window.came = [];
  const measure = (turn) => came.push([turn, turn.offsetHeight]);
  new MutationObserver((changes) => changes.flatMap(({ addedNodes }) => [...addedNodes]).forEach(measure))
    .observe(document.getElementById("turns"), { childList: true });
}"""


def test_the_tail_is_followed_only_while_the_reader_is_there(visit: OpenPage, archive: Archive) -> None:
    call = samples.Call(archive).setup()
    for number in range(12):
        call.asks(1 + number, "Next?").answers(1.4 + number, f"Answer {number}.")
    call.commit()
    page = visit(f"/sessions/{call.id}", viewport={"width": 360, "height": 500})
    from_the_top(page, 12)

    call.asks(40, "Are you there?").commit()
    follow = page.get_by_role("button", name="↓ 1 new")
    expect(follow).to_be_visible()
    assert page.evaluate("scrollY") == 0

    follow.click()
    expect(page.locator("#turn-13")).to_be_in_viewport()
    expect(follow).to_be_hidden()
    page.evaluate(HEIGHTS_AS_TURNS_COME)
    for number in range(4):
        call.answers(41 + number, "Yes, that is so. " * 20).asks(41.5 + number, f"Now, {number}?").commit()
        expect(page.locator(f"#turn-{14 + number}")).to_be_in_viewport()
        frames(page, 5)
        expect(page.locator("#follow")).to_be_hidden()
    grown = page.evaluate("came.filter(([turn, height]) => turn.isConnected && turn.offsetHeight !== height).length")
    assert (page.evaluate("came.length") >= 8, grown) == (True, 0), "the page went to its end before that was drawn"


def test_messages_are_filtered_opened_and_paged(visit: OpenPage, archive: Archive) -> None:
    call = samples.Call(archive, samples.ago(500)).setup()
    for number in range(60):
        call.asks(1 + number * 2, "Go on?").answers(1.5 + number * 2, f"This is answer number {number}.")
    call.hang_up(130).commit()
    page = visit(f"/sessions/{call.id}")
    shown, rows = page.locator(".shown"), page.locator("#wire > li")
    expect(shown).to_have_text("100 of 363 shown")

    # Without the scrolling that a mouse's click begins with: at the end of the rows more come by themselves.
    more = page.get_by_role("link", name="Load more")
    more.dispatch_event("click")
    expect(shown).to_have_text("300 of 363 shown")
    more.dispatch_event("click")
    expect(shown).to_have_text("363 of 363 shown")
    assert len(set(rows.evaluate_all("rows => rows.map(row => row.id)"))) == 363
    expect(page.locator("#more")).to_have_count(0)

    page.locator(".pill[data-kind=prompt]").click()
    expect(shown).to_have_text("60 of 363 shown")
    expect(page.locator(".pill[data-kind=prompt]")).to_have_attribute("aria-pressed", "true")
    assert "type=prompt" in page.url
    rows.nth(1).locator("summary").click()
    expect(rows.nth(1).locator("pre")).to_contain_text('"voicePrompt": "Go on?"')
    page.reload()
    expect(shown).to_have_text("60 of 363 shown")

    page.locator(".pill.backend").click()
    expect(shown).to_have_text("0 of 363 shown")
    expect(page.locator("#messages")).to_contain_text("No message fits this filter.")
    page.go_back()
    expect(shown).to_have_text("60 of 363 shown")
    page.locator(".pill.clear").click()
    expect(shown).to_have_text("200 of 363 shown")


def test_what_was_not_recorded_as_sent_is_marked(visit: OpenPage, archive: Archive) -> None:
    call = samples.odd(archive, samples.ago(100)).commit()
    page = visit(f"/sessions/{call.id}")

    expect(page.locator(".head .alarm")).to_contain_text("1 gap (12.1 KiB)")
    expect(page.locator("#wire .msg.odd .tag")).to_have_text(["cut", "gap", "undecodable"])
    cut = page.locator("#wire .msg.odd").first
    expect(cut.locator(".kind")).to_have_text("text")
    cut.locator("summary").click()
    expect(cut).to_contain_text("only the head was kept of 878.9 KiB")
    long = page.locator("#wire .msg", has_text="long long")
    assert long.locator("pre").count() == 0
    long.locator("summary").click()
    expect(long.locator("pre")).to_contain_text('"last": true')


def test_hostile_text_is_shown_as_text(visit: OpenPage, archive: Archive) -> None:
    call = samples.Call(archive, samples.ago(60), route="<b>route</b>")
    call.setup(caller=HOSTILE, parameters={HOSTILE: HOSTILE}).asks(1, HOSTILE, lang=HOSTILE).answers(2, HOSTILE)
    call.interrupts(2.5, HOSTILE, 3).twilio(2.6, HOSTILE, x=HOSTILE).text(2.7, "backend", HOSTILE)
    call.backend(3, "play", source=HOSTILE).backend(3.1, "sendDigits", digits=HOSTILE).twilio(
        3.2, "dtmf", digit=HOSTILE
    )
    call.backend(4, "text", token="x" * 1_000_000, last=True)
    call.backend(5, "end", handoffData=f'{{"a":"{HOSTILE[:25]}</script>"}}')
    call.message(6, "backend", "close", code=1011, reason=HOSTILE, size=99)
    call.over(6.1, first="backend", twilio="eof", backend="eof").commit()

    page = visit("/healthz", viewport=NARROW)
    for path in (f"/sessions/{call.id}", "/sessions"):
        page.goto(page.url.partition("/sessions")[0].removesuffix("/healthz") + path)
        expect(page.locator("main")).to_contain_text("<script>alert(1)</script>")
        expect(page.locator("main")).to_contain_text("⟦U+202E⟧gnp.exe")
        assert page.locator("main script, main img, main a[href^=javascript]").count() == 0
        assert fits(page)


def test_it_is_light_and_dark_as_the_system_or_the_reader_wants(visit: OpenPage, archive: Archive) -> None:
    page = visit("/sessions", color_scheme="light")
    white = colour(page)
    page.emulate_media(color_scheme="dark")
    page.reload()
    black = colour(page)
    assert white != black

    toggle = page.get_by_role("button", name="Theme")
    toggle.click()
    assert colour(page) == white
    page.reload()
    assert colour(page) == white
    toggle.click()
    assert colour(page) == black
    expect(toggle).to_have_text("Dark")


def test_everything_can_be_read_without_scripts(visit: OpenPage, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(300)).commit()
    page = visit("/sessions", java_script_enabled=False)

    page.locator("#rows a.open").first.click()
    expect(page.locator("#turn-2")).to_contain_text("slow 2,640 ms")
    page.locator(".pill[data-kind=dtmf]").click()
    expect(page.locator("#wire > li")).to_have_count(4)
    expect(page.locator(".copy").first).to_be_hidden()
    page.locator("#wire summary").first.click()
    page.get_by_role("link", name="Show the message").first.click()
    expect(page.locator("pre").first).to_contain_text('"digit": "4"')
    assert call.id in page.url
    page.get_by_role("link", name="← Session").click()
    page.locator("#turn-2 details.lag summary").click()
    page.locator("#turn-2").get_by_role("link", name="Where the time went").click()
    expect(page.locator(".waterfall")).to_contain_text("Response latency")
