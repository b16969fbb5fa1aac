// Figures beside the stream's curves: the numbers of scores, reliability, gain, drift and a sweep → figures.
const { DOTTED, figure, hover, level, levelLabel, line, noteAt, points, upright } = cliptta;

const share = { tickformat: ".0%", range: [0, 1.02] };

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
  const told = { method: own.label, images: "%{text}", confidence: "%{x:.0%}", accuracy: "%{y:.0%}" };
  return line(own, of(own.confidence), of(own.right), { text, ...hover(say("{method}, {images}<br>sure {confidence}, right {accuracy}", told)) });
}

figures.reliability = function (data) {
  const { methods } = data;
  if (!methods) return { empty: say("Whether a sure answer is a right one.") };
  if (!methods.some(({ count }) => count.some(Boolean))) return { empty: say("These images have no labels: nobody knows how often a sure answer is right.") };
  const layout = {
    xaxis: { title: { text: say("confidence") }, ...share },
    yaxis: { title: { text: say("accuracy") }, ...share },
    shapes: [{ type: "line", x0: 0, x1: 1, y0: 0, y1: 1, line: DOTTED }],
    annotations: [
      { x: 0.02, y: 0.95, xanchor: "left", text: say("modest"), showarrow: false },
      { x: 1, y: 0.05, xanchor: "right", text: say("too sure"), showarrow: false },
    ],
  };
  const errors = each(methods, ({ error }) => percent(error, 1));
  const alt = say("Accuracy by confidence. Expected calibration error: {errors}.", { errors });
  const note = say("Expected calibration error, the mean gap to the diagonal: {errors}.", { errors });
  return figure("reliability", data, methods.map(reliabilityLine), layout, alt, { note });
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
  const traces = methods.map((own) => ({ ...point(own), cliponaxis: false }));
  const layout = {
    xaxis: { title: { text: say("milliseconds an image") }, type: "log", nticks: 6 },
    yaxis: { title: { text: say("accuracy") }, ...share },
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
  const positions = layers.map((_, index) => index + 1);
  const mode = few ? "lines+markers" : "lines";
  const traces = methods.map((own) => line(own, positions, own.drift, { mode, text: layers, ...hover(`${own.label}: %{y:.4f}<br>%{text}`) }));
  const most = ({ drift }) => Math.max(...drift);
  const layout = {
    xaxis: { title: { text: say("normalisation layer, from the input on") }, dtick: few ? 1 : null },
    yaxis: { title: { text: say("movement (RMS)") }, range: [0, Math.max(...methods.map(most), 1e-6) * 1.1] },
  };
  const largest = each(methods, (own) => fixed(most(own), 4));
  return figure("drift", data, traces, layout, say("Movement of each normalisation layer. Largest: {largest}.", { largest }));
};

// ---- each method's end over the values of one turned knob

const plain = (value) => String(Number(value.toPrecision(6)));

function sweepFacet(what, { setting, values, usual, methods, points }) {
  const title = what === "accuracy" ? say("accuracy") : say("spread over classes");
  const ends = (own) => points.map((point) => point[what][own.method]);
  const x = points.map(({ value }) => value);
  const traces = methods.map((own) => line(own, x, ends(own), hover(`${own.label}, ${title} %{y:.0%}<br>${setting} %{x:g}`), 2.5, 8));
  const layout = {
    xaxis: {
      title: { text: setting },
      type: "log",
      range: [Math.log10(Math.min(...values) / 1.2), Math.log10(Math.max(...values) * 1.2)],
      tickvals: values,
      ticktext: values.map(plain),
    },
    yaxis: { title: { text: title }, range: [0, 1.04], tickformat: ".0%" },
    shapes: [upright(usual)],
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
absent.scores = ({ methods }) => !methods?.length; // without strangers there is nothing to tell apart
