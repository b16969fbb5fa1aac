// The gallery (cliptta_demo/page/panels/gallery.py): tiles of the batch, a filter, and a choice of the method compared.
(function () {
  const cliptta = (window.cliptta = window.cliptta || { kinds: {} });
  /** Sign and words of each status; the table of results uses them too. */
  const SIGNS = (cliptta.signs = {
    fixed: ["▲", "fixed"],
    broken: ["▼", "broken"],
    right: ["✓", "still right"],
    wrong: ["✕", "still wrong"],
    "left-out": ["◇", "stranger left out"],
    "let-in": ["◆", "stranger let in"],
    changed: ["≠", "changed"],
    same: ["=", "unchanged"],
  });
  const make = cliptta.make;
  const percent = (value) => `${Math.round(100 * value)}%`;

  /** base64 of a JPEG → a short address that all tiles share. */
  function sheetAddress(base64) {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    return URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
  }

  function choices(label, entries, chosen, choose) {
    const group = make("div", { className: "choices", attributes: { role: "group", "aria-label": label } });
    for (const [value, ...content] of entries) {
      const attributes = { "data-value": value, "aria-pressed": value === chosen };
      group.append(make("button", { type: "button", onclick: () => choose(value), attributes }, ...content));
    }
    return group;
  }

  function picture(data, index) {
    const column = index % data.columns;
    const row = Math.floor(index / data.columns);
    const at = (position, count) => (count > 1 ? (100 * position) / (count - 1) : 0);
    const element = make("div", { className: "picture" });
    element.style.backgroundSize = `${100 * data.columns}% ${100 * data.rows}%`;
    element.style.backgroundPosition = `${at(column, data.columns)}% ${at(row, data.rows)}%`;
    return element;
  }

  function truthOf(data, index) {
    const truth = data.tiles[index].truth;
    return truth >= 0 ? data.classes[truth] : truth === -1 ? "a stranger" : "";
  }

  function describe(data, index) {
    const truth = truthOf(data, index);
    const lines = [data.tiles[index].name, truth && `Truth: ${truth}`];
    for (const method of Object.values(data.methods)) {
      lines.push(`${method.label}: ${data.classes[method.predicted[index]]} ${percent(method.confidence[index])}`);
    }
    return lines.filter(Boolean).join("\n");
  }

  /** One line per method: for images without truth, where the predictions themselves are what one reads. */
  function readings(data, index) {
    const list = make("dl", { className: "readings" });
    for (const method of Object.values(data.methods)) {
      const changed = method.predicted[index] !== data.methods[data.reference].predicted[index];
      list.append(
        make("dt", { title: method.label }, cliptta.marker(method.mark)),
        make(
          "dd",
          { className: changed ? "is-changed" : "" },
          make("span", { className: "sr", textContent: `${method.label}: ` }),
          make("b", { textContent: data.classes[method.predicted[index]] }),
          make("span", { className: "sure", textContent: percent(method.confidence[index]) }),
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
    const figure = make("figure", { className: "tile", title: describe(data, index) });
    figure.dataset.status = status;
    const spoken = make("span", { className: "sr", textContent: ` ${words}` });
    const face = picture(data, index);
    face.append(make("span", { className: "badge", title: words }, sign, spoken));
    const caption = make("figcaption", {});
    const { name } = data.tiles[index];
    if (name) caption.append(make("span", { className: "file", textContent: name }));
    const truth = truthOf(data, index);
    if (truth) caption.append(make("b", { className: "truth", textContent: truth }));
    if (!data.labelled && data.tiles[index].truth === -2) {
      caption.append(readings(data, index));
    } else if (data.tiles[index].truth === -1) {
      const left = status === "left-out";
      caption.append(make("span", { className: "said", textContent: left ? "left out" : `taken for ${after}` }));
    } else {
      const said = make("span", { className: "after", textContent: after });
      caption.append(make("span", { className: "said" }, before === after ? "" : `${before} → `, said));
    }
    figure.append(face, caption);
    return figure;
  }

  cliptta.kinds.gallery = function (body, newest) {
    const data = cliptta.batches.gallery(newest);
    const state = (body.state = body.state || { filter: "all", method: "", clean: false });
    if (!data.tiles) {
      body.replaceChildren(cliptta.emptyNote(data.empty || "Press Run."));
      return;
    }
    if (data.sheet !== state.sheet) {
      for (const address of Object.values(state.addresses || {})) URL.revokeObjectURL(address);
      state.sheet = data.sheet;
      state.addresses = data.sheet ? { seen: sheetAddress(data.sheet) } : {};
      if (data.clean) state.addresses.clean = sheetAddress(data.clean);
    }
    const names = Object.keys(data.methods);
    if (!names.includes(state.method)) state.method = data.shown;
    const method = data.methods[state.method];
    const counts = {};
    for (const status of method.status) counts[status] = (counts[status] || 0) + 1;
    const filter = counts[state.filter] ? state.filter : "all"; // a filter that fits nothing now is kept for later
    const again = (change) => {
      Object.assign(state, change);
      cliptta.kinds.gallery(body, newest);
      const [key, value] = Object.entries(change)[0];
      body.querySelector(key === "clean" ? ".toggle" : `[data-group="${key}"] [data-value="${value}"]`)?.focus();
    };
    const methods = choices(
      "Method compared with zero-shot",
      names.map((name) => [name, cliptta.marker(data.methods[name].mark), make("span", { textContent: data.methods[name].label })]),
      state.method,
      (value) => again({ method: value }),
    );
    methods.dataset.group = "method";
    const all = ["all", make("span", { textContent: "All" }), make("small", { textContent: data.tiles.length })];
    const filters = choices(
      "Show",
      [all].concat(
        Object.keys(SIGNS).filter((status) => counts[status]).map((status) => {
          const [mark, words] = SIGNS[status];
          const sign = make("i", { className: "sign", textContent: mark, ariaHidden: "true" });
          sign.dataset.status = status;
          return [status, sign, make("span", { textContent: words }), make("small", { textContent: counts[status] })];
        }),
      ),
      filter,
      (value) => again({ filter: value }),
    );
    filters.dataset.group = "filter";
    const grid = make("div", {
      className: data.labelled ? "tiles" : "tiles wide",
      tabIndex: 0, // it scrolls
      attributes: { role: "group", "aria-label": "Images of the batch" },
    });
    const clean = make("button", {
      type: "button",
      className: "toggle",
      textContent: "Show them clean",
      title: "The same images before the corruption; the models never see them",
      hidden: !data.clean,
      onclick: () => again({ clean: !state.clean }),
      attributes: { "aria-pressed": state.clean },
    });
    const shown = (state.clean && state.addresses.clean) || state.addresses.seen;
    if (shown) grid.style.setProperty("--sheet", `url("${shown}")`); // pictures of batches long past are not kept
    data.tiles.forEach((_, index) => {
      if (filter === "all" || method.status[index] === filter) grid.append(tile(data, method, index));
    });
    const title = make("p", { className: "batch-title", textContent: data.title });
    body.replaceChildren(make("div", { className: "toolbar" }, title, methods, filters, clean), grid);
  };
})();
