// Before the first paint: the look that the visitor chose. Without a choice, or without scripts, the system's holds.
(function () {
  "use strict";
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const kept = function () {
    try { return localStorage.getItem("theme"); } catch (_) { return null; }
  };
  let chosen = kept();
  const show = function () {
    const media = { dark: "all", light: "not all" }[chosen] || "(prefers-color-scheme: dark)";
    document.querySelectorAll(".dark-look").forEach(function (sheet) { sheet.media = media; });
  };
  show();
  document.addEventListener("DOMContentLoaded", function () {
    const button = document.getElementById("theme");
    button.hidden = false;
    button.addEventListener("click", function () {
      const dark = chosen ? chosen === "dark" : system.matches;
      chosen = dark ? "light" : "dark";
      try { localStorage.setItem("theme", chosen); } catch (_) { /* then for this page only */ }
      show();
    });
    const menus = document.querySelectorAll("details.pick");
    document.addEventListener("click", function (event) {
      menus.forEach(function (menu) { if (!menu.contains(event.target)) { menu.open = false; } });
    });
    document.addEventListener("keydown", function (event) {
      if (event.key === "Escape") { menus.forEach(function (menu) { menu.open = false; }); }
    });
  });
})();
