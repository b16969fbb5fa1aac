// One batch at a time: every batch that came is remembered here, and pointing at one on a curve shows it elsewhere.
(function () {
  const cliptta = window.cliptta;
  const { make, say } = cliptta;
  const PICTURES = 40; // batches whose images are kept, the newest ones; the numbers of all are
  const LINKED = ["gallery", "glimpse", "histogram", "curves"];

  let history = new Map(); // number → data of the gallery
  let latest = 0;
  let shown = null; // the batch looked at; null: the latest
  let pinned = false;
  let more = null; // where the earlier batches of the opening example lie

  function redraw() {
    for (const kind of LINKED) for (const schedule of cliptta.schedules[kind] || []) schedule();
  }

  function forget() {
    history = new Map();
    latest = 0;
    shown = null;
    pinned = false;
    more = null;
  }

  /** Called for every value of the gallery, drawn or not. */
  cliptta.arrivals.gallery = function (data) {
    if (!data.tiles) forget();
    else {
      if (data.batch < latest) forget(); // another run
      latest = data.batch;
      if (data.history) more = data.history;
      history.set(data.batch, data);
      const old = history.get(data.batch - PICTURES);
      if (old) old.sheet = old.clean = null;
    }
    for (const kind of ["curves", "glimpse"]) for (const schedule of cliptta.schedules[kind] || []) schedule();
  };

  /** Whether there is another batch to look at. */
  const earlier = () => history.size > 1 || Boolean(more && latest > 1);

  async function loadMore() {
    if (!more) return;
    const address = more;
    more = null;
    try {
      const batches = await (await fetch(address)).json();
      for (const data of batches) if (data.batch < latest && !history.has(data.batch)) history.set(data.batch, data);
    } catch (error) {
      return; // the example's earlier batches stay away; everything else works
    }
    redraw();
  }

  function look(batch, pin) {
    const next = batch === null ? null : Math.min(Math.max(batch, 1), latest);
    if (next === shown && pin === pinned) return;
    shown = next;
    pinned = pin;
    if (next !== null) loadMore();
    redraw();
  }

  cliptta.batches = {
    /** What the gallery draws: the batch looked at, or the latest. */
    gallery(data) {
      return (shown !== null && history.get(shown)) || data;
    },

    newest: () => history.get(latest),

    /** The histogram of the batch looked at alone, in the place of all batches so far. */
    histogram(figure) {
      const data = shown === null ? null : history.get(shown);
      if (!figure.facets?.length) return figure;
      if (!data) return { ...figure, note: earlier() ? say("All batches so far. Point at a batch on a curve to see that one alone.") : "" };
      const found = figure.facets.map((facet) => alone(facet, data) || facet);
      const top = Math.max(...found.map((facet) => facet.layout.yaxis.range[1])); // one scale for all
      const scaled = (layout) => ({ ...layout, yaxis: { ...layout.yaxis, range: [0, top] } });
      const facets = found.map((facet) => ({ ...facet, layout: scaled(facet.layout) }));
      return { ...figure, facets, note: say("{batch}, alone.", { batch: data.title }) };
    },
  };

  function alone(facet, data) {
    const method = data.methods[facet.head.method];
    if (!method || facet.data[0].x.length !== data.classes.length) return null;
    const { share, head } = method.histogram;
    const about = { method: head.title, batch: data.batch, entropy: head.gauge.text, largest: head.lines[0] };
    const top = Math.max(...facet.layout.yaxis.range, 1.05 * Math.max(...share, ...data.truth));
    return {
      ...facet,
      head,
      data: [{ ...facet.data[0], y: share }, ...facet.data.slice(1).map((trace) => ({ ...trace, y: data.truth }))],
      layout: { ...facet.layout, yaxis: { ...facet.layout.yaxis, range: [0, Math.min(top, 1.05)] } },
      alt: say("{method}, batch {batch} alone: {entropy}. {largest}.", about),
    };
  }

  const MOST = 20; // classes that have a bar of their own
  const LARGEST = 10; // of more, those that do
  const OTHER = say("other");

  /** Of many classes the ones that are largest in some plot, the same in all, and the rest as one bar. */
  function fewer(figure) {
    const { facets = [] } = figure;
    const names = facets[0]?.data[0].x ?? [];
    if (names.length <= MOST) return figure;
    const traces = facets.flatMap((facet) => facet.data);
    const size = names.map((_, kind) => Math.max(...traces.map((trace) => trace.y[kind])));
    const kept = names.map((_, kind) => kind).sort((one, other) => size[other] - size[one]).slice(0, LARGEST).sort((one, other) => one - other);
    const take = (trace) => {
      const rest = trace.y.reduce((sum, value, kind) => sum + (kept.includes(kind) ? 0 : value), 0);
      return { ...trace, x: [...kept.map((kind) => names[kind]), OTHER], y: [...kept.map((kind) => trace.y[kind]), rest] };
    };
    const few = facets.map((facet) => ({ ...facet, data: facet.data.map(take) }));
    // The rest together would dwarf the largest: its bar is cut, and says how high it is.
    const top = Math.min(1.05, 1.25 * Math.max(...few.flatMap((facet) => facet.data.flatMap((trace) => trace.y.slice(0, LARGEST)))));
    const height = ([bars]) => ({ x: OTHER, y: top, yanchor: "bottom", showarrow: false, text: `${Math.round(100 * bars.y[LARGEST])}%`, font: { size: 10 } });
    const fit = ({ xaxis, yaxis, ...layout }, data) => ({
      ...layout,
      xaxis: { ...xaxis, range: [-0.6, LARGEST + 0.6] },
      yaxis: { ...yaxis, range: [0, top] },
      margin: { t: 18 },
      annotations: data[0].y[LARGEST] > top ? [height(data)] : [],
    });
    const most = say("The {shown} largest of {all} classes, and all others as one bar; where it is cut, a number tells its height.", { shown: LARGEST, all: names.length });
    return { ...figure, facets: few.map((facet) => ({ ...facet, layout: fit(facet.layout, facet.data) })), note: `${most} ${figure.note || ""}` };
  }

  cliptta.kinds.histogram = (body, figure) => cliptta.kinds.plot(body, fewer(cliptta.withOverlays(cliptta.batches.histogram(figure))));

  /** Earlier, later, latest: the way through the batches for keys and thumbs. */
  function stepper() {
    const button = (className, text, label, press) =>
      make("button", { type: "button", className, textContent: text, title: label, onclick: press, attributes: { "aria-label": label } });
    return make(
      "div",
      { className: "stepper", attributes: { role: "group", "aria-label": say("Look at one batch") } },
      button("earlier", "‹", say("Earlier batch"), () => look((shown ?? latest) - 1, true)),
      make("output", {}),
      button("later", "›", say("Later batch"), () => look((shown ?? latest) + 1, true)),
      button("latest", say("Latest"), say("Back to the latest batch"), () => look(null, false)),
    );
  }

  function drawStepper(place) {
    place.hidden = !earlier();
    const now = shown ?? latest;
    const words = shown === null ? say("batch {batch}", { batch: now }) : say("batch {batch} of {latest}", { batch: now, latest });
    place.querySelector("output").textContent = words;
    place.querySelector(".earlier").disabled = now <= 1;
    place.querySelector(".later").disabled = now >= latest;
    place.querySelector(".latest").hidden = shown === null;
    place.classList.toggle("is-looking", shown !== null);
  }

  /** The batch under a pointer, or null beside the axes. */
  function batchAt(plot, event) {
    const axis = plot._fullLayout?.xaxis;
    if (!axis || !latest) return null;
    const x = event.clientX - plot.getBoundingClientRect().left - axis._offset;
    if (x < 0 || x > axis._length) return null;
    const batch = Math.round(axis.p2d(x));
    return batch >= 1 && batch <= latest ? batch : null;
  }

  function listen(plot) {
    plot.dataset.linked = "yes";
    plot.on("plotly_afterplot", () => drawCursor(plot)); // zoomed, or of another size
    plot.addEventListener("pointermove", (event) => {
      if (!pinned && event.pointerType !== "touch" && !event.buttons) look(batchAt(plot, event), false);
    });
    plot.addEventListener("pointerleave", () => pinned || look(null, false));
    plot.addEventListener("pointerdown", (down) => {
      const released = (up) => {
        window.removeEventListener("pointerup", released, true);
        const still = Math.hypot(up.clientX - down.clientX, up.clientY - down.clientY) < 5;
        const batch = batchAt(plot, down);
        if (!still || batch === null) return;
        const same = pinned && batch === shown;
        look(same ? null : batch, !same);
      };
      window.addEventListener("pointerup", released, true); // Plotly lays a cover over the page while it is pressed
    });
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && shown !== null) look(null, false);
  });

  function drawCursor(plot) {
    const facet = plot.parentElement;
    const axis = plot._fullLayout?.xaxis;
    let cursor = facet.querySelector(".cursor");
    if (!cursor) {
      cursor = make("div", { className: "cursor", ariaHidden: "true" });
      facet.append(cursor);
    }
    const x = axis && shown !== null ? axis._offset + axis.d2p(shown) : -1;
    cursor.hidden = !axis || x < axis._offset || x > axis._offset + axis._length;
    cursor.style.left = `${plot.offsetLeft + x}px`;
    cursor.style.top = `${plot.offsetTop + (plot._fullLayout?.yaxis?._offset || 0)}px`;
    cursor.style.height = `${plot._fullLayout?.yaxis?._length || 0}px`;
  }

  cliptta.kinds.curves = function (body, figure) {
    if (!body.querySelector(".stepper")) body.prepend(stepper());
    const theme = document.body.className;
    const { overlaid } = cliptta; // what lies over the figure (past.js)
    const drawer = Boolean(window.Plotly);
    const same = body.figure === figure && body.theme === theme && body.drawer === drawer && body.overlaid === overlaid;
    if (!same) cliptta.kinds.plot(body, cliptta.withOverlays(figure)); // pointing moves no curve
    Object.assign(body, { figure, theme, drawer, overlaid });
    drawStepper(body.querySelector(".stepper"));
    for (const plot of body.querySelectorAll(".plot")) {
      if (!plot.dataset.linked && plot.data) listen(plot); // a sketch knows nothing of pointers
      drawCursor(plot);
    }
  };
})();
