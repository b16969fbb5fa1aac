// A figure as plain SVG, at once: Plotly is large, and takes the place when it has come.
const MARGIN = { left: 44, right: 10, top: 10, bottom: 36 };
const SHAPES = {
  circle: "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
  square: "M-3.5-3.5h7v7h-7z",
  diamond: "M0-5 5 0 0 5-5 0z",
  "triangle-up": "M0-5 5 4H-5z",
  "triangle-down": "M0 5 5-4H-5z",
};
const DASHES = { dot: "2 3", dash: "7 4", dashdot: "7 3 2 3", longdash: "10 4" };
const FEW = 6; // numbers along an axis

const paint = (name, usual = "muted") => colour(String(name ?? usual).replace(/^@/, ""));
const words = (text) => new DOMParser().parseFromString(String(text), "text/html").body.textContent;

/** Value → share of the axis, and the values that have a number beside them. */
function scale(axis, values) {
  if (axis?.type === "category") {
    const [low, high] = axis.range ?? [-0.5, values.length - 0.5];
    return { at: (value) => (values.indexOf(value) - low) / (high - low), ticks: values };
  }
  const log = axis?.type === "log";
  const plain = (value) => (log ? Math.log10(value) : value);
  const numbers = values.filter((value) => typeof value === "number").map(plain);
  const ends = [Math.min(...numbers), Math.max(...numbers)];
  const room = 0.06 * (ends[1] - ends[0] || 1);
  const [low, high] = axis?.range ?? [ends[0] - room, ends[1] + room];
  if (log) {
    const decades = Array.from({ length: Math.ceil(high) - Math.floor(low) + 1 }, (_, index) => 10 ** (Math.floor(low) + index));
    const ticks = decades.flatMap((decade) => [decade, 2 * decade, 5 * decade]);
    return { at: (value) => (plain(value) - low) / (high - low), ticks: ticks.filter((tick) => plain(tick) >= low && plain(tick) <= high) };
  }
  const rough = (high - low) / FEW;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const every = axis?.dtick ?? unit * [1, 2, 5, 10].find((many) => many * unit >= rough);
  const ticks = [];
  for (let tick = Math.ceil(low / every) * every; tick <= high + 1e-9; tick += every) ticks.push(tick);
  return { at: (value) => (value - low) / (high - low), ticks };
}

function number(axis, value) {
  if (typeof value === "string") return words(axis?.labelalias?.[value] ?? value);
  if (axis?.tickformat?.endsWith("%")) return `${Math.round(100 * value)}%`;
  return String(Number(value.toPrecision(3)));
}

/** Draws a facet's data and layout, before Plotly has come, into its empty place. */
cliptta.sketch = function (place, { data, layout }) {
  const [width, height] = [place.clientWidth, place.clientHeight];
  if (!width || !height) return;
  const { xaxis, yaxis } = layout;
  const upright = xaxis?.tickangle ? 34 : 0; // names of classes need more room
  const box = { left: MARGIN.left, top: MARGIN.top, wide: width - MARGIN.left - MARGIN.right, high: height - MARGIN.top - MARGIN.bottom - upright };
  const [xs, ys] = ["x", "y"].map((axis) => data.flatMap((trace) => trace[axis] ?? []).filter((value) => value !== null));
  if (!xs.length) return;
  const [across, up] = [scale(xaxis, [...new Set(xs)]), scale(yaxis, ys)];
  const x = (value) => box.left + box.wide * across.at(value);
  const y = (value) => box.top + box.high * (1 - up.at(value));
  const svg = drawn("svg", { class: "sketch", width, height, "aria-hidden": "true", "font-size": 11, fill: paint("@muted") });
  for (const tick of up.ticks) {
    svg.append(
      drawn("line", { x1: box.left, x2: box.left + box.wide, y1: y(tick), y2: y(tick), stroke: paint("@grid") }),
      drawn("text", { x: box.left - 6, y: y(tick) + 4, "text-anchor": "end" }, number(yaxis, tick)),
    );
  }
  for (const tick of across.ticks) {
    const [left, top] = [x(tick), box.top + box.high + 15];
    const turned = xaxis?.tickangle ? { transform: `rotate(${xaxis.tickangle} ${left} ${top})`, "text-anchor": "end" } : { "text-anchor": "middle" };
    svg.append(drawn("text", { x: left, y: top, ...turned }, number(xaxis, tick)));
  }
  for (const shape of layout.shapes ?? []) {
    const end = (axis, value, at) => (shape[`${axis}ref`] === "paper" ? (axis === "x" ? box.left + box.wide * value : box.top + box.high * (1 - value)) : at(value));
    const ends = { x1: end("x", shape.x0, x), x2: end("x", shape.x1, x), y1: end("y", shape.y0, y), y2: end("y", shape.y1, y) };
    svg.append(drawn("line", { ...ends, stroke: paint(shape.line?.color), "stroke-dasharray": DASHES[shape.line?.dash] ?? "" }));
  }
  for (const trace of data) {
    const points = (trace.x ?? []).map((value, index) => [value, trace.y[index]]).filter(([, value]) => value !== null);
    if (trace.type === "bar") {
      const wide = (0.7 * box.wide) / Math.max(across.ticks.length, points.length);
      for (const [left, high] of points) {
        svg.append(drawn("rect", { x: x(left) - wide / 2, y: y(high), width: wide, height: Math.max(0, box.top + box.high - y(high)), fill: paint(trace.marker?.color), opacity: trace.marker?.opacity ?? 1 }));
      }
      continue;
    }
    if (trace.mode?.includes("lines")) {
      const line = points.map(([left, high]) => `${x(left).toFixed(1)},${y(high).toFixed(1)}`).join(" ");
      svg.append(drawn("polyline", { points: line, fill: "none", stroke: paint(trace.line?.color), "stroke-width": trace.line?.width ?? 2, "stroke-dasharray": DASHES[trace.line?.dash] ?? "" }));
    }
    if (trace.mode?.includes("markers")) {
      const { symbol = "circle", size = 7, color, opacity = 1, line } = trace.marker ?? {};
      const dash = symbol.startsWith("line-ew");
      for (const [left, high] of points) {
        const look = dash ? { d: `M${-size / 2} 0h${size}`, stroke: paint(line?.color, "ink"), "stroke-width": 2 } : { d: SHAPES[symbol] ?? SHAPES.circle, fill: paint(Array.isArray(color) ? color[0] : color), opacity };
        const scaled = dash ? 1 : (typeof size === "number" ? size : 7) / 8;
        svg.append(drawn("path", { ...look, transform: `translate(${x(left).toFixed(1)} ${y(high).toFixed(1)}) scale(${scaled})` }));
      }
    }
  }
  place.replaceChildren(svg);
};
