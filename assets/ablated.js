// Why's headline, the switches that build a loss, and real runs of each combination (cliptta_demo/page/panels/ablated.py).
const SHOWN = 5; // rows, whatever is switched on
const SWITCHES = () => ({
  entropy: [say("entropy"), say("each image by itself: be surer")],
  contrastive: [say("contrastive"), say("fit your caption, not the others’")],
  regulariser: [say("regulariser"), say("all together: use every class")],
  memory: [say("memory"), say("both, on sure images (bars only)")],
});
const NAMES = Object.keys(SWITCHES());

let record = null;
arrivals.finding = (data) => {
  record = data;
  redraw("terms", "toy");
};

/** The terms that are switched on, 1 or 0 each. */
const now = (cliptta.chosenTerms = { entropy: 0, contrastive: 1, regulariser: 1, memory: 1 });
const rowOf = (terms) => record.rows.find((row) => NAMES.every((name) => row[name] === (terms[name] ?? 0)));
const named = (method) => record.methods.find((own) => own.method === method);
const listed = (terms, names = NAMES) => names.filter((name) => terms[name]).map((name) => SWITCHES()[name][0]);

/** The method that has just these terms, if one has. */
cliptta.methodOf = (terms) => record && named(rowOf(terms)?.method);

/** Terms of a loss that points feel, which know no memory. */
cliptta.termsInWords = function (terms) {
  const words = listed(terms, NAMES.slice(0, 3));
  return words.length === 1 ? say("{term} alone", { term: words[0] }) : words.join(" + ");
};

/** Words, with the methods' names in their colours. */
const coloured = (tag, text) =>
  make(tag, text.split(/\{(\w+)\}/).map((piece, index) => (index % 2 ? tinted(named(piece).mark, make("span.own", named(piece).label)) : piece)));

kinds.finding = function (body, data) {
  record = data;
  const [bare, ...others] = data.rows;
  const [regulariser, contrast] = others.map((row) => row.above && row.gain > row.margin);
  const headline =
    regulariser && contrast ? say("{tent} makes each answer surer, alone. Asking for every class keeps them apart.")
    : regulariser ? say("{tent} makes each answer surer, alone. The regulariser keeps them apart.")
    : say("{tent} makes each answer surer, alone. The contrast keeps them apart.");
  const [first, second, , all] = others.map((row) => row.collapsed);
  const words = say(
    "Collapse: one answer for nearly all images. So ended {fell} of {runs} runs of {tent}, entropy alone; {first} with the regulariser, {second} with the contrast instead, {all} of {cliptta} with both.",
    { fell: bare.collapsed, runs: bare.runs, first, second, all },
  );
  body.replaceChildren(coloured("h2", headline), coloured("p.sentence", words));
};

function turn(name) {
  now[name] = 1 - now[name];
  const other = { entropy: "contrastive", contrastive: "entropy" }[name];
  if (other) now[other] = 0;
  redraw("terms", "toy");
}

function bar(row, label, at) {
  const { gain, margin } = row;
  const own = named(row.method);
  const span = (low, high) => ({ style: `inset-inline-start:${at(low)}%;width:${at(high) - at(low)}%` });
  const place = make(
    row === rowOf(now) ? "li.on" : "li",
    make(label.startsWith("+") ? "span.more" : "span", label),
    own ? tinted(own.mark, make("span.own", who(own))) : "",
    make("div", make("i.bar", span(Math.min(0, gain), Math.max(0, gain))), make("i.whisker", span(gain - margin, gain + margin))),
    make("small", make("b", signed(gain)), ` ±${fixed(margin, 1)}${row.like && !(row.contrastive && row.memory) ? " ≈" : ""}`),
  );
  return own ? tinted(own.mark, place) : place;
}

function bars() {
  const { rows, before, seeds, stream } = record;
  const ends = rows.flatMap(({ gain, margin }) => [0, gain - margin, gain + margin]);
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const at = (value) => Math.round((1000 * (value - low)) / (high - low)) / 10;
  const yours = rows.indexOf(rowOf(now)) < SHOWN ? null : rowOf(now);
  const label = (row, index) => (index && listed(row).length > 1 ? `+ ${listed(row).at(-1)}` : listed(row)[0]);
  const style = `--zero:${at(0) / 100}`;
  return [
    make("h3", say("In real runs"), make("small", say("gain, each at its best rate"))),
    make(
      "ol",
      { style },
      rows.slice(0, SHOWN).map((row, index) => bar(row, label(row, index), at)),
      yours ? bar(yours, listed(now).join(" + "), at) : make("li"),
    ),
    make("p.zero", { style }, say("zero-shot {share} %", { share: fixed(before, 1) })),
    make("p.hint", say("{stream}; {seeds} seeds. ≈: noise can't tell it from CLIPTTA.", { stream: capital(stream), seeds })),
  ];
}

kinds.terms = function (body) {
  if (!record) return;
  const button = (name) => make("button", { role: "switch", "data-name": name, onclick: () => turn(name) }, make("i"), make("b", SWITCHES()[name][0]), make("span", SWITCHES()[name][1]));
  if (!body.firstChild) body.append(make("div.switches", NAMES.map(button)), make("div.ablated"));
  for (const button of body.querySelectorAll("button")) button.ariaChecked = Boolean(now[button.dataset.name]);
  body.lastChild.replaceChildren(...bars());
};
