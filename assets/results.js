// The table of results (cliptta_demo/page/results.py): every image, sortable; and files made in the browser.
(function () {
  const cliptta = window.cliptta;
  const make = cliptta.make;
  const MARKS = {
    fixed: ["▲", "fixed"],
    broken: ["▼", "broken"],
    right: ["✓", "still right"],
    wrong: ["✕", "still wrong"],
    "left-out": ["◇", "stranger left out"],
    "let-in": ["◆", "stranger let in"],
    changed: ["≠", "changed"],
    same: ["=", "unchanged"],
  };

  /** Saves text as a file; nothing is left on the server. `news` is JSON: {name, type, text}. */
  cliptta.saveFile = function (news) {
    if (!news) return;
    const { name, type, text } = JSON.parse(news);
    const link = make("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  };

  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : collator.compare(String(a ?? ""), String(b ?? "")));

  /** What a cell shows: text, a percentage, or an outcome's mark with its word. */
  function cell(column, value) {
    if (value === null || value === "") return make("td", {});
    if (column.kind === "share") return make("td", { className: "number", textContent: `${(100 * value).toFixed(1)}%` });
    if (column.kind === "score") return make("td", { className: "number", textContent: value.toFixed(4) });
    if (column.kind === "count") return make("td", { className: "number", textContent: value });
    if (column.kind === "outcome") {
      const [sign, word] = MARKS[value];
      const mark = make("i", { className: "sign", textContent: sign, ariaHidden: "true" });
      mark.dataset.status = value;
      return make("td", { className: "outcome" }, mark, make("span", { textContent: word }));
    }
    return make("td", { textContent: value, title: value });
  }

  function sorted(data, state) {
    const rows = [...data.rows];
    if (state.column === null || state.column >= data.columns.length) return rows;
    rows.sort((a, b) => state.way * compare(a[state.column], b[state.column]));
    return rows;
  }

  cliptta.kinds.results = function (body, data) {
    const state = (body.state = body.state || { column: null, way: 1 });
    if (!data.columns) {
      body.replaceChildren(...(data.empty ? [make("p", { className: "footnote", textContent: data.empty })] : []));
      return;
    }
    const sort = (index) => {
      const way = state.column === index ? -state.way : ["share", "score"].includes(data.columns[index].kind) ? -1 : 1;
      Object.assign(state, { column: index, way });
      const at = body.querySelector(".scroll")?.scrollLeft || 0;
      cliptta.kinds.results(body, data);
      body.querySelector(".scroll").scrollLeft = at;
      body.querySelectorAll("thead button")[index].focus({ preventScroll: true });
    };
    const groups = make("tr", { className: "groups" });
    for (const group of data.groups) {
      const head = make("th", { colSpan: group.columns, scope: "colgroup" });
      if (group.method) {
        head.append(make("span", { className: "who" }, cliptta.marker(group.method), make("span", { textContent: group.title })));
        head.style.setProperty("--own", `var(--m-${group.method})`);
        head.className = "of-method";
      }
      groups.append(head);
    }
    const heads = make("tr", {});
    data.columns.forEach((column, index) => {
      const own = state.column === index;
      const button = make(
        "button",
        { type: "button", onclick: () => sort(index) },
        make("span", { textContent: column.title }),
        make("span", { className: "arrow", textContent: own ? (state.way > 0 ? "▲" : "▼") : "", ariaHidden: "true" }),
      );
      const head = make("th", { scope: "col" }, button);
      head.setAttribute("aria-sort", own ? (state.way > 0 ? "ascending" : "descending") : "none");
      if (column.kind) head.dataset.kind = column.kind;
      heads.append(head);
    });
    const rows = make("tbody", {});
    for (const row of sorted(data, state)) {
      const line = make("tr", {});
      row.forEach((value, index) => line.append(cell(data.columns[index], value)));
      rows.append(line);
    }
    const table = make("table", {}, make("caption", { className: "sr", textContent: data.caption }), make("thead", {}, groups, heads), rows);
    const scroll = make("div", { className: "scroll", tabIndex: 0, attributes: { role: "region", "aria-label": data.caption } }, table);
    body.replaceChildren(make("p", { className: "footnote", textContent: data.caption }), scroll);
  };
})();
