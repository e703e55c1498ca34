// Tags and notes without leaving the page. Without this file the same forms post and come back.
import { fetchMarkup, say, settle } from "../http/page.js";

const annotations = () => document.getElementById("annotations");

/** What a form asks of the API: method, path and body. */
function wish(form, button) {
  const base = `/api${annotations().dataset.base}`;
  const fields = new URLSearchParams(new FormData(form, button));
  const kind = form.getAttribute("action").endsWith("/tags") ? "tags" : "notes";
  if (fields.has("remove")) {
    const key = kind === "tags" ? fields.get("tag") : fields.get("remove");
    return ["DELETE", `${base}/${kind}/${encodeURIComponent(key)}`, undefined, kind === "tags" ? "Tag removed" : "Note deleted"];
  }
  const body = kind === "tags" ? { tag: fields.get("tag") } : { text: fields.get("text") };
  return ["POST", `${base}/${kind}`, JSON.stringify(body), kind === "tags" ? "Tag added" : "Note added"];
}

async function ask(method, path, body) {
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  const response = await fetch(path, { method, body, headers });
  if (response.ok) return;
  const told = await response.json().catch(() => null);
  throw new Error(told?.error?.message ?? `The console answered ${response.status}.`);
}

/** Brings in the present tags and notes; what is being written elsewhere in the section stays. */
async function refresh(done) {
  const found = await fetchMarkup(`${annotations().dataset.base}/annotations`);
  const theirs = found.getElementById("annotations");
  const focused = document.activeElement?.closest("#annotations form[data-keep]")?.dataset.keep ?? done;
  for (const form of annotations().querySelectorAll("form[data-keep]")) {
    if (form.dataset.keep === done) continue;
    theirs.querySelector(`form[data-keep=${form.dataset.keep}] [name]`).value = form.querySelector("[name]").value;
  }
  settle(theirs);
  annotations().replaceWith(theirs);
  theirs.querySelector(`form[data-keep=${focused ?? "tag"}] [name]`)?.focus({ preventScroll: true });
}

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("#annotations form");
  if (!form) return;
  event.preventDefault();
  const section = annotations();
  if (section.getAttribute("aria-busy")) return;
  const problem = section.querySelector(".annotations-problem");
  const [method, path, body, done] = wish(form, event.submitter);
  section.setAttribute("aria-busy", "true");
  problem.hidden = true;
  try {
    await ask(method, path, body);
    await refresh(form.dataset.keep);
    say(done);
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
  } finally {
    section.removeAttribute("aria-busy");
  }
});

document.addEventListener("keydown", (event) => {
  const field = event.target.closest?.("#annotations textarea");
  if (field && event.key === "Enter" && (event.ctrlKey || event.metaKey)) field.form.requestSubmit();
});
document.addEventListener("click", (event) => {
  const menu = document.getElementById("download");
  if (menu?.open && (!menu.contains(event.target) || event.target.closest("a"))) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  const menu = document.getElementById("download");
  if (event.key !== "Escape" || !menu?.open) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});
