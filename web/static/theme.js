// Runs before the first paint: marks that scripts run, and applies the theme that the reader chose.
(() => {
  const root = document.documentElement;
  const KEY = "relayproxy.theme";
  const NEXT = { auto: "light", light: "dark", dark: "auto" };
  const NAME = { auto: "Auto", light: "Light", dark: "Dark" };
  let theme = "auto";
  try {
    const kept = localStorage.getItem(KEY);
    if (kept in NEXT) theme = kept;
  } catch {
    // Storage is switched off: the system's theme it is.
  }
  const apply = () => {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
  };
  root.classList.add("js");
  apply();
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const say = () => {
      button.querySelector(".theme-name").textContent = NAME[theme];
      button.setAttribute("aria-label", `Theme: ${theme === "auto" ? "as the system" : theme}`);
    };
    say();
    button.addEventListener("click", () => {
      theme = NEXT[theme];
      try {
        localStorage.setItem(KEY, theme);
      } catch {
        // Kept for this page alone.
      }
      apply();
      say();
    });
  });
})();
