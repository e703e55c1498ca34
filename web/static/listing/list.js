// The list obeys its filter, whoever changes it: the bar, a facet, a cell, the charts, going back. It keeps itself
// current: rows change where they stand, new calls wait behind a button.
import "./choose.js";
import { onFilter, tell } from "../filters/filterbar.js";
import { fetchMarkup, listen, say, settle } from "../http/page.js";
import { moment, ranged, written } from "../http/zone.js";

const PAUSE = 500;
const FACETS = "relayproxy.facets";

const fresh = document.getElementById("fresh");
const facets = document.getElementById("facets");
const title = document.title;
let rows = document.getElementById("rows");
let stop = null;

document.addEventListener("click", (event) => {
  const row = event.target.closest("#rows > tr");
  if (!row || event.target.closest("a, button") || String(getSelection())) return;
  const link = row.querySelector("a.open, a[href]");
  if (event.ctrlKey || event.metaKey) open(link.href, "_blank", "noopener");
  else link.click();
});

/* Keeping it current */

async function refresh() {
  const from = rows;
  const url = new URL(from.dataset.rows, location.href);
  const there = [...from.querySelectorAll("tr[data-key]")];
  const live = there.filter((row) => row.classList.contains("is-live")).map((row) => row.dataset.key);
  if (live.length) url.searchParams.set("shown", live.slice(0, 60).join());
  url.searchParams.set("have", there.map((row) => `${row.dataset.key}.${row.dataset.digest}`).join());
  const found = await fetchMarkup(url);
  if (from !== rows) return;
  let unseen = 0;
  for (const row of found.querySelectorAll("tr")) {
    const old = document.getElementById(row.id);
    if (!old) {
      if (row.dataset.key && !("left" in row.dataset)) unseen += 1;
    } else if (old.dataset.digest !== row.dataset.digest || "left" in old.dataset !== "left" in row.dataset) {
      replace(old, row);
    }
  }
  fresh.hidden = unseen === 0;
  fresh.textContent = rows.hidden && !document.getElementById("filter") ? "Your first call is here: show it" : `↑ ${unseen} new ${unseen === 1 ? "call" : "calls"}`;
  document.title = unseen ? `(${unseen}) ${title}` : title;
}

function replace(old, row) {
  // The same link has the focus afterwards.
  const links = [...old.querySelectorAll("a")];
  const focused = old === document.activeElement ? -1 : links.indexOf(document.activeElement);
  const whole = old === document.activeElement;
  if (old.hasAttribute("tabindex")) row.tabIndex = old.tabIndex;
  settle(row);
  row.classList.add("changed");
  old.replaceWith(row);
  if (whole) row.focus({ preventScroll: true });
  else if (focused >= 0) (row.querySelectorAll("a")[focused] ?? row.querySelector("a")).focus({ preventScroll: true });
}

function follow() {
  stop?.();
  stop = null;
  if (!rows?.dataset.live) return;
  let busy = false;
  let again = false;
  stop = listen(rows.dataset.live, async () => {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    do {
      again = false;
      await refresh().catch(() => {});
      await new Promise((done) => setTimeout(done, PAUSE));
    } while (again);
    busy = false;
  });
}

/* The filter */

let going = null;
let meant = null; // a value that was clicked while the values at the side were still those of the filter before

/** Shows the list of another address of this page, without leaving it. */
async function go(url, { push = true, focus = null } = {}) {
  going?.abort();
  meant = null;
  going = new AbortController();
  const mine = going;
  results().setAttribute("aria-busy", "true");
  let found;
  try {
    found = await fetchMarkup(url, mine.signal);
  } catch (problem) {
    if (problem.name !== "AbortError") location.assign(url);
    return;
  }
  if (!found.getElementById("filter")) {
    location.assign(url);
    return;
  }
  if (push) history.pushState(null, "", url);
  for (const id of ["results", "notes", "matching", "when-presets"]) document.getElementById(id).replaceWith(found.getElementById(id));
  rows = document.getElementById("rows");
  fresh.hidden = true;
  fresh.href = found.getElementById("fresh").getAttribute("href");
  document.title = title;
  const now = results();
  settle(now);
  const { q } = now.dataset;
  document.getElementById("sort").value = now.dataset.sort || "-started";
  document.querySelector(".when-name").textContent = document.querySelector("#when-presets [aria-current]")?.textContent ?? "Some time";
  tell(q);
  document.dispatchEvent(new CustomEvent("relayproxy:filter", { detail: { q } }));
  follow();
  await narrowDown();
  if (focus) document.querySelector(focus)?.focus({ preventScroll: true });
  const count = document.getElementById("matching").textContent;
  say(count || "Older calls");
}

const results = () => document.getElementById("results");

/** The list under a filter, in the order that it has now unless another is given. */
function address(q, sort = results().dataset.sort) {
  const asked = new URLSearchParams();
  if (q) asked.set("q", q);
  if (sort && sort !== "-started") asked.set("sort", sort);
  return asked.size ? `/sessions?${asked}` : "/sessions";
}

/** What takes a facet link's place once its list was fetched anew: the link of the same value, else the first of that
 * field, else the first. */
function twin(body, link) {
  const links = [...body.querySelectorAll("a[data-value]")];
  const same = links.filter((one) => one.dataset.value === link.dataset.value);
  return same.find((one) => one.className === link.className) ?? same[0] ?? links.find((one) => one.dataset.field === link.dataset.field) ?? links[0];
}

const counted = (number) => `${number} ${number === "1" ? "call" : "calls"}`;

/** Does what was clicked too early, if it is still offered. */
function obey(body) {
  const link = meant;
  meant = null;
  if (link) [...body.querySelectorAll("a[data-value]")].find((one) => one.dataset.value === link.dataset.value && one.className === link.className && one.ariaCurrent === link.ariaCurrent)?.click();
}

/** Fetches the values at the side; `more` names a field of which all are wanted. */
async function narrowDown(more = "") {
  if (!facets) return;
  const body = document.getElementById("facets-body");
  if (!facets.open) {
    body.dataset.q = "";
    return;
  }
  const { q } = results().dataset;
  if (body.dataset.q === `=${q}` && !more) {
    obey(body);
    return;
  }
  try {
    const found = await fetchMarkup(`${body.dataset.src}?${new URLSearchParams({ q, more })}`);
    if (q !== results().dataset.q) return;
    const focused = body.contains(document.activeElement) ? document.activeElement : null;
    body.replaceChildren(found);
    if (focused) twin(body, focused)?.focus({ preventScroll: true });
    body.dataset.q = `=${q}`;
    const about = body.querySelector("[data-matching]");
    const matching = document.getElementById("matching");
    if (about?.dataset.matching && matching.textContent) matching.textContent = counted(about.dataset.matching);
    obey(body);
  } catch {
    meant = null;
    // The list is there; its values and counts come with the next filter.
  }
}

if (document.getElementById("filter")) {
  onFilter((q) => go(address(q)));
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const link = event.target.closest("#facets a, #notes a, #results a, .filter a, .bar a");
    if (!link || link.pathname !== "/sessions") return;
    event.preventDefault();
    if (link.dataset.more) {
      narrowDown(link.dataset.more);
      return;
    }
    // A link of the filter before would undo what was chosen since.
    const values = link.dataset.value && link.closest("#facets-body");
    const busy = results().hasAttribute("aria-busy");
    if (values && (busy || values.dataset.q !== `=${results().dataset.q}`)) {
      meant = link;
      if (!busy) narrowDown();
      return;
    }
    const asked = new URL(link.href).searchParams;
    const heading = link.closest("th");
    link.closest("details[data-popup]")?.removeAttribute("open");
    // What changes the filter leaves the order, and what changes the order leaves the filter.
    go(asked.has("before") ? link.href : address(asked.get("q") ?? "", asked.get("sort") ?? undefined), { focus: heading && `th.${heading.classList.item(heading.classList.length - 1)} a` });
    if (link.rel === "next" || link.closest(".pages")) scrollTo({ top: 0 });
  });
  addEventListener("popstate", () => go(location.href, { push: false }));

  // A range that was marked in the charts takes the place of the one there was.
  document.addEventListener("relayproxy:range", ({ detail }) => {
    go(address(ranged(results().dataset.q, detail.since ?? null, detail.until ?? null)));
  });
  // The charts count them all.
  document.addEventListener("relayproxy:counted", ({ detail }) => {
    const matching = document.getElementById("matching");
    if (matching.textContent && detail.q === results().dataset.q) matching.textContent = counted(detail.total);
  });

  document.getElementById("sort").addEventListener("change", ({ target }) => go(address(results().dataset.q, target.value)));

  const [from, to] = ["when-from", "when-to"].map((id) => document.getElementById(id));
  document.getElementById("when-apply").addEventListener("click", ({ target }) => {
    const [since, until] = [from, to].map((field) => (field.value ? moment(field.value) : null));
    from.setCustomValidity(since !== null && until !== null && since >= until ? "This is after the end of the range." : "");
    if (!from.reportValidity()) return;
    target.closest("details").open = false;
    go(address(ranged(results().dataset.q, since, until)));
  });
  document.querySelector(".when").addEventListener("toggle", ({ target }) => {
    if (!target.open) return;
    // What is in force, in whole minutes, as the fields have them.
    const { rangeSince: since, rangeUntil: until } = results().dataset;
    const yesterday = `${written(Date.now() - 86_400_000).slice(0, 10)}T00:00`;
    from.value = since ? written(Math.floor(since / 60_000) * 60_000) : until ? "" : yesterday;
    to.value = until ? written(Math.ceil(until / 60_000) * 60_000) : "";
    from.setCustomValidity("");
  });

  let wanted = null;
  try {
    wanted = localStorage.getItem(FACETS);
  } catch {
    // Storage is switched off: as wide as the window is.
  }
  facets.open = matchMedia("(min-width: 1400px)").matches && wanted !== "closed";
  facets.addEventListener("toggle", () => {
    try {
      if (matchMedia("(min-width: 1400px)").matches) localStorage.setItem(FACETS, facets.open ? "open" : "closed");
    } catch {
      // Kept for this page alone.
    }
    narrowDown();
  });
  narrowDown();
}
if (rows) follow();
