// Follows a task's log by server-sent events. However long the log, the page keeps its last lines.

import { Style, render } from "./ansi.js";

const MOST_LINES = 4000; // kept on the page
const LONGEST_LINE = 4000; // characters shown of one line
const TAIL = 256 * 1024; // bytes of a log that are requested
const TRY_AGAIN = 5000; // milliseconds

const panel = document.getElementById("log");
const lines = panel.querySelector("[data-log-lines]");
const state = panel.querySelector("[data-log-state]");
const whole = panel.querySelector("[data-log-whole]");
const earlier = panel.querySelector("[data-log-earlier]");
const run = panel.dataset.run;
const name = panel.querySelector("[data-log-name]");

let shown = panel.dataset.key; // the key whose log is shown
let source, retry, style, pending, last, scheduled, paused;

function clear() {
  cancelAnimationFrame(scheduled);
  scheduled = null;
  lines.replaceChildren();
  style = new Style();
  pending = [""]; // lines to be shown; the last one may be incomplete
  last = null; // the element of an incomplete line
}

function take(text) {
  const pieces = text.split("\n");
  pending[pending.length - 1] += pieces[0];
  for (const piece of pieces.slice(1)) pending.push(piece);
  pending = pending.slice(-MOST_LINES - 1);
  if (!scheduled) scheduled = requestAnimationFrame(show);
}

function show() {
  scheduled = null;
  const atEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 40;
  const unfinished = pending.pop();
  const fresh = document.createDocumentFragment();
  last?.remove();
  for (const line of pending) fresh.append(element(line, style));
  last = unfinished ? element(unfinished, Object.assign(new Style(), copy(style))) : null;
  if (last) fresh.append(last);
  pending = [unfinished];
  lines.append(fresh);
  while (lines.childElementCount > MOST_LINES) lines.firstElementChild.remove();
  if (atEnd) lines.scrollTop = lines.scrollHeight;
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
  return row;
}

function say(text) {
  state.textContent = text;
}

function follow(key) {
  shown = key;
  source?.close();
  clearTimeout(retry);
  clear();
  say("reading …");
  source = new EventSource(`/api/chainlog?chain=${key}/out.txt&run=${run}&tail=${TAIL}`);
  source.onopen = () => say("live");
  source.onmessage = (event) => take(JSON.parse(event.data));
  source.addEventListener("restart", clear);
  source.addEventListener("cut", () => {
    clear();
    pending = ["… earlier lines are in the whole log", ""];
  });
  source.addEventListener("end", (event) => {
    source.close();
    say(lines.textContent || pending[0] ? "complete" : emptyWords(event.data));
  });
  source.onerror = () => {
    if (source.readyState !== EventSource.CLOSED) return say("lost; trying again …");
    say("not to be followed now; trying again …");
    retry = setTimeout(follow, TRY_AGAIN, key);
  };
}

function emptyWords(status) {
  return status === "DONE" ? "nothing was logged" : "no log yet";
}

// A click on a task in the graph or the timeline shows its log on this page.
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-log-key]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const key = link.getAttribute("data-log-key");
  name.textContent = `of ${link.getAttribute("data-log-of").trim()}`;
  whole.href = `/api/chainlog?chain=${key}/out.txt&run=${run}`;
  earlier.replaceChildren(); // of the task that was shown first
  history.replaceState(null, "", link.getAttribute("href"));
  follow(key);
  panel.scrollIntoView({ block: "nearest" });
  lines.focus({ preventScroll: true });
});

// A browser opens few connections to one host, and the service allows few followers: a hidden page
// closes its connection.
document.addEventListener("visibilitychange", () => {
  if (source.readyState === EventSource.CLOSED && !paused) return;
  paused = document.hidden;
  if (paused) source.close();
  else follow(shown);
});

follow(shown);
