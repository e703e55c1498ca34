// Connect: checks on demand, and the first call as it arrives.
import { patch } from "../http/look.js";
import { fetchMarkup, listen, say } from "../http/page.js";

const PAUSE = 500;
const EVERY = 5000; // what is refused makes no call, and so no event
const form = document.getElementById("check");
const button = document.getElementById("check-button");

const beginning = (...words) => (name) => words.some((word) => name.startsWith(word));

function welcome(section, before) {
  if (!("call" in section.dataset) || section.dataset.call === before.dataset.call) return;
  const first = !before.dataset.call;
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
    await fetchMarkup("/connect").then((found) => patch(found, beginning("calls-", "refused"), welcome), () => {});
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
    patch(holder.content, beginning("legs-", "checked", "calls-", "refused"), welcome);
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
