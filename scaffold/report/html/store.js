// The data of the page: unpacked once, then read by everything else.

/** Undo zlib and base64. The browser does both; there is no fallback, the static part stays instead. */
async function unpack(base64) {
  if (typeof DecompressionStream === "undefined") throw new Error("this browser cannot decompress (DecompressionStream)");
  const bytes = Uint8Array.from(atob(base64.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return JSON.parse(await new Response(stream).text());
}

let data = null;
const unfolded = new Map();

/** A text of the store as an array of lines. */
function textLines(number) {
  if (number === null || number === undefined) return [];
  if (!unfolded.has(number)) {
    const lines = [], runs = data.texts[number];
    for (let i = 0; i < runs.length; i += 2) {
      for (let k = 0; k < runs[i + 1]; k++) lines.push(data.lines[runs[i] + k]);
    }
    unfolded.set(number, lines);
  }
  return unfolded.get(number);
}

/** A packed hunk as objects: {kind, text, before, after, marks, carried}. */
function hunkLines(hunk) {
  let before = hunk.before, after = hunk.after;
  const carried = new Set(hunk.carried || []);
  return hunk.lines.map((number, at) => {
    const kind = hunk.kinds[at];
    return {
      kind,
      text: data.lines[number],
      before: kind === "+" ? null : before++,
      after: kind === "-" ? null : after++,
      marks: (hunk.marks && hunk.marks[at]) || [],
      carried: carried.has(at),
    };
  });
}

/** Build an element. Strings become text nodes, so nothing of a trace is ever parsed as markup. */
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  return fill(node, attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** localStorage throws where it is forbidden (some browsers on file://). */
function remember(key, value) {
  try { localStorage.setItem(`scaffold.${key}`, value); } catch { /* the setting lasts as long as the page */ }
}
function recall(key) {
  try { return localStorage.getItem(`scaffold.${key}`); } catch { return null; }
}

const count = (number) => number.toLocaleString("en-US");
const plural = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;
const signed = (number) => (number > 0 ? `+${count(number)}` : number < 0 ? `−${count(-number)}` : "±0");
function milliseconds(value) {
  if (value === null || value === undefined) return "";
  return value < 10 ? `${value.toFixed(2)} ms` : `${Math.round(value)} ms`;
}
