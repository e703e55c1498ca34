// The charts above the list: fetched after it, drawn anew when its filter changes, and a range that is marked in them is
// offered to the list. Whether the reader wants them is remembered; on a phone they are folded away until then.
import { draw, drop } from "../insight/charts.js";
import { fetchMarkup, settle } from "../http/page.js";

const overview = document.getElementById("overview");
const body = document.getElementById("overview-body");
const SHOWN = "relayproxy.overview";

let q = new URLSearchParams(location.search).get("q") ?? "";
let drawn = null;
let asked = null;

function brushed(since, until) {
  document.dispatchEvent(new CustomEvent("relayproxy:range", { detail: { since, until } }));
}

async function show() {
  if (!overview.open || drawn === q) return;
  asked?.abort();
  asked = new AbortController();
  const wanted = q;
  body.setAttribute("aria-busy", "true");
  try {
    const found = await fetchMarkup(`${overview.dataset.charts}?${new URLSearchParams({ q: wanted })}`, asked.signal);
    for (const old of body.querySelectorAll("[data-chart]")) drop(old);
    const open = [...body.querySelectorAll("details")].map((details) => details.open);
    body.replaceChildren(found);
    body.querySelectorAll("details").forEach((details, at) => (details.open = open[at] ?? false));
    settle(body);
    draw(body.querySelectorAll("[data-chart]"), () => brushed);
    drawn = wanted;
    const total = body.querySelector("[data-total]")?.dataset.total;
    if (total) document.dispatchEvent(new CustomEvent("relayproxy:counted", { detail: { q: wanted, total } }));
  } catch (problem) {
    if (problem.name === "AbortError") return;
    const sorry = document.createElement("p");
    sorry.className = "quiet overview-none";
    sorry.textContent = "The charts could not be fetched.";
    body.replaceChildren(sorry);
  }
  body.removeAttribute("aria-busy");
}

if (overview) {
  let wanted = null;
  try {
    wanted = localStorage.getItem(SHOWN);
  } catch {
    // Storage is switched off: as wide as the window is.
  }
  overview.open = wanted ? wanted === "yes" : !matchMedia("(max-width: 620px)").matches;
  overview.classList.add("settled");
  overview.querySelector("summary").addEventListener("click", () => {
    try {
      // It is about to become what it is not.
      localStorage.setItem(SHOWN, overview.open ? "no" : "yes");
    } catch {
      // Kept for this page alone.
    }
  });
  overview.addEventListener("toggle", show);
  document.addEventListener("relayproxy:filter", ({ detail }) => {
    q = detail.q;
    show();
  });
  show();
}
