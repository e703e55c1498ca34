// Text that came piece by piece: consecutive text messages of the backend are one row, which unfolds.

const wire = () => document.getElementById("wire");
const LEAST = 2;
const LONGEST = 300; // characters of the joined text

/** Under a filter by type or text, what was asked for is shown one by one. */
const folds = () => !/[?&](type|text)=/.test(document.getElementById("messages").dataset.filter);
const isChunk = (row) => row.matches(".msg.backend:not(.odd)") && row.querySelector(".kind").dataset.kind === "text";
const tokenOf = (row) => /^“(.*)”(?: · .*)?$/su.exec(row.querySelector("summary .preview").textContent)?.[1] ?? "";

function head(row) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "run";
  const summary = row.querySelector("summary");
  const kind = document.createElement("span");
  kind.className = "kind";
  kind.dataset.kind = "text";
  const [preview, length] = [document.createElement("span"), document.createElement("span")];
  preview.className = "preview";
  preview.dir = "auto";
  length.className = "size length";
  button.append(...[...summary.querySelectorAll(".at, .dir")].map((part) => part.cloneNode(true)), kind, preview, length);
  row.prepend(button);
  return button;
}

function show(run, open) {
  const button = run[0].querySelector(":scope > .run");
  button.setAttribute("aria-expanded", String(open));
  for (const row of run) {
    row.toggleAttribute("data-unfolded", open);
    row.classList.toggle("folded", !open);
  }
  run[0].classList.add("run-head");
}

/** The rows of the run that a row is in, itself included; empty when it is in none. */
function runOf(row) {
  if (!row.matches(".folded, [data-unfolded]")) return [];
  let first = row;
  while (!first.classList.contains("run-head")) first = first.previousElementSibling;
  const run = [first];
  for (let next = first.nextElementSibling; next?.matches(".folded, [data-unfolded]") && !next.classList.contains("run-head"); next = next.nextElementSibling) run.push(next);
  return run;
}

/** Folds what has come piece by piece; what the reader unfolded stays so. */
export function fold() {
  const runs = [];
  let run = [];
  for (const row of wire().children) {
    if (folds() && isChunk(row)) run.push(row);
    else {
      if (run.length >= LEAST) runs.push(run);
      run = [];
    }
  }
  if (run.length >= LEAST) runs.push(run);
  const heads = new Set(runs.map(([first]) => first));
  for (const old of wire().querySelectorAll(":scope > .run-head")) {
    if (heads.has(old)) continue;
    old.querySelector(":scope > .run").remove();
    old.classList.remove("run-head", "folded");
  }
  for (const rows of runs) {
    const button = rows[0].querySelector(":scope > .run") ?? head(rows[0]);
    const text = rows.map(tokenOf).join("");
    const took = Number(rows.at(-1).dataset.at) - Number(rows[0].dataset.at);
    button.querySelector(".kind").textContent = `text ×${rows.length.toLocaleString("en")}`;
    button.querySelector(".preview").textContent = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
    button.querySelector(".length").textContent = `in ${(took / 1000).toFixed(2)} s`;
    show(rows, rows.some((row) => row.hasAttribute("data-unfolded") || row.querySelector("details[open]")));
  }
}

/** Shows a row that is folded away. */
export function unfold(row) {
  const run = runOf(row);
  if (run.length) show(run, true);
}

/** The row that stands for a row: itself, or the first of those folded with it. */
export const standing = (row) => (row.classList.contains("folded") ? runOf(row)[0] : row);

document.getElementById("session").addEventListener("click", (event) => {
  const button = event.target.closest("button.run");
  if (button) show(runOf(button.parentElement), button.getAttribute("aria-expanded") !== "true");
});
