"""The list and its filter bar in a real browser."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from relayproxy.store.read.filters.criteria import STATES
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.axe import complaints
from tests.console.browser import until
from tests.console.conftest import OpenPage

WIDE: ViewportSize = {"width": 1400, "height": 900}
NARROW: ViewportSize = {"width": 360, "height": 740}


def asked(page: Page) -> str:
    """The filter in the address."""
    return parse_qs(urlsplit(page.url).query).get("q", [""])[0]


@pytest.fixture
def three(archive: Archive) -> list[str]:
    """A good call, a failed one and a live one, newest first."""
    good = samples.booking(archive, samples.ago(3000)).commit()
    bad = samples.failing(archive, samples.ago(2000)).commit()
    live = samples.Call(archive, samples.ago(10)).setup(caller="+14155550123").commit()
    return [live.id, bad.id, good.id]


def rows(page: Page) -> list[str]:
    return [str(row.get_attribute("data-key")) for row in page.locator("#rows > tr[data-key]").all()]


def test_a_filter_is_written_and_picked_with_the_keyboard_alone(visit: OpenPage, three: list[str]) -> None:
    page = visit("/sessions", viewport=WIDE)
    page.keyboard.press("/")
    field = page.get_by_role("combobox", name="Filter sessions")
    expect(field).to_be_focused()
    field.press_sequentially("zzqx")
    expect(page.get_by_role("listbox", name="Suggestions")).to_be_hidden()
    field.fill("")
    field.press_sequentially("transi")
    expect(page.get_by_role("option").first).to_contain_text("transition:")
    expect(field).to_have_attribute("aria-expanded", "true")
    field.press("ArrowDown")
    expect(field).to_have_attribute("aria-activedescendant", "option-0")
    field.press("Enter")
    expect(field).to_have_value("transition:")
    expect(page.get_by_role("option").first).to_contain_text("failed")
    expect(page.get_by_role("option").first).to_contain_text("1")
    field.press("ArrowDown")
    field.press("Tab")
    expect(field).to_have_value("transition:failed ")
    expect(field).to_be_focused()
    field.press("Enter")
    expect(page.locator("#rows > tr")).to_have_count(1)
    assert rows(page) == [three[1]]
    assert asked(page) == "transition:failed"

    field.press_sequentially(" is:")
    expect(page.get_by_role("option")).to_have_count(len(STATES))
    field.press("Escape")
    expect(page.get_by_role("option")).to_have_count(0)
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-expanded", "false")

    # Tab accepts the first suggestion.
    field.fill("")
    field.press("Enter")
    expect(page.locator("#rows > tr")).to_have_count(3)
    field.press_sequentially("transition:fai")
    expect(page.get_by_role("option").first).to_contain_text("failed")
    field.press("Tab")
    expect(field).to_have_value("transition:failed ")
    expect(field).to_be_focused()

    # A facet that is picked keeps the focus.
    field.fill("")
    field.press("Escape")
    pick = page.locator(".facet .pick[data-value='transition:failed']")
    pick.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#rows > tr")).to_have_count(1)
    expect(pick).to_have_attribute("aria-current", "true")
    expect(pick).to_be_focused()


def test_the_whole_state_is_in_the_address(visit: OpenPage, three: list[str]) -> None:
    page = visit("/sessions?q=outcome:failed", viewport=WIDE)
    expect(page.get_by_label("Filter sessions")).to_have_value("outcome:failed")
    assert rows(page) == [three[1]]
    page.get_by_role("link", name="Clear the filter").click()
    expect(page.locator("#rows > tr")).to_have_count(3)
    expect(page.get_by_label("Filter sessions")).to_have_value("")
    assert asked(page) == ""
    page.go_back()
    expect(page.locator("#rows > tr")).to_have_count(1)
    expect(page.get_by_label("Filter sessions")).to_have_value("outcome:failed")
    page.reload()
    assert rows(page) == [three[1]]

    mistakes_offer_what_was_meant(page)
    nothing_found_says_what_to_leave_out(page)
    a_search_shows_the_words_in_their_turn(page)


def list_of(page: Page, query: str) -> None:
    """Opens the list with that filter in its address."""
    page.goto(f"{page.url.partition('?')[0]}?q={query}")


def mistakes_offer_what_was_meant(page: Page) -> None:
    list_of(page, "rout:support turns:many")
    notes = page.locator("#notes")
    expect(notes).to_contain_text("rout:support is not applied: there is no field rout.")
    expect(page.locator("#rows > tr")).to_have_count(3)
    notes.get_by_role("link", name="route:support").click()
    expect(page.locator("#rows > tr")).to_have_count(1)
    notes.get_by_role("link", name="Take it out").click()
    expect(notes).to_be_empty()
    assert asked(page) == "route:support"


def nothing_found_says_what_to_leave_out(page: Page) -> None:
    list_of(page, "outcome:failed route:bookings")
    expect(page.get_by_role("heading", name="No call matches")).to_be_visible()
    page.get_by_role("link", name="Without route:bookings").click()
    expect(page.locator("#rows > tr")).to_have_count(1)


def a_search_shows_the_words_in_their_turn(page: Page) -> None:
    list_of(page, '"window table"')
    expect(page.locator("#rows mark")).to_have_text("window table")
    page.locator("#rows .hits a").click()
    expect(page.locator(".turn:target")).to_contain_text("window table")


def test_facets_charts_headings_and_cells_are_used_with_the_mouse(visit: OpenPage, three: list[str]) -> None:
    page = visit("/sessions?q=since:7d turns:>0", viewport=WIDE)
    a_range_of_the_charts_narrows_the_time(page)
    facets_edit_the_same_filter(page)
    page.goto(page.url.partition("?")[0])
    a_heading_sorts_and_a_filter_keeps_the_order(page, three)
    page.goto(page.url.partition("?")[0])
    columns_are_chosen_and_remembered(page)
    a_cell_adds_what_is_in_it_and_the_row_opens_the_call(page, three)


def a_range_of_the_charts_narrows_the_time(page: Page) -> None:
    page.evaluate(
        """() => {
          document.addEventListener("relayproxy:filter", ({ detail }) => { window.told = detail.q; });
          const until = Date.now() - 1500_000;
          const detail = { since: until - 7200_000, until };
          document.dispatchEvent(new CustomEvent("relayproxy:range", { detail }));
        }"""
    )
    expect(page.locator("#rows > tr")).to_have_count(2)
    assert asked(page).startswith("turns:>0 since:20")
    assert "until:20" in asked(page)
    until(page, "window.told !== undefined")
    assert page.evaluate("window.told") == asked(page)


def facets_edit_the_same_filter(page: Page) -> None:
    list_of(page, "turns:>0")
    facet = page.locator(".facet").filter(has_text="Studio")
    facet.locator(".pick", has_text="Failed").click()
    expect(page.get_by_label("Filter sessions")).to_have_value("turns:>0 transition:failed")
    expect(page.locator("#rows > tr")).to_have_count(1)
    facet.locator(".pick", has_text="Success").click()
    expect(page.get_by_label("Filter sessions")).to_have_value("turns:>0 transition:failed,success")
    expect(page.locator("#rows > tr")).to_have_count(2)
    facet.get_by_role("link", name="Failed (chosen: take it away)").click()
    expect(page.get_by_label("Filter sessions")).to_have_value("turns:>0 transition:success")
    expect(page.locator("#matching")).to_have_text("1 call")


def a_heading_sorts_and_a_filter_keeps_the_order(page: Page, three: list[str]) -> None:
    page.get_by_role("link", name="Duration").click()
    expect(page.get_by_role("columnheader", name="Duration")).to_have_attribute("aria-sort", "descending")
    expect(page.locator("#rows > tr").last).to_have_attribute("data-key", three[0])
    longest = rows(page)
    expect(page.get_by_role("link", name="Duration")).to_be_focused()
    page.get_by_role("link", name="Duration").click()
    expect(page.get_by_role("columnheader", name="Duration")).to_have_attribute("aria-sort", "ascending")
    assert rows(page) == [*longest[1::-1], three[0]]
    page.locator("#q").fill("turns:>0")
    page.locator("#q").press("Enter")
    expect(page).to_have_url(re.compile(r"q=turns%3A%3E0&sort=duration$"))
    expect(page.locator("#rows > tr")).to_have_count(3)
    page.go_back()
    expect(page.get_by_role("columnheader", name="Duration")).to_have_attribute("aria-sort", "ascending")
    page.get_by_role("link", name="Started").click()
    expect(page.get_by_role("columnheader", name="Started")).to_have_attribute("aria-sort", "descending")
    page.get_by_role("link", name="Started").click()
    expect(page.get_by_role("columnheader", name="Started")).to_have_attribute("aria-sort", "ascending")
    assert rows(page) == three[::-1]


def columns_are_chosen_and_remembered(page: Page) -> None:
    expect(page.get_by_role("columnheader", name="Turns")).to_be_visible()
    page.locator("#choose summary").click()
    page.get_by_label("Turns", exact=True).uncheck()
    expect(page.get_by_role("columnheader", name="Turns")).to_be_hidden()
    page.reload()
    expect(page.get_by_role("columnheader", name="Duration")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Turns")).to_be_hidden()
    page.locator("#choose summary").click()
    page.get_by_label("Turns", exact=True).check()
    page.locator("#choose summary").click()
    expect(page.get_by_role("columnheader", name="Turns")).to_be_visible()


def a_cell_adds_what_is_in_it_and_the_row_opens_the_call(page: Page, three: list[str]) -> None:
    row = page.locator(f"#s-{three[1]}")
    button = row.get_by_role("link", name="Only transition:failed")
    expect(button).to_be_hidden()
    row.locator(".transition").hover()
    expect(button).to_be_visible()
    button.click()
    expect(page.locator("#rows > tr")).to_have_count(1)
    assert asked(page) == "transition:failed"
    page.locator(f"#s-{three[1]}").get_by_role("link").first.focus()
    page.keyboard.press("Tab")
    expect(page.locator(".only:focus")).to_have_attribute(
        "aria-label",
        "Only on:" + page.evaluate("document.querySelector('#rows time').getAttribute('datetime').slice(0, 10)"),
    )
    page.locator(f"#s-{three[1]} .c-turns").click(position={"x": 40, "y": 30})
    expect(page).to_have_url(re.compile(f"/sessions/{three[1]}$"))


def test_in_tokyo_times_and_days_are_those_of_tokyo(visit: OpenPage, three: list[str], archive: Archive) -> None:
    page = visit("/sessions", viewport=NARROW, timezone_id="Asia/Tokyo")
    # On a phone a field sorts.
    page.get_by_label("Sort").select_option(label="Oldest first")
    expect(page.locator("#rows > tr").first).to_have_attribute("data-key", three[2])
    assert rows(page) == three[::-1]

    page.set_viewport_size(WIDE)
    list_of(page, "turns:>0")
    a_range_of_time_is_chosen_by_dates(page)
    days_are_the_readers_and_can_be_utc(page, archive)


def a_range_of_time_is_chosen_by_dates(page: Page) -> None:
    page.locator(".when summary").click()
    page.get_by_role("link", name="Last 24 hours").click()
    expect(page.get_by_label("Filter sessions")).to_have_value("turns:>0 since:24h")
    expect(page.locator(".when-name")).to_have_text("Last 24 hours")
    page.locator(".when summary").click()
    page.get_by_label("From").fill("2026-11-20T09:00")
    page.get_by_label("To", exact=True).fill("2026-11-20T08:00")
    page.get_by_role("button", name="Apply").click()
    assert page.evaluate("document.getElementById('when-from').validity.customError")
    page.get_by_label("To", exact=True).fill("2026-11-20T10:30")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("heading", name="No call matches")).to_be_visible()
    assert asked(page) == "turns:>0 since:2026-11-20T09:00+09:00 until:2026-11-20T10:30+09:00"
    expect(page.locator(".when-name")).to_have_text("Some time")
    page.locator(".when summary").click()
    expect(page.get_by_label("From")).to_have_value("2026-11-20T09:00")
    expect(page.get_by_label("To", exact=True)).to_have_value("2026-11-20T10:30")
    list_of(page, "on:2026-11-21")
    page.locator(".when summary").click()
    expect(page.get_by_label("From")).to_have_value("2026-11-21T00:00")
    expect(page.get_by_label("To", exact=True)).to_have_value("2026-11-22T00:00")


def days_are_the_readers_and_can_be_utc(page: Page, archive: Archive) -> None:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=2)
    late = midnight - timedelta(hours=2)
    call = samples.Call(archive, round(late.timestamp()) * 10**9).setup().hang_up(60).commit()
    in_tokyo = f"on:{midnight.date().isoformat()}"
    list_of(page, in_tokyo)
    expect(page.locator("#rows > tr")).to_have_count(1)
    expect(page.locator("#rows time").first).to_contain_text("07:00:00")
    expect(page.locator("#zone")).to_have_text("Tokyo")
    row = page.locator(f"#s-{call.id}")
    assert row.locator(".c-start .only").get_attribute("title") == f"Only {in_tokyo}"
    expect(page.locator(".overview .as-table tbody time").first).to_contain_text("07:00:00")

    page.locator("#zone").click()
    expect(page.get_by_role("heading", name="No call matches")).to_be_visible()
    expect(page.locator("#zone")).to_have_text("UTC")
    page.goto(page.url.partition("?")[0])
    expect(row.locator("time").first).to_contain_text("22:00:00")
    assert row.locator(".c-start .only").get_attribute("title") == f"Only on:{late.date().isoformat()}"


def test_a_filtered_list_stays_current_without_moving(visit: OpenPage, archive: Archive) -> None:
    first = samples.Call(archive, samples.ago(20)).setup().commit()
    page = visit("/sessions?q=is:live", viewport=WIDE)
    expect(page.locator("#rows > tr")).to_have_count(1)
    samples.booking(archive, samples.ago(100)).commit()
    newer = samples.Call(archive).setup().commit()
    expect(page.get_by_role("link", name="1 new call")).to_be_visible()
    first.hang_up(19).commit()
    expect(page.locator(f"#s-{first.id}")).to_contain_text("Caller hung up")
    assert rows(page) == [first.id]
    page.get_by_role("link", name="1 new call").click()
    expect(page.locator(f"#s-{newer.id}")).to_be_visible()
    assert rows(page) == [newer.id]


def test_the_heading_stays_in_sight_and_nothing_is_cut(visit: OpenPage, archive: Archive) -> None:
    for number in range(28):
        samples.Call(archive, samples.ago(3000 + number)).setup().hang_up(2).commit()
    for number in range(2):
        samples.booking(archive, samples.ago(2000 + number)).commit()
    page = visit("/sessions", viewport={"width": 1280, "height": 700})
    for width in (1280, 1400, 1920):
        page.set_viewport_size({"width": width, "height": 700})
        if width == 1920:
            # Where there is room, the page opens with its facets.
            page.reload()
        expect(page.locator("#rows > tr")).to_have_count(30)
        page.locator("#rows > tr").last.scroll_into_view_if_needed()
        heading = page.get_by_role("columnheader", name="Started")
        expect(heading).to_be_in_viewport()
        assert heading.evaluate("head => head.getBoundingClientRect().top") == 44
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate(
            "document.querySelector('.sessions').offsetWidth <= document.querySelector('#results').clientWidth"
        )


def test_it_works_without_scripts(visit: OpenPage, three: list[str]) -> None:
    page = visit("/sessions", java_script_enabled=False, viewport=WIDE)
    page.get_by_label("Filter sessions").fill("outcome:failed")
    page.get_by_role("button", name="Filter").click()
    assert rows(page) == [three[1]]
    page.get_by_text("Narrow down").click()
    page.get_by_role("link", name="Show values and counts").click()
    page.locator(".facet .pick", has_text="Success").click()
    assert rows(page) == three[1:]


def test_everybody_can_use_it(visit: OpenPage, three: list[str]) -> None:
    page = visit("/sessions?q=the rout:x turns:>0", viewport=WIDE)
    everybody_can_use(page)
    page.set_viewport_size(NARROW)
    page.reload()
    page.locator("#facets summary").click()
    everybody_can_use(page)


def everybody_can_use(page: Page) -> None:
    """The list, its suggestions and its help."""
    expect(page.locator(".facet").first).to_be_visible()
    expect(page.locator("#rows mark").first).to_be_visible()
    page.locator("#q").press_sequentially(" in")
    expect(page.get_by_role("option").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert complaints(page) == []
    page.keyboard.press("Escape")
    page.get_by_label("What can be written here").click()
    expect(page.get_by_text("any of these")).to_be_visible()
    assert complaints(page) == []
