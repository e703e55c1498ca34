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

  // The server has to know in which zone the reader's days begin. It is told in a cookie, and asked again when what is
  // on the page was made for another zone.
  const ZONE = "relayproxy.zone";
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  let utc = false;
  try {
    utc = localStorage.getItem(ZONE) === "UTC";
  } catch {
    // Storage is switched off: the browser's zone it is.
  }
  const told = () => document.cookie.split("; ").find((one) => one.startsWith("relayproxy_zone="));
  const tell = (zone) => {
    const before = told();
    document.cookie = `relayproxy_zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax`;
    return root.dataset.zone && told() !== before && zone !== root.dataset.zone;
  };
  if (tell(utc ? "UTC" : here)) location.reload();
  document.addEventListener("DOMContentLoaded", () => {
    const { zone } = root.dataset;
    const other = zone === "UTC" ? here : "UTC";
    for (const button of document.querySelectorAll("button.zone")) {
      button.title = `Times are in ${zone}${zone === other ? "" : `. Change to ${other}`}`;
      button.setAttribute("aria-label", button.title);
      button.disabled = zone === other;
      button.addEventListener("click", () => {
        try {
          localStorage.setItem(ZONE, other === "UTC" ? "UTC" : "");
        } catch {
          // Kept in the cookie alone.
        }
        tell(other);
        location.reload();
      });
    }
  });
  apply();
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const say = () => {
      const name = button.querySelector(".theme-name");
      if (name.textContent !== NAME[theme]) name.textContent = NAME[theme];
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
