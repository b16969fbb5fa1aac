// What stands at the ends of lines in place of a legend: each method's number, name and gain, as high as its line ends.
const FEW = 3; // methods that have a large number each
const APART = { large: 54, small: 21 }; // pixels between two
const [ABOVE, LEADER] = [{ large: 24, small: 10 }, 16];

/** Room beside the plot. */
cliptta.endsWide = (methods) => (methods > FEW ? 168 : 156);

/** Heights at least so far apart, as near to the wanted ones as the box allows. */
function spread(wanted, apart, low, high) {
  const order = wanted.map((_, index) => index).sort((one, other) => wanted[one] - wanted[other]);
  const placed = [...wanted];
  let last = low - apart;
  for (const index of order) last = placed[index] = Math.max(placed[index], last + apart);
  let next = high + apart;
  for (const index of order.reverse()) next = placed[index] = Math.min(placed[index], next - apart);
  return placed;
}

function label({ own, number, unit = "", gain = ""}, size) {
  const large = size === "large";
  const beside = !large ? "" : cliptta.beside.map((told) => told(own.method)).filter(Boolean).join(" · ");
  const place = make(
    "div",
    { className: `end ${size}` },
    make("span", { className: "number" }, make("b", { textContent: number }), unit ? make("small", { textContent: unit }) : null, large && gain ? make("span", { className: "gained", textContent: gain }) : null),
    make("span", { className: "who" }, make("b", { textContent: own.label }), beside ? make("span", { className: "beside", textContent: beside }) : null),
  );
  place.dataset.method = own.method;
  return tinted(own.mark, place);
}

/** Draws the ends of a figure's lines into its facet, in place of those that were there. */
cliptta.drawEnds = function (facet, { ends = [], facets, legend }) {
  facet.querySelector(".ends")?.remove();
  const plot = facet.querySelector(".plot");
  if (!ends.length || !plot) return;
  const { margin, yaxis } = facets[0].layout;
  const inside = plot.clientHeight - margin.t - margin.b;
  const height = (value) => margin.t + inside * (1 - (value - yaxis.range[0]) / (yaxis.range[1] - yaxis.range[0]));
  const size = legend.length > FEW || ends[0].small ? "small" : "large";
  const wanted = ends.map(({ value }) => height(value));
  const placed = spread(wanted, APART[size], ABOVE[size], plot.clientHeight - ABOVE[size] + 4);
  const leaders = drawn("svg", { width: LEADER, height: plot.clientHeight, "aria-hidden": "true" });
  const holder = make("div", { className: "ends", style: `width:${margin.r}px;height:${plot.clientHeight}px` }, leaders);
  ends.forEach((end, index) => {
    const place = label(end, size);
    place.style.top = `${placed[index] - ABOVE[size]}px`;
    holder.append(place);
    if (Math.abs(placed[index] - wanted[index]) < 6) return;
    const line = drawn("path", { d: `M2 ${wanted[index]}h3L11 ${placed[index]}h3` });
    leaders.append(tinted(end.own.mark, line));
  });
  facet.append(holder);
};
