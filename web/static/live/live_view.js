// The live view keeps its order: tiles change where they stand, new ones come last, ended ones stay until they are cleared.
import { duration, listen, now, settle } from "../http/page.js";

const wall = document.getElementById("wall");
const cards = document.getElementById("cards");
const clear = document.getElementById("clear-ended");
const late = document.getElementById("wall-late");
const lost = document.getElementById("wall-lost");
const title = document.title;
const MOST_ENDED = 300;

let version = wall.dataset.version;

function markup(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  return holder.content.firstElementChild;
}

const ended = () => cards.querySelectorAll(".card.over");

function put(id, html) {
  const theirs = markup(html);
  const mine = document.getElementById(`c-${id}`);
  if (!mine && !theirs.dataset.live) return;
  settle(theirs);
  if (!mine) {
    theirs.classList.add("fresh");
    cards.append(theirs);
    return;
  }
  const focused = mine.contains(document.activeElement);
  mine.replaceWith(theirs);
  if (focused) theirs.querySelector(".card-open").focus({ preventScroll: true });
}

/** A call that ended so long ago that the server no longer says how. */
function leave(card) {
  card.classList.add("over");
  card.dataset.live = "";
  for (const clock of card.querySelectorAll("[data-since]")) clock.removeAttribute("data-since");
  const state = card.querySelector(".card-now");
  state.className = "card-now ended";
  state.textContent = "Ended while this page was away";
}

function apply(data) {
  const change = JSON.parse(data);
  version = change.version;
  for (const id of change.gone) document.getElementById(`c-${id}`)?.remove();
  for (const [id, html] of change.tiles) put(id, html);
  if (change.whole) {
    const live = new Set(change.tiles.map(([id]) => id));
    for (const card of cards.querySelectorAll('.card[data-live="1"]')) if (!live.has(card.dataset.key)) leave(card);
  }
  // One who looks on for a day must not pay for every call of it; those far back go first.
  const over = ended();
  for (let at = 0; at < over.length - MOST_ENDED; at += 1) over[at].remove();
  document.getElementById("live-count").textContent = change.live.toLocaleString("en");
  document.getElementById("wall-more").hidden = change.live <= Number(wall.dataset.most);
  tell();
  dispatchEvent(new CustomEvent("relayproxy:updated"));
}

function tell() {
  const over = ended().length;
  clear.hidden = over === 0;
  clear.textContent = `Clear ${over} ended`;
  document.getElementById("wall-empty").hidden = cards.childElementCount > 0;
}

clear.addEventListener("click", () => {
  for (const card of ended()) card.remove();
  tell();
  document.getElementById("main").focus({ preventScroll: true });
});

/* A wait grows and turns into an alarm by the clock alone: nothing has to come over the wire for it. */

let alarmed = 0;
function watch() {
  let waiting = 0;
  for (const clock of cards.querySelectorAll("[data-waiting]")) {
    const ms = now() - Number(clock.dataset.waiting);
    clock.textContent = duration(ms);
    const isLate = ms >= Number(clock.dataset.late);
    clock.parentElement.classList.toggle("late", isLate);
    waiting += isLate;
  }
  for (const state of cards.querySelectorAll("[data-until]")) {
    if (now() < Number(state.dataset.until)) continue;
    // The speech is over: from then on it is the caller's turn.
    const clock = state.querySelector(".card-wait");
    clock.dataset.since = state.dataset.until;
    clock.textContent = duration(now() - Number(state.dataset.until));
    state.removeAttribute("data-until");
    state.classList.add("over-now");
  }
  if (waiting === alarmed) return;
  alarmed = waiting;
  late.hidden = waiting === 0;
  late.textContent = waiting === 1 ? "1 caller is kept waiting" : `${waiting} callers are kept waiting`;
  document.title = waiting ? `(!) ${waiting} · ${title}` : title;
}

listen(() => `/live/stream?since=${encodeURIComponent(version)}`, apply, (connected) => (lost.hidden = connected));
tell();
watch();
setInterval(watch, 100);
