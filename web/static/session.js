// One session: grows while the call lives; raw messages are filtered, paged and opened in place.
import { fetchMarkup, listen, settle } from "./page.js";

const page = document.getElementById("session");
const base = page.dataset.base;
const turns = document.getElementById("turns");
const tail = document.getElementById("tail");
const followButton = document.getElementById("follow");
const MARGIN = 28;

/* Raw messages */

const section = () => document.getElementById("messages");
const withParameter = (query, name, value) => (value ? `${query}${query.endsWith("?") ? "" : "&"}${name}=${encodeURIComponent(value)}` : query);

function count() {
  document.getElementById("shown").textContent = document.getElementById("wire").children.length.toLocaleString("en");
}

/** Takes over everything of a fetched section but its rows. */
function adopt(found, { rows = true, more = true } = {}) {
  const mine = section();
  const theirs = found.getElementById("messages");
  mine.querySelector(".pills").replaceWith(theirs.querySelector(".pills"));
  mine.querySelector("#total").textContent = theirs.querySelector("#total").textContent;
  mine.dataset.counted = theirs.dataset.counted;
  if (rows) {
    const arrived = [...theirs.querySelectorAll("#wire > li")].filter((row) => !document.getElementById(row.id));
    mine.dataset.seen = theirs.dataset.seen || mine.dataset.seen;
    const wire = mine.querySelector("#wire");
    for (const row of arrived) settle(row);
    wire.append(...arrived);
    if (arrived.length) mine.querySelector(":scope > .quiet")?.remove();
    count();
  }
  if (more) {
    const next = theirs.querySelector("#more")?.parentElement;
    const old = mine.querySelector("#more")?.parentElement;
    if (old && next) old.replaceWith(next);
    else if (old) old.remove();
    else if (next) mine.append(next);
  }
}

async function swap(search) {
  const found = await fetchMarkup(`${base}/messages${search || "?"}`);
  const theirs = found.getElementById("messages");
  settle(theirs);
  section().replaceWith(theirs);
}

async function appendNew() {
  for (let round = 0; round < 50 && !document.getElementById("more"); round += 1) {
    const { filter, seen } = section().dataset;
    const found = await fetchMarkup(`${base}/messages${withParameter(filter, "after", seen)}`);
    if (section().dataset.filter !== filter) return;
    const full = found.getElementById("more") !== null;
    adopt(found, { more: false });
    if (!full) return;
  }
}

page.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-swap], a#more");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  const search = new URL(link.href).search;
  try {
    if (link.id === "more") {
      link.setAttribute("aria-busy", "true");
      adopt(await fetchMarkup(`${base}/messages${search}`));
    } else {
      const value = link.dataset.kind ?? [...link.classList].join(" ");
      await swap(search);
      history.pushState({ search }, "", `${location.pathname}${search}`);
      [...section().querySelectorAll("a[data-swap]")].find((other) => (other.dataset.kind ?? [...other.classList].join(" ")) === value)?.focus();
    }
  } catch {
    location.assign(link.href);
  }
});
page.addEventListener("keydown", (event) => {
  const link = event.key === " " && event.target.closest("a[role=button]");
  if (!link) return;
  event.preventDefault();
  link.click();
});
addEventListener("popstate", () => swap(location.search).catch(() => location.reload()));

page.addEventListener(
  "toggle",
  async (event) => {
    const link = event.target.open && event.target.querySelector(".msg-body .load a");
    if (!link) return;
    try {
      const found = await fetchMarkup(link.href);
      const whole = found.querySelector(".msg-body");
      settle(whole);
      event.target.querySelector(".msg-body").replaceWith(whole);
    } catch {
      // The link stays and leads to the message's own page.
    }
  },
  true,
);

if (!section().dataset.counted) {
  fetchMarkup(`${base}/messages${section().dataset.filter}`).then((found) => adopt(found, { rows: false, more: false }), () => {});
}

/* The live call */

const latest = new Map();

function keepOpen(mine, theirs) {
  for (const details of mine.querySelectorAll("details[open][id]")) theirs.querySelector(`#${CSS.escape(details.id)}`)?.setAttribute("open", "");
}

function patchPart(found, name) {
  const theirs = found.querySelector(`[data-part="${name}"]`);
  const markup = theirs.outerHTML;
  if (latest.get(name) === markup) return;
  latest.set(name, markup);
  const mine = document.querySelector(`[data-part="${name}"]`);
  keepOpen(mine, theirs);
  settle(theirs);
  mine.replaceWith(theirs);
}

/** Brings the turns from `from` on to what was fetched; returns how many are new. */
function patchTurns(found, from) {
  const theirs = found.getElementById("turns");
  const keys = new Set();
  let added = 0;
  for (const turn of [...theirs.children]) {
    keys.add(turn.dataset.key);
    const mine = document.getElementById(turn.id);
    if (mine?.dataset.digest === turn.dataset.digest) continue;
    settle(turn);
    if (mine) {
      keepOpen(mine, turn);
      mine.replaceWith(turn);
    } else {
      turn.classList.add("arrived");
      turns.append(turn);
      added += 1;
    }
  }
  for (const turn of [...turns.children]) {
    if (Number(turn.dataset.key) >= from && !keys.has(turn.dataset.key)) turn.remove();
  }
  turns.dataset.settled = theirs.dataset.settled;
  return added;
}

const inView = (element) => {
  const box = element.getBoundingClientRect();
  return box.bottom >= 0 && box.top <= innerHeight;
};
const keepInView = (element) => {
  const below = element.getBoundingClientRect().bottom + MARGIN - innerHeight;
  if (below > 0) scrollBy({ top: below, behavior: "instant" });
};

let missed = 0;
function offerTail() {
  followButton.hidden = missed === 0;
  const up = tail.getBoundingClientRect().top < 0;
  followButton.textContent = `${up ? "↑" : "↓"} ${missed} new`;
}
followButton.addEventListener("click", () => {
  missed = 0;
  offerTail();
  tail.scrollIntoView({ block: "end", behavior: "smooth" });
});
new IntersectionObserver((entries) => {
  if (!entries.at(-1).isIntersecting) return;
  missed = 0;
  offerTail();
}).observe(tail);

async function update() {
  const from = Math.max(Number(page.dataset.firstTurn), Number(turns.dataset.settled) || 0);
  const found = await fetchMarkup(`${base}/parts?turn=${from}`);
  const wire = section();
  const follow = inView(tail) ? tail : wire.getBoundingClientRect().bottom <= innerHeight ? "wire" : null;
  patchPart(found, "head");
  patchPart(found, "facts");
  if (page.dataset.tail) {
    const added = patchTurns(found, from);
    patchPart(found, "ending");
    if (follow !== tail && added) {
      missed += added;
      offerTail();
    }
  }
  if (follow === tail) keepInView(tail);
  await appendNew();
  if (follow === tail) keepInView(tail);
  else if (follow === "wire") keepInView(section());
  return found.querySelector('[data-part="head"]') ?? document.querySelector('[data-part="head"]');
}

if (page.dataset.live) {
  let revision = Number(page.dataset.revision);
  let wanted = revision;
  let busy = false;
  // An alarm comes of time alone, without a message. Each wait asks for it a few times, should the clocks differ.
  const asked = new Map();
  setInterval(async () => {
    const since = turns.querySelector(".late [data-waiting]")?.dataset.waiting;
    const times = asked.get(since) ?? 0;
    if (!since || times > 2 || busy || document.hidden || document.querySelector('#findings [id$="-waiting"]')) return;
    asked.set(since, times + 1);
    busy = true;
    await update().catch(() => {});
    busy = false;
  }, 1000);
  const stop = listen(`${base}/live`, async (data) => {
    wanted = JSON.parse(data).revision;
    if (wanted === null) {
      stop();
      location.assign(page.dataset.vx ? `/sessions/${page.dataset.vx}` : "/sessions");
      return;
    }
    if (busy) return;
    busy = true;
    while (wanted !== revision) {
      const aim = wanted;
      try {
        const head = await update();
        revision = aim;
        if (!head.dataset.live) stop();
      } catch {
        break;
      }
    }
    busy = false;
  });
}
