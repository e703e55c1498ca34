// Staying with a live call: the tail is followed until the reader leaves it, and nothing moves while they pause.
import { duration, now } from "../http/page.js";

const page = document.getElementById("session");
const tail = document.getElementById("tail");
const button = document.getElementById("follow");
const title = document.title;
const MARGIN = 64;

let missed = 0;
let live = Boolean(page.dataset.live);
let held = 0; // changes that wait while the page is paused: told there, and not here as well
let seen = true;

export const followsTail = () => {
  const box = tail.getBoundingClientRect();
  return box.bottom >= 0 && box.top <= innerHeight;
};

export function keepTail() {
  const below = tail.getBoundingClientRect().bottom + MARGIN - innerHeight;
  if (below > 0) scrollBy({ top: below, behavior: "instant" });
}

/** The way to the newest turn, and how many of them are new. Of a page that does not reach the end there is none. */
function offer() {
  button.hidden = seen || !page.dataset.tail || !(live || missed);
  const up = tail.getBoundingClientRect().top < 0;
  button.textContent = `${up ? "↑" : "↓"} ${missed && !held ? `${missed} new` : "Latest"}`;
}

/** New turns that the reader does not see. */
export function miss(turns) {
  missed += turns;
  offer();
}

button.addEventListener("click", () => {
  missed = 0;
  offer();
  settleAtTail(5);
});

/** A live page opens at its end, unless its address, or the browser's memory of it, leads elsewhere. */
if (live && page.dataset.tail && !location.hash && !location.search && performance.getEntriesByType("navigation")[0]?.type === "navigate") settleAtTail(5);

/** Turns that come into view get their real height only then, so one jump may not be enough. */
function settleAtTail(frames) {
  keepTail();
  if (frames) requestAnimationFrame(() => settleAtTail(frames - 1));
}
new IntersectionObserver((entries) => {
  seen = entries.at(-1).isIntersecting;
  if (seen) missed = 0;
  offer();
}).observe(tail);

/** Pause and resume, and the alarm of a caller who is kept waiting. `resumed` is called to catch up. */
export function liveBar(resumed) {
  const bar = document.createElement("div");
  bar.className = "live-bar";
  const pause = document.createElement("button");
  pause.type = "button";
  pause.className = "pause";
  const [sign, word] = [document.createElement("span"), document.createElement("span")];
  sign.setAttribute("aria-hidden", "true");
  pause.append(sign, " ", word);
  const alarm = document.createElement("a");
  alarm.className = "late-alarm";
  alarm.hidden = true;
  const [whose, kept] = [document.createElement("span"), document.createElement("span")];
  whose.className = "whose";
  whose.textContent = "Caller is kept waiting ";
  alarm.append("⚠ ", whose, kept);
  bar.append(alarm, pause, button);
  page.append(bar);
  document.body.classList.add("has-live-bar");

  let paused = false;
  let waiting = 0;
  function tell() {
    pause.classList.toggle("on", paused);
    sign.textContent = paused ? "▶" : "❚❚";
    word.textContent = paused ? `Resume${waiting ? ` · ${waiting} new` : ""}` : "Pause";
    held = waiting;
    offer();
  }
  pause.addEventListener("click", () => {
    paused = !paused;
    // Clocks stand still as well.
    if (paused) document.documentElement.dataset.paused = "1";
    else delete document.documentElement.dataset.paused;
    waiting = 0;
    tell();
    if (paused) return;
    dispatchEvent(new CustomEvent("relayproxy:resumed"));
    resumed();
  });
  tell();

  const ticking = setInterval(() => {
    const clock = document.querySelector("#turns [data-waiting]");
    const ms = clock ? now() - Number(clock.dataset.waiting) : 0;
    const late = Boolean(clock) && ms >= Number(clock.dataset.late);
    if (paused) return;
    document.title = late ? `(!) ${title}` : title;
    clock?.closest(".turn")?.classList.toggle("late-turn", late);
    alarm.hidden = !late;
    if (!late) return;
    alarm.href = `#${clock.closest(".turn").id}`;
    kept.textContent = duration(ms);
  }, 100);

  return {
    get paused() {
      return paused;
    },
    /** `changes` came since the pause began. */
    wait(changes) {
      waiting = changes;
      tell();
    },
    end() {
      clearInterval(ticking);
      live = false;
      offer();
      document.title = title;
      alarm.remove();
      pause.remove();
    },
  };
}
