// Keeps a page up to date by one stream of server-sent events, and changes views without a reload.
//
// What has changed comes as HTML by element id (views/live.py) and is patched in place: an element stays
// the same element, with its focus, its scroll position and what is open in it. What the reader has
// pressed, selected or focused is never taken away; that change waits until it is let go.

import { Idiomorph } from "./vendor/idiomorph.js";

const away = document.getElementById("away");
const announcer = document.getElementById("announcer");
const TRY_AGAIN = 2000; // milliseconds
const TAIL = 256 * 1024; // bytes of a long log that are requested

export const news = new EventTarget(); // "shown", "patched"; and "log", whose detail is {type, data}

const late = new Map(); // ids of parts to HTML that could not be patched in whole
let source, retry, pressed, kept, logKey, logAt, isOver, logEnded, said, shownPath;

const holder = () => document.getElementById("live");

// --- patching -------------------------------------------------------------------------------------

function isSelected(node) {
  const selection = getSelection();
  return selection.rangeCount > 0 && !selection.isCollapsed && selection.containsNode(node, true);
}

function isHeld(node) {
  return node.contains(pressed) || node.contains(document.activeElement) || isSelected(node);
}

function keep(isKept) {
  kept ||= isKept;
  return !isKept;
}

const keptNames = (element) => element.dataset?.keep?.split(" ") ?? [];

function isSameTime(old, fresh) {
  const times = (element) => element.getAttribute("datetime") ?? element.dataset.since;
  return times(old) !== undefined && times(old) === times(fresh);
}

const CALLBACKS = {
  beforeNodeMorphed(old, fresh) {
    if (old.nodeType !== Node.ELEMENT_NODE) return keep(old.data !== fresh.data && isSelected(old));
    if (old.dataset?.keep === "" || isSameTime(old, fresh)) return false;
    if (old === document.activeElement && old.matches("input, select, textarea")) return false;
    return keep(old === pressed);
  },
  beforeNodeRemoved: (node) => keep(isHeld(node)),
  beforeAttributeUpdated(name, element, change) {
    if (name === "open" && change === "remove") return false;
    return !keptNames(element).includes(name);
  },
};

// Another view is what the reader asked for: only what is typed stays.
const OTHER_VIEW = { ...CALLBACKS, beforeNodeRemoved: () => true };

function parsed(html, beside) {
  const template = document.createElement("template");
  const isSvg = beside instanceof SVGElement;
  template.innerHTML = isSvg ? `<svg>${html}</svg>` : html;
  const found = template.content.firstElementChild;
  return isSvg ? found.firstElementChild : found;
}

function patch(id, html) {
  const old = document.getElementById(id);
  late.delete(id);
  if (!old) return;
  kept = false;
  Idiomorph.morph(old, parsed(html, old), { callbacks: CALLBACKS });
  if (kept) late.set(id, html);
}

function arrange(id, order, parts) {
  const list = document.getElementById(id);
  if (!list) return;
  const wanted = new Set(order);
  for (const child of [...list.children]) if (!wanted.has(child.id) && !isHeld(child)) child.remove();
  let at = list.firstElementChild;
  for (const name of order) {
    const child = document.getElementById(name) ?? (parts[name] && parsed(parts[name], list));
    if (child === at) at = at.nextElementSibling;
    else if (child && !(child.isConnected && isHeld(child))) list.insertBefore(child, at);
  }
}

function apply({ parts, lists }) {
  holder().dataset.seen = ""; // another stream has to send all again
  const listed = new Set(Object.values(lists).flat());
  const isUnknown = (id) => !listed.has(id) && !document.getElementById(id);
  if (Object.keys(parts).some(isUnknown)) return show(location.href); // such as the first row of a table
  for (const [id, html] of Object.entries(parts)) patch(id, html);
  for (const [id, order] of Object.entries(lists)) arrange(id, order, parts);
  announce();
  news.dispatchEvent(new Event("patched"));
}

function announce() {
  const { title, say, logKey: key } = document.getElementById("head")?.dataset ?? {};
  if (title) document.title = title;
  if (say && say !== said) {
    if (said) announcer.textContent = say;
    said = say;
  }
  if (key && logKey && key !== logKey) show(location.href); // of the task that failed
}

function patchLate() {
  pressed = undefined;
  for (const [id, html] of [...late]) patch(id, html);
}

document.addEventListener("pointerdown", (event) => {
  pressed = event.target.closest?.("button, a, summary, input, select, label") ?? event.target;
});
for (const name of ["pointerup", "pointercancel", "focusout", "selectionchange"]) {
  document.addEventListener(name, () => setTimeout(patchLate)); // after the click
}

// --- the stream -----------------------------------------------------------------------------------

function open() {
  close();
  const [live, log] = [holder(), document.getElementById("log")];
  if (!live?.dataset.live || document.hidden) return;
  if (log && log.dataset.key !== logKey) [logKey, logAt] = [log.dataset.key, undefined];
  [isOver, logEnded] = [false, !log];
  const [path, own] = live.dataset.live.split("?"); // its own query, or that of the page
  const query = new URLSearchParams(own ?? location.search);
  query.set("seen", live.dataset.seen ?? "");
  if (log) query.set("tail", TAIL);
  if (logAt) query.set("after", logAt);
  else if (log) tell("start");
  source = new EventSource(`${path}?${query}`);
  source.onopen = () => {
    away.hidden = true;
    tell("open");
  };
  source.onerror = lost;
  source.addEventListener("parts", (event) => apply(JSON.parse(event.data)));
  source.addEventListener("over", () => closeAtEnd((isOver = true)));
  for (const name of ["message", "restart", "cut", "end"]) source.addEventListener(name, logEvent);
}

function close() {
  clearTimeout(retry);
  source?.close();
  source = undefined;
}

function lost() {
  close();
  away.hidden = false;
  announcer.textContent = away.textContent;
  tell("lost");
  retry = setTimeout(open, TRY_AGAIN);
}

function tell(type, data) {
  news.dispatchEvent(new CustomEvent("log", { detail: { type, data } }));
}

function logEvent(event) {
  if (event.lastEventId) logAt = event.lastEventId;
  tell(event.type, event.data);
  if (event.type === "end") closeAtEnd((logEnded = true));
}

function closeAtEnd() {
  if (isOver && logEnded) close();
}

// --- other views of the page, without a reload --------------------------------------------------------

async function show(address, { push = false } = {}) {
  const url = new URL(address, location.href);
  pressed = undefined;
  const answer = await fetch(url, { headers: { Accept: "text/html" } });
  if (!answer.ok) return location.assign(url);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (push) history.pushState(null, "", url);
  shownPath = url.pathname + url.search;
  Idiomorph.morph(document.getElementById("main"), fresh.getElementById("main"), { callbacks: OTHER_VIEW });
  document.title = fresh.title;
  late.clear();
  news.dispatchEvent(new Event("shown"));
  open();
  const target = url.hash && document.querySelector(url.hash);
  if (!push || !target) return;
  target.scrollIntoView({ block: "nearest" });
  if (document.activeElement === document.body) target.querySelector("[tabindex]")?.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-soft]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  show(link.getAttribute("href"), { push: true });
});
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-soft]")) return;
  event.preventDefault();
  const url = new URL(form.getAttribute("action"), location.href);
  const values = [...new FormData(form)].filter(([, value]) => value);
  url.search = new URLSearchParams(values);
  show(url, { push: true });
});
addEventListener("popstate", () => {
  if (location.pathname + location.search !== shownPath) show(location.href);
});

document.addEventListener("visibilitychange", () => {
  if (document.hidden) close();
  else if (!(isOver && logEnded)) open();
});

shownPath = location.pathname + location.search;
announce();
open();
