// The table of kernels: columns that sort, rows that open, and no more of them at once than a page draws quickly.

const ROWS_AT_ONCE = 200;

/** How much a number of machine code moved, or 0. */
const moved = (kernel, name) => {
  const found = kernel.resources.find(([title]) => title === name);
  return found ? found[2] - found[1] : 0;
};

/** A name that may break where its parts meet. */
const nameNodes = (name) => name.split(/(?<=[/_]|::)/).flatMap((part, at) => [at ? el("wbr") : "", part]);

const deltaNodes = (one, other) => [`${count(one)} → ${count(other)} `, el("b", {}, signed(other - one))];

function kernelColumns(wide) {
  const columns = [
    { name: "kernel", of: (kernel) => kernel.name, header: true },
    { name: "target", of: (kernel) => kernel.target, nodes: (kernel) => [el("span", { class: "where" }, kernel.target)] },
  ];
  if (wide) {
    columns.push(
      { name: "outcome", of: (kernel) => kernel.outcome, nodes: (kernel) => [outcomeNode(data.outcomes[kernel.outcome])], class: "outcome-cell" },
      { name: "what changed", of: (kernel) => patternWords(kernel), nodes: (kernel) => patternLinks(kernel), class: "what" });
  }
  columns.push({
    name: "source lines", short: "source", numeric: true, of: (kernel) => kernel.removed + kernel.added,
    nodes: (kernel) => kernel.removed || kernel.added
      ? [el("span", { class: "minus" }, `−${count(kernel.removed)}`), " ", el("span", { class: "plus" }, `+${count(kernel.added)}`)] : [],
  });
  for (const name of data.resources) {
    columns.push({
      name, numeric: true, of: (kernel) => moved(kernel, name),
      nodes: (kernel) => kernel.resources.filter(([title]) => title === name).flatMap(([, one, other]) => deltaNodes(one, other)),
    });
  }
  columns.push({
    name: "in the module", of: (kernel) => kernel.metrics.length, class: "what",
    nodes: (kernel) => {
      const words = kernel.metrics.slice(0, 3).map(([name, one, other]) => `${name} ${count(one ?? 0)} → ${count(other ?? 0)}`);
      return words.length ? [el("span", { class: "quiet" }, words.join(", "))] : [];
    },
  });
  return columns;
}

const patternWords = (kernel) => kernel.patterns.map((at) => data.patterns[at].words).join(", ");
const patternLinks = (kernel) => kernel.patterns.flatMap((at, index) => [
  index ? ", " : "", el("a", { href: `#pattern-${at + 1}` }, data.patterns[at].words)]);

/** A table of kernels that keeps its own order; `chosen` is the position of the row that j and k have come to. */
function kernelTable(kernels, { wide, caption, chosen = -1, opened }) {
  // A column that says nothing of any of them only takes room.
  const columns = kernelColumns(wide).filter((column) => column.header || kernels.some((kernel) => column.nodes(kernel).length));
  const box = el("div", {});
  const order = { column: null, down: true, limit: ROWS_AT_ONCE };
  const sorted = () => {
    if (!order.column) return kernels;
    const key = order.column.of, sign = order.down ? -1 : 1;
    const compare = (a, b) => (typeof a === "number" ? a - b : String(a).localeCompare(String(b)));
    return [...kernels].sort((a, b) => sign * compare(key(a), key(b)) || a.index - b.index);
  };
  const by = (column) => {
    // Numbers the largest first, words from A; again: the other way round.
    if (order.column === column) order.down = !order.down;
    else Object.assign(order, { column, down: Boolean(column.numeric) });
    draw(column.name);
  };
  const draw = (held) => {
    const rows = sorted().slice(0, order.limit), left = kernels.length - rows.length;
    const head = el("tr", {}, columns.map((column) => el("th", {
      scope: "col", class: column.numeric ? "n" : "", "aria-sort": order.column === column ? (order.down ? "descending" : "ascending") : null,
    }, el("button", { type: "button", onclick: () => by(column) }, column.name,
      order.column === column ? el("span", { "aria-hidden": "true" }, order.down ? " ↓" : " ↑") : null))));
    box.replaceChildren(
      el("div", { class: "scroll" }, el("table", { class: "kernels" },
        el("caption", { class: "hidden" }, caption), el("thead", {}, head),
        el("tbody", {}, rows.flatMap((kernel, at) => kernelRows(kernel, columns, { chosen: at === chosen, opened, redraw: draw }))))),
      left > 0 ? el("p", { class: "more" }, el("button", { type: "button", onclick: () => { order.limit = Infinity; draw(); } },
        `show ${plural(left, "more kernel")}`)) : "");
    if (held) [...box.querySelectorAll("thead button")].find((button) => button.textContent.startsWith(held))?.focus();
  };
  draw();
  return box;
}

function kernelRows(kernel, columns, { chosen, opened, redraw }) {
  const open = opened.has(kernel.index);
  const toggle = () => {
    if (open) opened.delete(kernel.index); else opened.add(kernel.index);
    redraw();
    document.querySelector(`[data-kernel="${kernel.index}"]`)?.focus({ preventScroll: true });
  };
  const cells = columns.map((column) => column.header
    ? el("th", { scope: "row" }, el("button", { type: "button", class: "link", "aria-expanded": String(open), "data-kernel": kernel.index, onclick: toggle }, nameNodes(kernel.name)))
    : el("td", { class: column.numeric ? "n" : column.class || null, "data-name": ["target", "outcome", "what changed"].includes(column.name) ? null : column.short || column.name },
      column.class === "what" && column.nodes(kernel).length ? el("div", {}, column.nodes(kernel)) : column.nodes(kernel)));
  // An empty cell with a name would say the name alone on a narrow screen.
  for (const cell of cells) if (!cell.childNodes.length) cell.removeAttribute("data-name");
  const rows = [el("tr", { class: chosen ? "chosen" : null }, cells)];
  if (open) rows.push(el("tr", {}, el("td", { class: "about", colspan: columns.length }, aboutKernel(kernel))));
  return rows;
}

/** What is known of one kernel beyond its row. */
function aboutKernel(kernel) {
  const command = kernel.command ? el("code", {}, kernel.command) : null;
  const said = [
    kernel.note ? el("p", {}, kernel.note) : null,
    kernel.patterns.length ? el("p", {}, "changed in ", patternLinks(kernel)) : null,
    kernel.first ? el("p", {}, "compared alone, it names ", el("code", {}, kernel.first), kernel.place ? [" at ", el("code", {}, kernel.place)] : null) : null,
    kernel.passes.length ? el("p", {}, el("span", { class: "quiet" }, "passes that introduce what stays different: "), kernel.passes.join(", ")) : null,
    kernel.effect ? el("p", {}, el("span", { class: "quiet" }, `${plural(kernel.effect, "line")} in which effects of passes differ`)) : null,
    command ? el("p", { class: "next" }, command, " ", el("button", { type: "button", onclick: (event) => copy(event.currentTarget, command) }, "copy")) : null,
  ].filter(Boolean);
  return el("div", { class: "about" }, said.length ? said : el("p", { class: "quiet" }, "Nothing differs."));
}
