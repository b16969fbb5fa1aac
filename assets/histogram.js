// Predictions per class: the numbers of a run, or of one batch of it alone, → a figure with one small plot per method.
const { hover, plotText } = cliptta;
const TOPS = [0.2, 0.3, 0.4, 0.6, 0.8, 1]; // of the axis: few, so that it seldom jumps
const LONGEST = 16; // letters of a name along the axis; pointing at its bar shows all of it
const MOST = 20; // classes that have a bar of their own
const LARGEST = 10; // of more, those that do
const OTHER = say("other");

const share = (counts) => {
  const all = counts.reduce((sum, count) => sum + count, 0) || 1;
  return counts.map((count) => count / all);
};

/** A class name short enough to stand along an axis; names that begin alike often differ at their end. */
function cut(name) {
  const letters = [...name];
  if (letters.length <= LONGEST) return name;
  return `${letters.slice(0, LONGEST - 7).join("").trimEnd()}…${letters.slice(-6).join("").trimStart()}`;
}

/** The same numbers of one batch alone, as the gallery has it. */
function alone(data, batch) {
  const count = (kinds) => kinds.reduce((counts, kind) => ((counts[kind] += 1), counts), data.classes.map(() => 0));
  const truths = batch.tiles.map(({ truth }) => truth);
  const methods = data.methods.map((own) => {
    const { status, predicted, entropy } = batch.methods[own.method];
    const of = (...kinds) => status.filter((kind) => kinds.includes(kind)).length;
    const beside = { fixed: of("fixed"), was_wrong: of("fixed", "wrong"), broken: of("broken"), was_right: of("broken", "right") };
    return { ...own, entropy, counts: count(predicted.filter((_, index) => truths[index] !== -1)), beside: own.beside && beside };
  });
  return { ...data, methods, truth: data.truth && count(truths.filter((truth) => truth >= 0)) };
}

/** Improvement and deterioration in words. */
function ratioLines({ method, beside }, reference) {
  if (!beside) return [];
  if (method === reference) return [say("the yardstick of both ratios")];
  const { fixed: part, was_wrong: whole, broken, was_right: right } = beside;
  return [
    whole < FEW
      ? say("improvement: {part} of zero-shot's {whole} wrong", { part, whole })
      : say("improvement: {share} of zero-shot's wrong", { share: percent(part / whole) }),
    right < FEW
      ? say("deterioration: {part} of zero-shot's {whole} right", { part: broken, whole: right })
      : say("deterioration: {share} of zero-shot's right", { share: percent(broken / right) }),
  ];
}

/** Name, entropy gauge and largest class of one method, and what else is to be said. */
function headOf(own, { classes, reference }) {
  const most = Math.log(classes.length);
  const shares = share(own.counts);
  const top = Math.max(...shares);
  const entropy = { entropy: fixed(own.entropy, 2), most: fixed(most, 2) };
  const largest = say("largest class “{name}”: {share}", { name: classes[shares.indexOf(top)], share: percent(top) });
  return {
    method: own.method,
    mark: own.mark,
    title: own.label,
    gauge: { share: own.entropy / most, text: say("entropy {entropy} of {most}", entropy), low: own.entropy < 0.75 * most },
    lines: [largest, ...ratioLines(own, reference)],
  };
}

/** Of many classes the ones that are largest in some plot, the same in all, and the rest as one bar. */
function fewer(names, plots) {
  const size = names.map((_, kind) => Math.max(...plots.flat().map((shares) => shares[kind])));
  const kept = names.map((_, kind) => kind).sort((one, other) => size[other] - size[one]).slice(0, LARGEST).sort((one, other) => one - other);
  const take = (shares) => {
    const rest = shares.reduce((sum, value, kind) => sum + (kept.includes(kind) ? 0 : value), 0);
    return [...kept.map((kind) => shares[kind]), rest];
  };
  return { names: [...kept.map((kind) => names[kind]), OTHER], plots: plots.map((plot) => plot.map(take)) };
}

function facet(own, names, [bars, truth], top, many) {
  const shown = names.map(plotText);
  const traces = [
    {
      type: "bar",
      x: shown,
      y: bars,
      marker: { color: `@${own.mark.colour}` },
      ...hover(say("{name}: {share} of predictions", { name: "%{x}", share: "%{y:.1%}" })),
    },
  ];
  if (truth) {
    traces.push({
      type: "scatter",
      mode: "markers",
      x: shown,
      y: truth,
      marker: { symbol: "line-ew", size: many ? 5 : 13, line: { width: 2, color: "@ink" } },
      ...hover(say("{name}: truly {share}", { name: "%{x}", share: "%{y:.1%}" })),
    });
  }
  const long = names.filter((name) => cut(name) !== name);
  const layout = {
    yaxis: { range: [0, top], tickformat: ".0%", nticks: 5 },
    xaxis: {
      tickangle: names.length > 6 ? -55 : 0,
      type: "category",
      range: [-0.6, names.length - 0.4],
      labelalias: Object.fromEntries(long.map((name) => [plotText(name), plotText(cut(name))])),
    },
    bargap: 0.28,
  };
  if (many) {
    const rest = bars[LARGEST]; // where it is cut it says how high it is
    const height = { x: OTHER, y: top, yanchor: "bottom", showarrow: false, text: `${Math.round(100 * rest)}%`, font: { size: 10 } };
    Object.assign(layout, { margin: { t: 18 }, annotations: rest > top ? [height] : [] });
  }
  return { id: `histogram-${own.method}`, data: traces, layout };
}

const highest = (plots) => Math.max(...plots.flat(2));
const plotsOf = ({ methods, truth }) => methods.map(({ counts }) => [counts, ...(truth ? [truth] : [])].map(share));

/** `batch`: one that is looked at alone; `more`: whether there is one to look at. */
figures.histogram = function (all, batch = null, more = false) {
  if (!all.methods) return { empty: say("Press Run: see which classes each method predicts, and which it forgets.") };
  const data = batch ? alone(all, batch) : all;
  const many = data.classes.length > MOST;
  const { names, plots } = many ? fewer(data.classes, plotsOf(data)) : { names: data.classes, plots: plotsOf(data) };
  const usual = TOPS.find((step) => 1.05 * highest(plotsOf(all)) <= step) ?? 1;
  const top = many
    ? Math.min(1.05, 1.25 * highest(plots.map((plot) => plot.map((shares) => shares.slice(0, LARGEST))))) // the rest together would dwarf the largest
    : batch ? Math.min(1.05, Math.max(usual, 1.05 * highest(plots))) : usual;
  const facets = data.methods.map((own, index) => {
    const head = headOf(own, data);
    const { lines: [largest], gauge: { text: entropy } } = head;
    const facts = [entropy, ...head.lines].join(". ");
    const alt = batch
      ? say("{method}, batch {batch} alone: {entropy}. {largest}.", { method: own.label, batch: batch.batch, entropy, largest })
      : say("{method}, predictions per class: {facts}.", { method: own.label, facts });
    return { ...facet(own, names, plots[index], top, many), head, alt };
  });
  const notes = [];
  if (many) notes.push(say("The {shown} largest of {all} classes, and all others as one bar; where it is cut, a number tells its height.", { shown: LARGEST, all: data.classes.length }));
  if (batch) notes.push(say("{batch}, alone.", { batch: cliptta.batchTitle(batch) }));
  else if (more) notes.push(say("All batches so far. Point at a batch on a curve to see that one alone."));
  return { facets, note: notes.join(" ") };
};

kinds.histogram = function (body, data) {
  const { looked, more } = cliptta.batches.at(); // of another run for a moment, when a run begins
  const fits = looked && data.classes?.length === looked.classes.length && data.methods.every(({ method }) => looked.methods[method]);
  kinds.plot(body, cliptta.withOverlays(figures.histogram(data, fits ? looked : null, more)));
};
