// The grid of a task: shows its newest columns first, and lets the arrow keys go from cell to cell.

import { news } from "./live.js";

const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

function showNewest() {
  const box = document.querySelector(".gridbox:not([data-shown])");
  if (!box) return;
  box.dataset.shown = "";
  box.dataset.keep = "data-shown data-keep";
  box.scrollLeft = box.scrollWidth;
}

document.addEventListener("keydown", (event) => {
  const cell = event.target.closest?.(".grid td");
  const [down, right] = ARROWS[event.key] ?? [];
  if (!cell || down === undefined) return;
  const row = cell.parentNode.parentNode.rows[cell.parentNode.sectionRowIndex + down];
  row?.cells[cell.cellIndex + right]?.querySelector("a")?.focus();
  event.preventDefault();
});

for (const name of ["patched", "shown"]) news.addEventListener(name, showNewest);
showNewest();
