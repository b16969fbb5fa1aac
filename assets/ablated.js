// Why's headline, the switches that build a loss, and real runs of each combination (cliptta_demo/page/panels/ablated.py).
const BARE = { objective: "entropy", regulariser: 0, memory: 0 };
const ROWS = [
  [say("entropy"), BARE],
  [say("+ regulariser"), { ...BARE, regulariser: 1 }],
  [say("contrastive"), { objective: "contrastive", regulariser: 0, memory: 0 }],
  [say("+ regulariser"), { objective: "contrastive", regulariser: 1, memory: 0 }],
  [say("+ memory"), { objective: "contrastive", regulariser: 1, memory: 1 }],
];
const METHODS = { tent: BARE, "tent-reg": ROWS[1][1], cliptta: ROWS[4][1] };
const SWITCHES = [
  ["entropy", say("entropy"), say("each image by itself: be surer")],
  ["contrastive", say("contrastive"), say("fit your caption, not the others’")],
  ["regulariser", say("regulariser"), say("all together: use every class")],
  ["memory", say("memory"), say("both, on sure images (bars only)")],
];

let record = null;
arrivals.finding = (data) => {
  record = data;
  redraw("terms", "toy");
};
cliptta.ablated = () => record;

const same = (one, other) => ["objective", "regulariser", "memory"].every((name) => (one[name] ?? "none") === (other[name] ?? "none"));
const rowOf = (terms) => record.rows.find((row) => same({ ...row, objective: row.objective === "none" ? null : row.objective }, terms));

/** The terms that are switched on: objective entropy, contrastive or null, regulariser and memory 0 or 1. */
cliptta.chosenTerms = { ...METHODS.cliptta };

/** The method that has just these terms, if one has. */
const methodOf = (cliptta.methodOf = (terms) => {
  const name = Object.keys(METHODS).find((each) => same(METHODS[each], terms));
  return record.methods.find(({ method }) => method === name);
});

/** Terms of a loss that points feel, which know no memory. */
cliptta.termsInWords = function ({ objective, regulariser }) {
  const names = { entropy: say("entropy"), contrastive: say("contrastive") };
  const words = [names[objective], regulariser ? say("regulariser") : ""].filter(Boolean);
  return words.length > 1 ? words.join(" + ") : say("{term} alone", { term: words[0] });
};

/** Words, with the methods' names in their colours. */
const withNames = (text) =>
  text.split(/\{(\w+)\}/).map((piece, index) => {
    const own = index % 2 && record.methods.find(({ method }) => method === piece);
    return own ? tinted(own.mark, make("span.own", own.label)) : piece;
  });

const isGain = ({ gain, margin }) => gain > margin;

kinds.finding = function (body, data) {
  const [bare, regularised, contrasted] = ROWS.map(([, terms]) => rowOf(terms));
  const holds = (row) => row.above && isGain(row);
  const both = holds(regularised) && holds(contrasted);
  const texts = [
    [both, say("{tent} makes each answer surer, alone. Contrast or regulariser keeps them apart.")],
    [holds(regularised), say("{tent} makes each answer surer, alone. The regulariser keeps them apart.")],
    [holds(contrasted), say("{tent} makes each answer surer, alone. The contrast keeps them apart.")],
    [true, say("{tent} makes each answer surer, alone. Nothing keeps them apart.")],
  ];
  body.closest(".panel").querySelector("h2").replaceChildren(...withNames(texts.find(([holds]) => holds)[1]));
  const numbers = { fell: bare.collapsed, runs: bare.runs, regularised: regularised.collapsed, contrasted: contrasted.collapsed };
  const words = say("Collapse: one answer for nearly all images. So ended {fell} of {runs} runs of {tent}, entropy alone; {regularised} with the regulariser, {contrasted} with the contrast instead. {cliptta} has both.", numbers);
  body.replaceChildren(make("p.sentence", ...withNames(words)));
};

function turn(name) {
  const now = cliptta.chosenTerms;
  if (name in now) now[name] = 1 - now[name];
  else now.objective = now.objective === name ? null : name;
  redraw("terms", "toy");
}
const isOn = (name) => Boolean(cliptta.chosenTerms[name] ?? cliptta.chosenTerms.objective === name);

const toggle = ([name, label, about]) =>
  make("button", { role: "switch", "data-name": name, title: cliptta.lossTerms?.[name]?.[1] ?? "", onclick: () => turn(name) }, make("i", { ariaHidden: "true" }), make("b", label), make("span", about));

const signed = (value, digits = 1) => `${value < 0 ? "−" : "+"}${fixed(Math.abs(value), digits)}`;

function bar(label, terms, scale) {
  const [row, own] = [rowOf(terms), methodOf(terms)];
  const on = same(terms, cliptta.chosenTerms);
  const place = make(`li${on ? ".on" : ""}${label.startsWith("+") ? ".more" : ""}`, make("span.label", make("span", label), own ? make("span.own", who(own)) : ""));
  if (own) tinted(own.mark, place);
  if (!row) {
    place.append(make("span.none", say("nothing moves: zero-shot")));
    return place;
  }
  const { gain, margin } = row;
  const span = (low, high) => ({ style: `inset-inline-start:${scale(low)}%;width:${scale(high) - scale(low)}%` });
  const numbers = { gain: signed(gain), margin: fixed(margin, 1), fell: row.collapsed, runs: row.runs };
  place.title = say("{gain} ± {margin} points; {fell} of {runs} runs collapsed", numbers);
  place.append(
    make(Math.abs(gain) > margin ? "span.span" : "span.span.unsure", { ariaHidden: "true" }, make("i.bar", span(Math.min(0, gain), Math.max(0, gain))), make("i.whisker", span(gain - margin, gain + margin))),
    make("span.gain", make("b", signed(gain)), make("small", ` ±${fixed(margin, 1)}`), row.like && !same(terms, METHODS.cliptta) ? " ≈" : ""),
  );
  return place;
}

function bars() {
  const ends = record.rows.flatMap(({ gain, margin }) => [gain - margin, gain + margin]);
  const [low, high] = [Math.min(0, ...ends), Math.max(...ends)];
  const scale = (value) => Math.round((1000 * (value - low)) / (high - low)) / 10;
  const now = cliptta.chosenTerms;
  const listed = ROWS.some(([, terms]) => same(terms, now));
  const names = [now.objective && cliptta.termsInWords({ objective: now.objective }).replace(/ .*/, ""), now.regulariser && say("regulariser"), now.memory && say("memory")];
  const yours = listed ? null : bar(names.filter(Boolean).join(" + ") || say("no loss"), now, scale);
  const list = make("ol.bars", { style: `--zero:${scale(0) / 100}` }, ROWS.map(([label, terms]) => bar(label, terms, scale)), yours ?? make("li", { ariaHidden: "true" }));
  const unsure = [...ROWS.map(([, terms]) => rowOf(terms)), rowOf(now)].some((row) => row && Math.abs(row.gain) <= row.margin) ? `${say("Hollow: noise can't tell it from zero-shot.")} ` : "";
  const before = say("zero-shot {share} %", { share: fixed(record.before, 1) });
  return [
    make("h3", say("What stops the fall"), make("small", say("points gained"))),
    list,
    make("p.zero", { style: `--zero:${scale(0) / 100}` }, make("span", before)),
    make("p.hint", unsure, say("{stream}; {seeds} seeds, each at its best rate. ≈: noise can't tell it from CLIPTTA.", { stream: capital(record.stream), seeds: record.seeds })),
  ];
}

kinds.terms = function (body) {
  if (!record) return;
  if (!body.firstChild) body.append(make("div.switches", SWITCHES.map(toggle)), make("div.ablated"));
  for (const button of body.querySelectorAll("[role=switch]")) button.ariaChecked = isOn(button.dataset.name);
  body.querySelector(".ablated").replaceChildren(...bars());
};
