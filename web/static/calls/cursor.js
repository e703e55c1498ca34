// The transcript's side of the cursor that timeline, transcript and raw messages share, and going from turn to turn.
// On the document: `relayproxy:cursor` with { at: wall milliseconds, source, turn?, message? }.

const list = () => document.getElementById("turns");
const session = document.getElementById("session");
const timeline = document.getElementById("timeline");

export function tell(detail) {
  document.dispatchEvent(new CustomEvent("relayproxy:cursor", { detail }));
}

const turnOf = (number) => document.getElementById(`turn-${number}`);

/** When a line was said, else when its turn began: wall milliseconds. */
function timeOf(line, turn) {
  const time = line?.querySelector(":scope > time.at");
  return time ? Date.parse(time.getAttribute("datetime")) : Number(turn.dataset.at);
}

export function unmark() {
  for (const old of list().querySelectorAll(".at-cursor")) old.classList.remove("at-cursor");
}

/** Marks turn and line at the cursor; moves nothing. */
function mark({ at, turn: number }) {
  unmark();
  const turn = number === undefined ? [...list().children].findLast((one) => Number(one.dataset.at) <= at) : turnOf(number);
  if (!turn) return;
  turn.classList.add("at-cursor");
  [...turn.querySelectorAll(".line")].findLast((line) => timeOf(line, turn) <= at + 1)?.classList.add("at-cursor");
}

let chosen = null;
function choose(turn) {
  chosen = turn?.dataset.key ?? null;
  for (const old of list().querySelectorAll(".chosen")) if (old !== turn) old.classList.remove("chosen");
  turn?.classList.add("chosen");
}

const FAR = 2; // screens from which on one jumps
const STILL = 4; // frames without movement after which a scroll is over
const MOST_FRAMES = 180;
let reaching = 0;
for (const kind of ["wheel", "touchstart", "pointerdown", "keydown"]) addEventListener(kind, () => (reaching += 1), { passive: true, capture: true });

/** Scrolls to a turn. Turns get their real height only when they come near, which moves what is below them: the way is
 * corrected until the turn stays where it is, or the reader takes over. */
function reach(number) {
  reaching += 1;
  const mine = reaching;
  const top = () => turnOf(number).getBoundingClientRect().top;
  const jump = Math.abs(top()) > FAR * innerHeight || matchMedia("(prefers-reduced-motion: reduce)").matches;
  const go = (behavior) => turnOf(number).scrollIntoView({ block: "start", behavior });
  go(jump ? "instant" : "smooth");
  let place = NaN;
  let still = 0;
  let frames = 0;
  const look = () => {
    frames += 1;
    if (mine !== reaching || !turnOf(number) || frames > MOST_FRAMES) return;
    if (jump || still >= STILL) go("instant");
    const now = top();
    if (Math.abs(now - place) < 1) {
      if (still > STILL) return;
      still += 1;
    } else still = 0;
    place = now;
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

/** Brings the reader to a turn, on whichever page it is. `open` shows what its latency went into. */
export function goTo(number, { open = false, at, source = "timeline" } = {}) {
  const turn = turnOf(number);
  if (!turn) {
    const query = new URLSearchParams({ turn: String(number) });
    location.assign(`${location.pathname}?${query}#turn-${number}`);
    return;
  }
  choose(turn);
  if (open) turn.querySelector("details.lag")?.setAttribute("open", "");
  history.replaceState(history.state, "", `${location.pathname}${location.search}#turn-${number}`);
  reach(number);
  tell({ at: at ?? Number(turn.dataset.at), source, turn: number });
}

/** To the next turn (1) or the one before (-1), from the one chosen, else from the first one to be seen. */
export function step(by) {
  const turns = [...list().children];
  const top = 110;
  const marked = list().querySelector(".chosen");
  const seen = turns.findIndex((turn) => turn.getBoundingClientRect().bottom > top);
  const from = marked ? turns.indexOf(marked) : seen - (by > 0 ? 1 : 0);
  const next = turns[from + by];
  if (next) goTo(Number(next.dataset.key), { source: "transcript" });
  else if (marked) {
    const number = Number(marked.dataset.key) + by;
    if (number >= 0 && number < Number(timeline?.dataset.turns ?? 0) && !turnOf(number)) goTo(number);
  }
}

// What is chosen stays so when the call goes on and its markup is replaced.
addEventListener("relayproxy:updated", () => chosen !== null && turnOf(chosen)?.classList.add("chosen"));

document.addEventListener("relayproxy:cursor", ({ detail }) => {
  mark(detail);
  if (detail.source === "messages") choose(detail.turn === undefined ? null : turnOf(detail.turn));
});

list().addEventListener("click", (event) => {
  const turn = event.target.closest("li.turn");
  const control = event.target.closest("a, button, summary, details table");
  if (!turn || control || !getSelection().isCollapsed) return;
  choose(turn);
  tell({ at: timeOf(event.target.closest(".line"), turn), source: "transcript", turn: Number(turn.dataset.key) });
});

// Every link to a turn, wherever on the page it is, and the browser's own ways to one.
const numberIn = (hash) => /^#turn-(\d+)$/.exec(hash)?.[1];
session?.addEventListener("click", (event) => {
  const number = numberIn(event.target.closest('a[href^="#turn-"]')?.getAttribute("href") ?? "");
  if (number === undefined || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  goTo(Number(number), { source: "transcript" });
});
addEventListener("hashchange", () => {
  const number = numberIn(location.hash);
  if (number !== undefined && turnOf(number)) goTo(Number(number), { source: "transcript" });
});

// Moved to by the keyboard: the cursor comes along.
list().addEventListener("focusin", ({ target }) => {
  if (!target.matches("li.turn")) return;
  choose(target);
  tell({ at: Number(target.dataset.at), source: "transcript", turn: Number(target.dataset.key) });
});

/** Whether the reader wants single keys to be shortcuts; the help of the keyboard asks. */
function keysWanted() {
  try {
    return localStorage.getItem("relayproxy.keys") !== "off";
  } catch {
    return true;
  }
}

const busy = (element) => element.isContentEditable || element.closest("input, textarea, select, [role=textbox], [role=combobox], dialog") !== null;
addEventListener("keydown", (event) => {
  if (event.key !== "[" && event.key !== "]") return;
  // On many keyboards brackets need AltGr, which shows as Control and Alt together.
  const plain = event.getModifierState("AltGraph") || !(event.ctrlKey || event.altKey || event.metaKey);
  if (!plain || event.defaultPrevented || busy(event.target) || !keysWanted()) return;
  event.preventDefault();
  step(event.key === "]" ? 1 : -1);
});

if (session) {
  const number = numberIn(location.hash);
  const turn = number && turnOf(number);
  if (turn) choose(turn);
  // Whoever comes back or reloads finds the page where it was.
  if (turn && performance.getEntriesByType("navigation")[0]?.type === "navigate") reach(number);
  if (turn?.classList.contains("slow-turn")) turn.querySelector("details.lag")?.setAttribute("open", "");
}
