// Figures beside the stream's curves: the numbers of scores, reliability, gain, drift and a sweep → figures.
const { DOTTED, fifths, figure, hover, level, levelLabel, line, noteAt, pace, pictured, points, upright } = cliptta;

/** The numbers along a scale of tens that people read: as many of each ten as `most` allows. */
function tens(values, most) {
  const [low, high] = [Math.min(...values) / 1.3, Math.max(...values) * 1.3];
  const decades = Array.from({ length: 14 }, (_, index) => index - 7);
  const of = (parts) => decades.flatMap((power) => parts.map((part) => Number(`${part}e${power}`))).filter((value) => value >= low && value <= high);
  const tickvals = [[1, 2, 5], [1, 3], [1]].map(of).find(({ length }) => length <= most) ?? [];
  return { type: "log", range: [Math.log10(low), Math.log10(high)], tickvals, ticktext: tickvals.map((value) => marked(String(value))) };
}

// ---- ID scores, one small plot per method; strangers hatched, the threshold dashed

/** Shares of the scores in each bin. */
function scoreBars(label, counts, { low, high }, marker) {
  const all = counts.reduce((sum, count) => sum + count, 0);
  const width = (high - low) / counts.length;
  return {
    type: "bar",
    name: label,
    x: counts.map((_, bin) => low + (bin + 0.5) * width),
    y: counts.map((count) => count / all),
    marker: { ...marker, opacity: 0.72, line: { width: 0 } },
    ...hover(say("{side}, score {score}: {share}", { side: label, score: "%{x:.4f}", share: "%{y:.1%}" })),
  };
}

figures.scores = function (data) {
  if (!data.methods?.length) return { empty: say("A run with strangers in the stream shows how far their scores lie apart.") };
  const hatched = { color: "@stranger", pattern: { shape: "/", size: 5, solidity: 0.45 } };
  const sides = (own) => [[say("known (ID)"), own.known, { color: `@${own.mark.colour}` }], [say("stranger (OOD)"), own.strangers, hatched]];
  const traces = data.methods.map((own) =>
    sides(own).filter(([, counts]) => counts.some(Boolean)).map(([label, counts, marker]) => scoreBars(label, counts, own, marker)),
  );
  const highest = Math.max(...traces.flat().flatMap((trace) => trace.y));
  const facets = data.methods.map((own, index) => {
    const x = own.threshold;
    const layout = {
      barmode: "overlay",
      bargap: 0.04,
      margin: { l: 0, r: 0, t: 4, b: 4 },
      xaxis: { showticklabels: false, range: [own.low, own.high] },
      yaxis: { showticklabels: false, showgrid: false, range: [0, 1.2 * highest] }, // one scale for all, with room for the label
      shapes: [upright(x, { color: "@ink", width: 1.5, dash: "dash" })],
      annotations: [noteAt(x, say("threshold"), x > (own.low + own.high) / 2, { y: 1, yanchor: "top" })],
    };
    const lines = own.auroc === null || own.fpr95 === null ? [] : [`AUROC ${percent(own.auroc, 1)}`, `FPR95 ${percent(own.fpr95, 1)}`];
    const alt = say("{method}: ID scores. {measures}.", { method: own.label, measures: lines.join(", ") });
    return { id: `scores-${own.method}`, data: traces[index], layout, alt, head: { mark: own.mark, title: own.label, lines } };
  });
  return { facets, note: say("Solid: known (ID). Hatched: strangers (OOD). Further apart is better.") };
};

// ---- accuracy over confidence; on the diagonal a method is as sure as it should be

const LEAST = 5; // images in a bin: fewer say nothing of how often a method is right

function reliabilityLine(own) {
  const bins = own.count.map((_, bin) => bin).filter((bin) => own.count[bin] >= LEAST);
  const of = (sums) => bins.map((bin) => sums[bin] / own.count[bin]);
  const text = bins.map((bin) => sayCount("{count} image", "{count} images", own.count[bin]));
  const about = { method: own.label, images: "%{text}", confidence: "%{x:.0%}", accuracy: "%{y:.0%}" };
  return line(own, of(own.confidence), of(own.right), { text, ...hover(say("{method}, {images}<br>sure {confidence}, right {accuracy}", about)) });
}

figures.reliability = function (data) {
  const { methods } = data;
  if (!methods) return { empty: say("Whether a sure answer is a right one.") };
  if (!methods.some(({ count }) => count.some(Boolean))) return { empty: say("These images have no labels: nobody knows how often a sure answer is right.") };
  const quarters = [0, 0.25, 0.5, 0.75, 1];
  const share = { range: [0, 1.02], tickvals: quarters, ticktext: quarters.map((value) => String(100 * value)) };
  const layout = {
    xaxis: { title: { text: say("how sure, %") }, ...share },
    yaxis: { title: { text: say("right, %") }, ...share },
    shapes: [{ type: "line", x0: 0, x1: 1, y0: 0, y1: 1, line: DOTTED }],
    annotations: [
      { x: 0.02, y: 0.95, xanchor: "left", text: say("modest"), showarrow: false },
      { x: 1, y: 0.05, xanchor: "right", text: say("too sure"), showarrow: false },
    ],
  };
  const errors = each(methods, ({ error }) => percent(error, 1));
  const alt = say("Accuracy by confidence. Expected calibration error: {errors}.", { errors });
  const note = say("Expected calibration error, the mean gap to the diagonal: {errors}.", { errors });
  return figure("reliability", data, methods.map(reliabilityLine), layout, alt, { note, unnamed: true });
};

// ---- accuracy over the time that an image takes, a point for each method

/** Bytes for people. */
function megabytes(count) {
  if (count >= 1e9) return say("{size} GB", { size: fixed(count / 1e9, 1) });
  return say("{size} MB", { size: fixed(Math.max(count / 1e6, 0.1), count >= 1e7 ? 0 : 1) });
}

figures.gain = function (data) {
  const { methods } = data;
  if (!methods) return { empty: say("What each method's accuracy costs.") };
  if (methods.some(({ accuracy }) => accuracy === null)) return { empty: say("These images have no labels, so there is no gain to set against the cost.") };
  const spoken = ({ label, accuracy, milliseconds }) =>
    say("{method}: {accuracy} at {cost} ms an image", { method: label, accuracy: percent(accuracy, 1), cost: Number(milliseconds.toPrecision(2)) });
  const point = (own) => points(own, [own.milliseconds], [own.accuracy], { size: 12 }, spoken(own));
  const batches = methods[0].took.map((_, index) => data.batch - methods[0].took.length + 1 + index);
  const dots = (own) => ({ ...points(own, own.took, own.alone, { size: 4, opacity: 0.4 }, say("{method}, batch {batch} alone", { method: own.label, batch: "%{customdata}" })), customdata: batches });
  const traces = [...methods.map(dots), ...methods.map((own) => ({ ...point(own), cliponaxis: false }))];
  const layout = {
    xaxis: { title: { text: say("ms an image") }, ...tens(methods.flatMap(({ milliseconds, took }) => [milliseconds, ...took]), 7) },
    yaxis: { title: { text: say("right, %") }, ...fifths(methods.flatMap(({ accuracy, alone }) => [accuracy, ...alone])) },
  };
  const sizes = each(methods.filter(({ kept }) => kept > 0), ({ kept }) => megabytes(kept));
  const shareOf = (part, whole) => (whole < FEW ? say("{part} of {whole}", { part, whole }) : percent(part / whole));
  const changed = methods.filter(({ beside: { fixed: better, broken } }) => better + broken).map(({ label, beside }) =>
    say("{method} fixed {fixed} of zero-shot's wrong images and broke {broken} of its right ones.", {
      method: label,
      fixed: shareOf(beside.fixed, beside.was_wrong),
      broken: shareOf(beside.broken, beside.was_right),
    }),
  );
  const kept = sizes ? say("Kept in memory for the next batch: {sizes}.", { sizes }) : say("Nothing is kept in memory.");
  const note = [...changed, kept].join(" ");
  return figure("gain", data, traces, layout, `${methods.map(spoken).join("; ")}.`, { note });
};

// ---- how far weight and bias of each normalisation layer have moved from the source model, input to output

figures.drift = function (data) {
  const { methods, layers } = data;
  if (!methods) return { empty: say("Which normalisation layers move, and how far.") };
  if (!methods.length) return { empty: say("Zero-shot moves nothing. Choose a method that adapts to see which layers move.") };
  const few = layers.length <= 30;
  const every = Math.ceil(layers.length / 5);
  const positions = layers.map((_, index) => index + 1);
  const mode = few ? "lines+markers" : "lines";
  const traces = methods.map((own) => line(own, positions, own.drift, { mode, text: layers, ...hover(`${own.label}: %{y:.4f}<br>%{text}`) }));
  const most = ({ drift }) => Math.max(...drift);
  const layout = {
    xaxis: { title: { text: say("layer, from the input") }, tickvals: positions.filter((_, index) => index % every === 0) },
    yaxis: { title: { text: say("movement (RMS)") }, range: [0, Math.max(...methods.map(most), 1e-6) * 1.1] },
  };
  const largest = each(methods, (own) => fixed(most(own), 4));
  return figure("drift", data, traces, layout, say("Movement of each normalisation layer. Largest: {largest}.", { largest }));
};

// ---- each method's end over the values of one turned knob

const plain = (value) => String(Number(value.toPrecision(6)));

function sweepFacet(what, { setting, values, usual, methods, points }) {
  const title = what === "accuracy" ? say("right, %") : say("spread over classes, %");
  const ends = (own) => points.map((point) => point[what][own.method]);
  const x = points.map(({ value }) => value);
  const traces = methods.map((own) => line(own, x, ends(own), hover(`${own.label}: %{y:.0%}<br>${setting} %{x:g}`), 2.5, 8));
  const layout = {
    xaxis: { title: { text: setting }, ...tens(values, 5) },
    yaxis: { title: { text: title }, ...fifths(methods.flatMap(ends)) },
    shapes: [{ ...upright(usual), label: { text: say("now"), textposition: "end", textangle: 0, xanchor: "right", yanchor: "top" } }],
    annotations: [],
  };
  if (what === "spread") {
    layout.shapes.push(level(0.5));
    layout.annotations.push(levelLabel(0.5, say("collapsed below"), "left"));
  }
  const known = methods.filter((own) => ends(own).at(-1) !== null);
  const told = { count: points.length, setting, value: plain(x.at(-1)), ends: each(known, (own) => percent(ends(own).at(-1))) };
  const alt =
    what === "accuracy"
      ? say("Accuracy over {count} values. At {setting} {value}: {ends}.", told)
      : say("Spread over classes over {count} values. At {setting} {value}: {ends}.", told);
  return { id: `sweep-${what}`, data: traces, layout, alt };
}

figures.sweep = function (data) {
  if (!data.points) return { empty: say("Choose a knob and press Sweep: short runs with the form's other settings, one after another.") };
  const { points, methods, unmoved, images, setting } = data;
  const facets = points.length ? [sweepFacet("spread", data)] : [];
  if (points.some(({ accuracy }) => Object.values(accuracy).some((value) => value !== null))) facets.unshift(sweepFacet("accuracy", data));
  const notes = [say("Each point is a run of {images} images from the source model. The dotted line is the form's value.", { images })];
  const still = methods.filter(({ method }) => unmoved.includes(method)).map(({ label }) => label);
  if (still.length) notes.push(say("{setting} changes nothing for {methods}.", { setting: capital(setting), methods: still.join(", ") }));
  return { facets, legend: methods, note: notes.join(" "), empty: say("The first run is on its way…") };
};

for (const name of ["scores", "reliability", "gain", "drift", "sweep"]) kinds[name] = (body, data) => kinds.plot(body, figures[name](data));

// ---- what was found

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

pictured("gain", pace);
pictured("reliability", ({ methods }) => {
  const known = methods?.filter(({ error }) => error !== null) ?? [];
  const off = ({ label, method, mark, error }) => tinted(mark, make("button.own", { title: label, "data-method": method }, marker(mark), make("b", fixed(100 * error, 0))));
  return known.length ? told(known.length > 4 ? say("Off by {errors} points.") : say("Off by {errors} points on average."), { errors: make("span", known.map(off)) }) : "";
});
pictured("drift", ({ methods = [] }) => {
  const [most, ...others] = methods.map((own) => [mean(own.drift), own]).sort((one, other) => other[0] - one[0]);
  const least = others.at(-1);
  if (!least?.[0]) return "";
  const about = { method: named(most[1]), other: named(least[1]), times: fixed(most[0] / least[0], 1) };
  return told(most[0] < 1.15 * least[0] ? say("{method} and {other} move about as far.") : say("{method} moves {times} times as far as {other}."), about);
});
pictured("sweep", ({ points, methods, run }) => {
  const shown = find(".run-line")?.dataset.link ?? run;
  if (!points?.length) return "";
  if (shown !== run) return say("Swept with other settings than this run has.");
  const [zero, ...others] = methods;
  const above = (own) => points.filter(({ accuracy }) => accuracy[own.method] > accuracy[zero.method]).length;
  const [best, ...rest] = others.map((own) => [above(own), own]).sort((one, other) => other[0] - one[0]);
  if (!best || points[0].accuracy[zero.method] === null) return "";
  const last = rest.length ? told(say(", {method} {count}"), { method: named(rest.at(-1)[1]), count: rest.at(-1)[0] }) : [];
  return [...told(say("Above {other}: {method} {count} of {all}"), { other: named(zero, true), method: named(best[1]), count: best[0], all: points.length }), ...last, "."];
});
arrivals.sweep = ({ points, values }) => find("#sweep-panel")?.classList.toggle("is-swept", points?.length > 0 && points.length === values.length);
