"""WCAG: axe-core finds nothing to complain about on any page, light or dark, wide or narrow."""

import json
import time
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page

from relayproxy.store.write.archive import Archive
from tests.console import fortnight, samples
from tests.console.browser import unfold
from tests.console.conftest import OpenPage

# High, so that nothing scrolls: a live page stays at its end, and rows would lie half under its head.
PHONE = {"width": 360, "height": 12_000}
LOOKS: dict[str, dict[str, Any]] = {
    # Still, so that colours have changed at once when the dark comes.
    "wide": {"color_scheme": "light", "reduced_motion": "reduce"},
    "phone": {"color_scheme": "light", "viewport": PHONE},
}
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Each element costs milliseconds, also where it is excluded: of messages of one kind from one side, the first few stay.
REMOVE_MORE_OF_THE_SAME = """() => {
  const seen = new Map();
  for (const row of [...document.querySelectorAll("#wire > li")]) {
    const kind = row.className + row.querySelector(".kind")?.dataset.kind;
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
    if (seen.get(kind) > 5) row.remove();
  }
}"""
COLOURS = ["color-contrast", "link-in-text-block"]
# Most of the time goes into colours: of elements that are alike in all that decides them, themselves, above and below,
# the first few are looked at.
MARK_MORE_OF_THE_SAME_LOOK = """() => {
  const DECIDES = ["color", "backgroundColor", "backgroundImage", "fontSize", "fontWeight", "opacity", "filter",
    "textShadow", "textDecorationLine", "visibility", "position"];
  const numbers = new Map(), owns = new Map(), wholes = new Map(), seen = new Map();
  const number = (...what) => {
    const key = what.join("|");
    if (!numbers.has(key)) numbers.set(key, numbers.size);
    return numbers.get(key);
  };
  const look = (element) => {
    const style = getComputedStyle(element);
    const text = [...element.childNodes].some((one) => one.nodeType === 3 && one.data.trim());
    const decides = DECIDES.map((name) => style[name]);
    owns.set(element, number(element.tagName, element.getAttribute("class"), text, ...decides));
    wholes.set(element, number(owns.get(element), "with", ...[...element.children].map(look)));
    return wholes.get(element);
  };
  const mark = (element, above) => {
    const whole = number(above, "above", wholes.get(element));
    seen.set(whole, (seen.get(whole) ?? 0) + 1);
    const enough = seen.get(whole) > 3;
    element.toggleAttribute("data-more-of-the-same", enough);
    if (enough) return;
    const within = number(above, "then", owns.get(element));
    for (const child of element.children) mark(child, within);
  };
  look(document.body);
  mark(document.body, 0);
}"""


def complaints(page: Page, look: str) -> list[str]:
    """What axe-core finds. Nothing differs but colours in the dark, and all else on a phone."""
    page.evaluate(Axe().axe_script)
    page.evaluate(REMOVE_MORE_OF_THE_SAME)
    without_colours = {rule: {"enabled": False} for rule in COLOURS}
    found = _violations(page, runOnly={"type": "tag", "values": TAGS}, rules=without_colours)
    for scheme in ("dark", "light") if look == "wide" else ():
        page.emulate_media(color_scheme=scheme)
        page.evaluate(MARK_MORE_OF_THE_SAME_LOOK)
        found += _violations(page, runOnly={"type": "rule", "values": COLOURS})
    return found


def _violations(page: Page, **options: Any) -> list[str]:
    run = 'options => axe.run({ exclude: ["[data-more-of-the-same]"] }, options).then(({ violations }) => violations)'
    found = page.evaluate(run, {**options, "resultTypes": ["violations"]})
    return [f"{one['id']}: {node['target']} {node.get('failureSummary', '')}" for one in found for node in one["nodes"]]


@pytest.fixture
def recorded(archive: Archive) -> list[str]:
    fortnight.record(archive, time.time_ns(), a_day=1)
    return [
        make(archive, samples.ago(100)).commit().id
        for make in (samples.booking, samples.failing, samples.refused, samples.odd)
    ]


@pytest.mark.parametrize("look", LOOKS)
def test_every_page(visit: OpenPage, archive: Archive, recorded: list[str], look: str) -> None:
    live = samples.Call(archive, samples.ago(30)).setup(parameters={"plan": "gold"}).asks(2, "are you there").commit()
    found: dict[str, list[str]] = {}
    page = visit("/sessions", **LOOKS[look])
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
    ]
    for path in paths:
        page.goto(origin + path)
        unfold(page)
        if faults := complaints(page, look):
            found[path] = faults
    assert not found, json.dumps(found, indent=1)


@pytest.mark.parametrize("look", LOOKS)
def test_the_help_and_the_first_page_of_all(visit: OpenPage, archive: Archive, look: str) -> None:
    page = visit("/sessions", **LOOKS[look])
    assert complaints(page, look) == []
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    assert complaints(page, look) == []
