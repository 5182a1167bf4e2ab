// Differences computed here: of one side's before and after, of machine code, and of what lies between two hunks.
// Differences the report is about come with it, and are never computed again.

/** Steps after which two texts count as having nothing more in common. */
const MOST_STEPS = 3000;

/**
 * Myers' greedy line difference as [kind, indexBefore, indexAfter] in order, removed lines first in each run.
 * The furthest-reaching points of each step are kept to walk back, so memory grows with the square of the difference.
 */
function diff(before, after) {
  let head = 0, tail = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head++;
  while (tail < before.length - head && tail < after.length - head
    && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
  const a = before.slice(head, before.length - tail), b = after.slice(head, after.length - tail);
  const out = [];
  for (let i = 0; i < head; i++) out.push([" ", i, i]);
  for (const [kind, i, j] of inRuns(middle(a, b))) out.push([kind, i + head, j + head]);
  for (let i = tail; i > 0; i--) out.push([" ", before.length - i, after.length - i]);
  return out;
}

function middle(a, b) {
  const n = a.length, m = b.length, most = Math.min(n + m, MOST_STEPS), offset = most + 1;
  if (!n || !m) return replaced(n, m);
  const furthest = new Int32Array(2 * most + 3), trail = [];
  for (let d = 0; d <= most; d++) {
    trail.push(furthest.slice(offset - d - 1, offset + d + 2));
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && furthest[offset + k - 1] < furthest[offset + k + 1]);
      let x = down ? furthest[offset + k + 1] : furthest[offset + k - 1] + 1, y = x - k;
      while (x < n && y < m && a[x] === b[y]) { x++; y++; }
      furthest[offset + k] = x;
      if (x >= n && y >= m) return walkBack(trail, n, m);
    }
  }
  return replaced(n, m);
}

function replaced(n, m) {
  return [...Array.from({ length: n }, (_, i) => ["-", i, 0]), ...Array.from({ length: m }, (_, j) => ["+", n, j])];
}

/** Read the kept points backwards: along equal lines to where the step began, then the step itself. */
function walkBack(trail, n, m) {
  const out = [];
  let x = n, y = m;
  for (let d = trail.length - 1; d > 0; d--) {
    const reach = (k) => trail[d][k + d + 1];
    const k = x - y;
    const down = k === -d || (k !== d && reach(k - 1) < reach(k + 1));
    const fromX = down ? reach(k + 1) : reach(k - 1), fromY = fromX - (down ? k + 1 : k - 1);
    while (x > fromX + (down ? 0 : 1)) out.push([" ", --x, --y]);
    out.push(down ? ["+", x, --y] : ["-", --x, y]);
    [x, y] = [fromX, fromY];
  }
  while (x > 0) out.push([" ", --x, --y]);
  return out.reverse();
}

/** Within each run of changes put removed lines before added ones, as a reader expects. */
function inRuns(steps) {
  const out = [];
  let added = [];
  for (const step of steps) {
    if (step[0] === "+") added.push(step);
    else if (step[0] === "-") out.push(step);
    else { out.push(...added, step); added = []; }
  }
  return [...out, ...added];
}

/** The whole difference of two texts as lines with numbers and word marks. */
function diffTexts(before, after) {
  const lines = diff(before, after).map(([kind, i, j]) => ({
    kind,
    text: kind === "+" ? after[j] : before[i],
    before: kind === "+" ? null : i + 1,
    after: kind === "-" ? null : j + 1,
    marks: [],
    carried: false,
  }));
  forRuns(lines, (removed, added) => {
    for (const [one, other] of paired(removed, added)) {
      if (one && other) [one.marks, other.marks] = wordMarks(one.text, other.text);
    }
  });
  return lines;
}

/** Call with removed and added lines of each run of changes. */
function forRuns(lines, call) {
  let removed = [], added = [];
  for (const line of [...lines, { kind: " " }]) {
    if (line.kind === "-") removed.push(line);
    else if (line.kind === "+") added.push(line);
    else if (removed.length || added.length) { call(removed, added); removed = []; added = []; }
  }
}

/** A line without its names and numbers: lines of one shape belong beside each other. */
const shape = (text) => text.trim().replace(/[A-Za-z_]\w*(?![\w.]*\()/g, "@").replace(/\b\d[\w.]*/g, "#");

/** Put removed and added lines beside each other: the same shape first, then in order. Pairs may lack one side. */
function paired(removed, added) {
  const pairs = [];
  let gap = [[], []];
  const close = () => {
    for (let i = 0; i < Math.max(gap[0].length, gap[1].length); i++) pairs.push([gap[0][i] || null, gap[1][i] || null]);
    gap = [[], []];
  };
  for (const [kind, i, j] of diff(removed.map((line) => shape(line.text)), added.map((line) => shape(line.text)))) {
    if (kind === "-") gap[0].push(removed[i]);
    else if (kind === "+") gap[1].push(added[j]);
    else { close(); pairs.push([removed[i], added[j]]); }
  }
  close();
  return pairs;
}

const words = (text) => text.match(/\w+|\s+|[^\w\s]/g) || [];

/** Character ranges that differ between two lines; none where they have too little in common. */
function wordMarks(one, other) {
  const left = words(one), right = words(other), marks = [[], []];
  if (left.length + right.length > 2000) return marks;
  const steps = diff(left, right);
  const equal = steps.filter(([kind]) => kind === " ").length;
  if ((2 * equal) / (left.length + right.length || 1) < 0.5) return marks;
  const at = [0, 0];
  for (const [kind, i, j] of steps) {
    if (kind !== "+") at[0] += mark(marks[0], kind === "-", at[0], left[i].length);
    if (kind !== "-") at[1] += mark(marks[1], kind === "+", at[1], right[j].length);
  }
  return marks;
}

function mark(marks, changed, start, length) {
  if (changed && marks.length && marks[marks.length - 1] === start) marks[marks.length - 1] = start + length;
  else if (changed) marks.push(start, start + length);
  return length;
}

/** Cut a whole difference into hunks with context, in the form of the hunks that come with the report. */
function intoHunks(lines, before, after, context = 3) {
  const hunks = [];
  let start = -1, end = -1;
  const close = () => {
    if (start < 0) return;
    const cut = lines.slice(Math.max(0, start - context), end + context);
    const first = cut.find((line) => line.kind !== " ");
    hunks.push({ lines: cut, place: first.after !== null ? placeOf(after, first.after - 1) : placeOf(before, first.before - 1) });
  };
  lines.forEach((line, at) => {
    if (line.kind === " ") return;
    if (start < 0 || at - end > 2 * context) { close(); start = at; }
    end = at + 1;
  });
  close();
  return hunks;
}

const indentation = (line) => line.length - line.trimStart().length;

/** The statements around a line, from its indentation; as scaffold/diff/place.py, which names places in reports. */
function placeOf(lines, index) {
  const parts = [];
  let depth = lines[index] && lines[index].trim() ? indentation(lines[index]) : Infinity;
  for (let at = index - 1; at >= 0; at--) {
    const line = lines[at];
    if (!line.trim() || indentation(line) >= depth) continue;
    depth = indentation(line);
    const part = describe(line);
    if (part) parts.unshift(part);
    if (/^\s*def \w+\(/.test(line)) break;
  }
  return parts.join(" > ");
}

function describe(line) {
  let found;
  if ((found = /^\s*def (\w+)\(/.exec(line))) return found[1];
  if ((found = /^\s*for (.+?) in (?:T\.)?(\w+)/.exec(line))) {
    return `for ${found[1]}${["range", "serial"].includes(found[2]) ? "" : ` (${found[2]})`}`;
  }
  if ((found = /^\s*with T\.s?block\("(\w*)"\)/.exec(line))) {
    return ["", "root", "tilelang_root"].includes(found[1]) ? null : `block ${found[1]}`;
  }
  if ((found = /T\.launch_thread\("([\w.]+)"/.exec(line))) return found[1];
  if ((found = /^\s*(if .+|else|elif .+):\s*$/.exec(line))) return found[1].length > 40 ? `${found[1].slice(0, 39)}…` : found[1];
  return null;
}
