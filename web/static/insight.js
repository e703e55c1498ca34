// Draws the charts of the page; a range of time that is marked in one becomes the filter's.
import { draw } from "./charts.js";
import "./page.js";

function iso(ms) {
  return new Date(ms).toISOString().replace(/(:00)?\.000Z$/, "Z");
}

/** The filter's text without what narrows its time. */
function timeless(text) {
  return text.replace(/(^|\s)(since|until|on):("[^"]*"|\S+)/gi, " ").replace(/\s+/g, " ").trim();
}

function narrow(since, until) {
  const url = new URL(location.href);
  const q = timeless(url.searchParams.get("q") ?? "");
  url.searchParams.set("q", `${q} since:${iso(since)} until:${iso(until)}`.trim());
  location.assign(url);
}

const comparing = new URLSearchParams(location.search).has("a");
for (const chart of document.querySelectorAll("[data-chart]")) {
  const timed = "times" in JSON.parse(chart.dataset.chart);
  draw(chart, timed && !comparing ? narrow : undefined);
}

document.getElementById("ask-by")?.addEventListener("change", ({ target }) => target.form.requestSubmit());
