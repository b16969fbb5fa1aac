// What stands at the ends of lines in place of a legend: each method's number, name and gain, as high as its line ends.
const FEW = 3; // methods that have a large number each
const TYPE = (cliptta.type = new URLSearchParams(location.search).get("type") === "large" ? 1.3 : 1); // how much larger
const APART = { large: 54 * TYPE, small: 21 * TYPE }; // pixels between two
const [ABOVE, LEADER] = [{ large: 24 * TYPE, small: 10 * TYPE }, 16];

/** Room beside the plot. */
cliptta.endsWide = (methods) => TYPE * (methods > FEW ? 168 : 156);

/** Places one below the other, each with its own room, as near to the wanted ones as the box allows. */
function spread(wanted, rooms, low, high) {
  const order = wanted.map((_, index) => index).sort((one, other) => wanted[one] - wanted[other]);
  const placed = [...wanted];
  let free = low;
  for (const index of order) free = (placed[index] = Math.max(placed[index], free)) + rooms[index];
  free = high;
  for (const index of order.reverse()) free = placed[index] = Math.min(placed[index], free - rooms[index]);
  return placed;
}

cliptta.spread = spread;

function label({ own, number, unit, gain }, size) {
  const large = size === "large";
  const beside = large ? cliptta.beside.map((told) => told(own.method)).filter(Boolean).join(" · ") : "";
  const some = (words, text) => (text ? make(words, text) : null);
  const place = make(
    `div.end.${size}`, { "data-method": own.method },
    make("span.number", make("b", number), some("small", unit), some("span.gained", large && gain)),
    make("span.who", make("b", own.label), some("span.beside", beside)),
  );
  return tinted(own.mark, place);
}

/** Draws the ends of a figure's lines into its facet, in place of those that were there. */
cliptta.drawEnds = function (facet, drawing) {
  const { ends = [], facets, legend } = drawing;
  facet.querySelector(".ends")?.remove();
  cliptta.atRest?.(facet, drawing); // guesses.js
  const plot = facet.querySelector(".plot");
  if (!ends.length || !plot) return;
  const { margin, yaxis } = facets[0].layout;
  const inside = plot.clientHeight - margin.t - margin.b;
  const height = (value) => margin.t + inside * (1 - (value - yaxis.range[0]) / (yaxis.range[1] - yaxis.range[0]));
  const low = plot.clientHeight < ends.length * APART.large;
  const size = legend.length > FEW || ends[0].small || low ? "small" : "large";
  if (ends[0].gain !== undefined) facet.closest(".panel").classList.toggle("brief", size === "small"); // it names no gains
  const wanted = ends.map(({ value }) => height(value));
  const labels = ends.map((end) => label(end, size));
  const leaders = drawn("svg", { width: LEADER, height: plot.clientHeight, "aria-hidden": "true" });
  facet.append(make("div.ends", { style: `width:${margin.r}px;height:${plot.clientHeight}px` }, leaders, ...labels));
  const rooms = labels.map((place) => Math.max(APART[size], place.offsetHeight + 4)); // what stands beside a name may wrap
  const closest = plot.clientHeight / rooms.length; // six beside a low plot stand closer, not over its heading
  const placed = spread(wanted, size === "small" ? rooms.map((room) => Math.min(room, closest)) : rooms, ABOVE[size], plot.clientHeight + ABOVE[size]);
  ends.forEach((end, index) => {
    labels[index].style.top = `${placed[index] - ABOVE[size]}px`;
    if (Math.abs(placed[index] - wanted[index]) < 6) return;
    const line = drawn("path", { d: `M2 ${wanted[index]}h3L11 ${placed[index]}h3` });
    leaders.append(tinted(end.own.mark, line));
  });
  document.documentElement.style.setProperty("--ends", `${margin.r}px`); // what lies below is as wide
};
