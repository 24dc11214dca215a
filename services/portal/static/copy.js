// A button beside each text that is to be copied. Without scripts it stays hidden and the text is selected by hand.
(function () {
  "use strict";
  if (!navigator.clipboard) { return; }
  document.querySelectorAll("button[data-copy]").forEach(function (button) {
    button.hidden = false;
    button.addEventListener("click", function () {
      navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent).then(function () {
        button.nextElementSibling.textContent = button.dataset.done;
      });
    });
  });
})();
