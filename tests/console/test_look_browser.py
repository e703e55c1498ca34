"""Every page, on a phone, a laptop and a wide screen: nothing is cut off, nothing sticks out, no time lacks its zone,
and one of a thing is not told as many."""

import json
import time

import pytest

from relayproxy.store.schema.rows import Batch, JournalGapRow
from relayproxy.store.write.archive import Archive
from tests.console import fortnight, samples
from tests.console.browser import frames, until
from tests.console.conftest import OpenPage

# Light or dark changes no size; what the colours do is in test_accessibility.
PHONE, LAPTOP, WIDE = (360, 760), (1280, 800), (1920, 1080)

FAULTS = r"""() => {
  const found = [];
  const name = (e) => [e.tagName.toLowerCase(), ...e.classList].join(".") + (e.id && `#${e.id}`);
  const say = (what, e, more) => found.push(`${what}: ${name(e.parentElement)} > ${name(e)} ${more}`);
  const words = (e) => e.textContent.trim().slice(0, 60);
  const all = (selector) => [...document.querySelectorAll(selector)];

  const { scrollWidth } = document.documentElement;
  if (scrollWidth > innerWidth) say("wider than the window", document.body, `${scrollWidth} > ${innerWidth}`);
  for (const { parentElement: box } of all("main table:not(.as-table *)")) {
    const { clientWidth: room, scrollWidth: wide } = box;
    const scrolls = getComputedStyle(box).overflowX !== "visible";
    if (room && scrolls && wide > room + 1) say("cut table", box.firstElementChild, `${wide} > ${room}`);
  }
  for (const e of all("body *")) {
    const { overflowX, textOverflow } = getComputedStyle(e);
    // Two pixels and less are headings for those who hear the page; a message's first words stand in a line that opens.
    if (overflowX === "visible" || e.clientWidth <= 2 || e.matches("summary > .preview, .run > .preview")) continue;
    if (["auto", "scroll"].includes(overflowX) || e.scrollWidth <= e.clientWidth + 1 || !words(e)) continue;
    if (textOverflow !== "ellipsis") say("cut text", e, words(e));
    else if (!e.closest("[title]")) say("cut text without a title", e, words(e));
  }
  for (const text of all("svg text")) {
    const picture = text.ownerSVGElement.getBoundingClientRect();
    const { left, right, top, bottom, width } = text.getBoundingClientRect();
    const across = left > picture.left - 1 && right < picture.right + 1;
    const inside = across && top > picture.top - 2 && bottom < picture.bottom + 2;
    if (width && !inside) say("text outside of its picture", text, words(text));
  }
  for (const e of all("time")) {
    if (!/UTC|GMT|[+-]\d\d/.test(e.title + e.textContent)) say("time without a zone", e, e.outerHTML.slice(0, 120));
  }
  const said = all("[aria-label], [title]").flatMap((e) => [e.getAttribute("aria-label"), e.getAttribute("title")]);
  const told = [document.body.innerText, ...said].join("\n");
  const things = "turn|call|session|message|prompt|chunk|interruption|gap|finding|error|warning|note|key|day";
  const one = new RegExp(`(?<![\\d.,:–-])\\b1 (${things})s\\b.{0,20}`, "g");
  for (const [text] of told.matchAll(one)) found.push(`one as many: ${text}`);
  for (const [text] of told.matchAll(/.{0,20}\b(undefined|NaN|object Object)\b.*/g)) found.push(`no value: ${text}`);
  return [...new Set(found)];
}"""
DRAWN = """[...document.querySelectorAll("[data-chart]")].every((one) =>
  one.querySelector("canvas") || !one.checkVisibility())"""


@pytest.fixture
def paths(archive: Archive) -> list[str]:
    fortnight.record(archive, time.time_ns(), a_day=4)
    made = (samples.booking, samples.failing, samples.refused, samples.odd, samples.long_names)
    known = [make(archive, samples.ago(4000 - 500 * number)).commit() for number, make in enumerate(made)]
    short = (
        samples.Call(archive, samples.ago(400))
        .setup()
        .asks(1, "Hi")
        .answers(1.5, "Hello.")
        .twilio(2, "dtmf", digit="#")
    )
    known.append(short.hang_up(3).commit())
    live = samples.Call(archive, samples.ago(30)).setup(parameters={"plan": "gold"}).asks(2, "Are you there?").commit()
    since, until = samples.ago(90_000), samples.ago(80_000)
    archive.commit(Batch(journal_gaps=(JournalGapRow("j0", 1, 4711, 40_960, "checksum", since, until),)))
    return [
        "/sessions",
        "/sessions?q=outcom:failed%20table",
        "/sessions?q=tag:nothing",
        *(f"/sessions/{call.id}" for call in (*known, live)),
        f"/sessions/{known[4].id}/messages/0.1",
        f"/sessions/{known[0].id}/turns/2/numbers",
        f"/sessions/{known[0].id}/numbers",
        "/numbers",
        f"/calls/CA{short.number:032x}",
        "/live",
        "/insight?q=since:14d&by=backend",
        "/insight?a=since:14d%20until:7d&b=since:7d",
        "/connect",
        "/health",
        "/audit",
    ]


# A wide page opens with its facets, the others do not.
@pytest.mark.parametrize("sizes", [(PHONE, LAPTOP), (WIDE,)])
def test_nothing_is_cut_off_on_any_page(visit: OpenPage, paths: list[str], sizes: tuple[tuple[int, int], ...]) -> None:
    found: dict[str, list[str]] = {}
    page = visit("/live")
    origin = page.url.removesuffix("/live")
    for path in paths:
        for width, height in sizes:
            page.set_viewport_size({"width": width, "height": height})
            if (width, height) == sizes[0]:
                page.goto(origin + path)
            frames(page)
            until(page, DRAWN)
            if faults := page.evaluate(FAULTS):
                found[f"{path}, {width}"] = faults
    assert not found, json.dumps(found, indent=1, ensure_ascii=False)
