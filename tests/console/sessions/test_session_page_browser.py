"""The page of a session in a real browser: what fits where, and what is fetched only when it is wanted."""

import re

from playwright.sync_api import Page, Route, ViewportSize, expect

from relayproxy.conversation.measures.numbers import TURN_NUMBERS
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.browser import frames, from_the_top, until
from tests.console.conftest import OpenPage
from tests.patience import PATIENCE

NARROW: ViewportSize = {"width": 360, "height": 740}


def chatty(archive: Archive, turns: int, began: int | None = None) -> samples.Call:
    call = samples.Call(archive, began or samples.ago(turns * 4 + 60)).setup()
    for number in range(turns):
        call.asks(1 + number * 4, f"Question {number}?").answers(2 + number * 4, f"This is answer number {number}.")
    return call


def box(page: Page, what: str) -> dict[str, float]:
    found = page.locator(what).first.bounding_box()
    assert found, what
    x, y, width, height = found["x"], found["y"], found["width"], found["height"]
    return {"x": x, "y": y, "width": width, "height": height, "right": x + width, "bottom": y + height}


def apart(page: Page) -> bool:
    """Whether no time touches what was said then."""
    script = """lines => lines.filter(line => line.querySelector(".at")).every(line => {
      const range = document.createRange();
      range.selectNodeContents(line.querySelector(".at"));
      return range.getBoundingClientRect().right <= line.querySelector(".what").getBoundingClientRect().left;
    })"""
    return bool(page.locator("#turns .line").evaluate_all(script))


def test_times_of_hours_never_touch_what_was_said(visit: OpenPage, archive: Archive) -> None:
    hours = (
        chatty(archive, 2, samples.ago(9000)).asks(4000, "Still there?").answers(4001, "Yes.").hang_up(4100).commit()
    )
    page = visit(f"/sessions/{hours.id}")
    expect(page.locator("#turn-3 .at").first).to_have_text("1:06:40.000")
    assert apart(page)


def test_a_call_is_laid_out_and_what_is_opened_comes_then(visit: OpenPage, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(60)).commit()
    page = visit(f"/sessions/{call.id}")
    keys_look_as_other_lines_do_and_waits_can_be_compared_down_the_page(page)
    assert apart(page)
    what_is_opened_comes_then(page, call)
    page.get_by_role("button", name="Times: from the start").click()
    assert apart(page)
    page.set_viewport_size(NARROW)
    downloads_are_beside_how_it_ended(page)


def keys_look_as_other_lines_do_and_waits_can_be_compared_down_the_page(page: Page) -> None:
    looks = "line => [getComputedStyle(line).gap, getComputedStyle(line).marginBottom]"
    assert page.locator(".line.keys").evaluate(looks) == page.locator(".line.caller").first.evaluate(looks)
    ends = page.locator(".lag .fall").evaluate_all(
        "falls => falls.map(fall => [fall.getBoundingClientRect().left, fall.getBoundingClientRect().right])"
    )
    assert len(ends) > 2
    assert all(end == ends[0] for end in ends)


def what_is_opened_comes_then(page: Page, call: samples.Call) -> None:
    expect(page.locator(".waterfall")).to_have_count(0)
    expect(page.locator("#wire pre")).to_have_count(0)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rpartition(call.id)[2]))

    page.locator("#turn-2 details.lag summary").click()
    expect(page.locator("#turn-2 .waterfall .ms").last).to_have_text("2,640.1 ms")
    expect(page.locator("#lag-2 .load")).to_have_count(0)
    row = page.locator("#wire .msg", has_text="table for tonight").first
    row.locator("summary").click()
    expect(row.locator("pre")).to_contain_text('"voicePrompt"')
    expect(row.locator(".load")).to_have_count(0)
    frames(page)
    of_the_call = [path for path in asked if not path.endswith("/health/notice")]
    assert of_the_call == ["/turns/2/waterfall", f"/messages/{row.get_attribute('data-key')}"], "each is asked for once"


def downloads_are_beside_how_it_ended(page: Page) -> None:
    """On a phone."""
    state, button = box(page, ".title .state"), box(page, "#download > summary")
    assert state["y"] < button["bottom"]
    assert button["y"] < state["bottom"]
    page.locator("#download summary").click()
    menu = box(page, "#download > ul")
    assert menu["x"] >= 0
    assert menu["right"] <= 360


def test_what_is_open_at_a_turn_stays_so_when_the_call_goes_on(visit: OpenPage, archive: Archive) -> None:
    call = samples.Call(archive).setup().asks(1, "Hello?").answers(2, "Good morning.").commit()
    page = visit(f"/sessions/{call.id}", viewport=NARROW)
    page.locator("#turn-1 details.lag summary").click()
    expect(page.locator("#turn-1 .waterfall")).to_be_visible()
    # All numbers, by keyboard.
    numbers = page.locator("#turn-1 .numbers")
    expect(numbers).to_have_count(0)
    page.locator("#numbers-1 > summary").focus()
    page.keyboard.press("Enter")
    expect(numbers.locator("tbody tr")).to_have_count(len(TURN_NUMBERS))
    expect(numbers.locator("tr", has_text="Response latency")).to_contain_text("1,000 ms")
    expect(numbers.locator("tr", has_text="Input delay")).to_contain_text("needs speaker events")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]

    call.interrupts(2.5, "Good", 400).commit()
    expect(numbers).to_contain_text("Interruption 1, by speaking")
    expect(numbers).to_be_visible()
    expect(page.locator("#turn-1")).to_contain_text("Interrupted")
    expect(page.locator("#turn-1 .waterfall")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#turn-response_latency_ms")).to_be_in_viewport()


def test_a_live_page_offers_the_latest_at_once_and_counts_in_one_place(visit: OpenPage, archive: Archive) -> None:
    call = chatty(archive, 12).commit()
    page = visit(f"/sessions/{call.id}", viewport=NARROW)
    follow = page.locator("#follow")
    from_the_top(page, 12)
    expect(follow).to_have_text("↓ Latest")
    shown = page.locator("#session").get_attribute("data-revision") or ""
    call.asks(60, "Are you there?").commit()
    expect(follow).to_have_text("↓ 1 new")
    # Whoever pauses while messages are still on their way has them to come as well.
    expect(page.locator("#session")).not_to_have_attribute("data-revision", shown)

    page.get_by_role("button", name="Pause").click()
    call.answers(61, "Yes.").asks(70, "Good.").commit()
    expect(page.get_by_role("button", name="Resume · 1 new")).to_be_visible()
    expect(follow).to_have_text("↓ Latest")
    bar, pause, latest = box(page, ".live-bar"), box(page, ".live-bar .pause"), box(page, "#follow")
    assert bar["height"] < 50
    assert pause["y"] == latest["y"]
    assert bar["x"] >= 0
    assert bar["right"] <= 360

    follow.click()
    expect(page.locator("#turn-13")).to_be_in_viewport()
    expect(follow).to_be_hidden()

    # A caller who has been waiting for long: the alarm fits beside the rest.
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".late-alarm")).to_be_visible()
    from_the_top(page, 14)
    expect(follow).to_be_visible()
    bar = box(page, ".live-bar")
    assert bar["height"] < 50
    assert bar["x"] >= 0
    assert bar["right"] <= 360
    assert box(page, "#follow")["right"] <= 360


def test_an_ended_call_offers_no_latest_and_a_findings_message_opens_in_its_place(
    visit: OpenPage, archive: Archive
) -> None:
    call = chatty(archive, 20)
    call.backend(70, "unknown", token="Hi").asks(88, "Bye.").answers(88.4, "Bye.").hang_up(90).commit()
    page = visit(f"/sessions/{call.id}")
    page.wait_for_selector("#timeline[data-ready]")
    expect(page.locator("#follow")).to_be_hidden()
    # Without leaving the page.
    page.evaluate("window.stayed = true")
    page.locator(".leads").get_by_role("link", name="Message").first.click()
    row = page.locator("#wire > li.cursor")
    expect(row.locator("pre")).to_contain_text('"unknown"')
    expect(row.locator("summary")).to_be_in_viewport()
    assert page.evaluate("window.stayed")


def test_messages_have_links_and_text_that_came_piece_by_piece_is_one_row_that_unfolds(
    visit: OpenPage, archive: Archive
) -> None:
    call = samples.Call(archive, samples.ago(60)).setup().asks(2, "Hello?")
    call.answers(2.5, "Hello, how can I help you today?").hang_up(5).commit()
    page = visit(f"/sessions/{call.id}", permissions=["clipboard-read", "clipboard-write"])
    page.locator("#wire summary").first.click()
    page.get_by_role("link", name="Copy link to this message").click()
    expect(page.locator("#said")).to_have_text("Link copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == f"{page.url.partition('#')[0]}?at=0.0#message-0.0"

    run = page.locator("#wire button.run")
    expect(run.locator(".kind")).to_have_text("text ×7")
    expect(run.locator(".preview")).to_have_text("Hello, how can I help you today?")
    expect(run.locator(".length")).to_have_text("in 0.18 s")
    expect(page.locator("#wire .kind[data-kind=text]:visible")).to_have_count(1)
    expect(page.locator(".wire-head")).to_have_text(re.compile("Time.*From.*Type.*Content.*Held.*Size"))
    run.click()
    expect(page.locator("#wire summary .kind[data-kind=text]:visible")).to_have_count(7)
    run.press("Enter")
    expect(page.locator("#wire summary .kind[data-kind=text]:visible")).to_have_count(0)
    # What was asked for by its type is shown one by one.
    page.locator(".pill[data-kind=text]").click()
    expect(page.locator("#wire summary .kind[data-kind=text]:visible")).to_have_count(7)


def test_a_message_is_shown_among_its_neighbours_whichever_way_leads_to_it(visit: OpenPage, archive: Archive) -> None:
    call = chatty(archive, 40).hang_up(170).commit()
    page = visit("/healthz", viewport={"width": 1280, "height": 720})
    address = f"{page.url.removesuffix('/healthz')}/sessions/{call.id}"
    for cursor in ("0.3", "0.150", "0.239"):
        page.goto(f"{address}?at={cursor}#message-{cursor}")
        row = page.locator(f"[id='message-{cursor}']")
        expect(row.locator("pre")).to_be_in_viewport(ratio=1)
        expect(row.locator("summary")).to_be_in_viewport(ratio=1)
        expect(page.locator(".wire-head")).to_be_in_viewport(ratio=1)
        summary = f"document.getElementById('message-{cursor}').querySelector('summary')"
        head = "document.querySelector('.wire-head')"
        until(page, f"{summary}.getBoundingClientRect().top >= {head}.getBoundingClientRect().bottom - 1")
    a_row_opened_at_the_bottom_shows_its_json(page, address)
    rows_that_come_late_do_not_move_the_one_that_a_link_led_to(page, address)


def a_row_opened_at_the_bottom_shows_its_json(page: Page, address: str) -> None:
    page.goto(f"{address}?type=prompt")
    rows = page.locator("#wire > li")
    last = rows.nth(rows.count() - 1)
    last.scroll_into_view_if_needed()
    last.locator("summary").click()
    expect(last.locator("pre")).to_be_in_viewport(ratio=1)


def rows_that_come_late_do_not_move_the_one_that_a_link_led_to(page: Page, address: str) -> None:
    earlier: list[Route] = []
    page.route("**/messages?before=*", lambda route: earlier.append(route))
    with page.expect_request("**/messages?before=*"):
        page.goto(f"{address}?at=0.239#message-0.239")
    expect(page.locator("[id='message-0.239'] pre")).to_be_in_viewport(ratio=1)
    frames(page, 100)  # more than it is followed for
    place = "document.getElementById('message-0.239').getBoundingClientRect().top"
    before = page.evaluate(place)
    rows = page.locator(".wire > *")
    few = rows.count()
    earlier[0].continue_()
    until(page, f"document.querySelectorAll('.wire > *').length > {few}")
    frames(page, 10)
    assert abs(page.evaluate(place) - before) < 1


def test_a_long_name_of_a_caller_stays_on_the_page(visit: OpenPage, archive: Archive) -> None:
    call = samples.Call(archive).setup(caller=f"sip:{'a-very-long-name' * 12}@example.com").asks(1, "Hello?").commit()
    page = visit(f"/sessions/{call.id}", viewport=NARROW)
    for width in (360, 768):
        if width > 360:
            page.set_viewport_size({"width": width, "height": 740})
            page.reload()
        expect(page.locator(".live-bar .pause")).to_be_in_viewport()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert box(page, "h1")["right"] <= width


def test_the_slowest_turn_appears_with_the_first_answer(visit: OpenPage, archive: Archive) -> None:
    # By its own clock the caller has not waited yet, however long the page takes to load.
    call = samples.Call(archive, samples.ago(-PATIENCE)).setup().asks(1, "Hello?").commit()
    page = visit(f"/sessions/{call.id}")
    page.wait_for_selector("#timeline[data-ready]")
    expect(page.locator("#slowest")).to_be_hidden()
    before = page.locator("#session").get_attribute("data-revision")
    call.answers(1.8, "Good morning.").commit()
    expect(page.locator("#slowest")).to_have_text("Slowest turn: 800 ms")
    expect(page.locator("#session")).not_to_have_attribute("data-revision", str(before))
    expect(page.locator("#messages")).to_have_attribute("data-total", page.locator("#total").inner_text())
    call.asks(5, "And now?").answers(8, "Now, too.").commit()
    expect(page.locator("#slowest")).to_have_text("Slowest turn: 3,000 ms")


def test_a_refused_call_says_what_the_backend_answered_and_has_no_timeline(visit: OpenPage, archive: Archive) -> None:
    page = visit(f"/sessions/{samples.refused(archive, samples.ago(100)).commit().id}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Call that did not get through")
    expect(page.locator(".title .state")).to_have_text("Backend not connected")
    expect(page.locator(".facts")).to_contain_text("403 Forbidden")
    expect(page.locator(".ending")).to_contain_text("Twilio error 64102")
    expect(page.locator(".conversation")).to_be_visible()
    expect(page.locator("#timeline, .tl-overview")).to_have_count(0)


def test_a_long_reply_says_its_length_and_opens_whole(visit: OpenPage, archive: Archive) -> None:
    text = "This is a long sentence. " * 120
    call = samples.Call(archive, samples.ago(60)).setup().asks(2, "Tell me everything.")
    call.backend(2.5, "text", token=text, last=True).over(59, first="twilio", twilio="eof", backend="eof").commit()
    page = visit(f"/sessions/{call.id}")
    said = page.locator("#turn-1 .agent .said-text")
    button = page.get_by_role("button", name="Show all 3,000 characters")
    expect(button).to_be_visible()
    folded = said.bounding_box()
    button.click()
    opened = said.bounding_box()
    assert folded is not None
    assert opened is not None
    assert opened["height"] > 2 * folded["height"]
    assert said.evaluate("text => text.scrollHeight <= text.clientHeight + 1")
    page.get_by_role("button", name="Show less").click()
    expect(button).to_be_visible()
