// The timeline: fetches what happened, keeps it in step with the call, and follows the reader's hands.
import { goTo, step, tell, unmark } from "./cursor.js";
import { now } from "../http/page.js";
import { Painter } from "./timeline-draw.js";
import { gestures, overviewGestures } from "./timeline-hands.js";
import { latency, Model, offset, View } from "./timeline-model.js";
import { describe, times } from "./timeline-words.js";

const root = document.getElementById("timeline");
const stage = document.getElementById("tl-stage");
const canvas = document.getElementById("tl-canvas");
const map = document.getElementById("tl-map-canvas");
const overview = document.getElementById("tl-overview");
const readout = document.getElementById("tl-readout");
const slowest = document.getElementById("slowest");

const model = new Model();
const view = new View();
const painter = new Painter(root);
const time = (at, apart) => times.tell(model.start, at, apart);
const state = { hover: null, pinned: null, chosen: null, reading: null };

function lanes() {
  const found = {};
  for (const lane of document.getElementById("tl-lanes").children) if (lane.offsetHeight) found[lane.dataset.lane] = { top: lane.offsetTop, height: lane.offsetHeight };
  return found;
}

/* What stays in view */

const frame = document.getElementById("tl-frame");
// Not a property of the root's style: all that inherits one is styled anew with it.
const heights = new CSSStyleSheet();
heights.replaceSync("html, .wire-scroll {}");
document.adoptedStyleSheets.push(heights);
const beside = matchMedia("(min-width: 1280px)");
/** How much of the frame goes under the page's header, and what of it stays in view. */
function pin() {
  const shown = beside.matches ? root.querySelector(".tl-body") : overview.parentElement;
  const above = shown.getBoundingClientRect().top - frame.getBoundingClientRect().top;
  const pinned = frame.offsetHeight - above;
  frame.style.setProperty("--tl-above", `${Math.floor(above)}px`);
  heights.cssRules[0].style.setProperty("--tl-pinned", `${Math.ceil(pinned)}px`);
}

/** Lanes in which nothing happens go once the call is over; while it lives, nothing may move. */
function fold() {
  if (model.live) return;
  const has = {
    caller: model.turns.some((turn) => turn.spoke.length),
    prompts: model.turns.some((turn) => turn.events.some(([, kind]) => kind === "prompt")),
    heard: model.turns.some((turn) => turn.heard.length || turn.budget?.[4] > 0),
    events: model.events.length > 0 || model.turns.some((turn) => turn.events.some(([, kind]) => kind !== "prompt")),
  };
  for (const lane of document.getElementById("tl-lanes").children) lane.classList.toggle("empty", has[lane.dataset.lane] === false);
}

let asked = 0;
function paint() {
  if (asked) return;
  asked = requestAnimationFrame(() => {
    asked = 0;
    const cursor = state.hover ?? state.pinned;
    [stage.dataset.from, stage.dataset.to] = [view.from, view.to].map(Math.round);
    painter.lanes(canvas, model, view, lanes(), { cursor, chosen: state.chosen, reading: state.reading, time });
    painter.overview(map, model, view, { cursor, reading: state.reading });
  });
}

/* What the cursor is at, in words */

function read() {
  const at = state.hover ?? state.pinned;
  const turn = at === null ? state.chosen : model.pick(at, slack());
  if (at === null && !turn) readout.textContent = model.turns.length ? "Every wait in the Backend lane is one turn. Choose one for its numbers." : "";
  else readout.replaceChildren(...describe(turn, at, time));
}

const slack = () => (view.span / Math.max(stage.clientWidth, 1)) * 4;

/* What the reader does */

function refresh() {
  read();
  paint();
}

const acts = {
  model,
  view,
  refresh,
  /** Puts the cursor somewhere for now; null takes it back to where it was put last. */
  hover(at) {
    state.hover = at;
    refresh();
    const place = at ?? state.pinned;
    if (place === null) unmark();
    else tell({ at: model.start + place, source: "timeline", turn: model.pick(place, slack())?.number });
  },
  /** Puts the cursor somewhere and leaves it there. */
  pin(at) {
    [state.pinned, state.hover] = [Math.min(Math.max(at, 0), view.end), null];
    view.reveal(state.pinned, state.pinned);
    state.chosen = model.pick(state.pinned, slack());
    refresh();
    tell({ at: model.start + state.pinned, source: "timeline", turn: state.chosen?.number });
  },
  open(at, near = slack()) {
    const turn = model.pick(at, near);
    if (!turn) return;
    [state.pinned, state.chosen] = [at, turn];
    refresh();
    goTo(turn.number, { open: true, at: model.start + at });
  },
  lookInto(at) {
    const turn = model.pick(at, slack());
    if (!turn) return;
    const [from, to] = [turn.low, Math.max(turn.high, turn.low + 1000)];
    view.show(from - (to - from) * 0.06, to + (to - from) * 0.06);
    state.chosen = turn;
    refresh();
  },
  whole() {
    view.show(0, view.end);
    refresh();
  },
  step,
  pinned: () => state.hover ?? state.pinned,
};

function chooseTurn(turn, at = turn.asked ?? turn.from) {
  state.chosen = turn;
  [state.pinned, state.hover] = [at, null];
  view.reveal(turn.low, Math.min(turn.high, turn.low + view.span));
  refresh();
}

document.addEventListener("relayproxy:cursor", ({ detail }) => {
  if (detail.source === "timeline") return;
  const at = detail.at - model.start;
  const turn = detail.turn === undefined ? model.pick(at, 0) : model.turn(detail.turn);
  if (turn) chooseTurn(turn, at);
});

slowest.addEventListener("click", (event) => {
  const turn = model.slowest();
  if (!turn || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  chooseTurn(turn);
  goTo(turn.number, { open: true, at: model.start + (turn.asked ?? turn.from) });
});

root.querySelector(".tl-tools").addEventListener("click", (event) => {
  const act = event.target.closest("[data-do]")?.dataset.do;
  if (act === "whole") acts.whole();
  else if (act === "in" || act === "out") {
    view.zoom(act === "in" ? 0.5 : 2, state.pinned !== null && state.pinned >= view.from && state.pinned <= view.to ? state.pinned : undefined);
    refresh();
  } else if (act) step(act === "next" ? 1 : -1);
});

/* The session as it is, and as it goes on */

function summarise() {
  const slow = model.turns.filter((turn) => turn.slow).length;
  const lost = model.turns.filter((turn) => turn.unanswered || turn.missed.length).length;
  const turns = model.turns.length === 1 ? "1 turn" : `${model.turns.length} turns`;
  canvas.setAttribute("aria-label", `Timeline of ${offset(model.length, 1000)}: ${turns}, ${slow} slow, ${lost} unanswered. The conversation below says the same in words.`);
  const counted = [slow && `${slow} slow`, lost && `${lost} unanswered`].filter(Boolean).join(", ");
  document.getElementById("tl-count").textContent = counted ? `${counted} of ${turns}` : "";
  tellSlowest();
  root.dataset.turns = String(model.turns.length);
}

/** The slowest turn: an answer that is still awaited counts with what it has taken so far. */
function tellSlowest() {
  const most = model.slowest();
  slowest.hidden = !most;
  if (!most) return;
  const waited = most.waits ? model.length - most.asked : most.longest;
  slowest.querySelector("b").textContent = most.waits ? `${latency(waited)} so far` : latency(waited);
  slowest.classList.toggle("slow", waited >= model.slow);
  slowest.title = `Turn ${most.number}`;
}

/** The reader has paused the page: nothing on it moves, and nothing comes in. */
const held = () => document.documentElement.dataset.paused === "1";

let busy = false;
let again = false;
async function load() {
  if (held()) return;
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  const first = model.settled;
  try {
    const response = await fetch(`${root.dataset.url}?first=${first}`, { cache: "no-store" });
    const found = response.ok && (await response.json());
    // What was on its way when the reader paused comes when they resume.
    if (found && !held()) {
      model.take(found, first);
      view.grow(model.length);
      if (state.chosen) state.chosen = model.turn(state.chosen.number);
      if (!root.dataset.ready) fold();
      summarise();
      refresh();
      root.dataset.ready = "1";
    }
  } finally {
    busy = false;
  }
  if (again) {
    again = false;
    await load();
  }
}

setInterval(() => {
  if (!model.live || document.hidden || held()) return;
  model.length = Math.max(model.length, now() - model.start);
  view.grow(model.length);
  tellSlowest();
  paint();
}, 500);

/** Which turns are being read, for the overview. */
function follow(scrolled = false) {
  const turns = document.getElementById("turns").children;
  const firstBelow = (edge) => {
    let [low, high] = [0, turns.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (turns[middle].getBoundingClientRect().bottom <= edge) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const [first, last] = [firstBelow(frame.getBoundingClientRect().bottom), firstBelow(innerHeight)].map((index) => turns[Math.min(index, turns.length - 1)]);
  const [from, to] = [first, last].map((turn) => (turn ? model.turn(Number(turn.dataset.key)) : null));
  state.reading = from && to ? [from.low, to.high] : null;
  // A part of the call that is looked at goes along with what is read.
  if (scrolled && beside.matches && state.reading && (state.reading[1] < view.from || state.reading[0] > view.to)) view.reveal(from.low, Math.min(to.high, from.low + view.span));
  paint();
}

let following = 0;
function followSoon() {
  following ||= requestAnimationFrame(() => {
    following = 0;
    follow(true);
  });
}

gestures(stage, acts);
overviewGestures(overview, acts);
new ResizeObserver(paint).observe(stage);
new ResizeObserver(paint).observe(overview);
new ResizeObserver(pin).observe(frame);
new MutationObserver(() => { painter.recolour(); paint(); }).observe(document.documentElement, { attributeFilter: ["data-theme"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { painter.recolour(); paint(); });
document.getElementById("times")?.addEventListener("click", () => setTimeout(() => { times.read(); refresh(); }));
addEventListener("scroll", followSoon, { passive: true });
for (const kind of ["updated", "resumed"]) addEventListener(`relayproxy:${kind}`, () => load().catch(() => {}));

times.read();
load().then(() => {
  const linked = /^#turn-(\d+)$/.exec(location.hash);
  const turn = linked && model.turn(Number(linked[1]));
  if (turn) chooseTurn(turn);
  follow();
}, () => {});
