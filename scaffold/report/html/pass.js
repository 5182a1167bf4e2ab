// One pass: what is known of it, and its difference.

const WORDS = { shape: "in shape", values: "in values only", annotations: "in annotations only", names: "in names only" };

function statusWords(row) {
  const degree = WORDS[row.degree];
  return row.status === "introduces" && degree ? `introduces a difference ${degree}` : degree ? `${row.status}, ${degree}` : row.status;
}

function passView(row) {
  const two = data.kind === "two-sides" && row.index > 0;
  const both = two && row.sides.every(Boolean);
  const effect = both ? state.effect : "difference";
  const shown = passDifference(row, effect);
  const title = el("div", { class: "passname" },
    el("h2", { id: "passname", tabindex: "-1" }, row.index ? el("span", { class: "quiet" }, `${row.index} `) : "", row.name),
    el("span", { class: `badge ${statusClass(row)}` }, el("span", { "aria-hidden": "true" }, `${data.symbols[row.status] || "?"} `), statusWords(row)),
    el("span", { class: "steps" },
      el("button", { type: "button", title: "Previous pass (k)", "aria-label": "previous pass", onclick: () => step(-1) }, "↑"),
      el("button", { type: "button", title: "Next pass (j)", "aria-label": "next pass", onclick: () => step(1) }, "↓")));
  const head = el("div", { class: "passhead" },
    factsView(row, two),
    metricChips(row.metrics),
    row.note ? el("p", { class: "note" }, row.note) : null,
    namesView(row),
    el("div", { class: "tools" },
      both ? choiceButtons(["difference", ...data.labels.map((label) => `${label} effect`)], effect, actions.effect) : null,
      viewButtons(state, actions, true)));
  const carried = row.hunks.some((hunk) => hunk.carried);
  return el("article", { "aria-labelledby": "passname" }, title, head,
    effect === "difference" && both && shown && row.status !== "failed" ? el("p", { class: "legend" },
      "− baseline after this pass, + candidate after it.",
      carried ? " Dimmed and marked ·: differed before this pass already." : "",
      row.index === data.first && data.telling ? [" ", el("button", { type: "button", class: "link", onclick: toVerdict }, "to the line of the verdict"), " ", el("kbd", {}, "v")] : null) : null,
    row.status === "failed" && effect === "difference" ? el("p", { class: "legend" }, two ? "x It raised. What it was given, baseline against candidate:" : "x It raised. What it was given:") : null,
    shown || el("p", { class: "nothing" }, nothingWords(row, effect)),
    row.hidden && effect === "difference" ? el("p", { class: "quiet" },
      `${plural(row.hidden, "place")} that differed before this pass already ${row.hidden === 1 ? "is" : "are"} folded away between the hunks.`) : null);
}

function nothingWords(row, effect) {
  const side = row.sides[Math.max(0, data.labels.indexOf(effect.replace(" effect", "")))];
  if (data.kind === "one-side" || effect !== "difference") return side && side.after === null ? "x It raised here." : "It changed nothing here.";
  if (row.effect) return `The states after it differ no more than before it, though its effects differ in ${plural(row.effect, "line")}: see the effect of either side.`;
  return row.status === "same" ? "= It did the same on both sides." : "What it did is the same on both sides; they differed before it already.";
}

function factsView(row, two) {
  const fact = (name, ...value) => [el("div", {}, el("dt", {}, name), el("dd", {}, value))];
  const one = (side) => [
    side.removed || side.added ? [el("span", { class: "minus" }, `−${count(side.removed)}`), " ", el("span", { class: "plus" }, `+${count(side.added)}`)]
      : side.after === null ? "raised" : "nothing",
    side.ms !== null ? `  ${milliseconds(side.ms)}` : "", side.functions.length ? `  in ${side.functions.join(", ")}` : ""];
  const sides = row.sides.filter(Boolean);
  const callers = [...new Set(sides.map((side) => side.caller).filter(Boolean))];
  const facts = row.sides.flatMap((side, at) => (two ? fact(data.labels[at], side ? one(side) : "not run") : side ? fact("did", one(side)) : []));
  // A link leads to a web page only, whatever the report says.
  if (row.source) facts.push(...fact("defined in", row.url.startsWith("https://") ? el("a", { href: row.url, rel: "noreferrer" }, row.source) : el("code", {}, row.source)));
  if (callers.length) facts.push(...fact("called at", el("code", {}, callers.join(", "))));
  if (row.phase) facts.push(...fact("phase", row.phase));
  if (two && row.state) facts.push(...fact("differ after it", plural(row.state, "line")));
  if (two && row.printed) facts.push(...fact("only written differently", plural(row.printed, "more line")));
  if (two && row.moved) facts.push(...fact("order", "runs at another place on the other side"));
  return facts.length ? el("dl", { class: "facts" }, facts) : null;
}

function namesView(row) {
  if (!row.names.length) return null;
  return el("details", { class: "names" }, el("summary", {}, `${plural(row.names.length, "name")} matched`),
    el("p", {}, "The candidate's names are shown as the baseline's: ", row.names.map(([theirs, ours]) => `${theirs} as ${ours}`).join(", ")));
}

/** The difference of a row as an element, or null where there is none. */
function passDifference(row, effect) {
  const options = { ...roomFor(state), whole: state.whole, language: "tir", telling: row.index === data.first ? data.telling : null };
  if (effect !== "difference") {
    const side = row.sides[data.labels.indexOf(effect.replace(" effect", ""))];
    if (side.after === null || side.before === side.after) return null;
    const before = textLines(side.before), after = textLines(side.after);
    const hunks = intoHunks(diffTexts(before, after), before, after);
    return diffView(hunks, equalGap(before), [before.length, after.length], state.open, options);
  }
  const [before, after, gap] = compared(row);
  if (row.status === "failed") options.whole = true;
  if (!row.hunks.length && !(options.whole && before.length)) return null;
  const hunks = row.hunks.map((hunk) => ({ place: hunk.place, lines: hunkLines(hunk) }));
  return diffView(hunks, gap, [before.length, after.length], state.open, options);
}

/** The two texts that the hunks of a row are between, and what to show where they are silent. */
function compared(row) {
  if (row.index === 0) {
    const [before, after] = data.passes[0].sides.map((side) => textLines(side && side.before));
    return [before, after, equalGap(before)];
  }
  const sides = row.sides.filter(Boolean);
  if (sides.length === 2) {
    const [before, after] = sides.map((side) => textLines(row.status === "failed" ? side.before : side.after));
    return [before, after, carriedGap(before, after, row.names)];
  }
  const before = textLines(sides[0]?.before), after = textLines(row.status === "failed" ? sides[0]?.before : sides[0]?.after);
  return [before, after, equalGap(before)];
}
