// Counts the runs that are chosen, and chooses all of a page. The form works without this script.

const all = document.getElementById("all-runs");
const count = document.getElementById("chosen-count");
const boxes = () => [...document.querySelectorAll("#run-rows input[name=run]")];

function show() {
  const chosen = boxes().filter((box) => box.checked).length;
  count.textContent = chosen ? `${chosen} chosen` : "Choose runs to change many at once.";
  all.checked = chosen > 0 && chosen === boxes().length;
  all.indeterminate = chosen > 0 && !all.checked;
}

if (all) {
  all.parentNode.hidden = false;
  all.addEventListener("change", () => {
    for (const box of boxes()) box.checked = all.checked;
    show();
  });
  document.addEventListener("change", (event) => event.target.name === "run" && show());
}
