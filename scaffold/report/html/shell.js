// What every page has: the theme, and a command to copy.

function isDark() {
  const forced = document.documentElement.dataset.theme;
  return forced ? forced === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function switchTheme() {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  remember("theme", theme);
}

/** Put the text of a command on the clipboard, and say so on the button that was pressed. */
async function copy(button, command = document.querySelector(".next code")) {
  try {
    await navigator.clipboard.writeText(command.textContent);
    button.textContent = "copied";
  } catch {
    // No clipboard on some file:// pages: select it, so that one key press copies it.
    getSelection().selectAllChildren(command);
    button.textContent = "selected";
  }
  setTimeout(() => { button.textContent = "copy"; }, 1500);
}
