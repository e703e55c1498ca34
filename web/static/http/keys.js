// The keyboard: moving through lists, going to pages, and the help that says which keys there are.
// Keys rest inside fields and while a dialog is open, and can be switched off.

const KEY = "relayproxy.keys";
const GO_PATIENCE = 1500;
const LAST = "relayproxy.last";
const BACK = { "/sessions": "← Sessions", "/live": "← Live" };
const LISTS = ["#rows > tr", "#cards > *", "#turns > .turn", "[data-list] > *"];

const help = document.getElementById("help");
const main = document.getElementById("main");
const pages = new Map([...document.querySelectorAll(".top nav [data-key]")].map((link) => [link.dataset.key, link]));
let on = true;
try {
  on = localStorage.getItem(KEY) !== "off";
} catch {
  // Storage is switched off: keys stay on.
}

const inField = (target) => target.isContentEditable || target.closest?.("input, textarea, select, [role=textbox], [role=combobox]");

const shown = (item) => !item.hidden && item.getClientRects().length > 0;

function items() {
  for (const list of LISTS) {
    const found = [...document.querySelectorAll(list)].filter(shown);
    if (found.length) return found;
  }
  return [];
}

/** The next item in that direction: from the focused one, else the first that can be seen. */
function step(by) {
  const all = items();
  if (!all.length) return;
  const at = all.findIndex((item) => item.contains(document.activeElement));
  const top = parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop) || 0;
  const visible = all.findIndex((item) => item.getBoundingClientRect().bottom > top + 1);
  const wanted = at < 0 ? (visible < 0 ? 0 : visible) : Math.min(Math.max(at + by, 0), all.length - 1);
  focus(all[wanted]);
}

/** Focuses the item and scrolls to it, but not sideways. */
function focus(item) {
  if (!item.hasAttribute("tabindex")) item.tabIndex = -1;
  item.focus({ preventScroll: true });
  const lefts = [];
  for (let around = item.parentElement; around; around = around.parentElement) lefts.push([around, around.scrollLeft]);
  item.scrollIntoView({ block: "nearest" });
  for (const [around, left] of lefts) if (around.scrollLeft !== left) around.scrollLeft = left;
}

function open(target) {
  const item = items().find((one) => one === target);
  const link = item?.querySelector("a.open, summary, a[href]");
  if (!link) return false;
  link.click();
  return true;
}

/** Closes what is open around the focus, else goes back to the list. */
function leave() {
  const popup = document.querySelector("details[data-popup][open]");
  if (popup) {
    popup.open = false;
    popup.querySelector("summary").focus();
    return true;
  }
  if (items().includes(document.activeElement)) {
    document.activeElement.blur();
    return true;
  }
  const back = document.querySelector("a[data-back]");
  if (!back) return false;
  // With one entry more than there was, the list is the one before this: as it was left, with its place too.
  if (list && history.length === list.entries + 1) history.back();
  else back.click();
  return true;
}

/** Remembers this list or wall, with its filter, as what to go back to. */
function remember() {
  if (!(location.pathname in BACK)) return;
  try {
    sessionStorage.setItem(LAST, JSON.stringify({ url: location.pathname + location.search, entries: history.length }));
  } catch {
    // Going back leads to the whole list.
  }
}

/** Where to go back to: `url` of the last list or wall, and how many entries the history had there; null when there
 * was none. */
function last() {
  try {
    const found = JSON.parse(sessionStorage.getItem(LAST));
    return found && new URL(found.url, location.href).pathname in BACK ? found : null;
  } catch {
    return null;
  }
}

function showHelp() {
  help.showModal();
}

// No page is told by the browser where the reader came from.
const list = last();
if (list) {
  for (const link of document.querySelectorAll("a[data-back]")) {
    link.href = list.url;
    link.textContent = BACK[link.pathname];
  }
}
remember();
addEventListener("pagehide", remember);

let goes = 0;
const actions = {
  j: () => step(1),
  k: () => step(-1),
  "/": () => {
    const field = [...document.querySelectorAll("[data-search]")].find(shown);
    field?.focus();
    field?.select?.();
    return Boolean(field);
  },
  "?": () => showHelp(),
  g: () => {
    goes = performance.now();
  },
  Enter: (event) => open(event.target),
  Escape: () => leave(),
};

document.addEventListener("keydown", (event) => {
  if (!on || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (inField(event.target) || document.querySelector("dialog[open]")) return;
  if (goes && performance.now() - goes < GO_PATIENCE && pages.has(event.key)) {
    goes = 0;
    event.preventDefault();
    pages.get(event.key).click();
    return;
  }
  if (event.key !== "g") goes = 0;
  const action = actions[event.key];
  if (action && action(event) !== false) event.preventDefault();
});

// In a field, Escape leaves it, so that the keys work again.
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.defaultPrevented && inField(event.target)) event.target.blur();
});

document.getElementById("keys-help").addEventListener("click", showHelp);
help.querySelector("[data-close]").addEventListener("click", () => help.close());
help.addEventListener("click", (event) => {
  if (event.target === help) help.close();
});
const toggle = document.getElementById("keys-on");
toggle.checked = on;
toggle.addEventListener("change", () => {
  on = toggle.checked;
  try {
    localStorage.setItem(KEY, on ? "on" : "off");
  } catch {
    // Kept for this page alone.
  }
});
main.addEventListener("focusin", (event) => event.target.classList.toggle("by-key", items().includes(event.target)));
main.addEventListener("focusout", (event) => event.target.classList.remove("by-key"));
