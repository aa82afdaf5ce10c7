// Asks before a form does what can't be undone, says what was done, and lets one menu be open at a time.

const dialog = document.getElementById("sure");

function ask(form) {
  const [title, words] = [dialog.querySelector("h2"), dialog.querySelector("p")];
  title.textContent = `${form.dataset.sure}?`;
  words.textContent = form.dataset.sureWords ?? "";
  dialog.querySelector("button[value=yes]").textContent = form.dataset.sure;
  dialog.returnValue = "";
  dialog.showModal();
  dialog.querySelector("button[value='']").focus();
  dialog.addEventListener("close", () => dialog.returnValue === "yes" && confirm(form), { once: true });
}

// The answer goes with the form: without it the server asks by a page.
function confirm(form) {
  const field = Object.assign(document.createElement("input"), { type: "hidden", name: "sure", value: "yes" });
  form.append(field);
  form.submit();
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-sure]")) return;
  event.preventDefault();
  ask(event.target);
});

// Shows a message for some seconds; with `undo`, a button that calls it.
export function toast(text, undo) {
  const note = Object.assign(document.createElement("p"), { className: "toast", textContent: text });
  if (undo) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Undo" });
    button.addEventListener("click", () => (note.remove(), undo()));
    note.append(button);
  }
  document.getElementById("toasts").append(note);
  setTimeout(() => note.remove(), 10_000);
}

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

// A copy button names the element whose text it copies.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
  toast("Copied.");
});
