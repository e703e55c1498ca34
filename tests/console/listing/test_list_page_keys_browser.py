"""Going back, the focus, and long names in the list, in a real browser."""

import re

from playwright.sync_api import expect

from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import OpenPage
from tests.console.listing.test_list_page_filterbar_browser import WIDE, asked, three  # noqa: F401

LONG = "sip:a-very-long-user-name-of-somebody@pbx.customer.example.com;transport=tls"


def test_one_goes_back_to_where_one_came_from(visit: OpenPage, three: list[str]) -> None:  # noqa: F811
    page = visit("/live", viewport=WIDE)
    page.locator(f"#cards a[href*='{three[0]}']").first.click()
    expect(page.locator("a[data-back]")).to_have_text("← Live")
    page.wait_for_load_state()
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile("/live$"))

    # To the list as it was filtered.
    page.get_by_role("link", name="Sessions", exact=True).click()
    field = page.get_by_label("Filter sessions")
    field.fill("outcome:failed")
    field.press("Enter")
    expect(page.locator("#rows > tr")).to_have_count(1)
    page.locator("#rows a.open").click()
    expect(page).to_have_url(re.compile(f"/sessions/{three[1]}$"))
    # Before its scripts have run, the way back is that to the whole list.
    page.wait_for_load_state()
    page.locator("a[data-back]").click()
    expect(page.locator("#rows > tr")).to_have_count(1)
    assert asked(page) == "outcome:failed"
    page.locator("#rows a.open").click()
    expect(page.locator("a[data-back]")).to_have_text("← Sessions")
    page.wait_for_load_state()
    page.keyboard.press("Escape")
    expect(page.locator("#rows > tr")).to_have_count(1)
    assert asked(page) == "outcome:failed"


def test_a_long_caller_does_not_widen_the_page_nor_do_keys_move_it(visit: OpenPage, archive: Archive) -> None:
    for n in range(3):
        call = samples.Call(archive, samples.ago(100 + n)).setup(caller=LONG, callee=LONG)
        call.asks(1, "Hi").answers(12.2, "Hello").hang_up(20).commit()
    page = visit("/sessions", viewport={"width": 1600, "height": 800})
    expect(page.locator("#rows > tr")).to_have_count(3)
    for key in "jjjk":
        page.keyboard.press(key)
    expect(page.locator(".by-key")).to_have_count(1)
    expect(page.locator("#rows > tr").nth(1)).to_have_class(re.compile("by-key"))
    for width in (1600, 1400, 1301, 1100, 700, 360):
        page.set_viewport_size({"width": width, "height": 800})
        if width in (1301, 360):
            page.reload()
        expect(page.locator("#rows > tr")).to_have_count(3)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
        assert page.locator(".party").first.get_attribute("title") == LONG
        page.keyboard.press("j")
        page.keyboard.press("j")
        assert page.evaluate("scrollX") == 0
        assert page.evaluate("document.querySelector('.table-wrap').scrollLeft") == 0
    page.set_viewport_size({"width": 1400, "height": 900})
    page.reload()
    expect(page.get_by_role("columnheader", name="Timeline")).to_be_visible()
    page.locator("#rows .slowest .slow").first.click()
    expect(page).to_have_url(re.compile(r"/sessions/[^/]+\?turn=\d+#turn-\d+$"))
