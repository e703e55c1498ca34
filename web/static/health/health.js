// Health: looks again every few seconds and changes in place only what has changed.
import { fetchMarkup, say, settle } from "../http/page.js";

const EVERY = 5000;
const pause = document.getElementById("pause");
const latest = new Map();
let paused = false;
let timer = 0;
let looking = null;

function patch(found) {
  const sentence = document.getElementById("sentence").textContent;
  for (const theirs of found.querySelectorAll("[data-part]")) {
    const name = theirs.dataset.part;
    const markup = theirs.outerHTML;
    const mine = document.querySelector(`[data-part="${CSS.escape(name)}"]`);
    if (!mine || latest.get(name) === markup) continue;
    latest.set(name, markup);
    // Somebody is at a link in it: it waits for the next look.
    if (mine.contains(document.activeElement)) {
      latest.delete(name);
      continue;
    }
    settle(theirs);
    mine.replaceWith(theirs);
  }
  const title = found.querySelector("title");
  if (title) document.title = title.textContent;
  const now = document.getElementById("sentence").textContent;
  if (withoutNumbers(now) !== withoutNumbers(sentence)) say(now);
}

// "has not reported for 42 s" is no news 5 s later.
const withoutNumbers = (text) => text.replace(/\d+( \w+)?/g, "");

async function look() {
  clearTimeout(timer);
  if (paused || document.hidden || looking) return;
  looking = new AbortController();
  try {
    patch(await fetchMarkup(location.pathname, AbortSignal.any([looking.signal, AbortSignal.timeout(4 * EVERY)])));
  } catch {
    if (!looking.signal.aborted) unreachable();
  } finally {
    looking = null;
    clearTimeout(timer);
    timer = setTimeout(look, EVERY);
  }
}

function unreachable() {
  const overall = document.querySelector('[data-part="overall"]');
  latest.clear();
  overall.className = "overall bad";
  overall.querySelector("use").setAttribute("href", "#i-bad");
  const sentence = document.getElementById("sentence");
  if (!sentence.dataset.lost) say("The console does not answer.");
  sentence.dataset.lost = "1";
  sentence.textContent = "The console does not answer.";
  const next = overall.querySelector(".next");
  if (next) next.textContent = "What is below was so when it last did. Start it: relayproxy console, or relayproxy serve.";
  document.title = "✕ Health · relayproxy";
}

pause.addEventListener("click", () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
  pause.textContent = paused ? "Paused" : "Pause";
  if (!paused) look();
});
document.addEventListener("visibilitychange", look);
addEventListener("pagehide", () => looking?.abort());
timer = setTimeout(look, EVERY);
