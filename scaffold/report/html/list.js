// The list of passes: filter, folds, phases.

/** "+text" and "-text" look into changed lines, anything else into names, statuses, phases and functions. */
function matches(row, filter) {
  if (!filter) return true;
  if ((filter[0] === "+" || filter[0] === "-") && filter.length > 1) {
    const wanted = filter.slice(1);
    return row.hunks.some((hunk) => hunk.lines.some((number, at) =>
      hunk.kinds[at] === filter[0] && data.lines[number].toLowerCase().includes(wanted)));
  }
  const functions = row.sides.flatMap((side) => (side ? side.functions : []));
  return [row.name, row.status, row.phase || "", ...functions].some((text) => text.toLowerCase().includes(filter));
}

/** What the list shows, in order: rows, phases and folds {rows, open}. */
function listed() {
  const items = [];
  let fold = null, phase;
  for (const row of rows) {
    if (!matches(row, state.filter)) continue;
    if (row.phase !== phase && row.phase) { items.push({ phase: row.phase }); fold = null; }
    phase = row.phase;
    if (!row.quiet || !state.changedOnly) { items.push({ row }); fold = null; continue; }
    if (!fold) items.push((fold = { fold: [] }));
    fold.fold.push(row);
  }
  return items;
}

const isOpen = (fold) => state.unfolded.has(fold[0].index);

/** Rows that j and k step through. */
function steppable() {
  return listed().flatMap((item) => (item.row ? [item.row] : item.fold && isOpen(item.fold) ? item.fold : []));
}

function drawList() {
  const items = listed();
  // A phase is worth a heading only where there is another one.
  const phases = new Set(rows.map((row) => row.phase).filter(Boolean)).size > 1;
  const nodes = items.flatMap((item) => {
    if (item.phase) return phases ? [el("li", { class: "phase" }, item.phase)] : [];
    if (item.row) return [rowNode(item.row)];
    const open = isOpen(item.fold), [first] = item.fold;
    const head = el("li", { class: "fold" }, el("button", { type: "button", "aria-expanded": String(open), onclick: () => {
      if (open) state.unfolded.delete(first.index); else state.unfolded.add(first.index);
      drawList();
      part.list.querySelector(`[data-fold="${first.index}"]`)?.focus();
    }, "data-fold": first.index }, `${open ? "▾" : "…"} ${foldWords(item.fold)}`));
    return open ? [head, ...item.fold.map(rowNode)] : [head];
  });
  part.list.replaceChildren(...nodes);
  const shown = rows.filter((row) => matches(row, state.filter));
  const bright = shown.filter((row) => !row.quiet).length;
  part.shown.textContent = state.filter ? `${bright} of ${shown.length} that match ${data.kind === "one-side" ? "changed something" : "differ"}`
    : `${bright} of ${rows.length} ${data.kind === "one-side" ? "changed something" : "differ in effect"}`;
  part.changedOnly.checked = state.changedOnly;
  if (!nodes.length) part.list.append(el("li", { class: "fold" }, "no pass matches"));
  part.listToggle.textContent = `All passes: ${part.shown.textContent}`;
  part.listToggle.setAttribute("aria-expanded", String(state.listOpen));
  part.aside.classList.toggle("open", state.listOpen);
}

function foldWords(fold) {
  const passes = fold.length === 1 ? "1 pass" : `${fold.length} passes`;
  if (data.kind === "one-side") return `${passes} did nothing`;
  const alone = fold.some((row) => row.status.startsWith("only"));
  return alone ? `${passes} added no difference` : `${passes} did the same on both sides`;
}

function rowNode(row) {
  const chosen = row.index === state.pass;
  const name = el("span", { class: "name" }, splitName(row.name));
  name.style.setProperty("--depth", row.depth);
  const two = data.kind === "two-sides";
  return el("li", { class: row.quiet ? "dim" : "" }, el("a", {
    href: `#${encodeURIComponent(row.anchor)}`, class: `entry ${statusClass(row)}`, "aria-current": chosen ? "true" : null,
    title: `${row.name}: ${statusWords(row)}`,
    onclick: (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
      event.preventDefault();
      select(row.index);
    },
  },
    el("span", { class: "index" }, row.index || ""),
    el("span", { class: "symbol", "aria-hidden": "true" }, data.symbols[row.status] || "?"),
    name,
    el("span", { class: `word${two || row.status === "failed" ? "" : " hidden"}` }, shortStatus(row)),
    el("span", { class: "counts" }, countsNodes(row)),
    two ? null : el("span", { class: "ms" }, row.sides[0] && row.sides[0].ms !== null ? shortTime(row.sides[0].ms) : "")));
}

const shortTime = (ms) => (ms >= 10 ? `${Math.round(ms)}` : ms >= 0.1 ? ms.toFixed(1) : "0");
const shortStatus = (row) => row.status.replace("only on ", "only ");
const statusClass = (row) => `is-${row.status.split(" ")[0]}`;

function splitName(name) {
  const dot = /^[A-Za-z_]+\./.exec(name);
  return dot ? [el("span", { class: "prefix" }, dot[0]), name.slice(dot[0].length)] : [name];
}

/** One side: lines removed and added. Two: how many lines the effects differ in. */
function countsNodes(row) {
  const [side] = row.sides;
  if (data.kind === "two-sides") return row.effect ? [plainCount(row.effect)] : [];
  if (!side || (!side.removed && !side.added)) return [];
  return [el("span", { class: "minus" }, `−${side.removed}`), " ", el("span", { class: "plus" }, `+${side.added}`)];
}
const plainCount = (lines) => el("span", { title: "lines in which the effects differ" }, count(lines));
