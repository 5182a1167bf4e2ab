// What is shown and how, and the controls that change it.

const state = {
  view: "passes",      // passes, charts, numbers, or the kind of an artifact
  pass: null,          // index of the selected row; 0 is the input
  changedOnly: true,
  filter: "",
  unfolded: new Set(), // index of the first row of each fold that is open
  effect: "difference",
  artifactSide: "difference",
  split: false,
  wrap: true,
  blank: false,        // compare machine code without register names
  whole: false,
  open: new Set(),     // expanded gaps of what is shown
  listOpen: false,     // on a narrow screen
};

let rows = [];         // passes, after the input where the sides' inputs differ
let byIndex = new Map();
let byAnchor = new Map();
const part = {};       // elements that stay

const narrow = matchMedia("(max-width: 640px)");
/** Two halves of a narrow screen hold nothing. */
const roomFor = (settings) => ({ split: settings.split && !narrow.matches, tight: settings.split || narrow.matches });

const actions = {
  toggle(name) {
    state[name] = !state[name];
    if (name === "split" || name === "wrap") remember(name, state[name] ? "1" : "0");
    if (name === "changedOnly") { state.unfolded.clear(); drawList(); return; }
    if (name === "blank") state.open.clear();
    if (name === "wrap") { document.body.classList.toggle("nowrap", !state.wrap); }
    drawMain();
  },
  effect(name) { state.effect = name; state.open.clear(); drawMain(); },
  artifactSide(name) { state.artifactSide = name; state.open.clear(); drawMain(); },
};

function choiceButtons(names, chosen, choose) {
  return el("span", { class: "choice", role: "group", "aria-label": "what to show" }, names.map((name) =>
    el("button", { type: "button", "aria-pressed": String(name === chosen), onclick: () => choose(name) }, name)));
}

/** How a difference is drawn; of no use where a text is only listed. */
function viewButtons(settings, acts, isDifference) {
  const button = (name, key, title) => el("button", {
    type: "button", "aria-pressed": String(settings[name]), title: `${title} (${key})`, onclick: () => acts.toggle(name),
  }, title, el("kbd", {}, key));
  return el("span", { class: "choice" },
    isDifference && !narrow.matches ? button("split", "s", "side by side") : null,
    isDifference ? button("whole", "x", "whole text") : null,
    button("wrap", "w", "wrap"));
}
