// The page: views and their tabs, routing by fragment, keyboard, start.

const VIEW_NAMES = { passes: "Passes", charts: "Charts", numbers: "Numbers", source: "Source", ptx: "PTX", sass: "SASS" };
const views = () => ["passes", "charts", "numbers", ...data.artifacts.map((artifact) => artifact.kind)];

function drawTabs() {
  part.tabs.replaceChildren(...views().map((view, at) => el("button", {
    type: "button", role: "tab", id: `tab-${view}`, "aria-controls": "content", "aria-selected": String(view === state.view),
    tabindex: view === state.view ? 0 : -1, title: `${VIEW_NAMES[view] || view} (${at + 1})`,
    class: isEmpty(view) ? "empty" : "",
    onclick: () => open(view),
    onkeydown: (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      const all = views();
      open(all[(all.indexOf(state.view) + by + all.length) % all.length]);
      document.getElementById(`tab-${state.view}`).focus();
    },
  }, VIEW_NAMES[view] || view, isEmpty(view) ? el("span", { class: "quiet" }, " none") : null)));
  // On a narrow screen the tabs scroll.
  const tab = document.getElementById(`tab-${state.view}`);
  if (tab && part.tabs.scrollWidth > part.tabs.clientWidth) part.tabs.scrollLeft = tab.offsetLeft - 60;
}

const isEmpty = (view) => data.artifacts.some((artifact) => artifact.kind === view && artifact.texts.every((text) => text === null));

function drawMain() {
  const artifact = data.artifacts.find((item) => item.kind === state.view);
  part.layout.classList.toggle("wide", state.view !== "passes");
  part.content.setAttribute("aria-labelledby", `tab-${state.view}`);
  const row = byIndex.get(state.pass);
  const shown = artifact ? artifactView(artifact, state, actions)
    : state.view === "charts" ? chartsView(select)
    : state.view === "numbers" ? numbersView()
    : row ? passView(row) : el("p", {}, "There are no passes.");
  const held = part.content.contains(document.activeElement) ? document.activeElement.textContent : null;
  part.content.replaceChildren(shown);
  // A button that was pressed is drawn anew: keep the keyboard where it was.
  if (held) [...part.content.querySelectorAll("button")].find((button) => button.textContent === held)?.focus({ preventScroll: true });
  markChosen();
}

/** Move the marks of the selection without drawing list and strip again. */
function markChosen() {
  for (const node of part.list.querySelectorAll("[aria-current]")) node.removeAttribute("aria-current");
  const row = byIndex.get(state.pass);
  if (!row) return;
  const entry = [...part.list.querySelectorAll("a")].find((link) => link.hash === `#${encodeURIComponent(row.anchor)}`);
  if (entry) {
    entry.setAttribute("aria-current", "true");
    entry.scrollIntoView({ block: "nearest" });
  }
  for (const bar of part.strip.querySelectorAll(".bar")) bar.classList.toggle("chosen", Number(bar.dataset.index) === state.pass);
  if (part.verdict) part.verdict.hidden = state.pass === data.first && state.view === "passes";
  part.stripLabel.textContent = row.index ? `${row.index} ${row.name}` : row.name;
}

function setFragment(fragment) {
  try { history.replaceState(null, "", `#${encodeURIComponent(fragment)}`); } catch { location.hash = fragment; }
}

/** Bring the top of what changed into view, but only where it has been scrolled past. */
function toTop() {
  const gone = part.layout.getBoundingClientRect().top < part.tabs.offsetHeight - 1;
  if (gone) part.layout.scrollIntoView({ block: "start" });
}

function open(view, { fragment = true } = {}) {
  if (state.view !== view) { state.open.clear(); state.whole = false; }
  state.view = view;
  drawTabs();
  drawMain();
  toTop();
  if (fragment) setFragment(view === "passes" && byIndex.has(state.pass) ? byIndex.get(state.pass).anchor : view);
}

/** Select a pass; one that is folded is unfolded, one that is filtered out ends the filter. */
function select(index, { fragment = true } = {}) {
  const row = byIndex.get(index);
  if (!row) return;
  state.pass = index;
  state.open.clear();
  state.whole = false;
  state.listOpen = false;
  if (!matches(row, state.filter)) { state.filter = ""; part.filter.value = ""; }
  const fold = listed().find((item) => item.fold && item.fold.includes(row));
  if (fold) state.unfolded.add(fold.fold[0].index);
  drawList();
  open("passes", { fragment: false });
  if (fragment) setFragment(row.anchor);
}

function step(by) {
  const order = steppable();
  if (!order.length) return;
  const at = order.findIndex((row) => row.index === state.pass);
  const from = at >= 0 ? at + by : by > 0 ? order.findIndex((row) => row.index > state.pass) : order.findLastIndex((row) => row.index < state.pass);
  const next = order[Math.min(order.length - 1, Math.max(0, from))];
  if (next && next.index !== state.pass) select(next.index);
}

function route() {
  let fragment = location.hash.slice(1);
  try { fragment = decodeURIComponent(fragment); } catch { /* not ours */ }
  const row = byAnchor.get(fragment);
  if (row) { select(row.index, { fragment: false }); return true; }
  if (views().includes(fragment)) { open(fragment, { fragment: false }); return true; }
  return false;
}

// ---- keyboard, theme, help

const KEYS = [
  ["j k", "next and previous pass"],
  ["n p", "next and previous difference on the page"],
  ["v", "the pass of the verdict, at the line that tells most"],
  ["/", "filter the passes: a name, or +text and -text for what lines added and removed say"],
  ["c", "changed only, or all passes"],
  ["s", "side by side"],
  ["x", "whole text, or changes with context"],
  ["e", "difference, baseline effect, candidate effect"],
  ["r", "PTX and SASS: ignore register names"],
  ["w", "wrap long lines"],
  ["1 - 6", "passes, charts, numbers, source, PTX, SASS"],
  ["t", "light or dark"],
  ["?", "this list; Escape closes it"],
];

const PRESSED = {
  j: () => step(1), k: () => step(-1),
  n: () => jump(1), p: () => jump(-1),
  c: () => actions.toggle("changedOnly"),
  s: () => actions.toggle("split"),
  w: () => actions.toggle("wrap"),
  x: () => actions.toggle("whole"),
  v: () => toVerdict(),
  e: () => nextEffect(),
  r: () => actions.toggle("blank"),
  t: () => switchTheme(),
  "?": () => part.help.showModal(),
  "/": () => { state.listOpen = true; if (state.view !== "passes") open("passes"); drawList(); part.filter.focus(); part.filter.select(); },
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || part.help.open) return;
  const typing = event.target.closest && event.target.closest("input, textarea, select");
  if (typing && typing.type !== "checkbox") {
    if (event.key === "Escape") {
      // The browser would empty the box by itself without telling the list.
      event.preventDefault();
      typing.value = "";
      typing.dispatchEvent(new Event("input", { bubbles: true }));
      typing.blur();
    }
    if (event.key === "Enter" && steppable().length) { typing.blur(); select(steppable()[0].index); }
    return;
  }
  const view = /^[1-9]$/.test(event.key) ? views()[Number(event.key) - 1] : null;
  if (!view && !PRESSED[event.key]) return;
  event.preventDefault();
  if (view) open(view); else PRESSED[event.key]();
}

/** Open the pass that the verdict names, at its most telling line. */
function toVerdict() {
  state.effect = "difference";
  select(data.first);
  const line = part.content.querySelector(".telling");
  if (line) line.scrollIntoView({ block: "center" });
}

function nextEffect() {
  const row = byIndex.get(state.pass);
  if (state.view !== "passes" || !row || row.sides.length < 2 || !row.sides.every(Boolean)) return;
  const all = ["difference", ...data.labels.map((label) => `${label} effect`)];
  actions.effect(all[(all.indexOf(state.effect) + 1) % all.length]);
}

/** Scroll to the next or previous run of changes. */
function jump(by) {
  const places = [...part.content.querySelectorAll(".place")];
  const line = part.tabs.offsetHeight + 90;
  const tops = places.map((place) => place.getBoundingClientRect().top);
  const next = by > 0 ? places.find((_, i) => tops[i] > line + 4) : places.findLast((_, i) => tops[i] < line - 4);
  if (next) window.scrollBy({ top: next.getBoundingClientRect().top - line });
}

// ---- start

function build() {
  part.list = el("ol", { class: "list" });
  part.shown = el("p", { class: "shown quiet", role: "status" });
  part.filter = el("input", { type: "search", placeholder: "filter: name, +added, -removed", "aria-label": "Filter passes", spellcheck: "false", autocomplete: "off",
    oninput: () => { state.filter = part.filter.value.trim().toLowerCase(); drawList(); markChosen(); } });
  part.changedOnly = el("input", { type: "checkbox", onchange: () => actions.toggle("changedOnly") });
  part.listToggle = el("button", { type: "button", class: "listtoggle", "aria-controls": "list-body", onclick: () => { state.listOpen = !state.listOpen; drawList(); } }, "All passes");
  part.aside = el("nav", { class: "aside", "aria-label": "Passes" }, part.listToggle,
    el("div", { class: "body", id: "list-body" },
      el("div", { class: "filter" }, part.filter,
        el("label", {}, part.changedOnly, data.kind === "one-side" ? " changed only" : " differing only"), part.shown,
        el("p", { class: "head quiet" }, data.kind === "one-side" ? "lines  ms" : "lines that differ")),
      part.list));
  part.tabs = el("div", { class: "tabs", role: "tablist", "aria-label": "Views" });
  part.content = el("div", { id: "content", role: "tabpanel", tabindex: "-1" });
  part.stripLabel = el("span", { class: "striplabel" });
  const first = byIndex.get(data.first);
  part.verdict = data.kind === "two-sides" && first ? el("button", { type: "button", class: "link", title: "v", onclick: () => toVerdict() },
    `the verdict's pass: ${first.index} ${first.name}`) : null;
  part.strip = el("div", { class: "stripbox" },
    el("p", { class: "quiet" }, data.kind === "one-side" ? "lines changed, pass by pass: " : "lines in which effects differ, pass by pass (filled: introduces a difference): ", part.stripLabel),
    part.verdict,
    strip(data.passes, select));
  part.strip.hidden = !data.passes.some((row) => row.effect);
  part.layout = el("div", { class: "layout" }, part.aside, el("main", {}, part.content));
  part.help = el("dialog", { "aria-labelledby": "help-title" },
    el("h2", { id: "help-title" }, "Keys"),
    el("dl", { class: "keys" }, KEYS.map(([keys, what]) => [el("dt", {}, keys.split(" ").map((key) => (key === "-" ? " – " : el("kbd", {}, key)))), el("dd", {}, what)])),
    el("form", { method: "dialog" }, el("button", {}, "close")));
  part.help.addEventListener("click", (event) => { if (event.target === part.help) part.help.close(); });
  document.getElementById("app").append(part.strip, part.tabs, part.layout, part.help);
}

function connectHeader() {
  const button = document.getElementById("copy");
  if (button) { button.hidden = false; button.addEventListener("click", () => copy(button)); }
  document.querySelector(".bar .tools").hidden = false;
  document.querySelector(".skip").hidden = false;
  document.getElementById("theme").addEventListener("click", switchTheme);
  document.getElementById("help-open").addEventListener("click", () => part.help.showModal());
}

function inputRow() {
  const lines = data.input.flatMap((hunk) => [...hunk.kinds]);
  return { index: 0, anchor: "input", name: "the inputs differ", status: "introduces", degree: "none", quiet: false, depth: 0, phase: null,
    moved: false, effect: lines.filter((kind) => kind !== " ").length, state: 0, hidden: 0, names: [], note: "before the first pass",
    metrics: [], sides: [], hunks: data.input };
}

async function start() {
  data = await unpack(document.getElementById("store").textContent);
  rows = data.input.length ? [inputRow(), ...data.passes] : data.passes;
  byIndex = new Map(rows.map((row) => [row.index, row]));
  byAnchor = new Map(rows.map((row) => [row.anchor, row]));
  state.split = recall("split") === "1";
  state.wrap = recall("wrap") !== "0";
  document.body.classList.toggle("nowrap", !state.wrap);
  build();
  connectHeader();
  drawList();
  drawTabs();
  document.getElementById("app").hidden = false;
  document.documentElement.classList.add("ready");
  const first = byIndex.get(data.first) || rows[0];
  if (first) state.pass = first.index;
  if (!route()) { if (first) select(first.index, { fragment: false }); else drawMain(); }
  addEventListener("hashchange", route);
  addEventListener("keydown", onKey);
  narrow.addEventListener("change", drawMain);
  // Paper shows the static part, with everything open.
  addEventListener("beforeprint", () => document.querySelectorAll("#static details").forEach((node) => { node.open = true; }));
  document.documentElement.dataset.readyMs = performance.now().toFixed(0);
}

const theme = recall("theme");
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
document.documentElement.classList.add("script");
start().catch((error) => {
  document.documentElement.classList.remove("script", "ready");
  const notice = document.getElementById("notice");
  notice.hidden = false;
  notice.textContent = `The interactive view could not start, so this is the plain one: ${error.message}`;
});
