// Runs side by side (cliptta_demo/page/panels/past_runs.py): a table of them, and one drawn behind the run shown.
(function () {
  const cliptta = window.cliptta;
  const { make, say } = cliptta;

  // What scripts ask of the server, by the names of the elements that send it.
  cliptta.tell = {};
  cliptta.sender = function (name, props, trigger) {
    cliptta.tell[name] = (wish) => {
      props.value = JSON.stringify(wish);
      trigger("input");
    };
  };
  const tell = (wish) => cliptta.tell["past-asked"]?.(wish);

  // What lies over the figures of a run: each is a function from a figure to a figure.
  cliptta.overlays = [];
  cliptta.overlaid = 0; // counts their changes
  cliptta.withOverlays = (figure) => cliptta.overlays.reduce((drawn, lay) => lay(drawn), figure);

  /** They have changed: draws anew what they lie over, and the cards. */
  cliptta.overlay = function () {
    cliptta.overlaid += 1;
    for (const kind of ["accuracy", "entropy", "histogram"]) for (const schedule of cliptta.schedules[kind] || []) schedule();
    cliptta.drawBeside();
  };

  let behind = null; // the run drawn behind the one shown
  const MEASURES = { accuracy: say("accuracy"), entropy: say("entropy") };

  /** The curves of the run behind, for the methods that the figure shows in its own colours. */
  function curves(figure, facet) {
    return (figure.legend || []).flatMap(({ method, label, mark }) => {
      const y = behind.methods[method]?.[facet.id] || [];
      if (!y.some((value) => value !== null)) return [];
      const alone = y.length === 1 && behind.batches > 1; // of a link: the end of the run
      return [
        {
          type: "scatter",
          mode: alone ? "markers" : "lines",
          meta: "behind",
          x: alone ? [behind.batches] : y.map((_, index) => index + 1),
          y,
          opacity: 0.6,
          line: { color: `@${mark.colour}`, width: 1.6, dash: "dot" },
          marker: { color: `@${mark.colour}`, symbol: `${mark.symbol}-open`, size: 9 },
          hovertemplate: `${label}, ${MEASURES[facet.id]} %{y}<extra></extra>`,
        },
      ];
    });
  }

  cliptta.overlays.push((figure) => {
    if (!behind || !figure.facets?.length) return figure;
    const facets = figure.facets.map((facet) => ({ ...facet, data: [...curves(figure, facet), ...facet.data] }));
    const drawn = facets.some((facet) => facet.data[0].meta === "behind");
    return { ...figure, facets, note: drawn ? behind.note : figure.note };
  });

  /** In each method's card, what came of it in the run behind, and what else is to be said (lessons.js). */
  cliptta.beside = []; // (method's name) => words
  cliptta.beside.push((method) => behind?.methods[method]?.end || "");
  cliptta.drawBeside = function () {
    for (const card of document.querySelectorAll("#cards .card")) {
      const words = cliptta.beside.map((told) => told(card.dataset.method)).filter(Boolean).join(" · ");
      const line = card.querySelector(".beside");
      if (line && line.textContent !== words) line.textContent = words;
      if (!line && words) card.querySelector(".details").before(make("p", { className: "beside", textContent: words }));
    }
  };

  cliptta.arrivals.past = function (data) {
    behind = data.behind || null;
    cliptta.overlay();
  };

  const filled = (text, name) => text.replace("{name}", name);
  const button = (text, label, press, more = {}) =>
    make("button", { type: "button", textContent: text, onclick: press, attributes: { "aria-label": label, title: label, ...more } });

  function nameCell(row, words) {
    const cell = make("th", { scope: "row" });
    if (row.kind === "pin") {
      const field = make("input", { type: "text", value: row.name, maxLength: 40, attributes: { "aria-label": words.rename } });
      field.addEventListener("change", () => tell({ do: "rename", name: row.name, to: field.value }));
      cell.append(field);
    } else cell.append(make("span", { textContent: row.name }));
    for (const note of row.notes) cell.append(make("small", { textContent: note }));
    return cell;
  }

  function actions(row, words) {
    const cell = make("td", { className: "actions" });
    if (row.kind === "this") return cell;
    const pressed = { "aria-pressed": row.behind };
    cell.append(button(words.dotted, filled(words.behind, row.name), () => tell({ do: "behind", name: row.name }), pressed));
    if (row.kind !== "pin") return cell;
    cell.append(button(words.load, filled(words.load_about, row.name), () => tell({ do: "load", name: row.name })));
    cell.append(button(words.unpin, filled(words.unpin_about, row.name), () => tell({ do: "unpin", name: row.name })));
    return cell;
  }

  cliptta.kinds.past = function (body, data) {
    if (!data.rows) {
      body.replaceChildren(make("p", { className: "footnote", textContent: data.empty || "" }));
      return;
    }
    const { words } = data;
    const held = body.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    const heads = make("tr", {}, make("th", { scope: "col", textContent: words.run }));
    for (const method of data.methods) heads.append(make("th", { scope: "col" }, ...cliptta.who(method)));
    for (const setting of data.settings) heads.append(make("th", { scope: "col", className: "setting", textContent: setting }));
    heads.append(make("th", { scope: "col" }, make("span", { className: "sr", textContent: words.actions })));
    const lines = data.rows.map((row) =>
      make(
        "tr",
        { className: row.kind },
        nameCell(row, words),
        ...row.numbers.map((number) => make("td", { className: "number", textContent: number || "–" })),
        ...row.settings.map((value) => make("td", { textContent: value })),
        actions(row, words),
      ),
    );
    const table = make("table", {}, make("thead", {}, heads), make("tbody", {}, ...lines));
    const scroll = make("div", { className: "scroll", tabIndex: 0, attributes: { role: "region", "aria-label": words.table } }, table);
    body.replaceChildren(scroll, ...(data.same ? [make("p", { className: "footnote", textContent: data.same })] : []));
    if (held) [...body.querySelectorAll("[aria-label]")].find((one) => one.getAttribute("aria-label") === held)?.focus();
  };
})();
