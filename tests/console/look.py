"""The look of a page, as far as it can be told without eyes: nothing is cut off, nothing sticks out, what opens shows
that it does, no time lacks its zone, and one of a thing is not told as many.

Knows: what is a fault whatever the page shows.
Must not know: what is on the pages.
"""

from playwright.sync_api import Page, ViewportSize

from tests.console.browser import frames, until

PHONE: ViewportSize = {"width": 360, "height": 760}
LAPTOP: ViewportSize = {"width": 1280, "height": 800}
WIDE: ViewportSize = {"width": 1920, "height": 1080}

_FAULTS = r"""() => {
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
    const { overflowX, textOverflow, contentVisibility } = getComputedStyle(e);
    // What is drawn only where it is seen is drawn nowhere else than in its box.
    const shows = overflowX === "visible" && contentVisibility === "visible";
    // Two pixels and less are headings for those who hear the page; a message's first words stand in a line that opens.
    if (shows || e.clientWidth <= 2 || e.matches("summary > .preview, .run > .preview")) continue;
    if (["auto", "scroll"].includes(overflowX) || e.scrollWidth <= e.clientWidth + 1 || !words(e)) continue;
    if (textOverflow !== "ellipsis") say("cut text", e, words(e));
    else if (!e.closest("[title]")) say("cut text without a title", e, words(e));
  }
  // Buttons and the rows of a table of messages look like what can be pressed.
  for (const e of all("summary:not(.button, .tl-button, .msg *)")) {
    const { display, listStyleType } = getComputedStyle(e);
    const marked = (display === "list-item" && listStyleType !== "none") || e.querySelector("svg");
    const before = [e, ...e.querySelectorAll("*")].map((part) => getComputedStyle(part, "::before").content).join("");
    if (marked || /[▸▾▶▼]/.test(before + words(e)) || !e.checkVisibility()) continue;
    say("nothing shows that it opens", e, words(e));
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
_DRAWN = """[...document.querySelectorAll("[data-chart]")].every((one) =>
  one.querySelector("canvas") || !one.checkVisibility())"""


def faults(page: Page) -> list[str]:
    """What is wrong with the look of a page, once it is drawn."""
    frames(page)
    until(page, _DRAWN)
    return list(page.evaluate(_FAULTS))


def fits(page: Page) -> bool:
    """Whether nothing is wider than the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))
