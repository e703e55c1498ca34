"""Files are dropped on the list or chosen, in a real browser: each gets its result, at any width, light and dark."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from relayproxy.settings.model import Settings
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.axe import complaints
from tests.console.conftest import OpenPage
from tests.console.look import LAPTOP, PHONE, WIDE, faults
from tests.recordings.test_files import FILES

STILL: dict[str, Any] = {"color_scheme": "light", "reduced_motion": "reduce"}
DROP = """async ([names, contents]) => {
    const data = new DataTransfer();
    for (const [at, name] of names.entries()) {
        const bytes = Uint8Array.from(atob(contents[at]), (one) => one.charCodeAt(0));
        data.items.add(new File([bytes], name));
    }
    const fire = (type) => document.querySelector("main").dispatchEvent(
        new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: data }));
    fire("dragenter");
    const shown = document.documentElement.classList.contains("dropping");
    fire("drop");
    return shown && !document.documentElement.classList.contains("dropping");
}"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", keep_content=0, keep_numbers=0)


def faulty(page: Page) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for size in (WIDE, LAPTOP, PHONE):
        page.set_viewport_size(size)
        if wrong := faults(page):
            found[str(size["width"])] = wrong
    return found


def test_files_that_are_dropped_on_the_list_become_sessions(visit: OpenPage, archive: Archive) -> None:
    samples.booking(archive, samples.ago(60)).commit()
    page = visit("/sessions", **STILL)
    expect(page.locator("#imports")).to_be_hidden()

    names = ["booking.v1.relayproxy.jsonl.gz", "booking.v1.relayproxy.jsonl.gz", "odd.v1.relayproxy.jsonl.gz"]
    contents = [_base64(FILES / name) for name in names]
    assert page.evaluate(DROP, [[*names, "holiday.png"], [*contents, "iVBORw0KGgo="]])

    results = page.locator("#imports li")
    expect(results).to_have_count(4)
    expect(page.locator("#said")).to_have_text("3 of 4 files imported")
    expect(results.nth(0)).to_have_text("booking.v1.relayproxy.jsonl.gz: imported, 104 messages")
    expect(results.nth(1)).to_have_text("booking.v1.relayproxy.jsonl.gz: is here already")
    expect(results.nth(3)).to_have_text("holiday.png: not a recording of relayproxy")
    expect(page.locator("#fresh")).to_contain_text("2 new calls")
    assert not (found := faulty(page)), json.dumps(found, indent=1)
    assert complaints(page) == []

    page.get_by_role("link", name="All imported calls").click()
    expect(page.locator(".tag.imported")).to_have_count(2)
    assert not (found := faulty(page)), json.dumps(found, indent=1)
    page.locator("tr a.open").first.click()
    expect(page.locator(".alarm.imported")).to_contain_text("from a file of relayproxy 0.1.0")
    assert not (found := faulty(page)), json.dumps(found, indent=1)
    assert complaints(page) == []


def test_files_are_chosen_on_a_page_of_its_own(visit: OpenPage, archive: Archive) -> None:
    page = visit("/sessions", **STILL)
    page.get_by_role("link", name="Import").click()
    page.locator("input[type=file]").set_input_files([FILES / "refused.v1.relayproxy.jsonl.gz"])

    expect(page.locator("#imports li")).to_have_text("refused.v1.relayproxy.jsonl.gz: imported, 0 messages")
    assert not (found := faulty(page)), json.dumps(found, indent=1)
    assert complaints(page) == []


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
