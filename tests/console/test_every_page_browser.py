"""Every page, on a phone, a laptop and a wide screen, light and dark: nothing is cut off, and everybody can use it."""

import json
import time

import pytest
from playwright.sync_api import Page, ViewportSize

from relayproxy.store.schema.rows import Batch, JournalGapRow
from relayproxy.store.write.archive import Archive
from tests.console import fortnight, samples
from tests.console.axe import complaints
from tests.console.browser import frames, unfold
from tests.console.conftest import OpenPage
from tests.console.look import LAPTOP, PHONE, WIDE, faults, fits

TABLET: ViewportSize = {"width": 768, "height": 740}
# So high that nothing scrolls: a live page stays at its end, and rows would lie half under its head.
HIGH_PHONE: ViewportSize = {"width": 360, "height": 12_000}
# Light or dark changes no size.

LISTS = ("/sessions", "/sessions?q=outcom:failed%20table", "/sessions?q=tag:nothing%20turns:%3E3")
CALLS = (
    "/sessions/{live}",
    "/sessions/{booking}",
    "/sessions/{failing}",
    "/sessions/{refused}",
    "/sessions/{odd}",
    "/sessions/{booking}/messages/0.3",
    "/sessions/{booking}/turns/2/numbers",
)
OTHERS = (
    "/numbers",
    "/calls/CA{live_number:032x}",
    "/compare?a={booking}&b={failing}",
    "/compare?a={booking}",
    "/live",
    "/insight",
    "/insight?by=route",
    "/insight?a=since:14d%20until:7d&b=since:7d",
    "/connect",
    "/health",
    "/audit",
    "/alerts",
)
# What is on them is on others.
ONLY_LOOKED_AT = (
    "/sessions/{long_names}",
    "/sessions/{long_names}/messages/0.1",
    "/sessions/{short}",
    "/sessions/{booking}/numbers",
    "/compare?a={odd}&b={long_names}",
    "/calls/CA{short_number:032x}",
    "/insight?q=since:14d&by=backend",
)


@pytest.fixture
def known(archive: Archive) -> dict[str, str | int]:
    """What is recorded: ids of calls, and numbers of which SIDs are made, by name."""
    fortnight.record(archive, time.time_ns(), a_day=4)
    makes = (samples.booking, samples.failing, samples.refused, samples.odd, samples.long_names)
    ids = {make.__name__: make(archive, samples.ago(4000 - 500 * at)).commit().id for at, make in enumerate(makes)}
    short = samples.Call(archive, samples.ago(400)).setup().asks(1, "Hi").asks(9, "Hello?").answers(9.5, "Hello.")
    short.twilio(10, "dtmf", digit="#").hang_up(11).commit()
    live = samples.Call(archive, samples.ago(30)).setup(parameters={"plan": "gold"}).asks(2, "Are you there?").commit()
    since, until = samples.ago(90_000), samples.ago(80_000)
    archive.commit(Batch(journal_gaps=(JournalGapRow("j0", 1, 4711, 40_960, "checksum", since, until),)))
    return {**ids, "short": short.id, "short_number": short.number, "live": live.id, "live_number": live.number}


def looked_at(page: Page, address: str) -> list[str]:
    """What is wrong with the look of the page there, which is left as wide as it gets."""
    found = []
    for size in (PHONE, LAPTOP, WIDE):
        page.set_viewport_size(size)
        # A wide list opens with its facets, the others do not.
        if size == PHONE or (size == WIDE and address.partition("?")[0].endswith("/sessions")):
            page.goto(address)
        found += [f"{size['width']} wide: {one}" for one in faults(page)]
    return found


def used(page: Page) -> list[str]:
    """What hinders somebody on a page once all on it is unfolded."""
    page.set_viewport_size(LAPTOP)
    unfold(page)
    found = complaints(page)
    for size in (LAPTOP, TABLET, HIGH_PHONE):
        page.set_viewport_size(size)
        frames(page)
        if not fits(page):
            found.append(f"wider than {size['width']}")
    return found + [f"on a phone: {one}" for one in complaints(page, schemes=["light"])]


def test_nothing_is_cut_off_and_everybody_can_use_it(visit: OpenPage, known: dict[str, str | int]) -> None:
    """On one page after the other, so that what looks the same on several is looked at once."""
    found: dict[str, list[str]] = {}
    page = visit("/healthz")
    origin = page.url.removesuffix("/healthz")
    for path in LISTS + CALLS + OTHERS + ONLY_LOOKED_AT:
        address = origin + path.format(**known)
        if wrong := looked_at(page, address) + ([] if path in ONLY_LOOKED_AT else used(page)):
            found[path] = wrong
        page.emulate_media(color_scheme="light")
    assert not found, json.dumps(found, indent=1, ensure_ascii=False)


def test_the_help_and_the_first_page_of_all(visit: OpenPage, archive: Archive) -> None:
    page = visit("/sessions", viewport=PHONE)
    assert used(page) == []
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    assert used(page) == []
