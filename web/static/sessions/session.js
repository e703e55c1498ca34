// One session: grows while the call lives. Messages are in wire.js, following the tail in follow.js.
import { followsTail, keepTail, liveBar, miss } from "./follow.js";
import { fetchMarkup, listen, now, settle } from "../http/page.js";
import "./point.js";
import { appendNew } from "./message_rows.js";

const page = document.getElementById("session");
const base = page.dataset.base;
const turns = document.getElementById("turns");
const latest = new Map();
const FULL = 100; // turns from which on an answer may not hold all

/** A long text in full, or its beginning. */
function openWhole(button, open) {
  button.setAttribute("aria-expanded", String(open));
  button.textContent = open ? button.dataset.less : button.dataset.more;
  button.previousElementSibling.classList.toggle("open", open);
}
turns.addEventListener("click", (event) => {
  const button = event.target.closest(".whole");
  if (!button) return;
  const open = button.getAttribute("aria-expanded") !== "true";
  openWhole(button, open);
  if (!open) button.closest(".line").scrollIntoView({ block: "nearest" });
});

function keepOpen(mine, theirs) {
  const whole = mine.querySelectorAll(".whole");
  for (const [place, button] of theirs.querySelectorAll(".whole").entries()) if (whole[place]?.getAttribute("aria-expanded") === "true") openWhole(button, true);
  for (const details of mine.querySelectorAll("details[open][id]")) {
    const next = theirs.querySelector(`#${CSS.escape(details.id)}`);
    next?.setAttribute("open", "");
    // What was fetched stays to be seen until it has been fetched anew.
    const table = details.querySelector(":scope > table");
    if (table) next?.querySelector(":scope > a.load")?.before(table);
  }
}

/** Does what changes the page; who was in a fold, or on a link in it, is there afterwards too. */
function keepFocus(change) {
  const held = document.activeElement;
  const fold = held.closest("details[id]");
  change();
  if (!fold || document.activeElement === held) return;
  const theirs = document.getElementById(fold.id);
  const link = held.href && [...(theirs?.querySelectorAll("a[href]") ?? [])].find((one) => one.href === held.href);
  (link || theirs?.querySelector(":scope > summary"))?.focus({ preventScroll: true });
}

function patchPart(found, name) {
  const theirs = found.querySelector(`[data-part="${name}"]`);
  const markup = theirs.outerHTML;
  if (latest.get(name) === markup) return;
  latest.set(name, markup);
  const mine = document.querySelector(`[data-part="${name}"]`);
  settle(theirs);
  keepFocus(() => {
    keepOpen(mine, theirs);
    // The way back is the reader's, not the server's.
    const back = mine.querySelector("[data-back]");
    if (back) theirs.querySelector("[data-back]")?.replaceWith(back);
    mine.replaceWith(theirs);
  });
}

/** Brings the turns from `from` on to what was fetched; returns how many are new. */
function patchTurns(found, from) {
  const theirs = found.getElementById("turns");
  const fetched = [...theirs.children];
  const last = fetched.length ? Number(fetched.at(-1).dataset.key) : Infinity;
  const keys = new Set();
  let added = 0;
  for (const turn of fetched) {
    keys.add(turn.dataset.key);
    const mine = document.getElementById(turn.id);
    if (mine?.dataset.digest === turn.dataset.digest) continue;
    settle(turn);
    if (mine) {
      keepFocus(() => {
        keepOpen(mine, turn);
        mine.replaceWith(turn);
      });
    } else {
      turn.classList.add("arrived");
      turns.append(turn);
      added += 1;
    }
  }
  for (const turn of [...turns.children]) {
    const number = Number(turn.dataset.key);
    if (number >= from && !keys.has(turn.dataset.key) && !(fetched.length >= FULL && number > last)) turn.remove();
  }
  // Of a long call only so many turns come at once: those after them are not settled here.
  const here = turns.lastElementChild ? Number(turns.lastElementChild.dataset.key) + 1 : 0;
  turns.dataset.settled = Math.min(Number(theirs.dataset.settled) || 0, here);
  return { added, full: fetched.length >= FULL };
}

const HOUR = 3_600_000;
function makeRoom() {
  if (now() - Number(document.getElementById("messages").dataset.start) >= HOUR) page.classList.add("hours");
}

/** Brings the page up to date. Null when it was paused meanwhile (`held`): what was on its way then waits. */
async function update(held) {
  makeRoom();
  let found;
  let full = true;
  let from = -1;
  const follow = followsTail();
  while (full) {
    const start = Math.max(Number(page.dataset.firstTurn), Number(turns.dataset.settled) || 0);
    if (start === from) break;
    from = start;
    found = await fetchMarkup(`${base}/parts?turn=${from}`);
    if (held()) return null;
    patchPart(found, "head");
    patchPart(found, "facts");
    if (!page.dataset.tail) break;
    const patched = patchTurns(found, from);
    full = patched.full;
    patchPart(found, "ending");
    if (!follow && patched.added) miss(patched.added);
    if (follow) keepTail();
  }
  if (!(await appendNew(held))) return null;
  if (follow) keepTail();
  dispatchEvent(new CustomEvent("relayproxy:updated"));
  return document.querySelector('[data-part="head"]');
}

if (page.dataset.live) {
  let revision = Number(page.dataset.revision);
  let wanted = revision;
  let busy = false;
  let stop = () => {};

  async function catchUp() {
    if (busy) return;
    busy = true;
    while (wanted !== revision && !bar.paused) {
      const aim = wanted;
      try {
        const head = await update(() => bar.paused);
        if (!head) break;
        revision = aim;
        page.dataset.revision = String(aim);
        if (!head.dataset.live) {
          stop();
          bar.end();
          clearInterval(alarming);
        }
      } catch {
        break;
      }
    }
    busy = false;
  }
  const bar = liveBar(catchUp);

  // An alarm comes of time alone, without a message. Each wait asks for it a few times, should the clocks differ.
  const asked = new Map();
  const alarming = setInterval(async () => {
    const since = turns.querySelector(".late [data-waiting]")?.dataset.waiting;
    const times = asked.get(since) ?? 0;
    if (!since || times > 2 || busy || bar.paused || document.hidden || document.querySelector('#findings [id$="-waiting"]')) return;
    asked.set(since, times + 1);
    busy = true;
    await update(() => bar.paused).catch(() => {});
    busy = false;
    catchUp();
  }, 1000);

  stop = listen(`${base}/live`, (data) => {
    wanted = JSON.parse(data).revision;
    if (wanted === null) {
      stop();
      location.assign(page.dataset.vx ? `/sessions/${page.dataset.vx}` : "/sessions");
    } else if (bar.paused) {
      bar.wait(wanted - revision);
    } else {
      catchUp();
    }
  });
}

/* What a turn's latency went into, and all numbers, come when they are asked for. */

async function fetchTable(details) {
  const asked = details.open && details.matches(".fetched") && details.querySelector(":scope > a.load");
  if (!asked) return;
  try {
    const table = (await fetchMarkup(asked.href)).querySelector("article > table");
    if (!table || !asked.isConnected) return;
    keepFocus(() => {
      const stale = details.querySelector(":scope > table");
      if (stale) keepOpen(stale, table);
      stale?.remove();
      asked.replaceWith(table);
    });
  } catch {
    // The link stays and leads to a page of its own.
  }
}

page.addEventListener("toggle", (event) => fetchTable(event.target), true);
// The turn that the address names may have been opened before anybody listened.
page.querySelectorAll("details.fetched[open]").forEach(fetchTable);

/* Earlier turns of a long call come in above, and what is read stays where it is. */

page.addEventListener("click", async (event) => {
  const link = event.target.closest(".conversation .pages a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  const first = Number(page.dataset.firstTurn);
  const start = Number(new URL(link.href).searchParams.get("turn"));
  if (!(start < first) || link.hasAttribute("aria-busy")) return;
  event.preventDefault();
  link.setAttribute("aria-busy", "true");
  try {
    const found = await fetchMarkup(`${base}/parts?turn=${start}`);
    const arrived = [...found.querySelectorAll("#turns > li")].filter((turn) => Number(turn.dataset.key) < first && !document.getElementById(turn.id));
    for (const turn of arrived) {
      settle(turn);
      // Laid out at once, as a turn whose height is only guessed would move what is below once it is drawn.
      turn.style.contentVisibility = "visible";
    }
    const root = document.documentElement;
    const held = turns.firstElementChild;
    const before = held?.getBoundingClientRect().top ?? 0;
    root.style.overflowAnchor = "none";
    turns.prepend(...arrived);
    page.dataset.firstTurn = start;
    if (start > 0) {
      link.href = `?turn=${Math.max(0, start - (first - start))}`;
      link.textContent = `↑ ${start.toLocaleString("en")} earlier ${start === 1 ? "turn" : "turns"}`;
      link.removeAttribute("aria-busy");
    } else link.closest(".pages").remove();
    if (held) scrollBy({ top: held.getBoundingClientRect().top - before, behavior: "instant" });
    requestAnimationFrame(() =>
      requestAnimationFrame(() => {
        root.style.overflowAnchor = "";
        for (const turn of arrived) turn.style.contentVisibility = "";
      }),
    );
    dispatchEvent(new CustomEvent("relayproxy:updated"));
  } catch {
    location.assign(link.href);
  }
});
