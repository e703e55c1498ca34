"""The live view in a real browser."""

import time

from playwright.sync_api import Page, expect

from relayproxy.console.words import HELD
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import OpenPage

NARROW = {"width": 360, "height": 740}


def keys(page: Page) -> list[str]:
    found: list[str] = page.locator("#cards > li").evaluate_all("cards => cards.map(card => card.dataset.key)")
    return found


def test_tiles_keep_their_order_while_calls_come_go_and_change(visit: OpenPage, archive: Archive) -> None:
    first = samples.Call(archive, samples.ago(30)).setup().commit()
    second = samples.Call(archive, samples.ago(20)).setup().commit()
    page = visit("/live")
    assert keys(page) == [first.id, second.id]

    third = samples.Call(archive).setup(caller="+15550100042").commit()
    expect(page.locator(f"#c-{third.id}")).to_contain_text("+15550100042")
    first.asks(31, "Is anybody there?").commit()
    expect(page.locator(f"#c-{first.id}")).to_contain_text("Is anybody there?")
    expect(page.locator(f"#c-{first.id} .card-now")).to_contain_text("Agent is awaited")
    second.over(22, first="backend", twilio="eof", backend="reset").commit()
    expect(page.locator(f"#c-{second.id}.over")).to_contain_text("Backend disconnected")
    expect(page.locator("#live-count")).to_have_text("2")
    assert keys(page) == [first.id, second.id, third.id]

    page.get_by_role("button", name="Clear 1 ended").click()
    assert keys(page) == [first.id, third.id]
    expect(page.locator("#clear-ended")).to_be_hidden()
    page.locator(f"#c-{first.id}").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(samples.CALLER)


def test_a_wait_becomes_an_alarm_by_the_clock_alone(visit: OpenPage, archive: Archive) -> None:
    calm = samples.Call(archive, samples.ago(30)).setup().commit()
    call = samples.Call(archive, samples.ago(10)).setup().commit()
    page = visit("/live")
    call.asks(time.time() - call.began / 1e9, "Hello?").commit()
    state = page.locator(f"#c-{call.id} .card-now")
    expect(state).to_have_class("card-now waiting")
    expect(state).to_contain_text("Agent is awaited")
    expect(state).to_have_class("card-now waiting late")
    expect(state.get_by_text("Caller is kept waiting")).to_be_visible()
    expect(page.locator("#wall-late")).to_have_text("1 caller is kept waiting")
    expect(page).to_have_title("(!) 1 · Live calls · relayproxy")
    assert keys(page) == [calm.id, call.id]

    call.answers(16, "Good morning.").commit()
    expect(page.locator("#wall-late")).to_be_hidden()
    expect(page).to_have_title("Live calls · relayproxy")


def test_the_first_call_comes_to_an_empty_view(visit: OpenPage, archive: Archive) -> None:
    page = visit("/live")
    expect(page.get_by_text("No call is live.")).to_be_visible()
    call = samples.Call(archive).setup().commit()
    expect(page.locator(f"#c-{call.id}")).to_be_visible()
    expect(page.get_by_text("No call is live.")).to_be_hidden()


def test_the_live_view_fits_a_phone_and_can_be_read_without_scripts(visit: OpenPage, archive: Archive) -> None:
    hostile = "<img src=x onerror=alert(1)>\N{RIGHT-TO-LEFT OVERRIDE}" + "w" * 300
    call = (
        samples.Call(archive, samples.ago(10), route=hostile).setup(caller=hostile).asks(1, hostile).answers(2, hostile)
    )
    call.commit()
    page = visit("/live", viewport=NARROW)
    expect(page.locator("#cards")).to_contain_text("<img src=x")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    plain = visit("/live", java_script_enabled=False)
    expect(plain.locator("#cards > li")).to_contain_text("Caller is awaited")


def test_words_that_are_held_back_are_three_dots_and_no_alarm(visit: OpenPage, archive: Archive) -> None:
    call = samples.Call(archive, samples.ago(30)).setup().asks(20, "My card is this one").holds("backend").commit()
    page = visit("/live")
    tile = page.locator(f"#c-{call.id}")
    expect(tile.locator(".agent .held-back")).to_have_attribute("title", HELD)
    expect(tile.locator(".agent .held-back")).to_contain_text("…")
    expect(tile.locator(".caller .held-back")).to_have_count(0)
    expect(tile.locator(".card-now")).to_contain_text("Agent answers")
    expect(page.locator("#wall-late")).to_be_hidden()
    call.holds().answers(21, "Thank you.").commit()
    expect(tile.locator(".agent")).to_contain_text("Thank you.")
    expect(tile.locator(".held-back")).to_have_count(0)
