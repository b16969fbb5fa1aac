// The gallery (cliptta_demo/page/panels/images.py): tiles of the batch, a filter, and a choice of the method compared;
// and the glimpse, a row of its first images.
/** Sign and words of each status; the table of results uses them too. */
const SIGNS = (cliptta.signs = {
  fixed: ["▲", say("fixed")],
  broken: ["▼", say("broken")],
  right: ["✓", say("still right")],
  wrong: ["✕", say("still wrong")],
  "left-out": ["◇", say("stranger left out")],
  "let-in": ["◆", say("stranger let in")],
  changed: ["≠", say("changed")],
  same: ["=", say("unchanged")],
});

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
cliptta.batchTitle = function ({ batch, batches, shift, severity }) {
  const title = [say("Batch {number} of {batches}", { number: batch, batches })];
  if (shift) title.push(say("{corruption}, severity {severity}", { corruption: shift, severity }));
  return title.join(" · ");
};

const picture = (cliptta.picture = function (data, index) {
  const column = index % data.columns;
  const row = Math.floor(index / data.columns);
  const at = (position, count) => (count > 1 ? (100 * position) / (count - 1) : 0);
  const element = make("div.picture");
  element.style.backgroundSize = `${100 * data.columns}% ${100 * data.rows}%`;
  element.style.backgroundPosition = `${at(column, data.columns)}% ${at(row, data.rows)}%`;
  return element;
});

const truthOf = (cliptta.truthOf = function (data, index) {
  const truth = data.tiles[index].truth;
  return truth >= 0 ? data.classes[truth] : truth === -1 ? say("a stranger") : "";
});

function describe(data, index) {
  const truth = truthOf(data, index);
  const lines = [data.tiles[index].name, truth && say("Truth: {truth}", { truth })];
  for (const method of Object.values(data.methods)) {
    lines.push(`${method.label}: ${data.classes[method.predicted[index]]} ${percent(method.confidence[index])}`);
  }
  return lines.filter(Boolean).join("\n");
}

/** One line per method: for images without truth, where the predictions themselves are what one reads. */
function readings(data, index) {
  const list = make("dl.readings");
  for (const method of Object.values(data.methods)) {
    const changed = method.predicted[index] !== data.methods[data.reference].predicted[index];
    list.append(
      make("dt", { title: method.label }, marker(method.mark)),
      make(
        "dd", { className: changed ? "is-changed" : "" },
        make("span.sr", `${method.label}: `),
        make("b", make("bdi", data.classes[method.predicted[index]])),
        make("span.sure", percent(method.confidence[index])),
      ),
    );
  }
  return list;
}

function tile(data, method, index) {
  const status = method.status[index];
  const [sign, words] = SIGNS[status];
  const before = data.classes[data.methods[data.reference].predicted[index]];
  const after = data.classes[method.predicted[index]];
  const figure = make("figure.tile", { title: describe(data, index) });
  figure.dataset.status = status;
  figure.dataset.index = index;
  const spoken = make("span.sr", ` ${words}`);
  const face = picture(data, index);
  face.append(make("span.badge", { title: words }, sign, spoken));
  const caption = make("figcaption");
  const { name } = data.tiles[index];
  const truth = truthOf(data, index);
  // The file's name in a data set tells nothing that its class does not.
  if (name && (data.own || !truth)) caption.append(make("bdi.file", name));
  if (truth) caption.append(make("b.truth", truth));
  if (!data.labelled && data.tiles[index].truth === -2) {
    caption.append(readings(data, index));
  } else if (data.tiles[index].truth === -1) {
    const left = status === "left-out";
    caption.append(make("span.said", left ? say("left out") : say("taken for {name}", { name: after })));
  } else {
    const change = before === after ? [] : [make("bdi", before), ` ${arrow} `];
    caption.append(make("span.said", ...change, make("bdi.after", after)));
  }
  figure.append(face, caption);
  return figure;
}

/** Tiles of these images of a batch, in a group that a click, or Enter, opens. */
function tiles(data, method, indices, className) {
  const about = { role: "group", "aria-label": say("Images of the batch"), "aria-description": say("Enter shows one large") };
  const grid = make("div", { className, tabIndex: 0, ...about });
  grid.append(...indices.map((index) => tile(data, method, index)));
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

const FIRST = 12; // of a batch's images, as many as fit into one row of them
kinds.glimpse = function (body) {
  const data = cliptta.batches.gallery(cliptta.batches.newest());
  if (!data?.tiles) {
    body.replaceChildren(make("p.footnote", say("Press Run: the first images of each batch appear here.")));
    return;
  }
  const name = data.methods[cliptta.compared] ? cliptta.compared : data.shown;
  const method = data.methods[name];
  const grid = tiles(data, method, data.tiles.map((_, index) => index).slice(0, FIRST), "tiles glimpse");
  const { seen } = cliptta.addresses(data);
  if (seen) grid.style.setProperty("--sheet", `url("${seen}")`);
  const how = data.methods[data.reference] === method ? [] : [` ${arrow} `, who(method)];
  const legend = make("p.legend", make("span", who(data.methods[data.reference]), ...how));
  body.replaceChildren(legend, grid);
};

kinds.gallery = function (body, newest) {
  const data = cliptta.batches.gallery(newest);
  const state = (body.state = body.state || { filter: "all", method: "", clean: false, all: false });
  if (!data.tiles) {
    body.replaceChildren();
    emptied(body, say("The images of each batch appear here, with what zero-shot and the adapted models say of them."));
    return;
  }
  emptied(body);
  const addresses = cliptta.addresses(data);
  const names = Object.keys(data.methods);
  if (!names.includes(state.method)) state.method = data.shown;
  const method = data.methods[state.method];
  const counts = {};
  for (const status of method.status) counts[status] = (counts[status] || 0) + 1;
  const filter = counts[state.filter] ? state.filter : "all"; // a filter that fits nothing now is kept for later
  const again = (change) => {
    Object.assign(state, change);
    kinds.gallery(body, newest);
    const [key, value] = Object.entries(change)[0];
    body.querySelector(key === "clean" ? ".toggle" : key === "all" ? ".all" : `[data-group="${key}"] [data-value="${value}"]`)?.focus();
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
      Object.keys(SIGNS).filter((status) => counts[status]).map((status) => {
        const [mark, words] = SIGNS[status];
        const sign = make("i.sign", { ariaHidden: "true" }, mark);
        sign.dataset.status = status;
        return [status, sign, make("span", words), make("small", counts[status])];
      }),
    ),
    filter,
    (value) => again({ filter: value }),
  );
  filters.dataset.group = "filter";
  const clean = make("button.toggle", { title: say("The same images before the corruption; the models never see them"), hidden: !data.clean, onclick: () => again({ clean: !state.clean }), "aria-pressed": state.clean }, say("Show them clean"));
  const indices = data.tiles.map((_, index) => index).filter((index) => filter === "all" || method.status[index] === filter);
  const grid = tiles(data, method, indices, data.labelled ? "tiles" : "tiles wide");
  grid.classList.toggle("few", !state.all);
  const shown = (state.clean && addresses.clean) || addresses.seen;
  if (shown) grid.style.setProperty("--sheet", `url("${shown}")`);
  const more = make("button.toggle.all", { onclick: () => again({ all: !state.all }), "aria-expanded": state.all }, state.all ? say("Show two rows") : say("Show all {count}", { count: indices.length }));
  const title = make("p.batch-title", cliptta.batchTitle(data));
  body.replaceChildren(make("div.toolbar", title, methods, filters, clean), grid, more);
  if (cliptta.compared !== state.method) {
    cliptta.compared = state.method;
    redraw("glimpse");
  }
};
