// What every page does: times from the start or by the clock, things that count up, copying; and the keyboard.
import "./keys.js";
import "./stale.js";

const root = document.documentElement;
// The server's clock, so that a wrong clock of the reader's does not make calls look old or new.
const skew = Number(root.dataset.now) - Date.now();
export const now = () => Date.now() + skew;

const TIMES = "relayproxy.times";
let byClock = false;
try {
  byClock = localStorage.getItem(TIMES) === "clock";
} catch {
  // Storage is switched off: offsets it is.
}

/** Gives the element that text; the same text is left alone, as what is written has the page laid out anew. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Tells a time of a call by the clock or from its start: one is what it says, the other begins its title. */
function tellTime(element) {
  if ("clock" in element.dataset === byClock) return;
  const [other, ...rest] = element.title.split(" · ");
  const said = byClock ? `${element.textContent} from the start` : element.textContent;
  element.title = [said, ...rest].join(" · ");
  element.textContent = other.replace(" from the start", "");
  if (byClock) element.dataset.clock = "";
  else delete element.dataset.clock;
}

const times = document.getElementById("times");
if (times) {
  const tell = () => {
    write(times, byClock ? "Times: by the clock" : "Times: from the start");
    root.dataset.times = byClock ? "clock" : "start";
  };
  tell();
  times.addEventListener("click", () => {
    byClock = !byClock;
    try {
      localStorage.setItem(TIMES, byClock ? "clock" : "start");
    } catch {
      // Kept for this page alone.
    }
    tell();
    for (const element of document.querySelectorAll("time[data-offset]")) tellTime(element);
  });
}

function two(number) {
  return String(number).padStart(2, "0");
}

export function duration(ms) {
  if (ms < 10000) return `${(Math.max(ms, 0) / 1000).toFixed(1)} s`;
  const all = Math.floor(ms / 1000);
  const hours = Math.floor(all / 3600);
  const minutes = Math.floor((all % 3600) / 60);
  return hours ? `${hours}:${two(minutes)}:${two(all % 60)}` : `${minutes}:${two(all % 60)}`;
}

function ago(ms) {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 5) return "now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

function tick(within) {
  if (within === document && root.dataset.paused) return;
  const at = now();
  for (const element of within.querySelectorAll("[data-ago]")) write(element, ago(at - Number(element.dataset.ago)));
  for (const element of within.querySelectorAll("[data-since]")) write(element, duration(at - Number(element.dataset.since)));
  for (const element of within.querySelectorAll("[data-waiting]")) {
    const ms = at - Number(element.dataset.waiting);
    write(element, duration(ms));
    element.parentElement.classList.toggle("late", ms >= Number(element.dataset.late));
  }
}

/** Makes freshly arrived markup what the reader expects: times by the clock if they are to be, running clocks. */
export function settle(within) {
  if (byClock) for (const element of within.querySelectorAll("time[data-offset]")) tellTime(element);
  tick(within);
}

/** Says for good that the console does not know the reader any more. */
function signedOut() {
  if (document.getElementById("signed-out")) return;
  const notice = document.createElement("p");
  notice.id = "signed-out";
  notice.setAttribute("role", "alert");
  const link = document.createElement("a");
  link.href = `/signin?next=${encodeURIComponent(location.pathname + location.search + location.hash)}`;
  link.textContent = "Sign in";
  notice.append("You are signed out; this page stands still. ", link);
  document.body.append(notice);
}

/** The markup of a page of ours, not yet part of this one. Everything in it was escaped by the server. */
export async function fetchMarkup(url, signal) {
  const response = await fetch(url, { headers: { Accept: "text/html" }, cache: "no-store", signal });
  if (response.status === 401) signedOut();
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  const holder = document.createElement("template");
  holder.innerHTML = await response.text();
  return holder.content;
}

/** An event stream that rests while the page is hidden; `heard` gets each event's data, `told` whether it is connected.
 * `url` may be a function that gives the address to (re)connect to. */
export function listen(url, heard, told = () => {}) {
  let source = null;
  let over = false;
  const open = () => {
    if (over || source || document.hidden) return;
    source = new EventSource(typeof url === "function" ? url() : url);
    source.onmessage = (event) => heard(event.data);
    source.onopen = () => told(true);
    source.onerror = () => {
      told(false);
      // The browser itself comes back after a lost connection, but not after an answer that is no stream.
      if (source?.readyState !== EventSource.CLOSED) return;
      source = null;
      // A stream does not tell why it was refused.
      fetch(location.href, { method: "HEAD", headers: { Accept: "text/html" } }).then((answer) => answer.status === 401 && signedOut(), () => {});
      setTimeout(open, 3000);
    };
  };
  const rest = () => {
    source?.close();
    source = null;
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? rest() : open()));
  addEventListener("pagehide", rest);
  addEventListener("pageshow", open);
  open();
  return () => {
    over = true;
    rest();
  };
}

const said = document.getElementById("said");
let saidTimer = 0;
export function say(text) {
  said.textContent = text;
  said.classList.add("on");
  clearTimeout(saidTimer);
  saidTimer = setTimeout(() => said.classList.remove("on"), 1600);
}

async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Without TLS and off this machine there is no clipboard interface.
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "away";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("not copied");
}

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-copy-link]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  try {
    await copy(link.href);
    say("Link copied");
  } catch {
    location.assign(link.href);
  }
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copy");
  if (!button) return;
  event.preventDefault();
  const block = "copyBlock" in button.dataset ? (button.closest(".msg-body") ?? button.parentElement).querySelector("pre").textContent : null;
  try {
    await copy(block ?? button.dataset.copy);
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), 1600);
    say("Copied");
  } catch {
    say("Could not be copied");
  }
});

settle(document);
setInterval(() => tick(document), 1000);
