// The gallery (cliptta_demo/page/panels/images.py): tiles of the batch, a filter, and a choice of the method compared;
/** Sign and words of each status; the table of results uses them too. */
const SIGNS = (cliptta.signs = () => ({
  fixed: ["▲", say("fixed")],
  broken: ["▼", say("broken")],
  right: ["✓", say("kept")],
  wrong: ["✕", say("wrong")],
  "left-out": ["◇", say("left out")],
  "let-in": ["◆", say("let in")],
  changed: ["≠", say("changed")],
  same: ["=", say("unchanged")],
}));

/** base64 of a JPEG → a short address that all tiles share; the opening example's have one. */
function sheetAddress(sheet) {
  if (sheet.includes("?")) return new URL(sheet, document.baseURI).href; // no letter of base64's
  const bytes = Uint8Array.from(atob(sheet), (letter) => letter.charCodeAt(0));
  return URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
}

let sheet = null;
let addresses = {};
/** Where the pictures of the batch that is shown lie, `seen` and `clean`; those of the one before it are given up. */
cliptta.addresses = function (data) {
  if (data.sheet === sheet) return addresses;
  for (const address of Object.values(addresses)) URL.revokeObjectURL(address);
  sheet = data.sheet;
  addresses = sheet ? { seen: sheetAddress(sheet) } : {}; // pictures of batches long past are not kept
  if (data.clean) addresses.clean = sheetAddress(data.clean);
  return addresses;
};

/** Which batch it is, and what shifted it. */
cliptta.batchTitle = ({ batch, batches, shift, severity }) =>
  [
    say("Batch {number} of {batches}", { number: batch, batches }),
    ...(shift ? [say("{corruption}, severity {severity}", { corruption: shift, severity })] : []),
  ].join(" · ");

const picture = (cliptta.picture = function (data, index) {
  const { columns, rows } = data;
  const at = (position, count) => `${count > 1 ? (100 * position) / (count - 1) : 0}%`;
  const element = make("div.picture");
  element.style.backgroundSize = `${100 * columns}% ${100 * rows}%`;
  element.style.backgroundPosition = `${at(index % columns, columns)} ${at(Math.floor(index / columns), rows)}`;
  return element;
});

const truthOf = ({ tiles, classes }, index) => classes[tiles[index].truth] ?? (tiles[index].truth === -1 ? say("a stranger") : "");

/** An image's name and its true class, where they are known. */
const about = (cliptta.about = function (data, index) {
  const truth = truthOf(data, index);
  return [data.tiles[index].name, truth && say("Truth: {truth}", { truth })].filter(Boolean);
});

function describe(data, index) {
  const told = ({ label, predicted, confidence }) => `${label}: ${data.classes[predicted[index]]} ${percent(confidence[index])}`;
  return [...about(data, index), ...Object.values(data.methods).map(told)].join("\n");
}

/** One line per method: for images without truth, where the predictions themselves are what one reads. */
function readings(data, index) {
  const usual = data.methods[data.reference].predicted[index];
  const lines = Object.values(data.methods).map(({ label, mark, predicted, confidence }) => [
    make("dt", { title: label }, marker(mark)),
    make(
      predicted[index] === usual ? "dd" : "dd.is-changed",
      make("span.sr", `${label}: `),
      make("b", make("bdi", data.classes[predicted[index]])),
      make("span.sure", percent(confidence[index])),
    ),
  ]);
  return make("dl.readings", ...lines);
}

function tile(data, method, index) {
  const status = method.status[index];
  const [sign, words] = SIGNS()[status];
  const [before, after] = [data.methods[data.reference], method].map(({ predicted }) => data.classes[predicted[index]]);
  const { name, truth: kind } = data.tiles[index];
  const truth = truthOf(data, index);
  const face = picture(data, index);
  face.append(make("span.badge", { title: words }, sign, make("span.sr", ` ${words}`)));
  const caption = make("figcaption");
  // The file's name in a data set tells nothing that its class does not.
  if (name && (data.own || !truth)) caption.append(make("bdi.file", name));
  if (truth) caption.append(make("b.truth", truth));
  if (!data.labelled && kind === -2) {
    caption.append(readings(data, index));
  } else if (kind === -1) {
    caption.append(make("span.said", status === "left-out" ? say("left out") : say("taken for {name}", { name: after })));
  } else {
    const change = before === after ? [] : [make("bdi", before), ` ${arrow} `];
    caption.append(make("span.said", change, make("bdi.after", after)));
  }
  return make("figure.tile", { title: describe(data, index), "data-status": status, "data-index": index, "data-image": index }, face, caption);
}

/** Tiles of these images of a batch, in a group that a click, or Enter, opens. */
function tiles(data, method, indices, className) {
  const grid = make(
    className,
    { tabIndex: 0, role: "group", "aria-label": say("Images of the batch"), "aria-description": say("Enter shows one large") },
    indices.map((index) => tile(data, method, index)),
  );
  grid.addEventListener("click", (event) => {
    const chosen = event.target.closest(".tile");
    if (chosen) cliptta.enlarge(data, Number(chosen.dataset.index), indices);
  });
  grid.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target !== grid) return;
    event.preventDefault(); // or the key presses Close, which has the focus then
    cliptta.enlarge(data, indices[0], indices);
  });
  return grid;
}

/** Tells a group of tiles where the pictures of its batch lie. */
function inPicture(grid, data, clean = false) {
  const addresses = cliptta.addresses(data);
  const shown = (clean && addresses.clean) || addresses.seen;
  if (shown) grid.style.setProperty("--sheet", `url("${shown}")`);
}

const WRONG = ["wrong", "broken", "let-in"];
kinds.gallery = function (body, newest) {
  const data = cliptta.batches.gallery(newest);
  const state = (body.state = body.state || { filter: "all", method: "", clean: false });
  if (!data.tiles) {
    body.replaceChildren();
    retitle(body);
    emptied(body, say("The images of each batch appear here, with what zero-shot and the adapted models say of them."));
    return;
  }
  emptied(body);
  const names = Object.keys(data.methods);
  if (!names.includes(state.method)) state.method = data.shown;
  const method = data.methods[cliptta.lit().method] ?? data.methods[state.method];
  retitle(body, [sayCount("The image", "All {count} images", data.tiles.length), data.labelled ? undefined : say("Each image as the model saw it, and what each method calls it.")]);
  const counts = {};
  for (const status of method.status) counts[status] = (counts[status] || 0) + 1;
  const filter = counts[state.filter] ? state.filter : "all"; // a filter that fits nothing now is kept for later
  const again = (change) => {
    Object.assign(state, change);
    kinds.gallery(body, newest);
    const [key, value] = Object.entries(change)[0];
    body.querySelector(key === "clean" ? ".toggle" : `[data-group="${key}"] [data-value="${value}"]`)?.focus();
  };
  const methods = choices(
    say("Method compared with zero-shot"),
    names.map((name) => [name, marker(data.methods[name].mark), make("span", data.methods[name].label)]),
    state.method,
    (value) => again({ method: value }),
  );
  methods.dataset.group = "method";
  const all = ["all", make("span", say("All")), make("small", data.tiles.length)];
  const filters = choices(
    say("Show"),
    [all].concat(
      Object.entries(SIGNS()).filter(([status]) => counts[status]).map(([status, [mark, words]]) => {
        const sign = make("i.sign", { ariaHidden: "true", "data-status": status }, mark);
        return [status, sign, make("span", words), make("small", counts[status])];
      }),
    ),
    filter,
    (value) => again({ filter: value }),
  );
  filters.dataset.group = "filter";
  const clean = make(
    "button.toggle",
    { title: say("The same images before the corruption; the models never see them"), hidden: !data.clean },
    { onclick: () => again({ clean: !state.clean }), "aria-pressed": state.clean },
    say("Show them clean"),
  );
  const small = body.closest("#explore > :not(.is-large)"); // where what is left out is pale
  const within = (index) => filter === "all" || method.status[index] === filter;
  const indices = data.tiles.map((_, index) => index).filter((index) => small || within(index));
  const grid = tiles(data, method, indices, data.labelled ? "div.tiles" : "div.tiles.wide");
  grid.style.setProperty("--columns", data.columns);
  for (const { classList, dataset } of grid.children) classList.toggle("pale", filter === "all" ? WRONG.includes(dataset.status) : dataset.status !== filter);
  inPicture(grid, data, state.clean);
  body.replaceChildren(make("div.toolbar", make("p.batch-title", cliptta.batchTitle(data)), methods, filters, clean), grid);
};
cliptta.pictured("gallery", (newest) => {
  const data = cliptta.batches.gallery(newest);
  if (!data.tiles) return "";
  const own = data.methods[cliptta.lit().method] ?? data.methods[data.shown];
  const about = { batch: data.batch, method: named(own) };
  if (own.missed.includes(data.batch - 1)) return told(say("Batch {batch}, which {method} missed, busy as it was."), about);
  return told(data.labelled ? say("Batch {batch}, as {method} reads it; pale: wrong.") : say("Batch {batch}, as {method} reads it."), about);
});
