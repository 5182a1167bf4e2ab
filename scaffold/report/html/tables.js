// Numbers: metrics, resources, and the text of generated code.

/** A metric on two sides, or before and after: "0 → 6 +6". One that a module has nothing of is not listed: 0. */
const change = (one, other) => [`${count(one ?? 0)} → ${count(other ?? 0)} `, el("b", {}, signed((other ?? 0) - (one ?? 0)))];

function metricChips(metrics) {
  const moved = metrics.filter(([, one, other]) => one !== other);
  if (!moved.length) return null;
  const caption = data.kind === "one-side" ? "Metrics before and after this pass" : "Metrics after this pass, baseline and candidate";
  return el("dl", { class: "chips", "aria-label": caption, title: caption },
    moved.map(([name, one, other]) => el("div", {}, el("dt", {}, name), el("dd", {}, change(one, other)))));
}

function table(caption, head, rows) {
  return el("div", { class: "scroll" }, el("table", {},
    el("caption", {}, caption),
    el("thead", {}, el("tr", {}, head.map((name) => el("th", { scope: "col" }, name)))),
    el("tbody", {}, rows.map(([name, ...cells]) => el("tr", {},
      el("th", { scope: "row" }, name), cells.map((cell) => el("td", { class: "n" }, cell)))))));
}

const deltaCell = (one, other) =>
  one === null || other === null || one === undefined || other === undefined ? "" : one === other ? "=" : el("b", {}, signed(other - one));

function numbersView() {
  const two = data.kind === "two-sides";
  const head = two ? ["", ...data.labels, "delta"] : ["", "value"];
  const cells = (one, other) => (two ? [shownValue(one), shownValue(other), deltaCell(one, other)] : [shownValue(other)]);
  const functions = [...new Set(data.resources.map(([name]) => name))];
  return el("div", { class: "numbers" },
    functions.map((name) => table(`${name}: what ptxas and the disassembler count`, head,
      data.resources.filter(([owner]) => owner === name)
        .map(([, title, ...values]) => [title, ...(two ? cells(values[0], values[1]) : cells(null, values[0]))]))),
    functions.length ? null : el("p", { class: "quiet" }, "No machine code, so no registers, spills or instructions to count."),
    data.metrics.length ? table("The module as it went to code generation", head,
      data.metrics.map(([name, one, other]) => [name, ...cells(one ?? 0, other ?? 0)])) : null);
}

/** Generated code: numbered text for one side; for two the difference or either text; or why there is none. */
function artifactView(artifact, state, actions) {
  const [one, other] = artifact.texts, box = el("div", { class: "artifact" });
  const missing = artifact.missing.map((reason, side) => reason && el("p", { class: "missing" },
    el("b", {}, `${data.labels[side] || artifact.name}: `), reason));
  const both = artifact.texts.length > 1 && one !== null && other !== null;
  const choices = both ? ["difference", ...data.labels] : [];
  const choice = both ? state.artifactSide : null;
  box.append(el("div", { class: "tools" },
    both ? choiceButtons(choices, choice, actions.artifactSide) : el("span", { class: "quiet" }, artifact.name),
    both && choice === "difference" && REGISTERS[artifact.kind] ? el("button", {
      type: "button", "aria-pressed": String(state.blank), title: "Compare without register names and labels (r)", onclick: () => actions.toggle("blank"),
    }, "ignore registers", el("kbd", {}, "r")) : null,
    viewButtons(state, actions, both && choice === "difference")), ...missing.filter(Boolean));
  if (both && choice === "difference") box.append(artifactDifference(artifact, state));
  else {
    const wanted = both ? artifact.texts[data.labels.indexOf(choice)] : artifact.texts.find((text) => text !== null);
    if (wanted !== undefined && wanted !== null) box.append(listing(textLines(wanted), artifact.kind));
  }
  return box;
}

/** Names that a register allocator gives; most lines of two listings differ in nothing else. */
const REGISTERS = { ptx: /%\w+|\$L\w+/g, sass: /\bU?[RP]\d+\b|\.L_\w+/g };

function artifactDifference(artifact, state) {
  const [before, after] = artifact.texts.map(textLines);
  if (artifact.texts[0] === artifact.texts[1]) return el("p", {}, "= the same bytes on both sides");
  const pattern = state.blank && REGISTERS[artifact.kind];
  const hunks = pattern ? intoHunks(blankedDifference(before, after, pattern), before, after)
    : artifact.hunks.length ? artifact.hunks.map((hunk) => ({ place: hunk.place, lines: hunkLines(hunk) }))
    : intoHunks(diffTexts(before, after), before, after);
  const lines = hunks.flatMap((hunk) => hunk.lines);
  const total = (kind) => count(lines.filter((line) => line.kind === kind).length);
  return el("div", {},
    el("p", { class: "legend" }, `−${total("-")} +${total("+")} of ${count(before.length)} and ${count(after.length)} lines`,
      pattern ? "; lines that differ in registers and labels only count as equal and are shown as the baseline's" : ""),
    hunks.length ? diffView(hunks, equalGap(before), [before.length, after.length], state.open,
      { ...roomFor(state), whole: state.whole, language: artifact.kind }) : el("p", {}, "= nothing else differs"));
}

/** A difference that overlooks what the pattern matches. */
function blankedDifference(before, after, pattern) {
  const blank = (line) => line.replace(pattern, "@");
  return diffTexts(before.map(blank), after.map(blank)).map((line) => ({
    ...line, marks: [], text: line.kind === "+" ? after[line.after - 1] : before[line.before - 1],
  }));
}

function listing(lines, language) {
  return el("div", { class: "diff listing" }, lines.map((text, at) =>
    el("div", { class: "row" }, number(at + 1), code({ text, marks: [] }, { language, tight: narrow.matches }))));
}
