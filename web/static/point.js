// The place among the messages: shared with timeline and transcript, and named by links to one message.
import { byCursor, centre, extending, mark, scroller, section, swap, wire, withParameter } from "./wire.js";

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

async function visitHash() {
  const cursor = /^#message-(\d+\.\d+)$/.exec(location.hash)?.[1];
  if (!cursor) return;
  if (!byCursor(cursor)) await swap(`?at=${cursor}`).catch(() => {});
  const row = byCursor(cursor);
  if (!row) return;
  mark(row);
  row.querySelector("details").open = true;
  section().scrollIntoView({ block: "nearest" });
  centre(row);
}

addEventListener("hashchange", visitHash);
const first = wire().querySelector(".cursor");
if (first) centre(first);
else if (new URLSearchParams(location.search).get("before") === "end") scroller().scrollTop = scroller().scrollHeight;
visitHash();
