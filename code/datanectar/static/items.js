// Editors for JSON lists and objects of plain values: an input for each item instead of a text area.
// What is nested, or no JSON, stays in the text area, which is what the form sends in any case.

const isPlain = (value) => value === null || typeof value !== "object";

function parsed(area) {
  try {
    const value = JSON.parse(area.value || (area.dataset.json === "dict" ? "{}" : "[]"));
    const isRight = Array.isArray(value) === (area.dataset.json === "list") && !isPlain(value);
    return isRight && Object.values(value).every(isPlain) ? value : null;
  } catch {
    return null;
  }
}

// A text is itself; what reads as a number, true, false or null is that, and "..." in quotes is a text again.
function valueOf(text) {
  try {
    const value = JSON.parse(text);
    return isPlain(value) ? value : text;
  } catch {
    return text;
  }
}

function textOf(value) {
  return typeof value === "string" && valueOf(value) === value ? value : JSON.stringify(value);
}

function element(tag, values, ...children) {
  const made = Object.assign(document.createElement(tag), values);
  made.append(...children);
  return made;
}

class Editor {
  constructor(area) {
    this.area = area;
    this.isDict = area.dataset.json === "dict";
    this.name = area.name;
    this.isRequired = area.required;
    this.rows = element("div", { className: "items", role: "group", ariaLabel: area.name });
    this.add = element("button", { type: "button", textContent: "Add an item" });
    this.swap = element("button", { type: "button", textContent: "As JSON" });
    this.add.addEventListener("click", () => this.row("", "").querySelector("input").focus());
    this.swap.addEventListener("click", () => this.show(!this.area.hidden));
    area.after(this.rows, element("div", { className: "actions small" }, this.add, this.swap));
    this.show(area.ariaInvalid !== "true"); // an error is shown with the text that it is about
  }

  // Shows the items, or the text area; a text that is no plain list stays in the area.
  show(asItems) {
    const value = parsed(this.area);
    const items = asItems && value !== null;
    this.area.hidden = this.rows.hidden = false;
    this.rows.replaceChildren();
    if (items) for (const [name, item] of Object.entries(value)) this.row(name, textOf(item));
    this.area.hidden = items;
    this.area.required = this.isRequired && !items; // a browser can't say that a hidden field is empty
    this.rows.hidden = this.add.hidden = !items;
    this.swap.textContent = items ? "As JSON" : "As items";
  }

  row(name, text) {
    const number = this.rows.children.length + 1;
    const value = element("input", { value: text, ariaLabel: `${this.name}: value ${number}`, spellcheck: false });
    const key = element("input", { value: name, ariaLabel: `${this.name}: name ${number}`, spellcheck: false });
    const drop = element("button", { type: "button", textContent: "✕", ariaLabel: `Remove item ${number} of ${this.name}` });
    const row = element("div", { className: "item" }, ...(this.isDict ? [key] : []), value, drop);
    row.addEventListener("input", () => this.write());
    drop.addEventListener("click", () => {
      const next = row.nextElementSibling ?? row.previousElementSibling;
      row.remove();
      this.write();
      (next?.querySelector("input") ?? this.add).focus();
    });
    this.rows.append(row);
    return row;
  }

  write() {
    const rows = [...this.rows.children].map((row) => [...row.querySelectorAll("input")].map((input) => input.value));
    const value = this.isDict
      ? Object.fromEntries(rows.map(([key, text]) => [key, valueOf(text)]))
      : rows.map(([text]) => valueOf(text));
    this.area.value = JSON.stringify(value);
    this.area.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

export function itemEditors(form) {
  for (const area of form.querySelectorAll("textarea[data-json]")) new Editor(area);
}
