// Looking again: a page of how things are now is fetched anew, and what has changed is changed in place.
import { fetchMarkup, settle } from "./page.js";

const latest = new Map();

/** Brings the parts (`data-part`) that have changed up to date, of those that `wanted` says; `coming` gets each new one
 * and the one it replaces. What the reader has the focus in waits for the next look. */
export function patch(found, wanted = () => true, coming = () => {}) {
  for (const theirs of found.querySelectorAll("[data-part]")) {
    const name = theirs.dataset.part;
    const markup = theirs.outerHTML;
    const mine = document.querySelector(`[data-part="${CSS.escape(name)}"]`);
    if (!mine || !wanted(name) || latest.get(name) === markup || mine.isEqualNode(theirs)) continue;
    if (mine.contains(document.activeElement)) {
      latest.delete(name);
      continue;
    }
    latest.set(name, markup);
    coming(theirs, mine);
    settle(theirs);
    mine.replaceWith(theirs);
  }
}

/** Has the next look change everything, as this page was changed otherwise. */
export const forget = () => latest.clear();

/** Looks again every so many milliseconds while the page is seen and not paused with the button `pause`: `came` gets the
 * page as it is now, `lost` is told that the console does not answer. */
export function lookAgain(every, came, lost = () => {}) {
  const pause = document.getElementById("pause");
  let paused = false;
  let timer = 0;
  let looking = null;

  async function look() {
    clearTimeout(timer);
    if (paused || document.hidden || looking) return;
    looking = new AbortController();
    try {
      came(await fetchMarkup(location.pathname + location.search, AbortSignal.any([looking.signal, AbortSignal.timeout(4 * every)])));
    } catch {
      if (!looking.signal.aborted) lost();
    } finally {
      looking = null;
      clearTimeout(timer);
      timer = setTimeout(look, every);
    }
  }

  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Paused" : "Pause";
    if (!paused) look();
  });
  document.addEventListener("visibilitychange", look);
  addEventListener("pagehide", () => looking?.abort());
  timer = setTimeout(look, every);
}
