// A task's form: shows that it is busy, prevents sending it twice, moves to the first error, edits lists and
// objects by their items, and keeps the commands below in step. The form works without this script.

import { itemEditors } from "./items.js";

const form = document.querySelector(".run-form");
const commands = document.getElementById("commands");

form.addEventListener("submit", (event) => {
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "yes";
  form.querySelector(".busy").hidden = false;
});

// The browser may show this page again in its last state.
window.addEventListener("pageshow", () => {
  delete form.dataset.sent;
  form.querySelector(".busy").hidden = true;
  showCommands();
});

// --- the same request from a program: see views/catalogue/commands.py ---

const shellQuote = (text) =>
  text !== "" && /^[\w@%+=:,./-]*$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`;

// What the form would send, by name; a box that is checked comes after a hidden value.
function values() {
  const hidden = commands.dataset.private.split(" ");
  const found = new Map();
  for (const [name, text] of new FormData(form)) {
    if (hidden.includes(name) || name === "csrf-token") continue;
    const several = form.querySelector(`#p-${CSS.escape(name)}.choices`);
    found.set(name, several ? [found.get(name), text].filter(Boolean).join(",") : text);
  }
  for (const [name, text] of found) {
    const field = form.elements[name];
    if (text === "" && field.required) found.set(name, "...");
    else if (text === "") found.delete(name);
  }
  return [...found];
}

const WRITERS = {
  curl(path, root, given) {
    const pairs = given.map(([name, text]) => ` \\\n  --data-urlencode ${shellQuote(`${name}=${text}`)}`);
    return `curl -X POST ${given.length ? "-G " : ""}${shellQuote(`${root}api/chains/${path}`)}${pairs.join("")}`;
  },
  python(path, root, given) {
    const pairs = given.map(([name, text]) => `, ${name}=${JSON.stringify(text)}`).join("");
    const client = `client = Client(${JSON.stringify(root.replace(/\/$/, ""))})`;
    return `from datanectar import Client\n\n${client}\nresult = client.run(${JSON.stringify(path)}${pairs}).wait()`;
  },
  shell(path, root, given) {
    const pairs = given.map(([name, text]) => ` ${shellQuote(`${name}=${text}`)}`).join("");
    return `datanectar run ${shellQuote(path)}${pairs} --url ${shellQuote(root.replace(/\/$/, ""))}`;
  },
};

function showCommands() {
  const { path, root } = commands.dataset;
  const given = values();
  for (const [language, write] of Object.entries(WRITERS)) {
    document.getElementById(`command-${language}`).textContent = write(path, root, given);
  }
}

// Copying needs a script (dialogs.js), and HTTPS or this machine.
for (const button of commands.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;

itemEditors(form);
form.addEventListener("input", showCommands);
document.getElementById("problem")?.focus();
