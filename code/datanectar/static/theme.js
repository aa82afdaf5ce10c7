// Sets the chosen theme before the page is drawn; without a choice it is the system's.

const root = document.documentElement;
root.dataset.theme = localStorage.getItem("theme") ?? "";

addEventListener("DOMContentLoaded", () => {
  const menu = document.getElementById("theme");
  document.getElementById("display").hidden = false;
  menu.value = root.dataset.theme;
  menu.addEventListener("change", () => {
    root.dataset.theme = menu.value;
    localStorage.setItem("theme", menu.value);
  });
});
