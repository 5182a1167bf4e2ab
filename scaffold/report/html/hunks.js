// Show a difference: unified or side by side, with word marks, quiet colours for syntax, and context on demand.

const LANGUAGES = {
  tir: /(?<!\w)(#.*)|("(?:[^"\\]|\\.)*")|\b(def|with|for|in|if|else|elif|while|return|range|True|False|None|and|or|not|class|pass)\b|\b(T\.[\w.]+|I\.[\w.]+)|\b(\d[\w.]*)|\b((?:Layout|Fragment)#[0-9a-f]+)/g,
  source: /(\/\/.*|\/\*.*?\*\/|^\s*#\w+.*)|("(?:[^"\\]|\\.)*")|\b(if|else|for|while|return|void|int|float|half_t|bool|const|extern|struct|template|typename|unsigned|signed|char|__\w+__|__shared__|__restrict__|__launch_bounds__)\b|\b((?:tl|cute|cutlass)::[\w:]+)|\b(\d[\w.]*)/g,
  ptx: /(\/\/.*)|("(?:[^"\\]|\\.)*")|(^\s*\.\w+)|^\s*(?:@!?%\w+\s+)?([a-z]\w*(?:[.:][\w:]+)*)(?=\s|;)|\b(\d\w*)/g,
  sass: /(\/\*.*?\*\/|\/\/.*)|("(?:[^"\\]|\\.)*")|(@!?U?P\w+)|\b([A-Z][A-Z0-9]+(?:\.[A-Z0-9_]+)*)(?=\s|;)|\b(0x[0-9a-f]+|\d+)\b/g,
};
const TOKEN_CLASSES = [null, "comment", "string", "keyword", "call", "number", "layoutname"];

let known = null;
/** What a layout's short name stands for; the comments at the end of a module say it in full. */
function layoutOf(name) {
  if (!known) {
    known = new Map();
    for (const line of data.lines) {
      const found = /^\s*# ((?:Layout|Fragment)#[0-9a-f]+) = (.*)/.exec(line);
      if (found) known.set(found[1], found[2]);
    }
  }
  return known.get(name);
}

/** A line as text nodes and spans; marks are drawn over the syntax. */
function paint(text, marks, language) {
  const nodes = [];
  const add = (start, end, name) => {
    for (const [from, to, marked] of cutAt(marks, start, end)) {
      const part = text.slice(from, to);
      const inner = name ? el("span", { class: name, title: name === "layoutname" ? layoutOf(text.slice(start, end)) : null }, part) : part;
      nodes.push(marked ? el("mark", {}, inner) : inner);
    }
  };
  let at = 0;
  const pattern = LANGUAGES[language];
  if (pattern && text.length < 4000) {
    for (const found of text.matchAll(pattern)) {
      const group = found.findIndex((part, i) => i > 0 && part !== undefined);
      const start = found.index + found[0].lastIndexOf(found[group]);
      if (start > at) add(at, start, null);
      add(start, start + found[group].length, TOKEN_CLASSES[group]);
      at = start + found[group].length;
    }
  }
  if (at < text.length) add(at, text.length, null);
  return nodes;
}

/** Pieces of start..end as [from, to, marked]; marks are start, end, start, end, ... */
function cutAt(marks, start, end) {
  const pieces = [];
  let at = start;
  for (let i = 0; i < marks.length; i += 2) {
    const from = Math.max(marks[i], at), to = Math.min(marks[i + 1], end);
    if (from >= to) continue;
    if (from > at) pieces.push([at, from, false]);
    pieces.push([from, to, true]);
    at = to;
  }
  if (at < end) pieces.push([at, end, false]);
  return pieces;
}

/** A gap this small is shown: the button to open it would take as much room. */
const SMALLEST_GAP = 2;

const KIND_CLASSES = { "+": "added", "-": "removed", " ": "equal" };

/** The text of a line. Where room is short (tight) half of its indentation is left out, on every line alike. */
function code(line, options) {
  const left = options.tight ? Math.floor(indentation(line.text) / 2) : 0;
  const text = line.text.slice(left), marks = line.marks.map((at) => Math.max(0, at - left));
  const node = el("code", {}, paint(text, marks, options.language));
  // Wrapped lines continue right of where they begin.
  node.style.setProperty("--indent", Math.min(indentation(text), options.tight ? 16 : 40) + (options.tight ? 2 : 4));
  return node;
}

const number = (value) => el("span", { class: "no", "data-n": value === null ? "" : value });
const sign = (line) => el("span", { class: "sign" }, (line.carried ? "·" : "") + (line.kind === "-" ? "−" : line.kind));
const rowClass = (line) => `${KIND_CLASSES[line.kind]}${line.carried ? " carried" : ""}`;

const isTelling = (line, options) => Boolean(options.telling) && line.kind !== " " && !line.carried && line.text.trim() === options.telling;

function unifiedRows(lines, options) {
  return lines.map((line) =>
    el("div", { class: `row ${rowClass(line)}${isTelling(line, options) ? " telling" : ""}` },
      number(line.before), number(line.after), sign(line), code(line, options)));
}

function splitRows(lines, options) {
  const rows = [];
  const half = (line, value) => line
    ? el("div", { class: `half ${rowClass(line)}${isTelling(line, options) ? " telling" : ""}` }, number(value), sign(line), code(line, options))
    : el("div", { class: "half none" });
  const row = (one, other) =>
    rows.push(el("div", { class: "row split" }, half(one, one && one.before), half(other, other && other.after)));
  let removed = [], added = [];
  for (const line of [...lines, null]) {
    if (line && line.kind === "-") { removed.push(line); continue; }
    if (line && line.kind === "+") { added.push(line); continue; }
    for (const [one, other] of paired(removed, added)) row(one, other);
    removed = []; added = [];
    if (line) row(line, line);
  }
  return rows;
}

/** What TVM derives from the rest of a block: see scaffold/report/derived.py. */
const DERIVED = /^\s*T\.(?:reads|writes)\(/;

/** Rows of a hunk; derived lines are folded, unless nothing else changed. */
function hunkRows(lines, rows, options) {
  const kept = lines.filter((line) => !DERIVED.test(line.text));
  const folded = lines.length - kept.length;
  if (options.whole || !folded || kept.every((line) => line.kind === " ")) return rows(lines);
  const shown = rows(kept);
  const button = el("button", { type: "button", class: "gap", onclick: () => {
    const all = rows(lines);
    shown.forEach((row) => row.remove());
    button.replaceWith(...all);
    all[0].tabIndex = -1;
    all[0].focus({ preventScroll: true });
  } }, `⋯ ${plural(folded, "line")} of T.reads and T.writes`);
  return [...shown, button];
}

/**
 * A difference as an element.
 * hunks: [{place, lines}]; gap(from, to) gives lines between two hunks, from and to being [before, after] (from 0);
 * ends: number of lines [before, after]; open: set of gaps that are expanded; options: {split, tight, whole, language, telling}.
 */
function diffView(hunks, gap, ends, open, options) {
  const rows = (lines) => (options.split ? splitRows(lines, options) : unifiedRows(lines, options));
  const box = el("div", { class: `diff${options.split ? " halves" : ""}` });
  let from = [0, 0];
  const between = (to, at) => {
    if (to[0] <= from[0] && to[1] <= from[1]) return;
    const start = from, size = Math.max(to[0] - start[0], to[1] - start[1]);
    if (options.whole || open.has(at) || size <= SMALLEST_GAP) { box.append(...rows(gap(start, to))); return; }
    const button = el("button", { type: "button", class: "gap", onclick: () => {
      open.add(at);
      const lines = rows(gap(start, to));
      button.replaceWith(...lines);
      lines[0].tabIndex = -1;
      lines[0].focus({ preventScroll: true });
    } }, `⋯ ${plural(size, "line")}`);
    box.append(button);
  };
  hunks.forEach((hunk, at) => {
    const first = firstNumbers(hunk.lines);
    between(first, at);
    box.append(el("div", { class: "place" }, placeNodes(hunk.place, options.language === "tir" ? "top of the module" : `line ${first[0] + 1}`)), ...hunkRows(hunk.lines, rows, options));
    from = afterLast(hunk.lines, first);
  });
  if (hunks.length || options.whole) between(ends, hunks.length);
  return box;
}

function placeNodes(place, otherwise) {
  const parts = (place || otherwise).split(" > ");
  return parts.flatMap((part, at) => [at ? el("span", { class: "quiet" }, " › ") : "", part]);
}

/** Where a hunk begins, from 0, on both sides. */
function firstNumbers(lines) {
  const before = lines.find((line) => line.before !== null), after = lines.find((line) => line.after !== null);
  // A text that is all new has no line on the other side; then the hunk begins at its top.
  return [before ? before.before - 1 : 0, after ? after.after - 1 : 0];
}

function afterLast(lines, first) {
  return [
    first[0] + lines.filter((line) => line.kind !== "+").length,
    first[1] + lines.filter((line) => line.kind !== "-").length,
  ];
}

/** Lines that are equal on both sides, between two hunks. */
function equalGap(text) {
  return (from, to) => text.slice(from[0], to[0]).map((line, i) => ({
    kind: " ", text: line, before: from[0] + i + 1, after: from[1] + i + 1, marks: [], carried: false,
  }));
}

/** Lines between two hunks of a comparison: what differs there, differed before the pass already. */
function carriedGap(before, after, names) {
  const renamed = new Map(names);
  const rename = (line) => line.replace(/[A-Za-z_]\w*/g, (name) => renamed.get(name) ?? name);
  return (from, to) => diffTexts(before.slice(from[0], to[0]), after.slice(from[1], to[1]).map(rename)).map((line) => ({
    ...line,
    before: line.before && line.before + from[0],
    after: line.after && line.after + from[1],
    carried: line.kind !== " ",
  }));
}
