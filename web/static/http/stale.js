// Whether what the page shows is as it is now: a banner when it is not, and a mark at Health when something is wrong.

const EVERY = 4000;
const OLD = 10_000;
const root = document.documentElement;
const banner = document.getElementById("stale");
const health = document.querySelector('.top nav a[href="/health"]');

let heard = performance.now();
let timer = 0;

function tell(why) {
  document.getElementById("stale-why").textContent = why ?? "";
  banner.hidden = !why;
  if (why) root.dataset.stale = "1";
  else delete root.dataset.stale;
}

function mark(state, summary) {
  if (!health) return;
  if (state === "warn" || state === "bad") Object.assign(health.dataset, { state });
  else delete health.dataset.state;
  health.title = health.dataset.state ? summary : "";
}

async function look() {
  clearTimeout(timer);
  if (document.hidden) return;
  try {
    const response = await fetch("/health/notice", { headers: { Accept: "application/json" }, cache: "no-store", signal: AbortSignal.timeout(OLD) });
    if (response.ok) {
      heard = performance.now();
      const { state, summary, stale } = await response.json();
      tell(stale);
      mark(state, summary);
    } else if (response.status >= 500) throw new Error(String(response.status));
  } catch {
    const silent = performance.now() - heard;
    if (silent > OLD) tell(`The console has not answered for ${Math.round(silent / 1000)} s: what you see is as old.`);
  }
  clearTimeout(timer);
  timer = setTimeout(look, EVERY);
}

document.addEventListener("visibilitychange", look);
look();
