// The schedule (cliptta_demo/page/panels/strip.py): blocks of shifts, classes, strangers, a marker; accuracies by shift.
(function () {
  const cliptta = (window.cliptta = window.cliptta || { kinds: {} });
  const { make, say } = cliptta;

  function shifts(data) {
    const row = make("div", { className: "shifts" });
    let first = 0;
    let before = null;
    for (const [shift, level, length] of data.blocks) {
      const [name, family] = data.shifts[shift];
      const shown = level ? say("{name}, severity {level}", { name, level }) : name;
      const place = { batch: first + 1, last: first + length };
      const batches = length > 1 ? say("batches {batch} to {last}", place) : say("batch {batch}", place);
      const fill = make("i", {});
      fill.style.height = `${20 * level || 100}%`;
      const piece = make("div", { title: `${shown}: ${batches}` }, fill);
      if (shift !== before) piece.append(make("span", { textContent: name }));
      piece.dataset.family = family;
      piece.style.flexGrow = length;
      row.append(piece);
      first += length;
      before = shift;
    }
    return row;
  }

  /** A row for each class: the darker, the more of a batch's images are of it. */
  function classes(rows) {
    const canvas = make("canvas", { className: "classes", width: rows[0].length, height: rows.length });
    const drawing = canvas.getContext("2d");
    drawing.fillStyle = cliptta.colour("accent");
    rows.forEach((row, y) =>
      [...row].forEach((level, x) => {
        drawing.globalAlpha = Number(level) / 9;
        drawing.fillRect(x, y, 1, 1);
      }),
    );
    return canvas;
  }

  function strangers(shares) {
    const row = make("div", { className: "bursts" });
    for (const share of shares) row.append(make("i", { attributes: { style: `height:${100 * share}%` } }));
    return row;
  }

  /** The lanes with the marker over them; built anew only where the plan is another. */
  function picture(body, data) {
    const key = JSON.stringify([data.blocks, data.classes, data.strangers, document.body.className]);
    if (body.dataset.key !== key) {
      body.dataset.key = key;
      const lanes = make("div", { className: "lanes", attributes: { role: "img" } });
      const lane = (name, content) =>
        lanes.append(make("b", { textContent: name }), make("div", { className: "lane" }, content));
      lane(say("shift"), shifts(data));
      if (data.classes) lane(say("classes"), classes(data.classes));
      if (data.strangers) lane(say("strangers"), strangers(data.strangers));
      body.replaceChildren(lanes, make("p", { className: "footnote", textContent: data.text }));
    }
    const at = data.at ?? null;
    const lanes = body.querySelector(".lanes");
    lanes.setAttribute("aria-label", at === null ? data.text : `${data.text} ${say("At batch {batch}.", { batch: at + 1 })}`);
    lanes.classList.toggle("is-marked", at !== null);
    lanes.style.setProperty("--at", at / data.batches);
    lanes.style.setProperty("--wide", 1 / data.batches);
  }

  function table(data) {
    const head = make("tr", {}, make("th", { textContent: say("shift") }));
    for (const entry of data.head) head.append(make("th", { scope: "col" }, ...cliptta.who(entry)));
    const rows = data.rows.map(([name, ...values]) =>
      make(
        "tr",
        {},
        make("th", { scope: "row", textContent: name }),
        ...values.map((value) => make("td", { textContent: value })),
      ),
    );
    const caption = make("caption", { textContent: say("Accuracy under each shift so far") });
    return make("table", {}, caption, make("thead", {}, head), make("tbody", {}, ...rows));
  }

  cliptta.kinds.strip = function (body, data) {
    const plan = data || {};
    body.closest(".panel").classList.toggle("is-quiet", !plan.blocks && !plan.table);
    if (plan.blocks) picture(body, plan);
    else {
      delete body.dataset.key;
      body.replaceChildren(make("p", { className: "quiet", textContent: plan.text || "" }));
    }
    body.querySelector(".by-shift")?.remove();
    if (plan.table) body.append(make("div", { className: "by-shift", tabIndex: 0 }, table(plan.table)));
  };
})();
