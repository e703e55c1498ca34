// The list keeps itself current: rows change where they stand, new calls wait behind a button.
import { fetchMarkup, listen, settle } from "./page.js";

const rows = document.getElementById("rows");
const fresh = document.getElementById("fresh");
const title = document.title;
const PAUSE = 500;

rows.addEventListener("click", (event) => {
  if (event.target.closest("a, button") || String(getSelection())) return;
  event.target.closest("tr")?.querySelector("a.open")?.click();
});

async function refresh() {
  const found = await fetchMarkup(rows.dataset.rows);
  let unseen = 0;
  for (const row of found.querySelectorAll("tr")) {
    const shown = document.getElementById(row.id);
    if (!shown) {
      unseen += 1;
    } else if (shown.dataset.digest !== row.dataset.digest) {
      const focused = shown.contains(document.activeElement);
      settle(row);
      row.classList.add("changed");
      shown.replaceWith(row);
      if (focused) row.querySelector("a.open").focus();
    }
  }
  fresh.hidden = unseen === 0;
  fresh.textContent = rows.hidden ? "Your first call is here: show it" : `↑ ${unseen} new ${unseen === 1 ? "call" : "calls"}`;
  document.title = unseen ? `(${unseen}) ${title}` : title;
}

if (rows.dataset.live) {
  let busy = false;
  let again = false;
  const turn = async () => {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    do {
      again = false;
      await refresh().catch(() => {});
      await new Promise((done) => setTimeout(done, PAUSE));
    } while (again);
    busy = false;
  };
  listen(rows.dataset.live, turn);
}
