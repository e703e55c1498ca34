// Draws the charts of the page; a range of time that is marked in one becomes the filter's.
import { draw } from "./charts.js";
import "../filters/filterbar.js";
import "../http/page.js";
import { ranged } from "../http/zone.js";

function narrow(since, until) {
  const url = new URL(location.href);
  url.searchParams.set("q", ranged(url.searchParams.get("q") ?? "", since, until));
  location.assign(url);
}

const comparing = new URLSearchParams(location.search).has("a");
draw(document.querySelectorAll("[data-chart]"), (chart) => ("times" in chart && !comparing ? narrow : undefined));

document.getElementById("ask-by")?.addEventListener("change", ({ target }) => target.form.requestSubmit());

// What the field was seen with, for both values of a comparison.
const values = document.querySelector(".values [name=field]").form;
async function offer() {
  const q = `${values.elements.namedItem("field").value}:`;
  try {
    const response = await fetch(`/api/complete?${new URLSearchParams({ q, at: q.length })}`);
    if (!response.ok) return;
    const { items } = await response.json();
    document.getElementById("seen").replaceChildren(...items.map(({ label }) => Object.assign(document.createElement("option"), { value: label })));
  } catch {
    // Any value can be written without them.
  }
}
values.elements.namedItem("field").addEventListener("change", offer);
values.closest("details").addEventListener("toggle", ({ target }) => target.open && offer());
