// Shows a task's log as it comes. However long the log, the page keeps its last lines.

import { Style, render } from "./ansi.js";
import { news } from "./live.js";
import { exactly } from "./times.js";

const MOST_LINES = 4000; // kept on the page
const LONGEST_LINE = 4000; // characters shown of one line
const LEVEL = /^.{0,60}?\b(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b/;
// The time that a logger writes at the beginning of a line, with its zone.
const STAMP = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:[.,]\d+)? ?(Z|[+-]\d\d:?\d\d)/;
const ERROR_START = /^(Traceback \(most recent call last\)|\w+(\.\w+)*(Error|Exception)\b)/;

const part = (id) => document.getElementById(id);
const panel = () => part("log");
const lines = () => panel().querySelector("[data-log-lines]");

let style, pending, last, scheduled, number, level, isCut, wanted;

function clear() {
  cancelAnimationFrame(scheduled);
  scheduled = null;
  lines().replaceChildren();
  style = new Style();
  pending = [""]; // lines to be shown; the last one may be incomplete
  last = null; // the element of an incomplete line
  number = 0;
  level = "";
  isCut = false;
}

function take(text) {
  const pieces = text.split("\n");
  pending[pending.length - 1] += pieces[0];
  for (const piece of pieces.slice(1)) pending.push(piece);
  const surplus = pending.length - MOST_LINES - 1;
  if (surplus > 0) {
    number += surplus;
    pending = pending.slice(surplus);
  }
  scheduled ??= requestAnimationFrame(show);
}

function show() {
  scheduled = null;
  const box = lines();
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  const unfinished = pending.pop();
  const fresh = document.createDocumentFragment();
  last?.remove();
  for (const line of pending) {
    number += 1;
    fresh.append(element(line, style));
  }
  last = unfinished ? element(unfinished, Object.assign(new Style(), copy(style))) : null;
  if (last) fresh.append(last);
  pending = [unfinished];
  box.append(fresh);
  while (box.childElementCount > MOST_LINES) box.firstElementChild.remove();
  if (atEnd && part("log-follow").checked && !wanted) box.scrollTop = box.scrollHeight;
  goToLine();
  find(false);
}

function copy(from) {
  return { flags: new Set(from.flags), front: from.front, back: from.back };
}

function element(line, style) {
  const row = document.createElement("div");
  // A progress bar returns to the beginning of its line: show what it wrote last.
  let text = line.replace(/\r+$/, "");
  text = text.slice(text.lastIndexOf("\r") + 1);
  if (text.length > LONGEST_LINE) text = `${text.slice(0, LONGEST_LINE)}…`;
  row.append(render(text, style));
  if (!row.firstChild) row.append("\u200b");
  level = LEVEL.exec(text)?.[1] ?? (ERROR_START.test(text) ? "ERROR" : level);
  if (level) row.className = level;
  const stamp = STAMP.exec(text);
  if (stamp) {
    row.dataset.moment = `${stamp[1]}T${stamp[2]}${stamp[3].replace(/(\d\d)(\d\d)$/, "$1:$2")}`;
    showTime(row);
  }
  if (!isCut) {
    row.id = `L${number}`;
    row.dataset.n = number;
  }
  return row;
}

function showTime(row) {
  row.dataset.time = exactly(new Date(row.dataset.moment));
}

function say(text) {
  panel().querySelector("[data-log-state]").textContent = text;
}

const HANDLERS = {
  start() {
    clear();
    say("reading …");
  },
  open: () => say("live"),
  message: (data) => take(JSON.parse(data)),
  restart: clear,
  cut() {
    clear();
    isCut = true;
    pending = ["… earlier lines are in the whole log", ""];
  },
  end(status) {
    say(lines().textContent || pending[0] ? "complete" : emptyWords(status));
  },
  lost: () => say("lost; trying again …"),
};

function emptyWords(status) {
  return status === "DONE" ? "nothing was logged" : "no log yet";
}

news.addEventListener("log", ({ detail }) => {
  if (panel()) HANDLERS[detail.type](detail.data);
});

// --- lines that are linked, searched, chosen by level ------------------------------------------------

function goToLine() {
  if (!wanted) return;
  const row = document.getElementById(wanted);
  if (!row) return;
  wanted = undefined;
  lines().querySelector(".linked")?.classList.remove("linked");
  row.classList.add("linked");
  row.scrollIntoView({ block: "center" });
}

function readAddress() {
  wanted = /^#L\d+$/.test(location.hash) ? location.hash.slice(1) : undefined;
  goToLine();
}

// Marks the lines that hold the words; with `move`, goes to the next one.
function find(move) {
  const words = part("log-find").value.toLowerCase();
  const hits = [];
  for (const row of lines().children) {
    const isHit = words !== "" && row.textContent.toLowerCase().includes(words);
    row.classList.toggle("hit", isHit);
    if (isHit) hits.push(row);
  }
  const found = panel().querySelector("[data-log-found]");
  found.textContent = words ? `${hits.length} line${hits.length === 1 ? "" : "s"}` : "";
  if (!move || !hits.length) return;
  const at = hits.findIndex((row) => row.classList.contains("at"));
  hits[at]?.classList.remove("at");
  const next = hits[(at + 1) % hits.length];
  next.classList.add("at");
  next.scrollIntoView({ block: "center" });
}

function prepare() {
  if (!panel()) return;
  panel().querySelector("[data-log-tools]").hidden = false;
}

document.addEventListener("input", ({ target }) => {
  if (target.id === "log-find") find(true);
  if (target.id === "log-wrap") lines().classList.toggle("wrap", target.checked);
  if (target.id === "log-times") lines().classList.toggle("timed", target.checked);
  if (target.id === "log-level") lines().dataset.level = target.value;
});
document.addEventListener("keydown", (event) => {
  if (event.target.id === "log-find" && event.key === "Enter") find(true);
});
document.addEventListener("click", (event) => {
  if (event.target.id === "log-full") panel().requestFullscreen();
  const row = event.target.closest?.("[data-log-lines] > [data-n]");
  if (row && event.clientX - row.getBoundingClientRect().left < parseFloat(getComputedStyle(row).paddingLeft)) {
    location.hash = row.id; // a click on its number
  }
});
addEventListener("hashchange", readAddress);
document.addEventListener("zonechange", () => {
  if (panel()) lines().querySelectorAll("[data-moment]").forEach(showTime);
});
news.addEventListener("shown", prepare);

clear();
prepare();
readAddress();
