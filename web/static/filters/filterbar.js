// The filter bar: completes what is being written, from fields and from values that were seen. A combobox with a list:
// arrows choose, Enter or Tab accept (Tab the first when none is chosen), Escape closes.

const WAIT = 120;

const input = document.getElementById("q");
const list = document.getElementById("options");

let items = [];
let range = { start: 0, end: 0 };
let active = -1;
let asking = null;
let timer = 0;
let sent = "";

// The server counts characters, the browser UTF-16 units.
const characters = (text) => [...text].length;
const units = (text, count) => [...text].slice(0, count).join("").length;

const isOpen = () => !list.hidden;

function close() {
  clearTimeout(timer);
  asking?.abort();
  list.hidden = true;
  active = -1;
  input.setAttribute("aria-expanded", "false");
  input.removeAttribute("aria-activedescendant");
}

function choose(at) {
  active = at;
  list.querySelectorAll("[role=option]").forEach((option, place) => {
    option.setAttribute("aria-selected", String(place === at));
    if (place === at) option.scrollIntoView({ block: "nearest" });
  });
  if (at < 0) input.removeAttribute("aria-activedescendant");
  else input.setAttribute("aria-activedescendant", `option-${at}`);
}

function element(name, text, className) {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function show() {
  list.replaceChildren(
    ...items.map((item, at) => {
      const option = document.createElement("li");
      option.id = `option-${at}`;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      const label = element("code", "");
      label.append(element("bdi", item.label || '""'));
      option.append(label);
      if (item.hint) option.append(element("span", item.hint, "option-hint"));
      if (item.count !== null) option.append(element("span", item.count.toLocaleString(), "n"));
      return option;
    }),
  );
  list.scrollTop = 0;
  list.hidden = items.length === 0;
  input.setAttribute("aria-expanded", String(isOpen()));
  choose(-1);
}

async function ask() {
  asking?.abort();
  asking = new AbortController();
  const text = input.value;
  const at = characters(text.slice(0, input.selectionStart));
  try {
    const response = await fetch(`${input.dataset.complete}?${new URLSearchParams({ q: text, at, zone: document.documentElement.dataset.zone })}`, { signal: asking.signal });
    if (!response.ok) throw new Error(String(response.status));
    const found = await response.json();
    if (text !== input.value || document.activeElement !== input) return;
    range = found;
    const written = text.slice(units(text, found.start), units(text, found.end));
    items = found.items.filter((item) => item.insert !== written);
    show();
  } catch (problem) {
    if (problem.name !== "AbortError") close();
  }
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(ask, WAIT);
}

function accept(at) {
  const item = items[at];
  if (!item) return;
  const text = input.value;
  const before = text.slice(0, units(text, range.start)) + item.insert;
  let after = text.slice(units(text, range.end));
  let cursor = before.length;
  if (item.done) {
    if (!after) after = " ";
    cursor += 1;
  }
  input.value = before + after;
  input.setSelectionRange(cursor, cursor);
  close();
  if (!item.done) soon();
}

if (input) {
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-expanded", "false");
  input.setAttribute("aria-controls", list.id);

  input.addEventListener("input", soon);
  input.addEventListener("click", () => (isOpen() ? close() : soon()));
  input.addEventListener("blur", close);
  list.addEventListener("pointerdown", (event) => {
    // The field keeps the focus.
    event.preventDefault();
  });
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) accept([...list.children].indexOf(option));
  });
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!isOpen()) {
        ask();
        return;
      }
      const by = event.key === "ArrowDown" ? 1 : -1;
      // Beyond either end is the text itself.
      choose(((active + 1 + by + items.length + 1) % (items.length + 1)) - 1);
    } else if (event.key === "Enter" && isOpen() && active >= 0) {
      event.preventDefault();
      accept(active);
    } else if (event.key === "Tab" && isOpen() && !event.shiftKey) {
      event.preventDefault();
      accept(Math.max(active, 0));
    } else if (event.key === "Escape" && isOpen()) {
      event.preventDefault();
      close();
    } else if (event.key === "Enter") {
      close();
    }
  });
}

/** Shows in the field what the list obeys now, unless the reader is writing something else. */
export function tell(q) {
  if (!input) return;
  if (document.activeElement !== input || input.value === sent) input.value = q;
  sent = input.value;
  document.getElementById("clear").hidden = !input.value;
  close();
}

/** Calls `asked` with the text whenever the reader wants it applied. */
export function onFilter(asked) {
  if (!input) return;
  sent = input.value;
  input.form.addEventListener("submit", (event) => {
    event.preventDefault();
    sent = input.value;
    asked(input.value.trim());
  });
}
