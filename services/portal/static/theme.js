// Before the first paint: the look that the visitor chose, else the one of their system.
(function () {
  "use strict";
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const kept = function () {
    try { return localStorage.getItem("theme"); } catch (_) { return null; }
  };
  const show = function () {
    root.setAttribute("data-bs-theme", kept() || (system.matches ? "dark" : "light"));
  };
  show();
  system.addEventListener("change", show);
  document.addEventListener("DOMContentLoaded", function () {
    const button = document.getElementById("theme");
    button.hidden = false;
    button.addEventListener("click", function () {
      const next = root.getAttribute("data-bs-theme") === "dark" ? "light" : "dark";
      try { localStorage.setItem("theme", next); } catch (_) { /* then for this page only */ }
      root.setAttribute("data-bs-theme", next);
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
