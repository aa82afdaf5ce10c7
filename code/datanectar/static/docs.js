// Builds the API's page from /openapi.json: operations by tag, each with a form to try it.

const FEW = 60; // operations that are listed at a time
const place = document.getElementById("operations");
const find = document.getElementById("find");
const count = document.getElementById("count");
const description = document.querySelector('a[href$="/openapi.json"]');
const root = new URL(description.href).pathname.replace("/openapi.json", ""); // a proxy's prefix, or nothing

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

function operationsOf(spec) {
  return Object.entries(spec.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
  );
}

function list(operations, words) {
  const wanted = words.toLowerCase().split(/\s+/);
  const found = operations.filter((one) =>
    wanted.every((word) => `${one.method} ${one.path} ${one.summary} ${one.tags}`.toLowerCase().includes(word)),
  );
  place.replaceChildren();
  const groups = byTag(found.slice(0, FEW));
  for (const [tag, members] of groups) {
    place.append(make("h2", { class: "tag" }, tag), ...members.map(row));
  }
  const more = found.length > FEW ? `; the first ${FEW} are shown, search for the others` : "";
  count.textContent = `${found.length} operation${found.length === 1 ? "" : "s"}${more}.`;
}

function byTag(operations) {
  const groups = new Map();
  for (const one of operations) groups.set(one.tags[0], [...(groups.get(one.tags[0]) ?? []), one]);
  return groups;
}

function row(operation) {
  const details = make(
    "details",
    { class: "operation" },
    make(
      "summary",
      {},
      make("span", { class: `method ${operation.method}` }, operation.method.toUpperCase()),
      make("code", {}, ...breakable(operation.path)),
      make("span", { class: "quiet" }, operation.summary),
    ),
  );
  // Making a thousand forms would be slow: each is made when it is opened.
  details.addEventListener("toggle", () => details.append(body(operation)), { once: true });
  return details;
}

// A long path may break after a slash.
function breakable(path) {
  return path.split(/(?<=\/)/).flatMap((piece) => [piece, make("wbr")]);
}

function body(operation) {
  const form = make("form", { class: "try" });
  const answer = make("pre", { class: "answer", role: "region", "aria-label": "Answer", tabindex: "0", hidden: true });
  for (const parameter of operation.parameters ?? []) form.append(field(operation, parameter));
  form.append(make("div", { class: "actions" }, make("button", { class: "main" }, "Send")));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(operation, form, answer);
  });
  const words = operation.description ? make("p", { class: "doc long" }, operation.description) : undefined;
  return make("div", { class: "body" }, words, form, answer);
}

function field(operation, parameter) {
  const id = `${operation.operationId}-${parameter.name}`;
  const about = [parameter.description, parameter.schema.type].filter(Boolean).join(" · ");
  const label = make("label", { for: id }, parameter.name);
  if (parameter.required) label.append(make("span", { class: "required" }, " required"));
  const input = parameter.schema.enum ? select(parameter) : make("input", { value: parameter.schema.default ?? "" });
  for (const [name, value] of [["id", id], ["name", parameter.name], ["aria-describedby", `${id}-about`]]) {
    input.setAttribute(name, value);
  }
  if (parameter.required) input.required = true;
  return make("div", { class: "field" }, label, input, make("p", { class: "about", id: `${id}-about` }, about));
}

function select(parameter) {
  const chosen = parameter.schema.default;
  const options = parameter.schema.enum.map((value) => make("option", { value, selected: value === chosen }, value));
  if (chosen === undefined) options.unshift(make("option", { value: "" }, "not given"));
  return make("select", {}, ...options);
}

function address(operation, form) {
  let path = root + operation.path;
  const query = new URLSearchParams();
  for (const parameter of operation.parameters ?? []) {
    const value = form.elements[parameter.name].value;
    if (parameter.in === "path") {
      const kept = parameter.schema.format === "path" ? value.split("/").map(encodeURIComponent).join("/") : encodeURIComponent(value);
      path = path.replace(`{${parameter.name}}`, kept);
    } else if (value) query.set(parameter.name, value);
  }
  return query.size ? `${path}?${query}` : path;
}

async function send(operation, form, answer) {
  const where = address(operation, form);
  answer.hidden = false;
  answer.textContent = `${operation.method.toUpperCase()} ${where}\n\n…`;
  try {
    const reply = await fetch(where, { method: operation.method.toUpperCase() });
    const text = await reply.text();
    answer.textContent = `${operation.method.toUpperCase()} ${where}\n${reply.status} ${reply.statusText}\n\n${pretty(text)}`;
  } catch (problem) {
    answer.textContent = `${operation.method.toUpperCase()} ${where}\n\nNo answer: ${problem.message}. Is the service up?`;
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2).slice(0, 100_000);
  } catch {
    return text.slice(0, 100_000);
  }
}

try {
  const reply = await fetch(description.href);
  const operations = operationsOf(await reply.json());
  find.disabled = false;
  find.addEventListener("input", () => list(operations, find.value));
  list(operations, "");
} catch (problem) {
  count.textContent = `The specification can't be read: ${problem.message}. Reload to try again.`;
}
