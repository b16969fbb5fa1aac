// Curves over the stream: the numbers of accuracy and entropy (cliptta_demo/page/panels) → figures.
const { plotText } = cliptta;
const MOST_SHIFTS = 20; // that have a line each
const LONG_STREAM = 25; // batches; beyond it, markers would merge into a caterpillar

const hover = (cliptta.hover = (words) => ({ hovertemplate: `${words}<extra></extra>` }));
const batchesOf = (values) => values.map((_, index) => index + 1);

/** What shifted each of so many batches, in words. */
function shiftTexts({ shifts, names }, count) {
  const words = ([shift, severity]) =>
    shift === "none" ? say("clean") : say("{corruption}, severity {severity}", { corruption: names[shift], severity });
  return shifts.flatMap((block) => Array(block[2]).fill(words(block))).slice(0, count);
}

/** A method's line with markers; `more`: the rest of the trace. */
const line = (cliptta.line = ({ mark, method }, x, y, more, width = 2, size = 7) => ({
  type: "scatter",
  meta: method,
  mode: "lines+markers",
  x,
  y,
  line: { color: `@${mark.colour}`, width, dash: mark.dash },
  marker: { symbol: mark.symbol, size, color: `@${mark.colour}` },
  ...more,
}));

/** A method's curve over the batches. */
function curve(own, text, shifts) {
  const { label: method, series, mark, missed } = own;
  const told = shifts.map((shift, index) => (missed.includes(index) ? say("{shift}; missed", { shift }) : shift));
  const alike = new Set(told).size === 1;
  const shift = alike ? plotText(told[0]) : "%{text}"; // a long stream's words once, not for each batch
  const more = hover(say("{method}, {text}<br>batch {batch}: {shift}", { method, text, batch: "%{x}", shift }));
  if (series.length > LONG_STREAM) more.mode = "lines";
  if (!alike) more.text = told;
  if (missed.length) {
    const edge = `@${mark.colour}`;
    const color = series.map((_, index) => (missed.includes(index) ? "@page" : edge)); // hollow
    more.marker = { symbol: mark.symbol, size: 7, color, line: { color: edge, width: 1.5 } };
  }
  return line(own, batchesOf(series), series, more, 2.5);
}

/** A method's markers; `look`: more of them; `words` stand where one is pointed at. */
const points = (cliptta.points = ({ mark, method }, x, y, look, words) => ({
  type: "scatter",
  meta: method,
  mode: "markers",
  x,
  y,
  marker: { symbol: mark.symbol, color: `@${mark.colour}`, ...look },
  ...hover(words),
}));

/** Single batches of a method, faint; and the batch at work, hollow, if there is one. */
const dots = (own, text) => points(own, batchesOf(own.alone), own.alone, { size: 4, opacity: 0.4 }, `${own.label}, ${text}`);
function ring(own, at, text) {
  if (own.at_work === null) return [];
  const look = { symbol: `${own.mark.symbol}-open`, size: 12, line: { width: 2 } };
  return [points(own, [at + 1], [own.at_work], look, say("{method} at work: {text}", { method: own.label, text }))];
}

/** A line from the foot of a plot to its top, and a dotted one across it. */
const DOTTED = (cliptta.DOTTED = { color: "@muted", width: 1.2, dash: "dot" });
const upright = (cliptta.upright = (x, line = DOTTED) => ({ type: "line", yref: "paper", x0: x, x1: x, y0: 0, y1: 1, line }));
const level = (cliptta.level = (y) => ({ type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y, line: DOTTED }));

/** A note behind an upright line, or before it where it stands too far right. */
const noteAt = (cliptta.noteAt = (x, text, before, more) => {
  const side = before ? { xanchor: "right", xshift: -4 } : { xanchor: "left", xshift: 4 };
  return { x, yref: "paper", text, showarrow: false, ...side, ...more };
});

/** On that side of the plot; a collapsing method ends near chance, so its label stands where streams begin. */
const levelLabel = (cliptta.levelLabel = (y, text, side = "right") => {
  const place = { xref: "paper", x: Number(side === "right"), xanchor: side, y, yanchor: "bottom" };
  return { ...place, text, showarrow: false, font: { color: "@muted" } };
});

/** Axes over the batches of the stream, with a mark at each shift and each change of settings; room for the ends. */
function layoutOf({ stream, methods }, yaxis, limit, label, numbered) {
  const every = Math.ceil(stream.batches / 10);
  const shapes = shiftMarks(stream);
  const notes = stream.changes.map(([batch, what], index) => {
    shapes.push(upright(batch + 0.5, { color: "@muted", width: 1.5, dash: "dash" }));
    const row = { y: 1, yanchor: "top", yshift: -16 * (index % 5), bgcolor: "@page", borderpad: 0 }; // none over another
    return noteAt(batch + 0.5, what, batch > stream.batches / 2, row);
  });
  if (numbered) notes.push({ xref: "paper", yref: "paper", x: 0, y: 0, xanchor: "right", yanchor: "top", xshift: -6, yshift: -7, text: say("batch"), showarrow: false, font: { color: "@muted" } });
  return {
    xaxis: { range: [0.5, stream.batches + 0.5], tick0: every, dtick: every, showticklabels: numbered, ticks: "outside", ticklen: 4, tickcolor: "transparent", automargin: false, showline: false },
    yaxis: { automargin: false, ...yaxis },
    margin: { l: 44 * cliptta.type, r: cliptta.endsWide(methods.length), t: 8, b: numbered ? 22 * cliptta.type : 8 },
    dragmode: false,
    shapes: limit === undefined ? shapes : [...shapes, level(limit)],
    annotations: label ? [...notes, label] : notes,
  };
}

const valuesOf = (methods) => methods.flatMap(({ series, alone, at_work }) => [...series, ...alone, at_work ?? 0]);

/** The next fifth above the highest share, and a tick at each. */
const fifths = (cliptta.fifths = (shares, unit = "") => {
  const highest = Math.max(0.15, ...shares);
  const top = Math.min(1, Math.ceil(highest * 5 + 0.05) / 5);
  const tickvals = Array.from({ length: Math.round(top * 5) + 1 }, (_, index) => index / 5);
  const ticktext = tickvals.map((value, index) => `${fixed(100 * value, 0)}${index === tickvals.length - 1 ? unit : ""}`);
  return { range: [0, top * 1.02], tickvals, ticktext };
});

/** A line where each shift begins, whose names are below (strip.js); none where there are very many. */
function shiftMarks({ shifts, changes }) {
  const changed = changes.map(([change]) => change); // such a change has a mark of its own
  let batch = 0;
  const firsts = shifts.map(([, , batches]) => (batch += batches) - batches).filter((first) => first && !changed.includes(first));
  const line = (first) => ({ ...upright(first + 0.5, { color: "@grid", width: 1 }), layer: "below" });
  return firsts.length < MOST_SHIFTS ? firsts.map(line) : [];
}

/** A figure of one plot. */
const figure = (cliptta.figure = (id, { methods }, data, layout, alt, more) => ({ facets: [{ id, data, layout, alt }], legend: methods, ...more }));

/** Whether the batches are numbered below accuracy: below entropy they are, whose place the scores of strangers take. */
const numbered = () => document.body.classList.contains("has-strangers");

/** What stands at the ends of the lines: a number, and what it gained. */
const endsOf = (methods, tell) => methods.filter(({ series }) => series.length).map((own) => ({ own, value: own.series.at(-1), ...tell(own) }));

function agreement(data) {
  const done = data.methods[0].alone.length;
  if (!done) return { empty: say("Agreement with zero-shot appears after the first batch.") };
  const shifts = shiftTexts(data.stream, done);
  const moved = data.methods.filter(({ series }) => series.length);
  const traces = data.methods.flatMap((own) => [
    dots(own, say("mean confidence {share}", { share: "%{y:.0%}" })),
    ...(moved.includes(own) ? [curve(own, say("{share} of its answers are zero-shot's", { share: "%{y:.0%}" }), shifts)] : []),
  ]);
  const alt = [sayCount("Agreement with zero-shot over {count} batch.", "Agreement with zero-shot over {count} batches.", done)];
  if (moved.length) alt.push(say("Last: {shares}.", { shares: each(moved, ({ last }) => percent(last)) }));
  const layout = layoutOf(data, fifths(valuesOf(moved), " %"), undefined, null, numbered());
  const ends = endsOf(moved, ({ last }) => ({ number: fixed(100 * last, 1), unit: "%" }));
  const heading = [say("Agrees with zero-shot"), say("% of each batch")];
  return figure("agreement", data, traces, layout, alt.join(" "), { heading, ends, note: say("Nobody can say who is right: no labels. Faint: mean confidence.") });
}

/** The lead over zero-shot in points, ± two standard errors. */
function gained({ beside }) {
  if (!beside || !(beside.fixed + beside.broken)) return "";
  const [points, noise] = leadOf(beside);
  return `${signed(points)}\n± ${fixed(noise, 1)}`;
}

/** What the faint dots are, at the highest whose words lie over no line and no other dot; changes have their names there. */
function alone({ methods, stream }, top) {
  if (stream.changes.length) return [];
  const all = methods.flatMap(({ alone }) => alone.map((value, index) => [value, index + 1]));
  const lines = methods.flatMap(({ series }) => series.map((value, index) => [value, index + 1]));
  const before = (at) => at > stream.batches / 2;
  const free = ([value, at]) => {
    const [from, to] = before(at) ? [at - 0.5 * stream.batches, at] : [at, at + 0.5 * stream.batches];
    const over = ([other, where]) => where >= from - 1 && where <= to + 1 && Math.abs(other - value) < 0.05 * top && !(other === value && where === at);
    return at > 1 && ![...lines, ...all].some(over);
  };
  const [dot] = all.filter(free).sort((one, other) => other[0] - one[0]);
  return dot ? [noteAt(dot[1], say("one batch alone"), before(dot[1]), { y: dot[0], yref: "y", font: { color: "@muted" } })] : [];
}

/** The frame of a plot whose run a lesson is about to ask for; none where nothing is asked. */
function awaited(id, empty, axis) {
  const plan = cliptta.plan?.();
  if (!plan) return { empty };
  const { batches, classes, methods } = plan;
  const data = { stream: { batches, shifts: [], changes: [] }, methods };
  const layout = { ...layoutOf(data, ...axis(classes.length)), waits: true };
  return figure(id, data, [{ x: [1], y: [null] }], layout, empty, { ends: [] });
}

/** Chance; below it no line begins. */
const chanceLabel = (chance) => ({ ...levelLabel(chance, say("chance"), "left"), yanchor: chance > 0.06 ? "top" : "bottom" });
/** Nats, of so many classes. */
const nats = (most) => ({ range: [0, most * 1.04], tickvals: [0, most], ticktext: ["0", fixed(most, 2)], showgrid: false });

figures.accuracy = function (data) {
  const empty = say("One curve per method grows here, batch by batch.");
  if (!data.methods) return awaited("accuracy", empty, (classes) => [fifths([1], " %"), 1 / classes, chanceLabel(1 / classes), false]);
  if (!data.labelled) return agreement(data);
  const done = data.methods[0].alone.length;
  const shifts = shiftTexts(data.stream, done);
  const traces = data.methods.flatMap((own) => [
    dots(own, say("this batch alone {share}", { share: "%{y:.1%}" })),
    curve(own, say("so far {share}", { share: "%{y:.1%}" }), shifts),
    ...ring(own, data.at, "%{y:.1%}"),
  ]);
  const chance = 1 / data.classes;
  const label = chanceLabel(chance);
  const scale = fifths([...valuesOf(data.methods), ...cliptta.seenBehind()], " %");
  const layout = layoutOf(data, scale, chance, label, numbered());
  layout.annotations.push(...alone(data, scale.range[1]));
  const late = data.methods.filter(({ missed }) => missed.length);
  if (late.length) layout.annotations.push({ ...levelLabel(0, say("hollow: missed")), yanchor: "bottom", bgcolor: "@page" });
  const known = data.methods.filter(({ last }) => last !== null);
  const alt = [sayCount("Accuracy over {count} batch.", "Accuracy over {count} batches.", done)];
  if (known.length) alt.push(say("Now: {accuracies}.", { accuracies: each(known, ({ last }) => percent(last, 1)) }));
  if (late.length) alt.push(say("Batches missed: {counts}.", { counts: each(late, ({ missed }) => missed.length) }));
  const ends = endsOf(data.methods, (own) => ({ number: fixed(100 * own.last, 1), unit: "%", gain: gained(own) }));
  return figure("accuracy", data, traces, layout, alt.join(" "), { ends });
};

figures.entropy = function (data) {
  const empty = say("A healthy method stays near the ceiling, a collapsing one falls.");
  if (!data.methods) return awaited("entropy", empty, (classes) => [nats(Math.log(classes)), Math.log(classes), null, true]);
  const words = say("{entropy} nats", { entropy: "%{y:.2f}" });
  const shifts = shiftTexts(data.stream, data.methods[0].series.length);
  const traces = data.methods.flatMap((own) => [curve(own, words, shifts), ...ring(own, data.at, words)]);
  const most = Math.log(data.classes);
  const ceiling = fixed(most, 2);
  const layout = layoutOf(data, nats(most), most, null, true);
  layout.annotations.splice(0, data.stream.changes.length); // changes have their names above
  const entropies = each(data.methods, ({ now }) => fixed(now, 2));
  const ends = endsOf(data.methods, ({ series }) => ({ number: fixed(series.at(-1), 2), small: true }));
  return figure("entropy", data, traces, layout, say("Collapse entropy, ceiling {ceiling} nats: {entropies}.", { ceiling, entropies }), { ends });
};
