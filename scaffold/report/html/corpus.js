// Many kernels: the patterns of change, all kernels, what is not there; routing by fragment, keyboard, start.

const state = {
  view: "patterns",    // patterns, kernels, missing
  pattern: 0,          // position in data.patterns
  kernel: -1,          // position in the table of all kernels
  outcome: null,       // position in data.outcomes: only these
  filter: "",
  target: "",
  pass: "",
  listOpen: false,     // on a narrow screen
};
const opened = new Set();   // kernels whose details are shown
const part = {};
const narrow = matchMedia("(max-width: 640px)");

const VIEWS = { patterns: "Patterns", kernels: "Kernels", missing: "Not compared" };
const TONES = { differs: "warn", "lowers only on candidate": "good", "not deterministic": "warn", "lowers only on baseline": "bad", "fails on both": "warn" };
const toneOf = (outcome) => TONES[outcome] || "good";

const outcomeNode = (outcome) => el("span", { class: toneOf(outcome.name) }, el("span", { "aria-hidden": "true" }, `${outcome.symbol} `), outcome.name);

/** Words of a pattern; a sign stays with its word, unless that word is too long for a line. */
const wordsNodes = (words) => words.split(" ").flatMap((word, at) => [at ? " " : "", /^[+-].{0,24}$/.test(word) ? el("span", { class: "unit" }, word) : word]);

/** Outcomes in which a side, or both, did not come to an end. */
const RAISED = new Set(["lowers only on baseline", "lowers only on candidate", "fails on both"]);

// ---- what is shown

const holds = (texts, filter) => filter.split(/\s+/).every((word) => texts.some((text) => text.toLowerCase().includes(word)));

function kernelMatches(kernel) {
  return (state.outcome === null || kernel.outcome === state.outcome)
    && (!state.target || kernel.target === state.target)
    && (!state.pass || kernel.seen.includes(state.pass))
    && (!state.filter || holds([kernel.name, kernel.target, data.outcomes[kernel.outcome].name, patternWords(kernel), kernel.note, ...kernel.seen], state.filter));
}

/** A pattern is shown if a kernel of it is: then its own words are among what was looked for. */
const patternMatches = (pattern) => pattern.kernels.some((at) => kernelMatches(data.kernels[at]));
const listedPatterns = () => data.patterns.filter(patternMatches);
const listedKernels = () => data.kernels.filter(kernelMatches);

function drawOutcomes() {
  const total = data.kernels.length || 1;
  let at = 0;
  const bars = data.outcomes.map((outcome) => {
    const x = at, width = (100 * outcome.count) / total;
    at += width;
    const calm = outcome.name === "identical" ? "calm" : toneOf(outcome.name);
    return svg("rect", { class: calm, x: `${x}%`, y: 0, width: `${Math.max(0, width - 0.15)}%`, height: 6 }, svg("title", {}, `${count(outcome.count)} ${outcome.name}`));
  });
  part.outcomes.replaceChildren(
    svg("svg", { class: "share", role: "img", "aria-label": "Kernels by outcome; the buttons below say the same" }, bars),
    el("div", { class: "chipset", role: "group", "aria-label": "Only kernels of one outcome" }, data.outcomes.map((outcome, index) =>
      el("button", { type: "button", class: toneOf(outcome.name), "aria-pressed": String(state.outcome === index),
        onclick: () => { state.outcome = state.outcome === index ? null : index; redraw(); part.outcomes.querySelectorAll("button")[index].focus(); } },
        el("span", { class: "symbol", "aria-hidden": "true" }, outcome.symbol), `${count(outcome.count)} ${outcome.name}`))));
  part.outcomes.hidden = !data.kernels.length;
}

function drawTabs() {
  const counts = { patterns: data.patterns.length, kernels: data.kernels.length, missing: data.missing.reduce((sum, [, reasons]) => sum + reasons.reduce((all, [, names]) => all + names.length, 0), 0) };
  part.tabs.replaceChildren(...Object.keys(VIEWS).map((view, at) => el("button", {
    type: "button", role: "tab", id: `tab-${view}`, "aria-controls": "content", "aria-selected": String(view === state.view),
    tabindex: view === state.view ? 0 : -1, title: `${VIEWS[view]} (${at + 1})`, class: counts[view] ? "" : "empty",
    onclick: () => open(view),
    onkeydown: (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      const all = Object.keys(VIEWS);
      open(all[(all.indexOf(state.view) + by + all.length) % all.length]);
      document.getElementById(`tab-${state.view}`).focus();
    },
  }, VIEWS[view], el("span", { class: "quiet" }, ` ${counts[view] ? count(counts[view]) : "none"}`))));
}

function drawList() {
  const shown = listedPatterns();
  const nodes = [];
  let outcome = null;
  for (const pattern of shown) {
    if (pattern.outcome !== outcome) nodes.push(el("li", { class: "phase" }, data.outcomes[(outcome = pattern.outcome)].name));
    nodes.push(el("li", {}, el("a", {
      href: `#pattern-${pattern.index + 1}`, class: `entry ${toneOf(data.outcomes[pattern.outcome].name)}`, title: pattern.words,
      "aria-current": pattern.index === state.pattern ? "true" : null,
      onclick: (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
        event.preventDefault();
        select(pattern.index);
      },
    },
      el("span", { class: "symbol", "aria-hidden": "true" }, data.outcomes[pattern.outcome].symbol),
      el("span", { class: "name" }, wordsNodes(pattern.words)),
      el("span", { class: "counts", title: plural(pattern.kernels.length, "kernel") }, count(pattern.kernels.length)))));
  }
  part.list.replaceChildren(...(nodes.length ? nodes : [el("li", { class: "fold" }, data.patterns.length ? "no pattern matches" : "no pattern: nothing changed")]));
  part.shown.textContent = shown.length === data.patterns.length ? plural(shown.length, "pattern") : `${shown.length} of ${plural(data.patterns.length, "pattern")}`;
  part.listToggle.textContent = `All patterns: ${part.shown.textContent}`;
  part.listToggle.setAttribute("aria-expanded", String(state.listOpen));
  part.aside.classList.toggle("open", state.listOpen);
  part.list.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
}

function patternView(pattern) {
  const outcome = data.outcomes[pattern.outcome], example = data.kernels[pattern.example];
  const rows = pattern.kernels.map((at) => data.kernels[at]).filter(kernelMatches);
  const fact = (name, ...value) => el("div", {}, el("dt", {}, name), el("dd", {}, value));
  const facts = [
    pattern.passes.length ? fact(RAISED.has(outcome.name) ? "raised in" : "seen first in", pattern.passes.map(([name, times], at) => [at ? ", " : "", name, pattern.passes.length > 1 ? ` (${times})` : ""])) : null,
    // A link leads to a web page only, whatever the report says.
    pattern.source ? fact("defined in", pattern.url.startsWith("https://") ? el("a", { href: pattern.url, rel: "noreferrer" }, pattern.source) : el("code", {}, pattern.source)) : null,
    pattern.excerpt.length ? fact("for example", `${example.name} ${example.target}`, pattern.place ? [" at ", el("code", {}, pattern.place)] : null) : null,
    pattern.lines ? fact("in all", plural(pattern.lines, "line")) : null,
  ].filter(Boolean);
  return el("article", { "aria-labelledby": "pattern-name" },
    el("div", { class: "passname" },
      el("h2", { id: "pattern-name", tabindex: "-1" }, wordsNodes(pattern.words)),
      el("span", { class: `badge ${toneOf(outcome.name)}` }, el("span", { "aria-hidden": "true" }, `${outcome.symbol} `), pattern.become),
      el("span", { class: "steps" },
        el("button", { type: "button", title: "Previous pattern (k)", "aria-label": "previous pattern", onclick: () => step(-1) }, "↑"),
        el("button", { type: "button", title: "Next pattern (j)", "aria-label": "next pattern", onclick: () => step(1) }, "↓"))),
    facts.length ? el("dl", { class: "facts" }, facts) : null,
    pattern.excerpt.length ? [el("h3", {}, "The clearest example: − baseline, + candidate"), excerptView(pattern)] : null,
    el("h3", {}, rows.length === pattern.kernels.length ? plural(rows.length, "kernel") : `${rows.length} of ${plural(pattern.kernels.length, "kernel")}`),
    kernelTable(rows, { wide: false, caption: `Kernels of the pattern ${pattern.words}`, opened }));
}

function excerptView(pattern) {
  const lines = pattern.excerpt.map(([kind, text, marks]) => ({ kind, text, marks, carried: false }));
  const language = lines.some((line) => /\bT\.\w/.test(line.text)) ? "tir" : "source";
  return el("div", { class: "diff" }, lines.map((line) =>
    el("div", { class: `row bare ${rowClass(line)}` }, sign(line), code(line, { language, tight: narrow.matches }))));
}

/** The rows of the table are drawn anew with every letter typed; the controls above them stay. */
function drawKernels() {
  const rows = listedKernels();
  state.kernel = Math.min(state.kernel, rows.length - 1);
  part.kernels.replaceChildren(
    rows.length ? kernelTable(rows, { wide: true, caption: "All kernels", chosen: state.kernel, opened }) : el("p", { class: "nothing" }, data.kernels.length ? "No kernel matches." : "No kernel was compared."));
  part.counted.textContent = rows.length === data.kernels.length ? plural(rows.length, "kernel") : `${count(rows.length)} of ${plural(data.kernels.length, "kernel")}`;
}

function chooser(name, values, key) {
  if (values.length < 2) return null;
  const box = el("select", { onchange: () => { state[key] = box.value; redraw(); } },
    el("option", { value: "" }, `any ${name}`), values.map((value) => el("option", { value, selected: state[key] === value }, value)));
  return el("label", {}, el("span", { class: "hidden" }, name), box);
}

function kernelsView() {
  return el("section", { "aria-label": "All kernels" },
    el("div", { class: "narrowing" }, searchBox("filter: name, target, pattern, pass"),
      chooser("target", [...new Set(data.kernels.map((kernel) => kernel.target))].sort(), "target"),
      chooser("pass", [...new Set(data.kernels.flatMap((kernel) => kernel.seen))].sort(), "pass"),
      part.counted),
    part.kernels);
}

function missingView() {
  const lists = data.missing.map(([title, reasons]) => el("section", {}, el("h3", {}, title), el("ul", { class: "reasons" },
    reasons.map(([reason, names]) => el("li", {}, el("b", {}, count(names.length)), reason, namesNode(names))))));
  const packages = data.packages.length ? el("section", {}, el("h3", {}, "Packages not installed, stood in for"),
    el("p", {}, data.packages.map(([name, times]) => `${name} (${times})`).join(", "))) : null;
  return el("div", {}, lists.length ? lists : el("p", { class: "nothing" }, "= Every kernel that the scripts compile was compared, and nothing was left out."), packages);
}

function namesNode(names) {
  if (names.length <= 4) return el("p", { class: "quiet names" }, names.join(", "));
  return el("details", { class: "names" }, el("summary", {}, `${names.slice(0, 2).join(", ")} and ${names.length - 2} more`), el("p", {}, names.join(", ")));
}

function searchBox(placeholder) {
  const box = el("input", { type: "search", placeholder, "aria-label": "Filter", value: state.filter, spellcheck: "false", autocomplete: "off",
    oninput: () => { state.filter = box.value.trim().toLowerCase(); redraw({ typing: true }); } });
  return box;
}

function drawMain() {
  part.layout.classList.toggle("wide", state.view !== "patterns");
  part.content.setAttribute("aria-labelledby", `tab-${state.view}`);
  if (state.view === "kernels") drawKernels();
  const pattern = data.patterns[state.pattern];
  part.content.replaceChildren(state.view === "kernels" ? kernelsView() : state.view === "missing" ? missingView()
    : pattern ? patternView(pattern) : el("p", { class: "nothing" }, data.kernels.length ? "= No effect: every kernel is the same on both sides." : "No kernel was compared: see what is missing."));
}

/** Draw what depends on the filter; what is being typed into stays. */
function redraw({ typing = false } = {}) {
  drawOutcomes();
  const shown = listedPatterns();
  if (shown.length && !shown.some((pattern) => pattern.index === state.pattern)) state.pattern = shown[0].index;
  drawList();
  if (typing && state.view === "kernels") drawKernels();
  else drawMain();
  for (const box of [part.filter]) if (box !== document.activeElement) box.value = state.filter;
}

// ---- moving about

function setFragment(fragment) {
  try { history.replaceState(null, "", `#${fragment}`); } catch { location.hash = fragment; }
}

function toTop() {
  if (part.layout.getBoundingClientRect().top < part.tabs.offsetHeight - 1) part.layout.scrollIntoView({ block: "start" });
}

function open(view, { fragment = true } = {}) {
  state.view = view;
  drawTabs();
  drawMain();
  part.filter.value = state.filter;
  toTop();
  if (fragment) setFragment(view === "patterns" && data.patterns.length ? `pattern-${state.pattern + 1}` : view);
}

/** Show a pattern; one that is filtered out ends the filter. */
function select(index, { fragment = true } = {}) {
  const pattern = data.patterns[index];
  if (!pattern) return;
  state.pattern = index;
  state.listOpen = false;
  if (!patternMatches(pattern)) Object.assign(state, { filter: "", outcome: null, target: "", pass: "" });
  part.filter.value = state.filter;
  drawOutcomes();
  drawList();
  open("patterns", { fragment: false });
  if (fragment) setFragment(`pattern-${index + 1}`);
}

function step(by) {
  if (state.view === "kernels") { stepKernel(by); return; }
  const order = listedPatterns().map((pattern) => pattern.index);
  if (!order.length) return;
  const at = order.indexOf(state.pattern);
  const next = order[Math.min(order.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
  if (next !== state.pattern || state.view !== "patterns") select(next);
}

/** The rows as they stand: sorted as the reader sorted them. */
function stepKernel(by) {
  const rows = [...part.kernels.querySelectorAll("[data-kernel]")];
  if (!rows.length) return;
  const held = rows.indexOf(document.activeElement);
  const at = Math.min(rows.length - 1, Math.max(0, (held >= 0 ? held : state.kernel) + by));
  state.kernel = at;
  for (const row of part.kernels.querySelectorAll("tr.chosen")) row.classList.remove("chosen");
  rows[at].closest("tr").classList.add("chosen");
  rows[at].focus({ preventScroll: true });
  rows[at].scrollIntoView({ block: "center" });
}

function route() {
  const fragment = location.hash.slice(1);
  const found = /^pattern-(\d+)$/.exec(fragment);
  if (found && data.patterns[Number(found[1]) - 1]) { select(Number(found[1]) - 1, { fragment: false }); return true; }
  if (fragment in VIEWS) { open(fragment, { fragment: false }); return true; }
  return false;
}

// ---- keyboard, help, start

const KEYS = [
  ["j k", "next and previous pattern, or kernel in the table of all"],
  ["Enter", "in the table: open the kernel"],
  ["/", "filter: words of a name, a target, a pattern or a pass"],
  ["1 - 3", "patterns, kernels, what was not compared"],
  ["w", "wrap long lines"],
  ["t", "light or dark"],
  ["?", "this list; Escape closes it"],
];

const PRESSED = {
  j: () => step(1), k: () => step(-1),
  t: () => switchTheme(),
  w: () => { document.body.classList.toggle("nowrap"); remember("wrap", document.body.classList.contains("nowrap") ? "0" : "1"); },
  "?": () => part.help.showModal(),
  "/": () => {
    if (state.view === "missing") open("patterns");
    if (state.view === "patterns") { state.listOpen = true; drawList(); }
    const box = state.view === "patterns" ? part.filter : part.content.querySelector("input[type=search]");
    box.focus();
    box.select();
  },
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || part.help.open) return;
  const typing = event.target.closest && event.target.closest("input, select");
  if (typing) {
    if (event.key === "Escape" && typing.type === "search") {
      // The browser would empty the box by itself without telling the list.
      event.preventDefault();
      typing.value = "";
      typing.dispatchEvent(new Event("input", { bubbles: true }));
      typing.blur();
    }
    if (event.key === "Enter" && typing.type === "search") { typing.blur(); if (state.view === "patterns" && listedPatterns().length) select(listedPatterns()[0].index); }
    return;
  }
  const view = /^[1-3]$/.test(event.key) ? Object.keys(VIEWS)[Number(event.key) - 1] : null;
  if (!view && !PRESSED[event.key]) return;
  event.preventDefault();
  if (view) open(view); else PRESSED[event.key]();
}

function build() {
  part.outcomes = el("div", { class: "outcomes" });
  part.tabs = el("div", { class: "tabs", role: "tablist", "aria-label": "Views" });
  part.filter = searchBox("filter: name, pattern, pass");
  part.shown = el("p", { class: "shown quiet", role: "status" });
  part.counted = el("p", { class: "shown quiet", role: "status" });
  part.kernels = el("div", {});
  part.list = el("ol", { class: "list patterns" });
  part.listToggle = el("button", { type: "button", class: "listtoggle", "aria-controls": "list-body", onclick: () => { state.listOpen = !state.listOpen; drawList(); } }, "All patterns");
  part.aside = el("nav", { class: "aside", "aria-label": "Patterns" }, part.listToggle,
    el("div", { class: "body", id: "list-body" },
      el("div", { class: "filter" }, part.filter, part.shown, el("p", { class: "head quiet" }, "kernels")), part.list));
  part.content = el("div", { id: "content", role: "tabpanel", tabindex: "-1" });
  part.layout = el("div", { class: "layout" }, part.aside, el("main", {}, part.content));
  part.help = el("dialog", { "aria-labelledby": "help-title" },
    el("h2", { id: "help-title" }, "Keys"),
    el("dl", { class: "keys" }, KEYS.map(([keys, what]) => [el("dt", {}, keys.split(" ").map((key) => (key === "-" ? " – " : el("kbd", {}, key)))), el("dd", {}, what)])),
    el("form", { method: "dialog" }, el("button", {}, "close")));
  part.help.addEventListener("click", (event) => { if (event.target === part.help) part.help.close(); });
  document.getElementById("app").append(part.outcomes, part.tabs, part.layout, part.help);
}

function connectHeader() {
  for (const button of document.querySelectorAll(".copy")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button, button.parentElement.querySelector("code")));
  }
  document.querySelector(".bar .tools").hidden = false;
  document.querySelector(".skip").hidden = false;
  document.getElementById("theme").addEventListener("click", switchTheme);
  document.getElementById("help-open").addEventListener("click", () => part.help.showModal());
}

async function start() {
  data = await unpack(document.getElementById("store").textContent);
  data.lines = [];
  data.kernels.forEach((kernel, index) => { kernel.index = index; });
  data.patterns.forEach((pattern, index) => { pattern.index = index; });
  document.body.classList.toggle("nowrap", recall("wrap") === "0");
  build();
  connectHeader();
  drawOutcomes();
  drawTabs();
  drawList();
  document.getElementById("app").hidden = false;
  document.documentElement.classList.add("ready");
  if (!route()) open(data.kernels.length ? "patterns" : "missing", { fragment: false });
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
