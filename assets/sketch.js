// A figure as plain SVG, at once: Plotly is large, and takes the place when it has come.
const MARGIN = { l: 44, r: 10, t: 10, b: 36 };
const SHAPES = (cliptta.symbols = {
  circle: "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
  square: "M-3.5-3.5h7v7h-7z",
  diamond: "M0-5 5 0 0 5-5 0z",
  "triangle-up": "M0-5 5 4H-5z",
  "triangle-down": "M0 5 5-4H-5z",
  cross: "M-1.6-5h3.2v3.4H5v3.2H1.6V5h-3.2V1.6H-5v-3.2h3.4z",
  star: "M0-5 1.3-1.5H5L2 .7 3.1 4.5 0 2.3-3.1 4.5-2 .7-5-1.5h3.7z",
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
  const steps = (from, to, every) => Array.from({ length: Math.floor((to - from) / every + 1e-9) + 1 }, (_, index) => from + index * every);
  const rough = (high - low) / FEW;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const every = axis?.dtick ?? unit * [1, 2, 5, 10].find((many) => many * unit >= rough);
  return { at, ticks: axis?.tickvals ?? steps(Math.ceil(low / every) * every, high, every) };
}

function number(axis, value) {
  if (axis?.showticklabels === false) return "";
  if (axis?.ticktext) return axis.ticktext[axis.tickvals.indexOf(value)];
  return String(Number(value.toPrecision(3)));
}

/** Draws a facet's data and layout before Plotly has come; or for good and small: then with `names`, methods at whose
 * lines their names stand, and parts that can be lit. */
cliptta.sketch = function (place, { data, layout }, names) {
  const [width, height] = [place.clientWidth, place.clientHeight];
  if (!width || !height) return;
  const { xaxis, yaxis } = layout;
  const [xs, ys] = ["x", "y"].map((axis) => data.flatMap((trace) => trace[axis] ?? []).filter((value) => value !== null));
  if (!xs.length) return;
  const [across, up] = [scale(xaxis, [...new Set(xs)]), scale(yaxis, ys)];
  const heights = up.ticks.map((tick) => number(yaxis, tick));
  const beside = names?.length > 3 && data[0].mode.includes("lines"); // so many names stand behind their lines
  const small = names && { l: 12 + 7 * Math.max(...heights.map(({ length }) => length)), r: beside ? 14 + 7.6 * Math.max(...names.map(({ label }) => label.length)) : 10, t: 8, b: 34 };
  const { l: left, r, t: top, b } = { ...MARGIN, ...layout.margin, ...small };
  const [right, foot] = [width - r, height - b];
  const [fromLeft, fromFoot] = [(share) => left + (right - left) * share, (share) => foot + (top - foot) * share];
  const [x, y] = [(value) => fromLeft(across.at(value)), (value) => fromFoot(up.at(value))];
  const svg = drawn("svg", { class: "sketch", width, height, "aria-hidden": "true", "font-size": 13, fill: paint("@muted") });
  let group = svg;
  const put = (...shape) => group.append(drawn(...shape));
  up.ticks.forEach((tick, index) => {
    put("line", { x1: left, x2: right, y1: y(tick), y2: y(tick), stroke: paint("@grid") });
    put("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, heights[index]);
  });
  let free = -99; // of two numbers that would touch, the first is said
  for (const tick of across.ticks) {
    const [text, at] = [number(xaxis, tick), x(tick)];
    if (at - 4 * text.length < free) continue;
    free = at + 4 * text.length + 6;
    put("text", { x: at, y: foot + 15, "text-anchor": "middle" }, text);
  }
  if (names) put("text", { class: "across", x: right, y: height - 3, "text-anchor": "end" }, xaxis.title.text);
  const stroke = (line, colour) => ({ stroke: paint(line?.color, colour), "stroke-dasharray": DASHES[line?.dash] ?? "" });
  for (const { xref, yref, x0, x1, y0, y1, line, label } of layout.shapes ?? []) {
    const [toX, toY] = [xref === "paper" ? fromLeft : x, yref === "paper" ? fromFoot : y];
    put("line", { x1: toX(x0), x2: toX(x1), y1: toY(y0), y2: toY(y1), ...stroke(line) });
    if (label) put("text", { x: toX(x0) - 4, y: top + 10, "text-anchor": "end" }, label.text);
  }
  const ends = {};
  for (const { type, mode = "", marker = {}, line, meta, customdata, ...trace } of data) {
    if (meta) svg.append((group = drawn("g", { "data-method": meta })));
    const points = (trace.x ?? []).map((value, index) => [value, trace.y[index], customdata?.[index]]).filter(([, value]) => value !== null);
    ends[meta] = points.slice(-2).reverse();
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
    const look = { d: SHAPES[symbol] ?? SHAPES.circle, ...fill, ...(marker.line?.color && stroke(marker.line)) };
    const own = (index) => Array.isArray(color) && color.length > 1 && { fill: paint(color[index]) };
    places.forEach((at, index) => put("path", { ...look, ...own(index), ...(customdata && { "data-batch": points[index][2] }), transform: `translate(${at.join(" ")}) scale(${size / 8})` }));
  }
  const shown = (names ?? []).filter(({ method }) => ends[method]?.length);
  const name = ({ mark, method, label }, at, high, anchor) => svg.append(tinted(mark, drawn("text", { class: "name", x: at, y: high, "text-anchor": anchor, "data-method": method }, label)));
  const heightOf = ({ method }) => y(ends[method][0][1]);
  if (beside) cliptta.spread(shown.map(heightOf), shown.map(() => 14), top, foot + 6).forEach((high, index) => name(shown[index], right + 8, high + 4, "start"));
  const taken = shown.map((own) => ({ at: x(ends[own.method][0][0]), half: 8, high: heightOf(own) + 4 }));
  for (const own of beside ? [] : shown) {
    const [end, before = end] = ends[own.method];
    const half = 3.9 * own.label.length;
    const at = Math.max(left + half, Math.min(right - half, x(end[0])));
    const free = (high) => high > top && high < foot && !taken.some((other) => Math.abs(other.at - at) < other.half + half && Math.abs(other.high - high) < 13);
    const away = Array.from({ length: 12 }, (_, index) => y(end[1]) + ((index % 2 === 0) === end[1] >= before[1] ? -10 - 7 * index : 19 + 7 * index));
    const high = away.find(free) ?? away[0];
    taken.push({ at, half, high });
    name(own, at, high, "middle");
  }
  place.replaceChildren(svg);
};
