// The drawing of the tasks: zoomed, moved, fitted, with an overview. Without it the drawing scrolls.

import { news } from "./live.js";

const READABLE = 0.7; // the smallest scale that it begins with
const STEP = 1.3;
const SVG = "http://www.w3.org/2000/svg";

const drawing = () => document.querySelector("#graph svg[data-width]");
let view, drawn, dragged; // the visible part in the drawing's pixels; the drawing's size; the pointer

function size(svg) {
  return { width: Number(svg.dataset.width), height: Number(svg.dataset.height) };
}

function draw() {
  const svg = drawing();
  svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.width} ${view.height}`);
  const frame = document.querySelector("#graph .overview .seen");
  for (const name of ["x", "y", "width", "height"]) frame.setAttribute(name, view[name]);
  const { width, height } = size(svg);
  frame.ownerSVGElement.parentNode.hidden = view.width > width - 1 && view.height > height - 1;
}

// Shows the right end, where the root is, no smaller than can be read; `whole`: all of it.
function fit(whole) {
  const svg = drawing();
  const { width, height } = size(svg);
  const box = svg.parentNode.getBoundingClientRect();
  const all = Math.min(1, box.width / width, box.height / height);
  const scale = whole ? all : Math.max(all, READABLE);
  view = { width: box.width / scale, height: box.height / scale };
  view.x = view.width >= width ? (width - view.width) / 2 : width - view.width;
  view.y = (height - view.height) / 2;
  if (view.height < height) view.y = rootTop(svg) + 23 - view.height / 2;
  draw();
}

// The root stands furthest to the right.
function rootTop(svg) {
  let best = [0, 0];
  for (const node of svg.querySelectorAll("#graph-nodes > g")) {
    const [x, y] = node.getAttribute("transform").match(/[\d.]+/g).map(Number);
    if (x >= best[0]) best = [x, y];
  }
  return best[1];
}

function zoom(factor, clientX, clientY) {
  const box = drawing().getBoundingClientRect();
  const across = clientX === undefined ? 0.5 : (clientX - box.left) / box.width;
  const down = clientY === undefined ? 0.5 : (clientY - box.top) / box.height;
  const scale = Math.min(3, Math.max(0.02, (box.width / view.width) * factor));
  const [width, height] = [box.width / scale, box.height / scale];
  view = { x: view.x + (view.width - width) * across, y: view.y + (view.height - height) * down, width, height };
  draw();
}

function move(x, y) {
  const scale = view.width / drawing().getBoundingClientRect().width;
  view.x -= x * scale;
  view.y -= y * scale;
  draw();
}

function prepare() {
  const svg = drawing();
  if (!svg) return;
  const now = `${svg.dataset.width} ${svg.dataset.height}`;
  if (svg.parentNode.classList.contains("moved") && drawn === now && document.querySelector("#graph .overview")) return;
  drawn = now;
  svg.parentNode.classList.add("moved");
  svg.removeAttribute("width");
  svg.removeAttribute("height");
  document.querySelector("#graph .zoom").hidden = false;
  const { width, height } = size(svg);
  svg.parentNode.style.height = `${Math.min(520, Math.max(120, height + 24))}px`;
  document.querySelector("#graph .overview")?.remove();
  svg.parentNode.after(overview(svg, width, height));
  fit(false);
}

function overview(svg, width, height) {
  const place = document.createElement("div");
  place.className = "overview";
  place.setAttribute("aria-hidden", "true");
  const small = document.createElementNS(SVG, "svg");
  const scale = Math.min(180 / width, 110 / height);
  small.setAttribute("viewBox", `0 0 ${width} ${height}`);
  small.setAttribute("width", width * scale);
  small.setAttribute("height", height * scale);
  const nodes = document.createElementNS(SVG, "use");
  nodes.setAttribute("href", "#graph-nodes");
  const seen = document.createElementNS(SVG, "rect");
  seen.setAttribute("class", "seen");
  small.append(nodes, seen);
  place.append(small);
  return place;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-zoom]");
  if (!button) return;
  const act = {
    in: () => zoom(STEP),
    out: () => zoom(1 / STEP),
    fit: () => fit(true),
    full: () => document.querySelector("#graph .graph-frame").requestFullscreen(),
  };
  act[button.dataset.zoom]();
});
document.addEventListener(
  "wheel",
  (event) => {
    if (!event.target.closest?.(".graph.moved") || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault(); // without a key the wheel scrolls the page
    zoom(event.deltaY < 0 ? STEP : 1 / STEP, event.clientX, event.clientY);
  },
  { passive: false },
);
document.addEventListener("pointerdown", (event) => {
  const small = event.target.closest?.(".overview svg");
  if (small) return jump(small, event);
  if (event.target.closest?.(".graph.moved") && !event.button) dragged = { x: event.clientX, y: event.clientY, far: 0 };
});
document.addEventListener("pointermove", (event) => {
  if (!dragged) return;
  const [x, y] = [event.clientX - dragged.x, event.clientY - dragged.y];
  dragged = { x: event.clientX, y: event.clientY, far: dragged.far + Math.abs(x) + Math.abs(y) };
  if (dragged.far > 4) move(x, y);
});
document.addEventListener("pointerup", () => {
  const wasMoved = dragged?.far > 4;
  dragged = undefined;
  // A drag that ends on a box is no click on it.
  if (wasMoved) addEventListener("click", (event) => event.preventDefault(), { capture: true, once: true });
});
document.addEventListener("dragstart", (event) => event.target.closest?.(".graph.moved") && event.preventDefault());

function jump(small, event) {
  const box = small.getBoundingClientRect();
  const { width, height } = size(drawing());
  view.x = ((event.clientX - box.left) / box.width) * width - view.width / 2;
  view.y = ((event.clientY - box.top) / box.height) * height - view.height / 2;
  draw();
}

// By keyboard: arrows move, + and - zoom, 0 fits; a box that gets the focus comes into view.
document.addEventListener("keydown", (event) => {
  if (!event.target.closest?.(".graph.moved")) return;
  const moves = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
  if (moves[event.key]) move(...moves[event.key]);
  else if (event.key === "+") zoom(STEP);
  else if (event.key === "-") zoom(1 / STEP);
  else if (event.key === "0") fit(true);
  else return;
  event.preventDefault();
});
document.addEventListener("focusin", (event) => {
  const node = event.target.closest?.("#graph-nodes > g");
  if (!node || !view || !event.target.matches(":focus-visible")) return;
  const [x, y] = node.getAttribute("transform").match(/[\d.]+/g).map(Number);
  const isSeen = x >= view.x && y >= view.y && x + 236 <= view.x + view.width && y + 46 <= view.y + view.height;
  if (isSeen) return;
  view.x = x + 118 - view.width / 2;
  view.y = y + 23 - view.height / 2;
  draw();
});
document.addEventListener("fullscreenchange", () => {
  const box = drawing()?.parentNode;
  if (!box) return;
  box.style.height = document.fullscreenElement ? "100%" : `${Math.min(520, Math.max(120, size(drawing()).height + 24))}px`;
  fit(false);
});

news.addEventListener("shown", prepare);
news.addEventListener("patched", prepare);
prepare();
