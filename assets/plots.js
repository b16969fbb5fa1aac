// Figures → Plotly, updated in place: zoom and hover survive.
//
// A figure is {facets: [facet, …], legend: [method, …], note, empty, heading}. A facet is one small plot: its id, Plotly
// traces (data), the part of a Plotly layout that differs from the house style, a text for those who can't see it (alt),
// and an optional head. A colour such as "@blue" or "@ink" is looked up in the style sheet: light and dark
// both fit. A heading, [title, sentence], takes the place of the panel's.
const touch = window.matchMedia("(pointer: coarse)").matches;
const CONFIG = {
  displaylogo: false,
  displayModeBar: false,
  showTips: false,
};

/** Text of a visitor's as Plotly has to be told it: left alone, it would draw tags in it, links included. */
cliptta.plotText = (text) => {
  const safe = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return safe.startsWith("@") ? `&#64;${safe.slice(1)}` : safe; // that would be taken for a colour's name
};

/** Replaces "@name" by the theme's colour, all the way down. */
function coloured(value) {
  if (typeof value === "string") return value.startsWith("@") ? colour(value.slice(1)) : value;
  if (Array.isArray(value)) return value.map(coloured);
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, coloured(item)]));
  return value;
}

function merge(base, extra) {
  const result = { ...base };
  for (const [key, value] of Object.entries(extra || {})) {
    const both = value && typeof value === "object" && !Array.isArray(value) && typeof result[key] === "object";
    result[key] = both ? merge(result[key], value) : value;
  }
  return result;
}

/** The smallest size of type, which all of a plot has. */
const small = () => parseFloat(getComputedStyle(root()).getPropertyValue("--t1")) || 13;

/** The house style; a facet's layout is laid over it. */
function houseStyle(extra) {
  const axis = {
    gridcolor: "@grid",
    linecolor: "@grid",
    zeroline: false,
    tickfont: { size: small(), color: "@muted" },
    title: { font: { size: small(), color: "@muted" }, standoff: 6 },
    automargin: true,
    fixedrange: touch,
  };
  const base = {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(root()).fontFamily, size: small(), color: "@ink" },
    margin: { l: 44, r: 10, t: 10, b: 36 },
    showlegend: false,
    hovermode: "closest",
    hoverlabel: { bgcolor: "@panel", bordercolor: "@line", font: { color: "@ink", size: small() } },
    dragmode: touch ? false : "zoom",
    uirevision: "kept",
    xaxis: { ...axis, showgrid: false, showline: true },
    yaxis: axis,
  };
  const layout = coloured(merge(base, extra));
  for (const note of layout.annotations || []) note.font = { size: small(), color: colour("muted"), ...note.font };
  return layout;
}

function drawHead({ title, mark, lines }, place) {
  const facts = make("p.facts", ...lines.map((line) => make("span", line)));
  place.replaceChildren(make("h3", marker(mark), make("span.name", title)), facts);
  tinted(mark, place);
}

// A grid that gains a column narrows the plots in it, which Plotly doesn't notice by itself.
const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (!target.data || !target.clientWidth) continue;
    window.Plotly.Plots.resize(target);
    target.ends?.();
  }
});

/** Plotly is as large as all the rest: it comes when that stands, and then draws what was sketched. */
cliptta.loadPlotly = function (address) {
  if (cliptta.plotlyAsked) return;
  cliptta.plotlyAsked = true;
  const script = make("script", { src: address });
  script.addEventListener("load", () => drawAnew());
  const load = () => document.head.append(script);
  if (document.readyState === "complete") load();
  else window.addEventListener("load", load);
};

function facetPlace() {
  const plot = make("div.plot", { role: "figure" });
  sizes.observe(plot);
  return make("div.facet", make("div.head"), plot);
}

function leaveFacet(place) {
  const plot = place.querySelector(".plot");
  sizes.unobserve(plot);
  window.Plotly?.purge(plot);
}

function drawFacet(facet, place, names) {
  if (facet.head) drawHead(facet.head, place.querySelector(".head"));
  const plot = place.querySelector(".plot");
  plot.setAttribute("aria-label", facet.alt);
  const small = place.closest("#explore > :not(.is-large)");
  if (small || !window.Plotly) {
    if (plot.data) window.Plotly.purge(plot);
    return cliptta.sketch(plot, facet, small && names);
  }
  plot.querySelector(".sketch")?.remove();
  window.Plotly.react(plot, coloured(facet.data), houseStyle(facet.layout), CONFIG);
}

kinds.plot = function (body, figure) {
  if (!body.querySelector(".facets")) body.append(make("div.legend"), make("div.facets"), make("p.footnote"));
  retitle(body, figure.heading);
  const holder = body.querySelector(".facets");
  const facets = figure.facets || [];
  emptied(body, facets.length ? "" : figure.empty);
  holder.dataset.count = facets.length;
  const key = JSON.stringify(figure.legend || []);
  const legend = body.querySelector(".legend");
  if (legend.dataset.key !== key) {
    legend.dataset.key = key;
    legend.replaceChildren(...(figure.legend || []).map((entry) => make("span", who(entry))));
  }
  body.querySelector(".footnote").textContent = figure.note || "";
  const places = keepPlaces(holder, facets, (facet) => facet.id, facetPlace, leaveFacet);
  facets.forEach((facet, index) => drawFacet(facet, places[index], figure.unnamed ? [] : figure.legend));
  if (figure.ends) (places[0].querySelector(".plot").ends = () => cliptta.drawEnds(places[0], figure))();
};
