// Which columns of the list are shown, remembered in this browser.

const KEY = "relayproxy.columns";

const choose = document.getElementById("choose");
let hidden = new Set();
try {
  hidden = new Set((localStorage.getItem(KEY) ?? "").split(" ").filter(Boolean));
} catch {
  // Storage is switched off: all of them.
}

function apply() {
  for (const box of choose.querySelectorAll("input")) {
    box.checked = !hidden.has(box.name);
    document.documentElement.classList.toggle(`no-${box.name}`, !box.checked);
  }
}

if (choose) {
  apply();
  choose.addEventListener("change", ({ target }) => {
    if (target.checked) hidden.delete(target.name);
    else hidden.add(target.name);
    try {
      localStorage.setItem(KEY, [...hidden].join(" "));
    } catch {
      // Kept for this page alone.
    }
    apply();
  });
  document.addEventListener("pointerdown", ({ target }) => {
    for (const popup of document.querySelectorAll("details[data-popup][open]")) if (!popup.contains(target)) popup.open = false;
  });
}
