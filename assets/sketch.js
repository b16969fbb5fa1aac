// A figure as plain SVG, at once: Plotly is large, and takes the place when it has come.
const MARGIN = { l: 44, r: 10, t: 10, b: 36 };
const SHAPES = (cliptta.symbols = {
  circle: "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
  square: "M-3.5-3.5h7v7h-7z",
  diamond: "M0-5 5 0 0 5-5 0z",
  "triangle-up": "M0-5 5 4H-5z",
  "triangle-down": "M0 5 5-4H-5z",
  hexagon: "M0-4.6 4-2.3v4.6L0 4.6-4 2.3v-4.6z",
});
const DASHES = { dot: "2 3", dash: "7 4", dashdot: "7 3 2 3", longdash: "10 4" };
const FEW = 6; // numbers along an axis

const paint = (name, usual = "muted") => colour(String(name ?? usual).replace(/^@/, ""));

/** Value → share of the axis, and the values that have a number beside them. */
function scale(axis, values) {
  const log = axis?.type === "log";
  const plain = (value) => (log ? Math.log10(value) : value);
  const numbers = values.filter((value) => typeof value === "number").map(plain);
  const ends = [Math.min(...numbers), Math.max(...numbers)];
  const room = 0.06 * (ends[1] - ends[0] || 1);
  const [low, high] = axis?.range ?? [ends[0] - room, ends[1] + room];
  const at = (value) => (plain(value) - low) / (high - low);
  const steps = (from, to, every = 1) => Array.from({ length: Math.floor((to - from) / every + 1e-9) + 1 }, (_, index) => from + index * every);
  if (log) {
    const ticks = steps(Math.floor(low), Math.ceil(high)).flatMap((decade) => [1, 2, 5].map((many) => many * 10 ** decade));
    return { at, ticks: ticks.filter((tick) => at(tick) >= 0 && at(tick) <= 1) };
  }
  const rough = (high - low) / FEW;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const every = axis?.dtick ?? unit * [1, 2, 5, 10].find((many) => many * unit >= rough);
  return { at, ticks: axis?.tickvals ?? steps(Math.ceil(low / every) * every, high, every) };
}

function number(axis, value) {
  if (axis?.showticklabels === false) return "";
  if (axis?.ticktext) return axis.ticktext[axis.tickvals.indexOf(value)];
  if (axis?.tickformat?.endsWith("%")) return `${Math.round(100 * value)}%`;
  return String(Number(value.toPrecision(3)));
}

/** Draws a facet's data and layout, before Plotly has come, into its empty place. */
cliptta.sketch = function (place, { data, layout }) {
  const [width, height] = [place.clientWidth, place.clientHeight];
  if (!width || !height) return;
  const { xaxis, yaxis } = layout;
  const { l: left, r, t: top, b } = { ...MARGIN, ...layout.margin };
  const [right, foot] = [width - r, height - b];
  const [xs, ys] = ["x", "y"].map((axis) => data.flatMap((trace) => trace[axis] ?? []).filter((value) => value !== null));
  if (!xs.length) return;
  const [across, up] = [scale(xaxis, [...new Set(xs)]), scale(yaxis, ys)];
  const [fromLeft, fromFoot] = [(share) => left + (right - left) * share, (share) => foot + (top - foot) * share];
  const [x, y] = [(value) => fromLeft(across.at(value)), (value) => fromFoot(up.at(value))];
  const svg = drawn("svg", { class: "sketch", width, height, "aria-hidden": "true", "font-size": 13, fill: paint("@muted") });
  const put = (...shape) => svg.append(drawn(...shape));
  for (const tick of up.ticks) {
    put("line", { x1: left, x2: right, y1: y(tick), y2: y(tick), stroke: paint("@grid") });
    put("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, number(yaxis, tick));
  }
  for (const tick of across.ticks) put("text", { x: x(tick), y: foot + 15, "text-anchor": "middle" }, number(xaxis, tick));
  const stroke = (line, colour) => ({ stroke: paint(line?.color, colour), "stroke-dasharray": DASHES[line?.dash] ?? "" });
  for (const { xref, yref, x0, x1, y0, y1, line } of layout.shapes ?? []) {
    const [toX, toY] = [xref === "paper" ? fromLeft : x, yref === "paper" ? fromFoot : y];
    put("line", { x1: toX(x0), x2: toX(x1), y1: toY(y0), y2: toY(y1), ...stroke(line) });
  }
  for (const { type, mode = "", marker = {}, line, ...trace } of data) {
    const points = (trace.x ?? []).map((value, index) => [value, trace.y[index]]).filter(([, value]) => value !== null);
    const { symbol = "circle", color, opacity = 1 } = marker;
    const fill = { fill: paint(Array.isArray(color) ? color[0] : color), opacity };
    if (type === "bar") {
      const wide = (0.7 * (right - left)) / Math.max(across.ticks.length, points.length);
      for (const [at, high] of points) put("rect", { x: x(at) - wide / 2, y: y(high), width: wide, height: Math.max(0, foot - y(high)), ...fill });
    }
    const places = points.map((point) => [x(point[0]).toFixed(1), y(point[1]).toFixed(1)]);
    if (mode.includes("lines")) put("polyline", { points: places.join(" "), fill: "none", "stroke-width": line?.width ?? 2, ...stroke(line) });
    if (!mode.includes("markers")) continue;
    const size = typeof marker.size === "number" ? marker.size : 7;
    const look = { d: SHAPES[symbol] ?? SHAPES.circle, ...fill };
    for (const at of places) put("path", { ...look, transform: `translate(${at.join(" ")}) scale(${size / 8})` });
  }
  place.replaceChildren(svg);
};
