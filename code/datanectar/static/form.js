// A task's form: says that it is busy, keeps a second press from sending it twice, and leads to
// what was wrong. The form works without it.

const form = document.querySelector(".run-form");

form.addEventListener("submit", (event) => {
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "yes";
  form.querySelector(".busy").hidden = false;
});

// The browser may show this page again as it was left.
window.addEventListener("pageshow", () => {
  delete form.dataset.sent;
  form.querySelector(".busy").hidden = true;
});

document.getElementById("problem")?.focus();
