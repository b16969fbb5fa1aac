// Why's headline, the switches that build a loss, and real runs of each combination (cliptta_demo/page/panels/ablated.py).
const ROWS = [[say("entropy"), "entropy"], [say("+ regulariser"), "entropy", 1], [say("contrastive"), "contrastive"], [say("+ regulariser"), "contrastive", 1], [say("+ memory"), "contrastive", 1, 1]].map(
  ([label, objective, regulariser = 0, memory = 0]) => [label, { objective, regulariser, memory }],
);
const METHODS = { tent: ROWS[0][1], "tent-reg": ROWS[1][1], cliptta: ROWS[4][1] };
const SWITCHES = {
  entropy: [say("entropy"), say("each image by itself: be surer")],
  contrastive: [say("contrastive"), say("fit your caption, not the others’")],
  regulariser: [say("regulariser"), say("all together: use every class")],
  memory: [say("memory"), say("both, on sure images (bars only)")],
};

let record = null;
arrivals.finding = (data) => {
  record = data;
  redraw("terms", "toy");
};

/** The terms that are switched on: objective "entropy", "contrastive" or "", regulariser and memory 0 or 1. */
const now = (cliptta.chosenTerms = { ...METHODS.cliptta });
const same = (one, other) => ["objective", "regulariser", "memory"].every((name) => (one[name] || 0) === (other[name] || 0));
const rowOf = (terms) => record.rows.find((row) => same(row, terms));
const isOn = (name) => Boolean(now[name] ?? now.objective === name);

/** The method that has just these terms, if one has. */
const methodOf = (cliptta.methodOf = (terms) => record.methods.find(({ method }) => same(METHODS[method], terms)));
cliptta.methodOf.known = () => record;

/** Terms of a loss that points feel, which know no memory. */
cliptta.termsInWords = function ({ objective, regulariser }) {
  const words = [objective, regulariser && "regulariser"].filter(Boolean).map((name) => SWITCHES[name][0]);
  return words.length === 1 ? say("{term} alone", { term: words[0] }) : words.join(" + ");
};

/** Words, with the methods' names in their colours. */
const withNames = (text) =>
  text.split(/\{(\w+)\}/).map((piece, index) => {
    const own = index % 2 && record.methods.find(({ method }) => method === piece);
    return own ? tinted(own.mark, make("span.own", own.label)) : piece;
  });

kinds.finding = function (body, data) {
  record = data;
  const [bare, regularised, contrasted] = ROWS.map(([, terms]) => rowOf(terms));
  const [first, second] = [regularised, contrasted].map((row) => row.above && row.gain > row.margin);
  const both = say("{tent} makes each answer surer, alone. Contrast or regulariser keeps them apart.");
  const one = first ? say("{tent} makes each answer surer, alone. The regulariser keeps them apart.") : say("{tent} makes each answer surer, alone. The contrast keeps them apart.");
  const numbers = { fell: bare.collapsed, runs: bare.runs, regularised: regularised.collapsed, contrasted: contrasted.collapsed };
  const words = say("Collapse: one answer for nearly all images. So ended {fell} of {runs} runs of {tent}, entropy alone; {regularised} with the regulariser, {contrasted} with the contrast instead. {cliptta} has both.", numbers);
  body.replaceChildren(make("h2", ...withNames(first && second ? both : one)), make("p.sentence", ...withNames(words)));
};

function turn(name) {
  if (name in now) now[name] = 1 - now[name];
  else now.objective = isOn(name) ? "" : name;
  redraw("terms", "toy");
}

const signed = (value) => `${value < 0 ? "−" : "+"}${fixed(Math.abs(value), 1)}`;

function bar(label, terms, at) {
  const [row, own] = [rowOf(terms), methodOf(terms)];
  const place = make(same(terms, now) ? "li.on" : "li", make("span", label), own ? make("span.own", who(own)) : "");
  if (own) tinted(own.mark, place);
  if (!row) return place;
  const { gain, margin, collapsed, runs } = row;
  const span = (low, high) => ({ style: `inset-inline-start:${at(low)}%;width:${at(high) - at(low)}%` });
  const told = [say("{fell} of {runs} runs collapsed", { fell: collapsed, runs })];
  if (row.like && !same(terms, METHODS.cliptta)) told.push(say("noise can't tell it from CLIPTTA"));
  place.title = told.join("; ");
  place.append(
    make(Math.abs(gain) > margin ? "div" : "div.unsure", { ariaHidden: "true" }, make("i.bar", span(Math.min(0, gain), Math.max(0, gain))), make("i.whisker", span(gain - margin, gain + margin))),
    make("small", make("b", signed(gain)), ` ±${fixed(margin, 1)}${told[1] ? " ≈" : ""}`),
  );
  return place;
}

function bars() {
  const ends = record.rows.flatMap(({ gain, margin }) => [0, gain - margin, gain + margin]);
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const at = (value) => Math.round((1000 * (value - low)) / (high - low)) / 10;
  const names = Object.keys(SWITCHES).filter(isOn).map((name) => SWITCHES[name][0]);
  const rows = ROWS.map(([label, terms]) => bar(label, terms, at));
  const yours = ROWS.some(([, terms]) => same(terms, now)) ? make("li") : bar(names.join(" + ") || say("no loss"), now, at);
  const unsure = [...rows, yours].some((row) => row.querySelector(".unsure")) ? say("Hollow: noise can't tell it from zero-shot.") : "";
  return [
    make("h3", say("What stops the fall"), make("small", say("points gained"))),
    make("ol", { style: `--zero:${at(0) / 100}` }, rows, yours, make("p", say("zero-shot {share} %", { share: fixed(record.before, 1) }))),
    make("p.hint", say("{stream}; {seeds} seeds, each at its best rate. ≈: noise can't tell it from CLIPTTA.", { stream: capital(record.stream), seeds: record.seeds }), " ", unsure),
  ];
}

kinds.terms = function (body) {
  if (!record) return;
  const button = ([name, [label, about]]) => make("button", { role: "switch", "data-name": name, onclick: () => turn(name) }, make("i"), make("b", label), make("span", about));
  if (!body.firstChild) body.append(make("div.switches", Object.entries(SWITCHES).map(button)), make("div.ablated"));
  for (const button of body.querySelectorAll("[role=switch]")) button.ariaChecked = isOn(button.dataset.name);
  body.lastChild.replaceChildren(...bars());
};
