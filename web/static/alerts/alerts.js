// Alerts: looks again every few seconds. What is there changes in place; alerts that have come since are offered.
import { lookAgain, patch } from "../http/look.js";
import { say, settle } from "../http/page.js";

const EVERY = 5000;
const fresh = document.getElementById("fresh");
const firing = () => document.querySelector("[data-firing]")?.dataset.firing ?? "";

function came(found) {
  const before = firing();
  patch(found);
  begin(found.getElementById("history").parentElement);
  if (fresh) offer([...found.querySelectorAll("tr[data-part]")].filter((row) => !document.querySelector(`[data-part="${row.dataset.part}"]`)).length);
  const now = firing();
  if (now !== before) say(now ? `Firing: ${now}` : "No alert fires any more");
}

/** The first alert of all takes the place of the words that there is none. */
function begin(theirs) {
  const empty = document.querySelector("[data-empty]");
  if (!empty || "empty" in theirs.dataset) return;
  settle(theirs);
  empty.replaceWith(theirs);
}

/** New alerts would push down what is being read: they come when they are asked for. */
function offer(count) {
  fresh.hidden = !count;
  fresh.textContent = `${count} new ${count === 1 ? "alert" : "alerts"}`;
}

lookAgain(EVERY, came);
