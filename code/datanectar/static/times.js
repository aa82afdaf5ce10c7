// Shows times in one zone: the reader's, UTC or the server's, as chosen under Display. Each time has
// its zone in its title. Recent times are told as "3 min ago", and what goes on is counted.
// Without this script all times are in UTC.

const own = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const server = document.documentElement.dataset.serverZone;
const TICK = 1000; // milliseconds
const DAY = 86_400; // seconds
const main = document.getElementById("main");
const menu = document.getElementById("zone");

export const zones = {
  browser: { zone: own, label: `this browser's (${own})` },
  utc: { zone: "UTC", label: "UTC" },
  ...(server ? { server: { zone: server, label: `the server's (${server})` } } : {}),
};
let chosen = zones[localStorage.getItem("zone")] ?? zones.browser;
let minute, second;

export const zone = () => chosen.zone;

function setFormats() {
  const format = (parts) => new Intl.DateTimeFormat("sv-SE", { ...parts, timeZone: chosen.zone }); // Sweden's is ISO 8601
  minute = format({ year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" });
  second = format({ dateStyle: "short", timeStyle: "medium" });
}

function ago(seconds) {
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return `${Math.floor(seconds / 3600)} h ago`;
}

export function lasting(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// The moment in the chosen zone, to the second, with the zone's name.
export const exactly = (moment) => `${second.format(moment)} ${chosen.zone}`;

function show(element) {
  const moment = new Date(element.dateTime);
  const seconds = (Date.now() - moment) / 1000;
  element.title = exactly(moment);
  const isNear = seconds > -5 && seconds < DAY && !("exact" in element.dataset);
  put(element, isNear ? ago(seconds) : `${minute.format(moment)} ${chosen.zone}`);
}

function showAll(root = document) {
  root.querySelectorAll("time[datetime]").forEach(show);
  for (const element of root.querySelectorAll("[data-since]")) {
    put(element, lasting((Date.now() - new Date(element.dataset.since)) / 1000));
  }
}

// A form names the zone of its times; a form that was sent keeps its zone.
function nameZones() {
  for (const field of document.querySelectorAll("input[name=zone]")) {
    if (field.dataset.sent === undefined) field.dataset.sent = field.value;
    if (!field.dataset.sent) field.value = chosen.zone;
    for (const name of field.form.querySelectorAll("[data-zone]")) name.textContent = field.value;
  }
}

function choose(name) {
  chosen = zones[name] ?? zones.browser;
  localStorage.setItem("zone", name);
  setFormats();
  showAll();
  nameZones();
  document.dispatchEvent(new Event("zonechange"));
}

setFormats();
for (const [name, { label }] of Object.entries(zones)) menu.append(new Option(label, name));
menu.value = Object.keys(zones).find((name) => zones[name] === chosen);
menu.addEventListener("change", () => choose(menu.value));
nameZones();
showAll();
setInterval(() => document.hidden || showAll(), TICK);
new MutationObserver((changes) => {
  for (const node of changes.flatMap((change) => [...change.addedNodes])) {
    if (node.nodeType === Node.ELEMENT_NODE) showAll(node.parentNode ?? node);
  }
}).observe(main, { childList: true, subtree: true });
