// One build over a corpus: the table is there already; this makes it searchable.

const box = document.getElementById("filter"), shown = document.getElementById("shown");
const rows = [...document.querySelectorAll(".kernels tbody tr")].map((row) => ({ row, text: row.textContent.toLowerCase() }));

function narrow() {
  const words = box.value.trim().toLowerCase().split(/\s+/);
  let left = 0;
  for (const { row, text } of rows) {
    row.hidden = !words.every((word) => text.includes(word));
    left += row.hidden ? 0 : 1;
  }
  shown.textContent = left === rows.length ? plural(left, "row") : `${count(left)} of ${plural(rows.length, "row")}`;
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target === box) {
    if (event.key !== "Escape") return;
    event.preventDefault();
    box.value = "";
    narrow();
    box.blur();
  } else if (event.key === "/") {
    event.preventDefault();
    box.focus();
    box.select();
  } else if (event.key === "t") switchTheme();
}

const theme = recall("theme");
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
for (const button of document.querySelectorAll(".copy")) {
  button.hidden = false;
  button.addEventListener("click", () => copy(button, button.parentElement.querySelector("code")));
}
document.querySelector(".bar .tools").hidden = false;
document.querySelector(".narrowing").hidden = rows.length < 2;
document.getElementById("theme").addEventListener("click", switchTheme);
box.addEventListener("input", narrow);
addEventListener("keydown", onKey);
narrow();
document.documentElement.dataset.readyMs = performance.now().toFixed(0);
