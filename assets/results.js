// The table of results (cliptta_demo/page/panels/results_table.py): every image, sortable; and files made in the browser.
(function () {
  const cliptta = window.cliptta;
  const make = cliptta.make;

  /** Saves text as a file; nothing is left on the server. `news` is JSON: {name, type, text}. */
  cliptta.saveFile = function (news) {
    if (!news) return;
    const { name, type, text, packed } = JSON.parse(news);
    const data = packed ? Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)) : text;
    const link = make("a", { href: URL.createObjectURL(new Blob([data], { type })), download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  };

  /** Asks for a file, of which so many bytes are read at most: in base64, "" when none was chosen. */
  cliptta.readFile = (accept, most) =>
    new Promise((resolve) => {
      const input = make("input", { type: "file", accept });
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result.split(",")[1] ?? "");
      input.oncancel = () => resolve("");
      input.onchange = () => reader.readAsDataURL(input.files[0].slice(0, most));
      input.click();
    });

  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : collator.compare(String(a ?? ""), String(b ?? "")));

  /** What a cell shows: text, a percentage, or an outcome's mark with its word. */
  function cell(column, value) {
    const element = document.createElement("td");
    if (value === null || value === "") return element;
    if (column.kind === "outcome") {
      const [sign, word] = cliptta.signs[value];
      element.className = `outcome is-${value}`;
      element.textContent = `${sign} ${word}`;
    } else if (column.kind) {
      element.className = "number";
      const digits = { share: `${(100 * value).toFixed(1)}%`, score: Number(value).toFixed(4) };
      element.textContent = digits[column.kind] ?? value;
    } else {
      element.textContent = value;
      if (value.length > 24) element.title = value; // it may be cut
    }
    return element;
  }

  /** The lines of a table, made once; sorting only moves them. */
  function linesOf(data) {
    return data.rows.map((row) => {
      const line = document.createElement("tr");
      row.forEach((value, index) => line.append(cell(data.columns[index], value)));
      return { row, line };
    });
  }

  function sorted(data, state) {
    if (state.of !== data) Object.assign(state, { of: data, lines: linesOf(data) });
    const lines = [...state.lines];
    if (state.column === null || state.column >= data.columns.length) return lines;
    return lines.sort((a, b) => state.way * compare(a.row[state.column], b.row[state.column]));
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
        head.append(make("span", { className: "who" }, cliptta.marker(group.mark), make("span", { textContent: group.title })));
        head.style.setProperty("--own", `var(--m-${group.mark.colour})`);
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
    const rows = make("tbody", {}, ...sorted(data, state).map(({ line }) => line));
    const table = make("table", {}, make("caption", { className: "sr", textContent: data.caption }), make("thead", {}, groups, heads), rows);
    const scroll = make("div", { className: "scroll", tabIndex: 0, attributes: { role: "region", "aria-label": data.caption } }, table);
    body.replaceChildren(make("p", { className: "footnote", textContent: data.caption }), scroll);
  };
})();
