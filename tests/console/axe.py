"""axe-core on a page: what it finds, at the least cost.

Knows: which of its rules apply; that each element costs milliseconds, and colours most of them.
Must not know: what is on the pages.
"""

from collections.abc import Sequence
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Each element costs milliseconds: of messages of one kind from one side, of what is built alike in lists of one kind
# and of rows, the first few stay; and none of the symbols that pictures are made of.
REMOVE_MORE_OF_THE_SAME = """() => {
  const kept = new Map();
  const more = (key, most) => {
    kept.set(key, (kept.get(key) ?? 0) + 1);
    return kept.get(key) > most;
  };
  const tag = (one) => `${one.tagName} ${one.getAttribute("class")} ${one.getAttributeNames().sort()}`;
  const built = (one) => `${tag(one)} (${[...new Set([...one.children].map(built))]})`;
  for (const row of document.querySelectorAll("#wire > li")) {
    if (more(row.className + row.querySelector(".kind")?.dataset.kind, 5)) row.remove();
  }
  for (const body of document.querySelectorAll("#rows, .as-table tbody")) {
    for (const row of [...body.querySelectorAll(":scope > tr")].slice(8)) row.remove();
  }
  // A live page goes on to draw in its lanes.
  for (const one of document.querySelectorAll("main :is(li:not([data-lane]), tbody > tr, option, svg > *)")) {
    if (one.isConnected && more(`${tag(one.parentElement)} > ${built(one)}`, 3)) one.remove();
  }
  for (const symbol of document.querySelectorAll("svg.sprite > *")) symbol.remove();
}"""
COLOURS = {"color-contrast": "*", "link-in-text-block": "a[href]"}
"""The rules that depend on colours, and which elements each looks at."""
# Most of the time goes into colours: of texts that are alike in all that decides them, their own look and what is
# painted behind them, the first that is shown is looked at, be it on an earlier page of the test.
MARK_MORE_OF_THE_SAME_LOOK = """() => {
  const DECIDES = ["color", "backgroundColor", "backgroundImage", "fontSize", "fontWeight", "opacity", "filter",
    "textShadow", "textDecorationLine", "visibility", "position"];
  const PAINTS = { backgroundColor: "rgba(0, 0, 0, 0)", backgroundImage: "none", opacity: "1", filter: "none",
    position: "static" };
  const seen = new Set(JSON.parse(sessionStorage.getItem("axe.looks") ?? "[]"));
  const number = (...what) => {
    let [low, high] = [0xdeadbeef, 0x41c6ce57];
    for (const sign of what.join("|")) {
      low = Math.imul(low ^ sign.codePointAt(0), 2654435761);
      high = Math.imul(high ^ sign.codePointAt(0), 1597334677);
    }
    return ((high ^ (low >>> 13)) & 0x1fffff) * 2 ** 32 + ((low ^ (high >>> 16)) >>> 0);
  };
  let fresh = 0;
  const mark = (element, behind, around) => {
    const style = getComputedStyle(element);
    const own = number(element.tagName, element.getAttribute("class"), ...DECIDES.map((name) => style[name]));
    const link = element.matches("a[href]");
    const text = [...element.childNodes].some((one) => one.nodeType === 3 && one.data.trim());
    const told = text || link || element.matches("input, select, textarea");
    // A link is told from the text that it stands in.
    const whole = number(behind, own, link && around);
    const isFresh = told && !seen.has(whole) && element.checkVisibility();
    if (isFresh) seen.add(whole);
    element.toggleAttribute("data-more-of-the-same", !isFresh);
    fresh += isFresh;
    const paints = Object.entries(PAINTS).some(([name, none]) => style[name] !== none);
    const within = paints ? number(behind, ...Object.keys(PAINTS).map((name) => style[name])) : behind;
    for (const child of element.children) mark(child, within, own);
  };
  mark(document.body, 0, 0);
  sessionStorage.setItem("axe.looks", JSON.stringify([...seen]));
  return fresh;
}"""
LEAVE_OUT_MORE_OF_THE_SAME_LOOK = (
    "(rules) => axe.configure({ rules })",
    [{"id": rule, "selector": f"{looked_at}:not([data-more-of-the-same])"} for rule, looked_at in COLOURS.items()],
)
Scheme = Literal["dark", "light"]


def complaints(page: Page, *, schemes: Sequence[Scheme] = ("dark", "light")) -> list[str]:
    """What axe-core finds, colours in each of the schemes; the page is left in the last of them.

    A page that keeps still has its colours changed at once. Only colours differ between schemes.
    """
    if page.evaluate("window.axe === undefined"):
        page.evaluate(Axe().axe_script)
        page.evaluate(*LEAVE_OUT_MORE_OF_THE_SAME_LOOK)
    page.evaluate(REMOVE_MORE_OF_THE_SAME)
    _mark(page, schemes[0])
    found = _violations(page, {"type": "tag", "values": TAGS})
    return found + [one for scheme in schemes[1:] for one in colours(page, scheme)]


def colours(page: Page, scheme: Scheme) -> list[str]:
    """What axe-core finds in the colours of a page that it has looked at, and that were not looked at yet."""
    return _violations(page, {"type": "rule", "values": [*COLOURS]}) if _mark(page, scheme) else []


def _mark(page: Page, scheme: Scheme) -> int:
    """How many elements have colours in this scheme that are to be looked at."""
    page.emulate_media(color_scheme=scheme)
    return int(page.evaluate(MARK_MORE_OF_THE_SAME_LOOK))


def _violations(page: Page, rules: dict[str, Any]) -> list[str]:
    run = "(options) => axe.run(document, options).then(({ violations }) => violations)"
    found = page.evaluate(run, {"runOnly": rules, "resultTypes": ["violations"]})
    return [f"{one['id']}: {node['target']} {node.get('failureSummary', '')}" for one in found for node in one["nodes"]]
