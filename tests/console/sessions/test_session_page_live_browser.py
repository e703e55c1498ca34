"""Live sessions and raw messages in a real browser."""

import re
import time

from playwright.sync_api import Page, expect

from relayproxy.console.sessions.session_page import TURNS
from relayproxy.console.words import HELD
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.browser import frames
from tests.console.conftest import OpenPage


def long_call(archive: Archive, turns: int, *, live: bool = False, more: str = "") -> samples.Call:
    """Each turn has a message more for each word of `more`."""
    call = samples.Call(archive, samples.ago(turns * 4 + 60)).setup()
    for number in range(turns):
        call.asks(1 + number * 4, f"Question {number}?")
        call.answers(2 + number * 4, f"This is answer number {number}.{more}")
    return call.commit() if live else call.hang_up(turns * 4 + 10).commit()


def test_a_pause_holds_everything_and_resuming_catches_up(visit: OpenPage, archive: Archive) -> None:
    call = samples.Call(archive, samples.ago(10)).setup().asks(1.0, "Hello?").commit()
    page = visit(f"/sessions/{call.id}")
    revision = page.locator("#session").get_attribute("data-revision") or ""
    call.answers(1.8, "Good morning.").commit()
    expect(page.locator("#turn-1")).to_contain_text("Good morning.")
    expect(page.locator("#session")).not_to_have_attribute("data-revision", revision)
    revision = page.locator("#session").get_attribute("data-revision") or ""
    asked = time.time() - call.began / 1e9
    call.asks(asked, "Are you there?").commit()
    expect(page.locator(".open-wait [data-waiting]")).to_have_text(re.compile(r"\d"))
    expect(page.locator("#session")).not_to_have_attribute("data-revision", revision)

    # What is said, the axis, and how long the caller has been waiting.
    page.get_by_role("button", name="Pause").click()
    frames(page)
    drawn = """() => {
      const { innerText } = document.querySelector("main");
      return [document.getElementById("tl-stage").dataset.to, document.getElementById("slowest").textContent,
        document.title, innerText.replace(/❚❚ Pause|▶ Resume( · 2 new)?/, "").replace(/\\s+/g, " ")];
    }"""
    before = page.evaluate(drawn)
    call.answers(asked + 1, "Yes.").commit()
    call.asks(asked + 2, "Good.").commit()
    resume = page.get_by_role("button", name="Resume · 2 new")
    expect(resume).to_be_visible()
    page.evaluate("new Promise(done => setTimeout(done, 1500))")
    assert page.evaluate(drawn) == before

    page.evaluate("addEventListener('relayproxy:updated', () => (document.body.dataset.updated = '1'))")
    resume.click()
    expect(page.locator("#turn-2")).to_contain_text("Yes.")
    expect(page.locator("body[data-updated]")).to_have_count(1)
    call.hang_up(asked + 4).commit()
    expect(page.locator(".title .state")).to_have_text("Caller hung up")
    expect(page.locator(".live-bar .pause")).to_have_count(0)


def test_a_waiting_caller_alarms_by_the_clock_alone_and_shows_in_the_numbers(visit: OpenPage, archive: Archive) -> None:
    call = samples.Call(archive, samples.ago(10)).setup().asks(1, "Hello?").answers(1.5, "Hello.").commit()
    page = visit(f"/sessions/{call.id}")
    expect(page.locator("#slowest b")).to_have_text("500 ms")
    asked = time.time() - call.began / 1e9
    call.asks(asked, "Are you there?").commit()
    expect(page.locator("#turn-2")).to_contain_text("Are you there?")
    expect(page.get_by_role("link", name="Caller is kept waiting")).to_be_visible()
    expect(page).to_have_title(re.compile(r"^\(!\) "))
    expect(page.locator("#turn-2.late-turn .latency.late")).to_be_visible()
    expect(page.locator("#findings")).to_contain_text("Caller is waiting now")
    expect(page.locator(".open-wait.late")).to_contain_text(re.compile(r"[3-9]\.\d s|\d+ s"))
    expect(page.locator("#slowest.slow b")).to_contain_text("so far")
    call.answers(asked + 6, "Good morning.").commit()
    expect(page.get_by_role("link", name="Caller is kept waiting")).to_be_hidden()
    expect(page.locator("#findings")).not_to_contain_text("Caller is waiting now")
    expect(page).not_to_have_title(re.compile(r"^\(!\) "))


def test_earlier_turns_of_a_long_live_call_come_in_without_moving_the_view(visit: OpenPage, archive: Archive) -> None:
    turns = 2 * TURNS + 50
    call = long_call(archive, turns, live=True)
    page = visit(f"/sessions/{call.id}")
    expect(page.locator("#turns > li").first).to_have_id(f"turn-{TURNS + 51}")
    for earlier, first in ((TURNS + 51, 51), (51, 1)):
        place = f"document.getElementById('turn-{earlier}').getBoundingClientRect().top"
        page.evaluate(
            f"document.addEventListener('click', () => (window.before = {place}), {{capture: true, once: true}})"
        )
        page.get_by_role("link", name=f"{earlier} earlier turns").click()
        expect(page.locator(f"#turn-{first}")).to_be_attached()
        assert abs(page.evaluate(f"{place} - window.before")) < 4
    expect(page.locator("#turns > li")).to_have_count(turns)
    call.asks(4 * turns + 50, "Still there?").commit()
    expect(page.locator(f"#turn-{turns + 1}")).to_contain_text("Still there?")
    expect(page.locator("#turns > li")).to_have_count(turns + 1)


# Raw messages


def test_messages_are_searched_jumped_to_and_linked(visit: OpenPage, archive: Archive) -> None:
    call = long_call(archive, 80)
    page = visit(f"/sessions/{call.id}")
    address = page.url
    a_text_is_searched_inside_messages_and_marked(page)
    page.goto(address)
    one_jumps_to_a_time_and_the_cursor_of_the_page_is_shared(page, call)
    page.goto(f"{address}?at=0.400")
    what_is_read_stays_where_it_is_when_more_comes(page)
    a_link_to_a_message_finds_it_on_whatever_page(page, address)


def a_text_is_searched_inside_messages_and_marked(page: Page) -> None:
    box = page.get_by_role("searchbox", name="Search inside messages")
    box.fill("QUESTION 5")
    box.press("Enter")
    expect(page.locator("#shown")).to_have_text("11")
    expect(page.locator("#wire mark").first).to_have_text("Question 5")
    assert "text=QUESTION+5" in page.url
    expect(box).to_be_focused()
    page.locator("#wire summary").first.click()
    expect(page.locator("#wire pre mark").first).to_have_text("Question 5")

    page.locator(".pill[data-kind=prompt]").click()
    expect(page.locator(".pill[data-kind=prompt]")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#shown")).to_have_text("11")
    box.fill("")
    box.press("Enter")
    expect(page.locator("#shown")).to_have_text("80")
    page.go_back()
    page.go_back()
    expect(page.locator("#shown")).to_have_text("11")


def one_jumps_to_a_time_and_the_cursor_of_the_page_is_shared(page: Page, call: samples.Call) -> None:
    page.get_by_role("textbox", name="Jump to a time").fill("2:01")
    page.get_by_role("button", name="Go to time").click()
    marked = page.locator("#wire > li.cursor")
    expect(marked).to_contain_text("Question 30?")
    expect(marked).to_be_in_viewport()

    page.goto(page.url.partition("?")[0].partition("#")[0])
    page.locator("#wire-scroll").scroll_into_view_if_needed()
    page.evaluate(
        "document.addEventListener('relayproxy:cursor', ({ detail }) => {"
        "  if (detail.source === 'messages') document.body.dataset.pointed = detail.message;"
        "});"
        f"document.dispatchEvent(new CustomEvent('relayproxy:cursor', {{detail: {{at: {call.began / 1e6 + 220_000}, "
        "source: 'timeline'}}))"
    )
    marked = page.locator("#wire > li.cursor")
    expect(marked).to_be_in_viewport()
    at = float(marked.get_attribute("data-at") or 0)
    assert 0 <= call.began / 1e6 + 220_000 - at < 4000
    if marked.locator("button.run").count():
        # What came piece by piece is one row; the message is within.
        marked.locator("button.run").click()
    marked.locator("summary").click()
    expect(page.locator("body")).to_have_attribute("data-pointed", str(marked.get_attribute("data-key")))


def what_is_read_stays_where_it_is_when_more_comes(page: Page) -> None:
    seen = page.locator("#wire > li.cursor").get_attribute("id")
    place = (
        f"document.getElementById('{seen}').getBoundingClientRect().top"
        " - document.getElementById('wire-scroll').getBoundingClientRect().top"
    )
    before = page.evaluate(place)
    page.evaluate("document.getElementById('earlier').click()")
    expect(page.locator('[id="message-0.200"]')).to_be_attached()
    assert abs(page.evaluate(place) - before) < 2


def a_link_to_a_message_finds_it_on_whatever_page(page: Page, address: str) -> None:
    for path in ("#message-0.250", "?at=0.250#message-0.250"):
        page.goto(f"{address}{path}")
        row = page.locator('[id="message-0.250"]')
        expect(row.locator("pre")).to_be_visible()
        expect(row.locator("pre")).to_be_in_viewport()
        expect(row).to_have_class(re.compile("cursor"))
    with page.expect_navigation():
        page.get_by_role("link", name="Copy link to this message").first.click()
        page.reload()
    expect(page.locator('[id="message-0.250"] pre')).to_be_visible()


def test_many_messages_are_paged_both_ways_with_few_rows_held(visit: OpenPage, archive: Archive) -> None:
    call = long_call(archive, 30, more=" And more" * 16)
    page = visit(f"/sessions/{call.id}")
    total = page.locator("#total").inner_text().replace(",", "")
    scroll = "document.getElementById('wire-scroll').scrollTo(0, {})"
    last = f"message-0.{int(total) - 1}"
    rows = page.locator("#wire > li")
    while (shown := rows.last.get_attribute("id") or "") != last:
        page.evaluate(scroll.format("1e9"))
        expect(rows.last).not_to_have_id(shown)
    assert rows.count() <= 1000
    order = rows.evaluate_all("rows => rows.map(row => Number(row.dataset.key.split('.')[1]))")
    assert order == list(range(int(total) - len(order), int(total)))

    to_start = page.get_by_role("link", name="From the start")
    # Lines of the conversation get their heights when they first come into view: the page may move between the button's
    # going down and up, which nobody's finger is quick enough for.
    to_start.scroll_into_view_if_needed()
    frames(page, 20)
    to_start.click()
    expect(page.locator('[id="message-0.0"]')).to_be_in_viewport()
    frames(page, 20)
    page.get_by_role("link", name="To the end").click()
    expect(page.locator(f'[id="{last}"]')).to_be_in_viewport()
    expect(page.locator('[id="message-0.0"]')).to_have_count(0)


def test_of_long_replies_no_more_is_fetched_than_the_reader_scrolls_to(visit: OpenPage, archive: Archive) -> None:
    call = long_call(archive, 16, more=" And more" * 75)
    page = visit("/healthz")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.partition("/messages?")[2]))
    page.goto(page.url.replace("healthz", f"sessions/{call.id}?before=end"))
    rows = page.locator("#wire > li")
    last = rows.last.get_attribute("id") or ""
    # Folded, a thousand of them are less high than what is fetched ahead at either end.
    page.locator("#earlier").dispatch_event("click")
    expect(rows).to_have_count(300)
    page.locator("#earlier").dispatch_event("click")
    expect(rows).to_have_count(900)
    expect(page.locator("#earlier[aria-busy]")).to_have_count(0)
    frames(page, 60)
    assert len([query for query in asked if query]) == 4
    expect(page.locator(f"[id='{last}']")).to_be_attached()

    first = rows.first.get_attribute("id") or ""
    page.evaluate("document.getElementById('wire-scroll').scrollTo(0, 0)")
    expect(rows.first).not_to_have_id(first)
    expect(rows).to_have_count(1000)
    page.evaluate("document.getElementById('wire-scroll').scrollTo(0, 1e9)")
    expect(page.locator(f"[id='{last}']")).to_be_attached()
    frames(page, 60)
    assert len([query for query in asked if query]) == 6


def test_a_live_call_s_messages_grow_with_few_rows_held(visit: OpenPage, archive: Archive) -> None:
    call = long_call(archive, 15, live=True)
    page = visit(f"/sessions/{call.id}?before=end")
    expect(page.locator("#more")).to_have_count(0)
    # The window of the rows gets lower, as it does when the timeline above needs more room.
    page.evaluate("document.getElementById('wire-scroll').style.maxHeight = '200px'")
    for number in range(3):
        for key in range(450):
            call.twilio(500 + number * 100 + key * 0.2, "dtmf", digit=str(key % 10))
        call.commit()
        seq = int(call._stored) - 1
        expect(page.locator(f'[id="message-0.{seq}"]')).to_be_attached()
    assert page.locator("#wire > li").count() <= 1000


def test_a_message_is_copied_as_it_was_sent(visit: OpenPage, archive: Archive) -> None:
    call = samples.Call(archive, samples.ago(60)).text(1, "backend", '{"b":1,  "a":2.0,"b":1}').commit()
    page = visit(f"/sessions/{call.id}", permissions=["clipboard-read", "clipboard-write"])
    page.locator("#wire summary").click()
    page.get_by_role("button", name="Copy as sent").click()
    expect(page.locator("#said")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == '{"b":1,  "a":2.0,"b":1}'
    page.get_by_role("button", name="Copy formatted").click()
    expect(page.locator(".copy.done")).to_have_count(2)
    assert page.evaluate("navigator.clipboard.readText()") == '{\n  "b": 1,\n  "a": 2.0,\n  "b": 1\n}'


def test_a_live_page_opens_at_its_end_and_its_way_back_stays(visit: OpenPage, archive: Archive) -> None:
    call = long_call(archive, 12, live=True)
    page = visit("/live")
    page.locator(f"#c-{call.id}").click()
    expect(page.locator("#turn-12")).to_be_in_viewport()
    expect(page.locator("[data-back]")).to_have_text("← Live")
    call.asks(100, "Still there?").commit()
    expect(page.locator("#turn-13")).to_be_in_viewport()
    expect(page.locator("[data-back]")).to_have_text("← Live")
    expect(page.locator("[data-back]")).to_have_attribute("href", "/live")


def test_words_that_are_held_back_are_three_dots_and_no_alarm(visit: OpenPage, archive: Archive) -> None:
    call = samples.Call(archive, samples.ago(30)).setup().asks(20, "My card is this one").commit()
    page = visit(f"/sessions/{call.id}")
    expect(page.get_by_role("link", name="Caller is kept waiting")).to_be_visible()
    call.holds("backend", "twilio").commit()
    for lane in ("caller", "agent"):
        dots = page.locator(f".ending .{lane}.held-back p")
        expect(dots).to_have_attribute("title", HELD)
        expect(dots).to_contain_text("…")
    expect(page.get_by_role("link", name="Caller is kept waiting")).to_be_hidden()
    expect(page.locator("#turns")).not_to_contain_text("no answer")
    expect(page.locator("#findings")).to_have_count(0)
    call.holds().answers(21, "Thank you.").commit()
    expect(page.locator("#turn-1")).to_contain_text("Thank you.")
    expect(page.locator(".held-back")).to_have_count(0)
