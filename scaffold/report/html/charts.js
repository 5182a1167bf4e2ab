// Overview strip, metrics along the passes, and where the time went.

const STRIP_HEIGHT = 46;

/** One bar a pass, as high as the lines it changed (or the sides' effects differ in); the map of the pipeline. */
function strip(passes, select) {
  const most = Math.max(1, ...passes.map((row) => row.effect));
  const width = 100 / passes.length;
  const bars = passes.map((row, at) => {
    const height = row.effect ? Math.max(3, Math.sqrt(row.effect / most) * (STRIP_HEIGHT - 6)) : 1.5;
    const strong = ["introduces", "failed"].includes(row.status) || (data.kind === "one-side" && row.status === "changed");
    return svg("g", { class: `bar ${row.quiet ? "none" : strong ? "strong" : "weak"}`, "data-index": row.index },
      svg("title", {}, `${row.index} ${row.name}: ${statusWords(row)}, ${plural(row.effect, "line")}`),
      svg("rect", { class: "hit", x: `${at * width}%`, y: 0, width: `${width}%`, height: STRIP_HEIGHT }),
      svg("rect", { class: "fill", x: `${at * width + width * 0.1}%`, y: STRIP_HEIGHT - height, width: `${width * 0.8}%`, height }));
  });
  return svg("svg", {
    class: "strip", height: STRIP_HEIGHT, width: "100%", role: "img",
    "aria-label": "Lines changed by each pass, in order; the list of passes says the same",
    onclick: (event) => {
      const bar = event.target.closest("[data-index]");
      if (bar) select(Number(bar.dataset.index));
    },
  }, bars);
}

const CHART = { width: 600, height: 90, pad: 4 };

/** A step line of one metric; the candidate solid, the baseline dashed, so that no colour is needed. */
function seriesChart(series, select) {
  const columns = series.values.map(outermost);
  const known = columns.flat().filter((value) => value !== null);
  const low = Math.min(0, ...known), high = Math.max(1, ...known);
  const length = Math.max(...columns.map((column) => column.length));
  const x = (at) => (at / Math.max(1, length)) * CHART.width;
  const y = (value) => CHART.height - CHART.pad - ((value - low) / (high - low)) * (CHART.height - 2 * CHART.pad);
  const cursor = svg("line", { class: "cursor", y1: 0, y2: CHART.height, x1: -9, x2: -9 });
  const said = el("span", { class: "said" });
  const two = series.values.length > 1;
  // Candidate first, so that the dashes of the baseline show on top where both are equal.
  const lines = columns.map((column, side) =>
    svg("path", { d: steps(column, x, y), class: `line ${two && side === 0 ? "dashed" : "solid"}` })).reverse();
  const position = (event) => {
    const box = picture.getBoundingClientRect();
    return Math.min(length - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * length)));
  };
  const show = (at) => {
    cursor.setAttribute("x1", x(at + 0.5));
    cursor.setAttribute("x2", x(at + 0.5));
    const row = data.passes[at];
    said.textContent = row ? `${row.index} ${row.name}: ${columns.map((column) => shownValue(column[at])).join(" → ")}` : "";
  };
  const rest = () => { cursor.setAttribute("x1", -9); cursor.setAttribute("x2", -9); said.textContent = ""; };
  const picture = svg("svg", {
    viewBox: `0 0 ${CHART.width} ${CHART.height}`, preserveAspectRatio: "none", class: "chart", role: "img",
    "aria-label": `${series.name} after each pass`,
    onpointermove: (event) => show(position(event)), onpointerleave: rest,
    onclick: (event) => select(data.passes[position(event)].index),
  }, lines, cursor);
  const ends = series.values.map((column) => shownValue(column.findLast((value) => value !== null)));
  return el("figure", { class: "series" },
    el("figcaption", {}, el("b", {}, series.name), el("span", { class: "quiet" }, ` ends at ${two ? ends.join(" → ") : ends[0]}`), said),
    el("div", { class: "plot" }, el("span", { class: "axis" }, el("span", {}, count(high)), el("span", {}, count(low))), picture),
    el("p", { class: "largest" }, two ? "the gap moves most at " : "largest steps ", largestSteps(columns, select)));
}

/** Nested passes see a module of their own (a tile operation being expanded): the outer value goes on. */
function outermost(column) {
  let outer = null;
  return column.map((value, at) => {
    if (data.passes[at] && data.passes[at].depth) return outer;
    outer = value ?? outer;
    return value;
  });
}

const shownValue = (value) => (value === null || value === undefined ? "unknown" : count(value));

function steps(column, x, y) {
  let path = "", drawing = false;
  column.forEach((value, at) => {
    if (value === null) { drawing = false; return; }
    path += drawing ? `V${y(value).toFixed(1)}` : `M${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    path += `H${x(at + 1).toFixed(1)}`;
    drawing = true;
  });
  return path;
}

/** Buttons to the passes that move a metric most; with two sides, those that move them apart or together. */
function largestSteps(columns, select) {
  const [one, other] = columns;
  const along = other ? one.map((value, at) => (value === null || other[at] === null ? null : other[at] - value)) : one;
  const found = [];
  let previous = null;
  along.forEach((value, at) => {
    // What one pass takes away and the next gives back is the split into host and device, not news.
    const dip = value !== previous && along[at + 1] === previous;
    const end = at > 1 && value === along[at - 2] && previous !== value;
    if (value !== null && previous !== null && value !== previous && !dip && !end) found.push({ at, by: value - previous });
    previous = value ?? previous;
  });
  found.sort((left, right) => Math.abs(right.by) - Math.abs(left.by) || left.at - right.at);
  if (!found.length) return ["none"];
  return found.slice(0, 3).map(({ at, by }) => el("button", { type: "button", class: "link", onclick: () => select(data.passes[at].index) },
    `${data.passes[at].index} ${data.passes[at].name} ${signed(by)}`));
}

const MOST_BARS = 15;

/** The passes that took longest; times include nested passes. */
function timings(select) {
  const time = (row) => Math.max(...row.sides.map((side) => (side && side.ms) || 0));
  const rows = data.passes.filter((row) => time(row) > 0).sort((one, other) => time(other) - time(one));
  if (!rows.length) return el("p", { class: "quiet" }, "durations were not measured");
  const most = time(rows[0]);
  const shown = rows.slice(0, MOST_BARS), rest = rows.slice(MOST_BARS);
  const bar = (side, at) => {
    if (!side || side.ms === null) return el("span", { class: "time" }, el("span", { class: "quiet" }, "–"));
    const fill = el("span", { class: `length ${data.labels.length > 1 && at === 0 ? "open" : ""}` });
    fill.style.width = `${Math.max(0.3, (side.ms / most) * 70)}%`;
    return el("span", { class: "time" }, fill, el("span", {}, milliseconds(side.ms)));
  };
  return el("div", { class: "timings" },
    shown.map((row) => el("div", { class: "timing" },
      el("button", { type: "button", class: "link", onclick: () => select(row.index) }, `${row.index} ${row.name}`),
      el("span", { class: "bars" }, row.sides.map(bar)))),
    rest.length ? el("p", { class: "quiet" }, `${count(rest.length)} more took ${milliseconds(time(rest[0]))} or less each`) : null,
    data.labels.length > 1 ? el("p", { class: "quiet" }, "outlined: baseline; filled: candidate") : null);
}

function chartsView(select) {
  return el("div", { class: "charts" },
    el("p", { class: "quiet" }, "Metrics of the module after each outer pass, first pass left; click to open the pass.",
      data.labels.length > 1 ? " Dashed: baseline. Solid: candidate." : ""),
    data.series.length ? el("div", { class: "multiples" }, data.series.map((series) => seriesChart(series, select)))
      : el("p", {}, "No metric moves along the passes."),
    el("h2", {}, "Time in passes"), el("p", { class: "quiet" }, "Longest first; each includes the passes nested in it."),
    timings(select));
}
