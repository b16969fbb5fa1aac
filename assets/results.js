// The table of results (cliptta_demo/page/panels/images.py): every image, sortable; and files made in the browser.
// Column → its title, and of what kind its values are; texts where none is named.
const COLUMNS = () => ({
  image: ["#", "count"],
  file: [say("file")],
  batch: [say("batch"), "count"],
  truth: [say("truth")],
  prediction: [say("prediction")],
  confidence: [say("confidence"), "share"],
  outcome: [say("outcome"), "outcome"],
  missed: [say("missed")],
  "ID score": [say("ID score"), "score"],
  accepted: [say("accepted")],
});
const WORDS = () => {
  const flags = { yes: say("yes"), no: say("no") };
  return { truth: { stranger: say("stranger") }, accepted: flags, missed: flags }; // for the CSV's
};

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
function cell({ key }, value) {
  const [, kind] = COLUMNS()[key];
  if (value === "") return make("td");
  if (kind === "outcome") return make(`td.outcome.is-${value}`, cliptta.signs()[value].join(" "));
  const digits = { share: () => percent(value, 1), score: () => fixed(Number(value), 4) };
  if (kind) return make("td.number", digits[kind]?.() ?? value);
  return make("td", { title: value.length > 24 ? value : "" }, WORDS()[key]?.[value] ?? value); // it may be cut
}

/** The lines of a table, made once; sorting only moves them. */
function linesOf(data) {
  return data.rows.map((row) => ({ row, line: make("tr", row.map((value, index) => cell(data.columns[index], value))) }));
}

function sorted(data, state) {
  if (state.of !== data) Object.assign(state, { of: data, lines: linesOf(data) });
  const lines = [...state.lines];
  if (state.column === null || state.column >= data.columns.length) return lines;
  return lines.sort((a, b) => state.way * compare(a.row[state.column], b.row[state.column]));
}

const FEW_ROWS = 4;
const MANY = 3; // methods: of more there is room for the words alone

/** A few images of the batch on show, of which the methods say the most different; and the one that is lit. */
function few(body) {
  const data = cliptta.onShow();
  if (!data?.tiles) return body.replaceChildren(make("p.empty", say("What each method says of each image, and how sure it is.")));
  const methods = Object.values(data.methods);
  const said = (index) => new Set(methods.map(({ predicted }) => predicted[index])).size;
  const indices = data.tiles.map((_, index) => index).sort((one, other) => said(other) - said(one)).slice(0, FEW_ROWS);
  const { image } = cliptta.lit();
  if (data.tiles[image] && !indices.includes(Number(image))) indices.splice(-1, 1, image);
  const rows = indices.map((index) => {
    const { truth, name } = data.tiles[index];
    const cells = methods.map((own) => {
      const { text, right } = cliptta.answer(data, own, index);
      const sure = methods.length > MANY ? "" : fixed(100 * own.confidence[index], 0);
      return make("td", { "data-method": own.method, title: `${own.label}: ${text}` }, make(right ? "b" : "span", make("bdi", text), sure));
    });
    const title = truth === -1 ? say("stranger") : (data.classes[truth] ?? name) || index + 1;
    return make("tr", { "data-image": index }, make("th", { scope: "row", title }, make("bdi", title)), cells);
  });
  const heads = methods.map((own) => make("th", { scope: "col", title: own.label, "data-method": own.method }, marker(own.mark), make("span.sr", own.label)));
  body.replaceChildren(make("table", make("thead", make("tr", make("th", say("image")), heads)), make("tbody", rows)));
}

/** The menu of exports, and the button that enlarges, once they are there. */
function connect() {
  const [button, menu, all] = ["#export", "#exports", "#show-table"].map((id) => find(id));
  if (!button || !menu || menu.popover) return;
  cliptta.menu(button, menu);
  menu.addEventListener("click", (event) => event.target.closest("button") && menu.hidePopover());
  all.addEventListener("click", () => find("#results .title[aria-expanded=false]")?.click());
}

kinds.results = function (body, data) {
  connect();
  const state = (body.state = body.state || { column: null, way: 1 });
  const small = body.closest("#explore > :not(.is-large)");
  if (small) return few(body);
  if (!data.columns && !state.asked) find("#show-table")?.click();
  state.asked = true;
  if (!data.columns) {
    body.replaceChildren(...(data.words ? [make("p.footnote", data.words)] : []));
    return;
  }
  const sort = (index) => {
    const [, kind] = COLUMNS()[data.columns[index].key];
    const way = state.column === index ? -state.way : ["share", "score"].includes(kind) ? -1 : 1;
    Object.assign(state, { column: index, way });
    const at = body.querySelector(".scroll")?.scrollLeft || 0;
    kinds.results(body, data);
    body.querySelector(".scroll").scrollLeft = at;
    focusOn(body.querySelectorAll("thead button")[index]);
  };
  const of = (method) => data.columns.filter((column) => column.method === method).length;
  const groups = make("tr.groups", make("th", { colSpan: of(""), scope: "colgroup" }));
  for (const { method, label, mark } of data.methods) {
    const head = make("th.of-method", { colSpan: of(method), scope: "colgroup" }, make("span.who", who({ mark, label })));
    groups.append(tinted(mark, head));
  }
  const heads = make("tr");
  data.columns.forEach(({ key }, index) => {
    const [title, kind] = COLUMNS()[key];
    const head = sortHead(title, state.column === index && state.way, () => sort(index));
    if (kind) head.dataset.kind = kind;
    heads.append(head);
  });
  const rows = make("tbody", ...sorted(data, state).map(({ line }) => line));
  const [shown, total] = [data.rows.length, data.total].map(grouped);
  const all = say("Results for {total} images.", { total });
  const some = say("Results for the newest {shown} of {total} images.", { shown, total });
  const caption = `${shown === total ? all : some} ${say("Press a column's name to sort; the CSV holds all of them.")}`;
  const parts = [make("caption.sr", caption), make("thead", groups, heads), rows];
  body.replaceChildren(make("p.footnote", caption), table(caption, ...parts));
};
cliptta.pictured("results", () => {
  const many = Object.keys(cliptta.onShow()?.methods ?? {}).length > MANY;
  return many ? say("Each word; all rows have its confidence, too.") : say("Each word with its confidence, in %.");
});
