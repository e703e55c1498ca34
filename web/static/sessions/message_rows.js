// Raw messages: filtered, searched, opened and paged in place. However long a call is, the page holds few of its rows.
import { fetchMarkup, settle } from "../http/page.js";
import { fold, unfold } from "./runs.js";

const page = document.getElementById("session");
const base = page.dataset.base;
const MOST = 1000; // rows that are kept at once
const PAGE = 200; // rows that are fetched at once
const NEAR = 600; // pixels from an end of the rows at which more are fetched
const AT_END = 24;

export const section = () => document.getElementById("messages");
export const scroller = () => document.getElementById("wire-scroll");
export const wire = () => document.getElementById("wire");
export const byCursor = (cursor) => document.getElementById(`message-${cursor}`);
export const withParameter = (query, name, value) => `${query}${query.endsWith("?") ? "" : "&"}${name}=${encodeURIComponent(value)}`;
const atEnd = (box) => box.scrollTop + box.clientHeight >= box.scrollHeight - AT_END;

let stood = NaN; // where the rows were when they last showed their end
/** Whether the end is what the rows show: it still is when only the window, or what is in it, was laid out anew. */
const follows = (box) => atEnd(box) || Math.abs(box.scrollTop - stood) < 1;

let seen = 0; // where the rows were when the reader was last known to have moved them, and where they were put since
/** Does something that may move the rows, which is not the reader's doing. */
function moving(change) {
  const box = scroller();
  const before = box.scrollTop;
  change(box);
  seen += box.scrollTop - before;
}

/** Shows the last of the rows. */
export function toEnd() {
  moving((box) => {
    box.scrollTop = box.scrollHeight;
  });
  stood = scroller().scrollTop;
}

/** To call when the reader made rows longer, or had more of them fetched: they stay at what they look at. */
function stay() {
  if (!atEnd(scroller())) stood = NaN;
}

let shownSearch = location.search;
let busy = false;
let missed = null; // the end that somebody scrolled to while rows were on their way
/** True while rows are being fetched. */
export const extending = () => busy;

function count() {
  document.getElementById("shown").textContent = wire().children.length.toLocaleString("en");
}

/** The row that the cursor is on. */
export function mark(row) {
  for (const other of wire().querySelectorAll(".cursor")) other.classList.remove("cursor");
  row.classList.add("cursor");
}

/* Pages */

/** Does something to the rows while those in view stay where they are: the one that is pointed at, else the first that is
 * still shown afterwards. */
function holding(change) {
  const box = scroller();
  const { top, bottom } = box.getBoundingClientRect();
  const shown = [...wire().children].flatMap((row) => {
    const place = row.getClientRects().length && row.getBoundingClientRect();
    return place && place.bottom > top && place.top < bottom ? [[row, place.top]] : [];
  });
  shown.sort(([one], [other]) => other.classList.contains("cursor") - one.classList.contains("cursor"));
  moving(() => {
    change();
    fold();
  });
  const held = shown.find(([row]) => row.isConnected && row.getClientRects().length);
  if (held) keep(held[0], held[1] - top);
}

const DRAWN = 4; // frames within which rows that come into view have the heights that they get

/** Keeps a row at its distance from the top of the box while rows above it are drawn for the first time, which gives them
 * their heights; until somebody scrolls. */
function keep(row, distance, frames = DRAWN) {
  moving((box) => {
    box.scrollTop += row.getBoundingClientRect().top - box.getBoundingClientRect().top - distance;
  });
  const box = scroller();
  const place = box.scrollTop;
  const again = () => row.isConnected && box.scrollTop === place && keep(row, distance, frames - 1);
  if (frames) requestAnimationFrame(again);
}

function link(id, text, query) {
  document.getElementById(id)?.closest(".pages").remove();
  document.getElementById(id === "earlier" ? "to-start" : "to-end").hidden = query === null;
  if (query === null) return;
  const holder = document.createElement("p");
  holder.className = "pages";
  const anchor = document.createElement("a");
  anchor.className = "button";
  anchor.id = id;
  anchor.href = `${base}${query}#messages`;
  anchor.textContent = text;
  holder.append(anchor);
  if (id === "earlier") scroller().prepend(holder);
  else scroller().append(holder);
}

const queryOf = (found, id) => {
  const theirs = found.getElementById(id);
  return theirs && new URL(theirs.href, location.href).search;
};

function tellScanned(found) {
  document.getElementById("scanned")?.remove();
  const told = found.getElementById("scanned");
  if (told) wire().after(told);
}

/** Rows beyond what is kept go, furthest from where new ones came; a link leads back to them. */
function trim(end) {
  const rows = wire().children;
  if (rows.length <= MOST) return;
  const { filter } = section().dataset;
  if (end === "earlier") {
    while (rows.length > MOST) rows[rows.length - 1].remove();
    link("more", "Load more", withParameter(filter, "after", rows[rows.length - 1].dataset.key));
  } else {
    while (rows.length > MOST) rows[0].remove();
    link("earlier", "Load earlier", withParameter(filter, "before", rows[0].dataset.key));
  }
}

function take(found) {
  const arrived = [...found.querySelectorAll("#wire > li")].filter((row) => !document.getElementById(row.id));
  for (const row of arrived) settle(row);
  if (arrived.length) scroller().querySelector(":scope > .quiet:not(#scanned)")?.remove();
  return arrived;
}

function adoptCounts(found) {
  const mine = section();
  const theirs = found.getElementById("messages");
  const [old, fresh] = [mine, theirs].map((one) => [...one.querySelectorAll(".pill")]);
  if (old.length === fresh.length && old.every((pill, at) => pill.getAttribute("href") === fresh[at].getAttribute("href"))) {
    // The pills themselves stay: one of them may have the focus, or be clicked just now.
    for (const [at, pill] of old.entries()) pill.replaceChildren(...fresh[at].childNodes);
  } else mine.querySelector(".pills").replaceWith(theirs.querySelector(".pills"));
  mine.querySelector("#total").textContent = theirs.querySelector("#total").textContent;
  mine.dataset.counted = theirs.dataset.counted;
  mine.dataset.total = theirs.dataset.total;
}

/** Fetches what lies beyond an end ("earlier" or "more") of the rows. */
async function extend(end) {
  const anchor = document.getElementById(end);
  if (busy) missed = end;
  if (!anchor || busy) return;
  busy = true;
  anchor.setAttribute("aria-busy", "true");
  const mine = section();
  try {
    const found = await fetchMarkup(`${base}/messages${new URL(anchor.href).search}`);
    if (section() !== mine) return;
    adoptCounts(found);
    holding(() => {
      if (end === "earlier") wire().prepend(...take(found));
      else {
        wire().append(...take(found));
        mine.dataset.seen = found.getElementById("messages").dataset.seen || mine.dataset.seen;
      }
      tellScanned(found);
      link(end, anchor.textContent, queryOf(found, end));
      trim(end);
    });
    stay();
    count();
    // Whoever has scrolled on to the end meanwhile has no reason to scroll again.
    const towards = missed;
    if (towards) requestAnimationFrame(() => near(towards));
    missed = null;
  } finally {
    anchor.removeAttribute("aria-busy");
    busy = false;
  }
}

/** Shows another page; within its window the row it is about, else its first or (for the end) last rows. */
export async function swap(search) {
  const mine = section();
  mine.setAttribute("aria-busy", "true");
  try {
    const found = await fetchMarkup(`${base}/messages${search || "?"}`);
    if (section() !== mine) return;
    const theirs = found.getElementById("messages");
    settle(theirs);
    mine.replaceWith(theirs);
    const marked = wire().querySelector(".cursor");
    ready();
    if (marked) {
      unfold(marked);
      centre(marked);
    } else if (new URLSearchParams(search).get("before") === "end") toEnd();
  } finally {
    mine.removeAttribute("aria-busy");
  }
}

export function centre(row) {
  const box = scroller();
  box.scrollTop += row.getBoundingClientRect().top - box.getBoundingClientRect().top - box.clientHeight / 3;
}

/** Moves the rows, and then the page, as little as needed for a row to be seen whole, or from its beginning on. */
export function reveal(row) {
  const box = scroller();
  const top = box.getBoundingClientRect().top + (box.querySelector(".wire-head")?.offsetHeight ?? 0);
  let place = row.getBoundingClientRect();
  const under = place.bottom - (box.getBoundingClientRect().top + box.clientHeight);
  if (place.top < top) box.scrollTop += place.top - top;
  else if (under > 0) box.scrollTop += Math.min(under, place.top - top);
  place = row.getBoundingClientRect();
  const edges = getComputedStyle(document.documentElement);
  const [from, to] = [parseFloat(edges.scrollPaddingTop) || 0, innerHeight - (parseFloat(edges.scrollPaddingBottom) || 0)];
  if (place.top < from) scrollBy({ top: place.top - from, behavior: "instant" });
  else if (place.bottom > to) scrollBy({ top: Math.min(place.bottom - to, place.top - from), behavior: "instant" });
}

function ready() {
  section().querySelector(".search").classList.toggle("on", section().querySelector(".search input").value !== "");
  fold();
  stood = NaN;
  seen = 0;
  scroller().addEventListener("scroll", () => near(), { passive: true });
  if (!section().dataset.counted) fetchMarkup(`${base}/messages${section().dataset.filter}`).then(adoptCounts, () => {});
}

/** Fetches more rows at an end that is near. What comes at one end of a full window goes from the other, and of long
 * replies, each folded into one row, both ends may be near: then it is the end that the reader moves `towards`. */
function near(towards = null) {
  const box = scroller();
  stood = follows(box) ? box.scrollTop : NaN;
  const moved = box.scrollTop - seen;
  seen = box.scrollTop;
  const end = towards ?? (Math.abs(moved) < 1 ? null : moved > 0 ? "more" : "earlier");
  const may = (one) => one === end || wire().children.length + PAGE <= MOST;
  if (box.scrollTop < NEAR && may("earlier")) extend("earlier").catch(() => {});
  // A search that stopped for its length goes on only when it is told to.
  const below = box.scrollHeight - box.scrollTop - box.clientHeight;
  if (below < NEAR && may("more") && !document.getElementById("scanned")) extend("more").catch(() => {});
}

/** What came since, at the end of the rows, when the end is what they show. False when the page was `held` meanwhile. */
export async function appendNew(held) {
  for (let round = 0; round < 50 && !document.getElementById("more"); round += 1) {
    const mine = section();
    const { filter, seen } = mine.dataset;
    const query = seen ? withParameter(filter, "after", seen) : filter;
    if (wire().children.length >= MOST && !follows(scroller())) {
      // The reader is somewhere in a full window: what came waits beyond its end.
      link("more", "Load more", query);
      return true;
    }
    const found = await fetchMarkup(`${base}/messages${query}`);
    if (section() !== mine || mine.dataset.seen !== seen) return true;
    if (held()) return false;
    const following = follows(scroller());
    adoptCounts(found);
    mine.dataset.seen = found.getElementById("messages").dataset.seen || seen;
    holding(() => {
      wire().append(...take(found));
      if (following) trim("more");
    });
    if (following) toEnd();
    count();
    if (!found.getElementById("more")) return true;
  }
  return true;
}

/* What the reader asks for */

const nameOf = (control) => control.dataset.kind ?? [...control.classList].join(" ") + (control.dataset.swap ?? "");

async function go(search, refocus) {
  await swap(search);
  history.pushState({ search }, "", `${location.pathname}${search}`);
  shownSearch = location.search;
  refocus();
}

page.addEventListener("click", async (event) => {
  const anchor = event.target.closest("a[data-swap], a#more, a#earlier");
  if (!anchor || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  try {
    if (!anchor.dataset.swap && anchor.id) {
      await extend(anchor.id);
      return;
    }
    const name = nameOf(anchor);
    await go(new URL(anchor.href).search || "?", () => {
      const again = [...section().querySelectorAll("a[data-swap]")].find((other) => nameOf(other) === name);
      (again && !again.hidden ? again : scroller()).focus({ preventScroll: true });
      if (anchor.dataset.swap) scroller().scrollIntoView({ block: "nearest" });
    });
  } catch {
    location.assign(anchor.href);
  }
});

page.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-swap]");
  if (!form) return;
  event.preventDefault();
  const asked = [...new FormData(form)].filter(([, value]) => value !== "");
  const search = `?${new URLSearchParams(asked)}`;
  try {
    await go(search, () => {
      if (form.matches(".search")) {
        section().querySelector(".search input").focus({ preventScroll: true });
        return;
      }
      scroller().focus({ preventScroll: true });
      scroller().scrollIntoView({ block: "nearest" });
    });
  } catch {
    const field = form.querySelector("input:not([type=hidden])");
    field.setCustomValidity("Such as 1:23, counted from the start");
    field.reportValidity();
    field.addEventListener("input", () => field.setCustomValidity(""), { once: true });
  }
});
// The cross in a search field.
page.addEventListener(
  "search",
  (event) => {
    if (event.target.value === "" && section().dataset.filter.includes("text=")) event.target.form.requestSubmit();
  },
  true,
);
page.addEventListener("keydown", (event) => {
  const anchor = event.key === " " && event.target.closest("a[role=button]");
  if (!anchor) return;
  event.preventDefault();
  anchor.click();
});
page.addEventListener("click", (event) => event.target.closest("button.run") && stay());
addEventListener("popstate", () => {
  if (location.search === shownSearch) return;
  shownSearch = location.search;
  swap(location.search).catch(() => location.reload());
});

page.addEventListener(
  "toggle",
  async (event) => {
    stay();
    const row = event.target.open && event.target.closest(".msg");
    if (!row) return;
    mark(row);
    document.dispatchEvent(
      new CustomEvent("relayproxy:cursor", { detail: { at: Number(row.dataset.at), source: "messages", message: row.dataset.key } }),
    );
    const whole = event.target.querySelector(":scope > a.load");
    if (!whole) return;
    try {
      const found = await fetchMarkup(whole.href);
      const body = found.querySelector(".msg-body");
      settle(body);
      whole.replaceWith(body);
      reveal(row);
    } catch {
      // The link stays and leads to the message's own page.
    }
  },
  true,
);

ready();
