// One batch at a time: every batch that came is remembered here, and pointing at one on a curve shows it elsewhere.
const PICTURES = 40; // batches whose images are kept, the newest ones; the numbers of all are
const CURVES = ["accuracy", "entropy"];
const WATCHED = ["sentence", "words", "answers", "path", "pager"];
const LINKED = ["gallery", "results", ...WATCHED, ...CURVES];

let history, latest, pinned;
let shown; // the batch looked at; null: the latest
let more; // where the earlier batches of the opening example lie

function forget() {
  history = new Map(); // number → data of the gallery
  [latest, shown, pinned, more] = [0, null, false, null];
}
forget();

/** Called for every value of the gallery, drawn or not. */
arrivals.gallery = function (data) {
  if (!data.tiles || data.batch < latest) forget(); // another run
  if (data.tiles) {
    latest = data.batch;
    if (data.history) more = data.history;
    history.set(data.batch, data);
    const old = history.get(data.batch - PICTURES);
    if (old) old.sheet = old.clean = null;
  }
  redraw("results", "past", "ranking", "sweep", ...CURVES, ...WATCHED);
};

/** Whether there is another batch to look at. */
const earlier = () => history.size > 1 || Boolean(more && latest > 1);

async function loadMore() {
  if (!more) return;
  const address = more;
  more = null;
  try {
    const batches = read(await (await fetch(address)).text());
    for (const data of batches) if (data.batch < latest && !history.has(data.batch)) history.set(data.batch, data);
  } catch (error) {
    return; // the example's earlier batches stay away; everything else works
  }
  redraw(...LINKED);
}

function look(batch, pin) {
  const next = batch === null ? null : Math.min(Math.max(batch, 1), latest);
  if (next === shown && pin === pinned) return;
  shown = next;
  pinned = pin;
  if (next !== null) loadMore();
  redraw(...LINKED);
}

/** The batch looked at, or null. */
const looked = () => (shown !== null && history.get(shown)) || null;

cliptta.batches = {
  gallery: (data) => looked() || data, // what the gallery draws
  newest: () => history.get(latest),
  shown: () => shown,
  point: (batch) => pinned || look(batch, false),
};

/** Earlier, later, latest: the way through the batches for keys and thumbs. */
const batchStepper = () =>
  stepper(
    say("Look at one batch"),
    ["earlier", "‹", say("Earlier batch"), () => look((shown ?? latest) - 1, true)],
    make("output"),
    ["later", "›", say("Later batch"), () => look((shown ?? latest) + 1, true)],
    ["latest", say("Latest"), say("Back to the latest batch"), () => look(null, false)],
  );

function drawStepper(place) {
  place.hidden = !earlier();
  const now = shown ?? latest;
  const part = (name) => place.querySelector(name);
  part("output").textContent = shown === null ? say("batch {batch}", { batch: now }) : say("batch {batch} of {latest}", { batch: now, latest });
  part(".earlier").disabled = now <= 1;
  part(".later").disabled = now >= latest;
  part(".latest").hidden = shown === null;
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
  if (!facet.querySelector(".cursor")) facet.append(make("div.cursor", { ariaHidden: "true" }));
  const cursor = facet.querySelector(".cursor");
  const x = axis && shown !== null ? axis._offset + axis.d2p(shown) : -1;
  cursor.hidden = !axis || x < axis._offset || x > axis._offset + axis._length;
  const { _offset: above = 0, _length: high = 0 } = plot._fullLayout?.yaxis ?? {};
  Object.assign(cursor.style, { left: `${plot.offsetLeft + x}px`, top: `${plot.offsetTop + above}px`, height: `${high}px` });
}

function curves(name, body, data) {
  if (!body.querySelector(".stepper")) body.prepend(batchStepper());
  const theme = document.body.className;
  const { overlaid } = cliptta; // what lies over the figure (past.js)
  const drawer = Boolean(window.Plotly);
  const same = body.drawn === data && body.theme === theme && body.drawer === drawer && body.overlaid === overlaid;
  if (!same) kinds.plot(body, cliptta.withOverlays(figures[name](data))); // pointing moves no curve
  Object.assign(body, { drawn: data, theme, drawer, overlaid });
  drawStepper(body.querySelector(".stepper"));
  for (const plot of body.querySelectorAll(".plot")) {
    if (!plot.dataset.linked && plot.data) listen(plot); // a sketch knows nothing of pointers
    drawCursor(plot);
  }
}
for (const name of CURVES) kinds[name] = (body, data) => curves(name, body, data);
/** The way through the batches where the curves are out of sight. */
kinds.pager = function (body) {
  if (!body.firstChild) body.append(batchStepper());
  drawStepper(body.firstChild);
};
