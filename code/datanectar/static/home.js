// The table of chains: "/" goes to the search, stars are favourites, kept in this browser.

const KEY = "datanectar.favourites";
const link = document.getElementById("favourites");

function favourites() {
  try {
    return new Set(JSON.parse(localStorage.getItem(KEY) ?? "[]"));
  } catch {
    return new Set(); // storage is switched off, or holds something else
  }
}

function show() {
  const kept = favourites();
  for (const star of document.querySelectorAll("[data-favourite]")) {
    star.hidden = false;
    star.ariaPressed = String(kept.has(star.dataset.favourite));
  }
  link.hidden = kept.size === 0;
  link.textContent = `Favourites (${kept.size})`;
  link.href = `/?${new URLSearchParams({ only: [...kept].join(" ") })}`;
}

document.addEventListener("click", (event) => {
  const path = event.target.closest?.("[data-favourite]")?.dataset.favourite;
  if (!path) return;
  const kept = favourites();
  if (!kept.delete(path)) kept.add(path);
  localStorage.setItem(KEY, JSON.stringify([...kept]));
  show();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest?.("input, select, textarea, [contenteditable]")) return;
  event.preventDefault();
  document.getElementById("q").select();
  document.getElementById("q").focus();
});
new MutationObserver(show).observe(document.getElementById("live"), { childList: true, subtree: true });
show();
