// A benchmark: everything is there already; this switches the theme, copies commands and opens all rows.

const rows = [...document.querySelectorAll(".bench-row")], all = document.getElementById("all");

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "t") switchTheme();
}

/** Open all rows, or close them if all are open. */
function toggleAll() {
  const open = !rows.every((row) => row.open);
  for (const row of rows) row.open = open;
}

function nameAll() {
  all.textContent = rows.every((row) => row.open) ? "close all rows" : "open all rows";
}

const theme = recall("theme");
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
for (const button of document.querySelectorAll(".copy")) {
  button.hidden = false;
  button.addEventListener("click", () => copy(button, button.parentElement.querySelector("code")));
}
document.querySelector(".bar .tools").hidden = false;
document.getElementById("theme").addEventListener("click", switchTheme);
if (all) {
  all.hidden = rows.length < 2;
  all.addEventListener("click", toggleAll);
  for (const row of rows) row.addEventListener("toggle", nameAll);
}
addEventListener("keydown", onKey);
document.documentElement.dataset.readyMs = performance.now().toFixed(0);
