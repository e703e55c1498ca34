// The place among the messages: shared with timeline and transcript, and named by links to one message.
import { unfold, standing } from "./runs.js";
import { byCursor, centre, extending, mark, reveal, scroller, section, swap, toEnd, wire, withParameter } from "./message_rows.js";

/* The cursor that timeline, transcript and messages share */

/** The last row at or before a moment; null when it lies beyond the rows that are here. */
function rowAt(at) {
  const rows = [...wire().children];
  if (!rows.length) return null;
  if (at < Number(rows[0].dataset.at)) return document.getElementById("earlier") ? null : rows[0];
  if (at > Number(rows.at(-1).dataset.at) && document.getElementById("more")) return null;
  return rows.findLast((row) => Number(row.dataset.at) <= at);
}

let pointed = null;
let inView = false;
let pointing = 0;

async function point() {
  if (!pointed || !inView || extending()) return;
  const { at, message } = pointed;
  pointed = null;
  let row = message ? byCursor(message) : rowAt(at);
  if (!row) {
    const { filter } = section().dataset;
    const query = message ? withParameter(filter, "at", message) : withParameter(filter, "time", new Date(at).toISOString());
    await swap(query).catch(() => {});
    row = message ? byCursor(message) : rowAt(at);
  }
  if (!row) return;
  row = standing(row);
  mark(row);
  const box = scroller().getBoundingClientRect();
  const place = row.getBoundingClientRect();
  if (place.top < box.top || place.bottom > box.bottom) centre(row);
}

document.addEventListener("relayproxy:cursor", (event) => {
  if (event.detail.source === "messages") return;
  pointed = event.detail;
  clearTimeout(pointing);
  pointing = setTimeout(point, 120);
});
// Rows that nobody sees follow once they are seen.
const watched = new IntersectionObserver((entries) => {
  inView = entries.at(-1).isIntersecting;
  point();
});
new MutationObserver(() => {
  watched.disconnect();
  watched.observe(section());
}).observe(section().parentElement, { childList: true });
watched.observe(section());

/* Links to one message */

const STILL = 6; // frames without movement after which a row has come to rest
const MOST_FRAMES = 90;
let visiting = 0;
for (const kind of ["wheel", "touchstart", "pointerdown", "keydown"]) addEventListener(kind, () => (visiting += 1), { passive: true, capture: true });

/** Opens a message in its place among its neighbours. What is laid out late moves it: it is followed until it rests, or
 * the reader takes over. */
async function visit(cursor) {
  visiting += 1;
  const mine = visiting;
  if (!byCursor(cursor)) await swap(`?at=${cursor}`).catch(() => {});
  const row = byCursor(cursor);
  if (!row || mine !== visiting) return;
  unfold(row);
  mark(row);
  row.querySelector("details").open = true;
  centre(row);
  let [place, still] = [NaN, 0];
  const look = (frames) => {
    if (mine !== visiting || !row.isConnected || frames > MOST_FRAMES) return;
    // Whole, with its headings, and the message with those before it.
    scroller().scrollIntoView({ block: "nearest", behavior: "instant" });
    if (still < 2) centre(row);
    reveal(row);
    const now = row.getBoundingClientRect().top;
    still = Math.abs(now - place) < 1 && row.querySelector(".msg-body") ? still + 1 : 0;
    place = now;
    if (still < STILL) requestAnimationFrame(() => look(frames + 1));
  };
  look(0);
}

const cursorIn = (hash) => /^#message-(\d+\.\d+)$/.exec(hash)?.[1];
function visitHash() {
  const cursor = cursorIn(location.hash);
  if (cursor) visit(cursor);
}

// Findings lead to the message among its neighbours, without leaving the page.
document.getElementById("session").addEventListener("click", (event) => {
  const link = event.target.closest('a[href*="#message-"]:not(.permalink)');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button || link.pathname !== location.pathname) return;
  event.preventDefault();
  if (location.hash === link.hash) visitHash();
  else location.hash = link.hash;
});
addEventListener("hashchange", visitHash);
const first = wire().querySelector(".cursor");
if (first) {
  unfold(first);
  centre(first);
} else if (new URLSearchParams(location.search).get("before") === "end") toEnd();
visitHash();
