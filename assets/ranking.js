// The ranking (cliptta_demo/page/panels/ranking.py): what was measured of all methods, on images and streams chosen here.
const SHOWN = 7; // methods, where there is room for no more
const NUMBERS = ["gains", "hard", "easy", "collapsed", "milliseconds"];
// Column → its title, and which way it is sorted first.
const COLUMNS = () => ({
  label: [say("Method"), 1],
  family: [say("Family"), 1],
  gain: [say("Gain ± 2 SE"), -1],
  hard: [say("Where zero-shot < 50%"), -1],
  easy: [say("Where zero-shot ≥ 80%"), -1],
  collapsed: [say("Collapses"), 1],
  milliseconds: [say("ms an image"), 1],
  year: [say("Year"), -1],
});
const WORDS = ["label", "family"];

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
/** Standard error of their mean. */
const error = (values) => Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2)) / (values.length - 1));
const points = (value) => `${value < 0 ? "−" : ""}${fixed(Math.abs(value), 1)}`;
const spread = (own) => (own ? `${signed(own[0])} ± ${fixed(2 * own[1], 1)}` : "–");
const onShow = () => cliptta.batches.newest()?.methods ?? {}; // methods of the run
const markOf = (method) => onShow()[method]?.mark;

/** The methods of a part, the one that gains most first, each with all that is told of it. */
const linesOf = (methods, part) =>
  part.methods.map((method, at) => {
    const own = Object.fromEntries(NUMBERS.map((name) => [name, part[name][at]]));
    return { method, few: part.few.includes(method), gain: [mean(own.gains), error(own.gains)], ...methods[method], ...own };
  });

/** Who leads whom, seed by seed; who saw fewer images is not compared. */
function lead(lines, t) {
  const [first, second] = lines.filter(({ few }) => !few);
  if (!second) return "";
  const apart = first.gains.map((gain, seed) => gain - second.gains[seed]);
  const [middle, margin] = [mean(apart), t * error(apart)];
  const told = { first: first.label, second: second.label, points: points(middle), low: points(middle - margin), high: points(middle + margin) };
  if (middle > margin) return say("{first} leads {second} by {points} points (95 %: {low} to {high}).", told);
  return say("{first} leads {second} by {points} points, which may be chance (95 %: {low} to {high}).", told);
}

/** The run's methods, the best of each family, and whoever gains most. */
function foremost(lines) {
  const best = new Map([...lines].reverse().map((own) => [own.family, own]));
  const first = lines.filter((own) => markOf(own.method) || best.get(own.family) === own);
  return [...new Set([...first, ...lines])].slice(0, SHOWN);
}

/** One choice of several; `options`: value and words of each. */
function choice(label, options, chosen, choose) {
  const list = make("select", { onchange: () => choose(list.value) });
  list.append(...options.map(([value, words]) => make("option", { value, selected: value === chosen }, words)));
  return make("label", label, list);
}

/** A line of the table; `place`: where points lie in its picture, in % of the width. */
function lineOf(own, part, place) {
  const [[middle, apart], mark] = [own.gain, markOf(own.method)];
  const query = new URLSearchParams({ methods: `zero-shot,${own.method}`, rates: "own", dataset: part.datasets[0], ...part.settings });
  const about = { href: `?${query}`, title: say("Run {method} beside zero-shot", { method: own.label }) };
  const link = make(mark ? "a.own" : "a", about, own.label + (own.few ? "*" : ""));
  const [from, to] = [place(middle - 2 * apart), place(middle + 2 * apart)];
  const picture = make("td.interval", make("i", { style: `left:${from}%;width:${to - from}%` }), make("i.dot", { style: `left:${place(middle)}%` }));
  const collapsed = say("{count} of {all}", { count: own.collapsed, all: part.streams });
  const told = [spread(own.gain), spread(own.hard), spread(own.easy), collapsed, fixed(own.milliseconds, 1), own.year];
  const line = make("tr", make("th", { scope: "row" }, mark ? marker(mark) : null, link), make("td.family", own.family), picture, told.map((text) => make("td.number", text)));
  line.dataset.method = own.method;
  return mark ? tinted(mark, line) : line;
}

function rank(body, about, { t, parts }) {
  const state = (body.state ??= { stream: parts[0].stream, column: "gain", way: -1 });
  const change = (more) => rank(body, about, { t, parts }, Object.assign(state, more));
  const fitting = parts.filter(({ stream }) => stream === state.stream);
  const part = fitting.find(({ datasets }) => `${datasets}` === state.datasets) ?? fitting[0];
  const all = linesOf(about.methods, part);
  const families = [...new Set(all.map(({ family }) => family))];
  const lines = families.includes(state.family) ? all.filter(({ family }) => family === state.family) : all;

  const edges = all.flatMap(({ gain: [middle, apart] }) => [middle - 2 * apart, middle + 2 * apart]);
  const [low, high] = [Math.min(0, ...edges) - 0.5, Math.max(0, ...edges) + 0.5];
  const place = (value) => (100 * (value - low)) / (high - low);
  const ticks = [];
  for (let tick = 5 * Math.ceil(low / 5); tick <= high; tick += 5) ticks.push(make("span", { style: `left:${place(tick)}%` }, tick ? signed(tick).replace(".0", "") : "0"));

  const key = (own) => [own[state.column] ?? -Infinity].flat()[0];
  const sorted = [...lines].sort((one, other) => state.way * ((key(one) > key(other)) - (key(one) < key(other))));
  const heads = Object.entries(COLUMNS()).map(([column, [title, way]]) => {
    const here = column === state.column;
    const head = sortHead(title, here && state.way, () => change({ column, way: here ? -state.way : way }));
    if (column === "gain") head.colSpan = 2;
    if (!WORDS.includes(column)) head.dataset.kind = "count";
    return head;
  });
  const some = foremost(lines);
  const rows = sorted.map((own) => [lineOf(own, part, place), own]);
  for (const [line, own] of rows) line.classList.toggle("more", !some.includes(own));

  const words = (names) => names.map((name) => about.datasets[name]).join(", ");
  const streams = Object.entries(about.streams).filter(([name]) => parts.some(({ stream }) => stream === name));
  const choices = make(
    "div.toolbar",
    choice(say("Streams"), streams, part.stream, (stream) => change({ stream })),
    choice(say("Images"), fitting.map(({ datasets }) => [`${datasets}`, words(datasets)]), `${part.datasets}`, (datasets) => change({ datasets })),
    choice(say("Family"), [["", say("all")], ...families.map((name) => [name, name])], state.family, (family) => change({ family })),
  );
  const told = { streams: part.streams, seeds: all[0].gains.length };
  const note = say("Points of accuracy over zero-shot's on the same {streams} streams, over {seeds} seeds; 95 %: of the paired differences. Each method has the rate and the steps that did best on four other corruptions. Its name runs it beside zero-shot on one of these streams.", told);
  const few = lines.some((own) => own.few) ? say("* saw the first batch of each stream alone: not compared.") : "";

  const places = () => [...body.querySelectorAll("select, button, a")];
  const held = places().indexOf(document.activeElement);
  const axis = make("tfoot", { ariaHidden: "true" }, make("tr", make("td"), make("td.family"), make("td.interval", ticks)));
  body.replaceChildren(choices, table(say("All methods, ranked"), make("thead", make("tr", heads)), make("tbody", rows.map(([line]) => line)), axis), make("p.footnote", note, " ", few));
  focusOn(places()[held]);
  body.style.setProperty("--zero", `${place(0)}%`);
  retitle(body, [say("{count} methods, {streams}", { count: all.length, streams: about.streams[part.stream] }), lead(lines, t)]);
  body.closest(".panel").querySelector(".finding").textContent = say("Gain in points, ± 2 SE; {count} of the {all}.", { count: some.length, all: all.length });
}

kinds.ranking = async function (body, about) {
  const methods = Object.keys(onShow()).join();
  if (methods === body.methods) return; // an open list stays open
  body.methods = methods;
  body.file ??= fetch(about.file).then((answer) => answer.json());
  rank(body, about, await body.file);
};
cliptta.pictured("ranking");
