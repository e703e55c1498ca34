"""Ways to a turn of a long call, in a real browser: whichever way is taken, the turn is there to be read."""

from typing import Any

from playwright.sync_api import Page, expect

from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import OpenPage

TURNS = 150
SLOWEST = 90
LONG = "And then there is something else that I would like to know about the table by the window. " * 4

# What is near is scrolled to smoothly.
MOVING: dict[str, Any] = {"viewport": {"width": 1000, "height": 700}, "reduced_motion": "no-preference"}

_STILL = """(number) => new Promise((done) => {
  let [place, frames] = [NaN, 0];
  const look = () => {
    const now = document.getElementById(`turn-${number}`).getBoundingClientRect().top;
    frames = Math.abs(now - place) < 1 ? frames + 1 : 0;
    place = now;
    frames < 20 ? requestAnimationFrame(look) : done(now);
  };
  look();
})"""
"""Where on the screen a turn is, once it has not moved for a while."""


def wordy(archive: Archive) -> samples.Call:
    """A call of turns much higher than they are guessed to be; one of them is slow."""
    call = samples.Call(archive, samples.ago(TURNS * 8 + 60)).setup()
    for number in range(1, TURNS + 1):
        call.asks(number * 8, f"{number}: {LONG * (1 + number % 3)}")
        call.answers(number * 8 + (3 if number == SLOWEST else 0.4), f"{number}: {LONG * (1 + number % 2)}")
    return call.hang_up(TURNS * 8 + 20).commit()


def stays_at(page: Page, number: int) -> None:
    """The turn comes to the top of what is to be read, below what is fixed there, and stays."""
    still = page.evaluate(_STILL, number)
    expect(page.locator(f"#turn-{number}")).to_be_in_viewport()
    assert 40 <= still < 200


def test_every_way_leads_to_the_turn_itself(visit: OpenPage, archive: Archive) -> None:
    call = wordy(archive)
    page = visit(f"/sessions/{call.id}#turn-77", **MOVING)
    # An address with a turn shows that turn, and the reader can leave at once.
    stays_at(page, 77)
    page.mouse.move(400, 400)
    page.mouse.wheel(0, -3000)
    assert page.evaluate(_STILL, 77) > 1000
    address = page.url.partition("#")[0]
    page.goto(f"{address}?turn=30#turn-110")
    stays_at(page, 110)

    page.goto(address)
    page.wait_for_selector("#timeline[data-ready]")
    page.locator("#slowest").click()
    stays_at(page, SLOWEST)
    page.evaluate("scrollTo(0, 0)")
    page.locator(f"#findings a[href='#turn-{SLOWEST}']").first.evaluate("link => link.click()")
    stays_at(page, SLOWEST)
    page.keyboard.press("]")
    stays_at(page, SLOWEST + 1)
    page.evaluate("location.hash = '#turn-40'")
    stays_at(page, 40)
    page.evaluate("location.hash = '#turn-70'")
    stays_at(page, 70)
