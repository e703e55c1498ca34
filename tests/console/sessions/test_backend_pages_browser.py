"""The bar of the backend opens into its spans, in a real browser: by keyboard, at any width, light and dark."""

import json
from typing import Any

from playwright.sync_api import Page, expect

from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.axe import complaints
from tests.console.backend_spans import BOOKING, keep
from tests.console.browser import frames
from tests.console.conftest import OpenPage
from tests.console.look import LAPTOP, PHONE, WIDE, faults

STILL: dict[str, Any] = {"color_scheme": "light", "reduced_motion": "reduce"}
MORE = """
      execute_tool+a_tool_with_quite_a_long_name_that_nobody_chose 16.0 16.1 tool guess
      embed                  13.0 13.2 model failed
"""


def out_of_line(page: Page) -> list[float]:
    """Pixels by which bars of spans lie elsewhere than that of the backend, more than half a border's."""
    apart = page.evaluate("""() => {
        const edges = (one) => { const { left, right } = one.getBoundingClientRect(); return [left, right]; };
        const whole = edges(document.querySelector("#lag-2 tr:nth-child(2) svg"));
        const bars = [...document.querySelectorAll("#inside-2 > .spans .drawn svg")].map(edges);
        return bars.flatMap((bar) => bar.map((edge, place) => Math.abs(edge - whole[place])));
    }""")
    assert len(apart) == 14
    return [distance for distance in apart if distance > 1]


def test_the_bar_of_the_backend_opens_by_keyboard_and_is_in_line_with_its_spans(
    visit: OpenPage, archive: Archive, writer: AnnotationWriter
) -> None:
    call = samples.booking(archive, samples.ago(60)).commit()
    keep(writer, call, BOOKING + MORE, clock_ahead=5)
    page = visit(f"/sessions/{call.id}", viewport={"width": 1280, "height": 800}, **STILL)

    page.locator("#lag-2 > summary").focus()
    page.keyboard.press("Enter")
    inside = page.locator("#inside-2")
    expect(inside.locator(":scope > summary")).to_contain_text("tools 560.0, database 240.0")
    expect(inside.locator(".spans").first).to_be_hidden()
    page.keyboard.press("Tab")
    expect(inside.locator(":scope > summary")).to_be_focused()
    page.keyboard.press("Enter")
    expect(inside.locator("> .spans > li")).to_have_count(7)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(inside.locator("dl:visible")).to_have_count(1)
    expect(inside.locator("dl:visible")).to_contain_text("after the backend was asked")
    expect(inside).to_contain_text("ahead of relayproxy's")

    assert out_of_line(page) == []
    page.locator("#later-2").evaluate("one => one.open = true")
    page.locator("#spans-of-no-turn > summary").click()
    expect(page.locator("#spans-of-no-turn .spans li")).to_have_count(1)

    found: dict[str, Any] = {}
    for size in (WIDE, LAPTOP, PHONE):
        page.set_viewport_size(size)
        if wrong := faults(page):
            found[str(size["width"])] = wrong
    assert not found, json.dumps(found, indent=1)
    assert out_of_line(page) == []
    page.set_viewport_size({**PHONE, "height": 12_000})
    page.evaluate("scrollTo(0, 0)")
    frames(page)
    assert complaints(page) == []


def test_what_is_open_stays_so_when_the_call_goes_on(
    visit: OpenPage, archive: Archive, writer: AnnotationWriter
) -> None:
    call = samples.Call(archive).setup().asks(1, "Hello?").answers(2, "Good morning.").commit()
    keep(writer, call, "chat 1.1 1.9 model\n  POST 1.2 1.8 http")
    page = visit(f"/sessions/{call.id}")
    page.locator("#lag-1 > summary").click()
    page.locator("#inside-1 > summary").click()
    page.locator("#inside-1 .spans summary").first.click()

    keep(writer, call, "chat 1.1 1.9 model\n  POST 1.2 1.8 http\n  query 1.85 1.9 database")
    call.interrupts(2.5, "Good", 400).commit()

    # What came meanwhile is there too.
    expect(page.locator("#inside-1 > .spans > li")).to_have_count(3)
    expect(page.locator("#inside-1 .spans dl").first).to_be_visible()
