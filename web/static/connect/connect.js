// Connect: checks on demand, and the first call as it arrives.
import { fetchMarkup, listen, say, settle } from "../http/page.js";

const PAUSE = 500;
const EVERY = 5000; // what is refused makes no call, and so no event
const latest = new Map();
const form = document.getElementById("check");
const button = document.getElementById("check-button");

/** Brings those parts up to date whose names begin so; what the reader has the focus in is left for the next time. */
function patch(found, ...beginnings) {
  for (const theirs of found.querySelectorAll("[data-part]")) {
    const name = theirs.dataset.part;
    const markup = theirs.outerHTML;
    const mine = document.querySelector(`[data-part="${CSS.escape(name)}"]`);
    if (!mine || !beginnings.some((beginning) => name.startsWith(beginning)) || latest.get(name) === markup) continue;
    if (mine.contains(document.activeElement)) continue;
    latest.set(name, markup);
    if ("call" in theirs.dataset && theirs.dataset.call !== mine.dataset.call) welcome(theirs, !mine.dataset.call);
    settle(theirs);
    mine.replaceWith(theirs);
  }
}

function welcome(section, first) {
  const { route } = section.dataset;
  section.classList.add("arrived");
  say(`${first ? "The first call is here" : "A call arrived"}${route === "default" ? "" : ` on route ${route}`}`);
}

let busy = false;
let again = false;
async function arrived() {
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  do {
    again = false;
    await fetchMarkup("/connect").then((found) => patch(found, "calls-", "refused"), () => {});
    await new Promise((done) => setTimeout(done, PAUSE));
  } while (again);
  busy = false;
}

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (button.getAttribute("aria-busy") === "true") return;
  const words = button.textContent;
  button.setAttribute("aria-busy", "true");
  button.textContent = "Checking…";
  try {
    const response = await fetch(form.action, { method: "POST", headers: { Accept: "text/html" }, cache: "no-store" });
    if (!response.ok) throw new Error(String(response.status));
    const holder = document.createElement("template");
    holder.innerHTML = await response.text();
    patch(holder.content, "legs-", "checked", "calls-", "refused");
    const bad = document.querySelectorAll(".leg .outcome.bad").length;
    say(bad ? `Checked: ${bad} ${bad === 1 ? "way does" : "ways do"} not work` : "Checked");
  } catch {
    say("Could not be checked");
  }
  button.textContent = words;
  button.removeAttribute("aria-busy");
});

if (document.querySelector("[data-call]")) listen("/sessions/live", arrived);
if (document.getElementById("refused")) setInterval(() => document.hidden || arrived(), EVERY);
