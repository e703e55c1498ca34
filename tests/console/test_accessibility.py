"""WCAG: axe-core finds nothing to complain about on any page, light or dark, wide or narrow."""

import json
import time
from typing import Any

import pytest
from playwright.sync_api import Page, ViewportSize

from relayproxy.store.write.archive import Archive
from tests.console import fortnight, samples
from tests.console.axe import complaints
from tests.console.browser import frames, unfold
from tests.console.conftest import OpenPage

# Still, so that colours have changed at once when the dark comes.
WIDE: dict[str, Any] = {"color_scheme": "light", "reduced_motion": "reduce", "viewport": {"width": 1280, "height": 720}}
# High, so that nothing scrolls: a live page stays at its end, and rows would lie half under its head.
PHONE: ViewportSize = {"width": 360, "height": 12_000}


def wide_and_narrow(page: Page) -> list[str]:
    """What axe-core finds on a wide page and then on a phone, where nothing differs but the layout."""
    found = complaints(page)
    page.set_viewport_size(PHONE)
    frames(page)
    found += [f"on a phone: {one}" for one in complaints(page, schemes=())]
    page.set_viewport_size(WIDE["viewport"])
    return found


@pytest.fixture
def recorded(archive: Archive) -> list[str]:
    fortnight.record(archive, time.time_ns(), a_day=1)
    return [
        make(archive, samples.ago(100)).commit().id
        for make in (samples.booking, samples.failing, samples.refused, samples.odd)
    ]


def test_every_page(visit: OpenPage, archive: Archive, recorded: list[str]) -> None:
    live = samples.Call(archive, samples.ago(30)).setup(parameters={"plan": "gold"}).asks(2, "are you there").commit()
    found: dict[str, list[str]] = {}
    page = visit("/sessions", **WIDE)
    origin = page.url.removesuffix("/sessions")
    paths = [
        "/sessions",
        "/sessions?q=outcom:failed%20table",
        "/sessions?q=tag:nothing%20turns:%3E3",
        f"/sessions/{live.id}",
        *(f"/sessions/{id}" for id in recorded),
        f"/sessions/{recorded[0]}/messages/0.3",
        f"/sessions/{recorded[0]}/turns/2/numbers",
        "/numbers",
        f"/calls/CA{live.number:032x}",
        "/live",
        "/insight",
        "/insight?by=route",
        "/insight?a=since:14d%20until:7d&b=since:7d",
        "/connect",
        "/health",
        "/audit",
        "/alerts",
    ]
    for path in paths:
        page.goto(origin + path)
        unfold(page)
        if faults := wide_and_narrow(page):
            found[path] = faults
    assert not found, json.dumps(found, indent=1)


def test_the_help_and_the_first_page_of_all(visit: OpenPage, archive: Archive) -> None:
    page = visit("/sessions", **WIDE)
    assert wide_and_narrow(page) == []
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    assert wide_and_narrow(page) == []
