// Recording files that are dropped on the page or chosen are imported one after the other, each with what became of it.
import { say } from "../http/page.js";

const section = document.getElementById("imports");
const list = document.getElementById("imports-list");
const form = document.getElementById("import");
const field = form?.querySelector("input[type=file]");
const most = Number(section.dataset.most ?? form?.dataset.most ?? 32);
let waiting = Promise.resolve();

const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.classList.add("icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(svg.namespaceURI, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

function tell(item, kind, ...parts) {
  const words = document.createElement("span");
  words.append(...parts);
  item.className = kind;
  item.replaceChildren(icon(kind === "waiting" ? "slow" : kind), words);
}

function named(file) {
  const name = document.createElement("bdi");
  name.textContent = file.name;
  return name;
}

function link(session, words) {
  const found = document.createElement("a");
  found.href = `/sessions/${session}`;
  found.textContent = words;
  return found;
}

/** Whether it begins as a recording does, compressed or not: nothing else has to be sent. */
async function looksLikeOne(file) {
  const [first, second] = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  return (first === 0x1f && second === 0x8b) || first === 0x7b;
}

async function bring(file, item) {
  tell(item, "waiting", named(file), ": being imported…");
  if (file.size > most * 1024 * 1024) {
    tell(item, "bad", named(file), `: it has more than ${most} MiB`);
    return false;
  }
  if (!(await looksLikeOne(file))) {
    tell(item, "bad", named(file), ": not a recording of relayproxy");
    return false;
  }
  try {
    const answer = await fetch(`/api/recordings?${new URLSearchParams({ name: file.name })}`, { method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" } });
    const found = await answer.json();
    if (!answer.ok) {
      tell(item, "bad", found.error.message);
      return false;
    }
    if (found.new) tell(item, "good", named(file), ": ", link(found.session, `imported, ${found.messages} ${found.messages === 1 ? "message" : "messages"}`));
    else tell(item, "calm", named(file), ": ", link(found.session, "is here already"));
    return true;
  } catch {
    tell(item, "bad", named(file), ": the console did not answer; nothing of it was imported unless it is in the list");
    return false;
  }
}

function take(files) {
  if (!files.length) return;
  section.hidden = false;
  const items = [...files].map((file) => {
    const item = document.createElement("li");
    tell(item, "waiting", named(file), ": waits");
    list.append(item);
    return [file, item];
  });
  waiting = waiting.then(async () => {
    let done = 0;
    for (const [file, item] of items) done += (await bring(file, item)) ? 1 : 0;
    section.querySelector(".imports-all").hidden = false;
    say(`${done} of ${items.length} ${items.length === 1 ? "file" : "files"} imported`);
  });
}

let depth = 0;
const dropping = (on) => document.documentElement.classList.toggle("dropping", on);
addEventListener("dragenter", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  depth += 1;
  dropping(true);
});
addEventListener("dragover", (event) => {
  if (carriesFiles(event)) event.preventDefault();
});
addEventListener("dragleave", (event) => {
  if (!carriesFiles(event)) return;
  depth = Math.max(0, depth - 1);
  if (!depth) dropping(false);
});
addEventListener("drop", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  depth = 0;
  dropping(false);
  take(event.dataTransfer.files);
});

field?.addEventListener("change", () => {
  take(field.files);
  field.value = "";
});
form?.addEventListener("submit", (event) => {
  event.preventDefault();
  take(field.files);
});
