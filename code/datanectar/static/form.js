// A task's form: shows that it is busy, prevents sending it twice, and moves to the first error.
// The form works without this script.

const form = document.querySelector(".run-form");

form.addEventListener("submit", (event) => {
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "yes";
  form.querySelector(".busy").hidden = false;
});

// The browser may show this page again in its last state.
window.addEventListener("pageshow", () => {
  delete form.dataset.sent;
  form.querySelector(".busy").hidden = true;
});

document.getElementById("problem")?.focus();
