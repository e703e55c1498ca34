"""axe-core on a page: what it finds, at the least cost.

Knows: which of its rules apply; that each element costs milliseconds, and colours most of them.
Must not know: what is on the pages.
"""

from collections.abc import Iterable
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Each element costs milliseconds, also where it is excluded: of messages of one kind from one side, the first few stay,
# and so do the first rows of the list and of a chart's table.
REMOVE_MORE_OF_THE_SAME = """() => {
  const seen = new Map();
  for (const row of [...document.querySelectorAll("#wire > li")]) {
    const kind = row.className + row.querySelector(".kind")?.dataset.kind;
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
    if (seen.get(kind) > 5) row.remove();
  }
  for (const body of document.querySelectorAll("#rows, .as-table tbody")) {
    for (const row of [...body.querySelectorAll(":scope > tr")].slice(8)) row.remove();
  }
}"""
COLOURS = ["color-contrast", "link-in-text-block"]
WITHOUT_COLOURS = {rule: {"enabled": False} for rule in COLOURS}
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
Scheme = Literal["dark", "light"]


def complaints(page: Page, *, schemes: Iterable[Scheme] = ("dark", "light")) -> list[str]:
    """What axe-core finds, colours in each of the schemes; the page is left in the last of them.

    A page with `reduced_motion` has its colours changed at once. Only colours differ between schemes.
    """
    if page.evaluate("window.axe === undefined"):
        page.evaluate(Axe().axe_script)
    page.evaluate(REMOVE_MORE_OF_THE_SAME)
    found = _violations(page, [], runOnly={"type": "tag", "values": TAGS}, rules=WITHOUT_COLOURS)
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        page.evaluate(MARK_MORE_OF_THE_SAME_LOOK)
        found += _violations(page, ["[data-more-of-the-same]"], runOnly={"type": "rule", "values": COLOURS})
    return found


def _violations(page: Page, exclude: list[str], **options: Any) -> list[str]:
    run = """([exclude, options]) =>
      axe.run({ include: [document], exclude }, options).then(({ violations }) => violations)"""
    found = page.evaluate(run, [exclude, {**options, "resultTypes": ["violations"]}])
    return [f"{one['id']}: {node['target']} {node.get('failureSummary', '')}" for one in found for node in one["nodes"]]
