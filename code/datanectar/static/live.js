// Keeps parts of a page up to date: fetches them again and replaces those that have changed.

const holder = document.querySelector("[data-live]");
const away = document.getElementById("away");
const announcer = document.getElementById("announcer");
const LONG_WAIT = 3000; // milliseconds, while the page is hidden or the server away

let seen = new Map(partsOf(document).map((part) => [part.id, part.outerHTML]));
let said = sayingOf(holder);

function partsOf(root) {
  return [...root.querySelectorAll("[data-part]")];
}

function sayingOf(root) {
  return root.querySelector("#parts")?.dataset.say;
}

function waitOf(root) {
  return Number(root.querySelector("#parts")?.dataset.poll);
}

function swap(fresh) {
  for (const part of partsOf(fresh)) {
    const html = part.outerHTML;
    const old = document.getElementById(part.id);
    if (!old || seen.get(part.id) === html) continue;
    seen.set(part.id, html);
    replace(old, document.importNode(part, true));
  }
}

// Keeps what the reader has opened, scrolled to or focused.
function replace(old, fresh) {
  for (const details of old.querySelectorAll("details[open][id]")) {
    fresh.querySelector(`#${details.id}`)?.setAttribute("open", "");
  }
  const places = [...old.querySelectorAll(".scroll")].map((box) => [box.scrollLeft, box.scrollTop]);
  const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
  old.replaceWith(fresh);
  fresh.querySelectorAll(".scroll").forEach((box, index) => {
    [box.scrollLeft, box.scrollTop] = places[index] ?? [0, 0];
  });
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

function announce(fresh) {
  const parts = fresh.querySelector("#parts");
  if (parts?.dataset.title) document.title = parts.dataset.title;
  if (parts?.dataset.say && parts.dataset.say !== said) {
    said = parts.dataset.say;
    announcer.textContent = said;
  }
}

async function refresh() {
  if (document.hidden) return schedule(LONG_WAIT);
  try {
    const answer = await fetch(holder.dataset.live, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    swap(fresh);
    announce(fresh);
    away.hidden = true;
    timer = undefined;
    schedule(waitOf(fresh));
  } catch {
    away.hidden = false;
    announcer.textContent = away.textContent;
    schedule(LONG_WAIT);
  }
}

let timer;

function schedule(wait) {
  clearTimeout(timer);
  if (wait) timer = setTimeout(refresh, wait);
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && timer) schedule(1);
});
schedule(waitOf(holder));
