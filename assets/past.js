// Runs side by side (cliptta_demo/page/panels/past_runs.py): a table of them, and one drawn behind the run shown.
const { hover, line } = cliptta;

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

/** They have changed: draws anew what they lie over. */
cliptta.overlay = function () {
  cliptta.overlaid += 1;
  redraw("accuracy", "entropy", "answers");
};

let behind = null; // the run drawn behind the one shown
const MEASURES = () => ({ accuracy: say("accuracy"), entropy: say("entropy") });

/** The curves of the run behind, for the methods that the figure shows in its own colours. */
function curves(figure, facet) {
  return (figure.legend || []).flatMap(({ method, label, mark }) => {
    const y = behind.methods[method]?.[facet.id] || [];
    if (!y.some((value) => value !== null)) return [];
    const alone = y.length === 1 && behind.batches > 1; // of a link: the end of the run
    const faint = { ...mark, symbol: `${mark.symbol}-open`, dash: "dot" };
    const more = { mode: alone ? "markers" : "lines", meta: "behind", opacity: 0.6, ...hover(`${label}, ${MEASURES()[facet.id]} %{y}`) };
    return [line({ mark: faint }, alone ? [behind.batches] : y.map((_, index) => index + 1), y, more, 1.6, 9)];
  });
}

/** The accuracies of the run behind, which the scale has room for. */
cliptta.seenBehind = () => Object.values(behind?.methods ?? {}).flatMap(({ accuracy }) => accuracy ?? []);

const nameBehind = () => (behind.name ? `“${behind.name}”` : say("last run"));
const noteBehind = () =>
  say("Faint, dotted: {name}{settings}.", { name: nameBehind(), settings: behind.settings.length ? ` (${behind.settings.join(", ")})` : "" });

cliptta.overlays.push((figure) => {
  if (!behind || !figure.facets?.length) return figure;
  const facets = figure.facets.map((facet) => ({ ...facet, data: [...curves(figure, facet), ...facet.data] }));
  const drawn = facets.some((facet) => facet.data[0].meta === "behind");
  return { ...figure, facets, note: drawn ? noteBehind() : figure.note };
});

/** At the end of each method's line, what came of it in the run behind, which the note names, and what else is to be said (lessons.js). */
cliptta.beside = []; // (method's name) => words
cliptta.beside.push((method) => {
  const end = behind?.methods[method]?.end ?? null;
  return end === null ? "" : `┄ ${percent(end, 1)}`;
});
arrivals.past = function (data) {
  behind = data.behind || null;
  cliptta.overlay();
};

const button = (text, label, press, more = {}) =>
  make("button", { onclick: press, "aria-label": label, title: label, ...more }, text);

function nameCell(row, settings) {
  const cell = make("th", { scope: "row" });
  if (row.kind === "pin") {
    const field = make("input", { type: "text", value: row.name, maxLength: 40, "aria-label": say("Name of the pinned run") });
    field.addEventListener("change", () => tell({ do: "rename", name: row.name, to: field.value }));
    cell.append(field);
  } else cell.append(make("span", row.name));
  const differs = settings.map((setting, index) => `${setting} ${row.settings[index]}`);
  if (row.kind === "last" && differs.length) cell.append(make("span.differs", differs.slice(0, 2).join(", "))); // in the small table, instead
  const notes = [...(row.linked ? [say("numbers from a link")] : []), ...row.changes];
  if (row.batches < row.asked) notes.push(say("{done} of {asked} batches", { done: row.batches, asked: row.asked }));
  for (const note of notes) cell.append(make("small", note));
  return cell;
}

function actions(row) {
  const { name } = row;
  const cell = make("td.actions");
  if (row.kind === "this") return cell;
  const pressed = { "aria-pressed": row.behind };
  cell.append(button(say("Dotted"), say("Draw {name} behind this run", { name }), () => tell({ do: "behind", name }), pressed));
  if (row.kind !== "pin") return cell;
  cell.append(button(say("Load"), say("Put the settings of {name} into the form", { name }), () => tell({ do: "load", name })));
  cell.append(button(say("Unpin"), say("Unpin {name}", { name }), () => tell({ do: "unpin", name })));
  return cell;
}

kinds.past = function (body, data) {
  const words = !data.rows?.length || data.rows.length < 2 ? say("Change one thing and run again: the run before stays, dotted, its end beside the new one. Pinned, it stays for longer.") : data.settings.length ? say("What differs is named; the rest is the same.") : say("All of them have the same settings.");
  const note = make("p.footnote", words);
  if (!data.rows?.length) return body.replaceChildren(note);
  const held = body.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
  const heads = make("tr", make("th", { scope: "col" }, say("run")));
  for (const own of data.methods) heads.append(make("th", { scope: "col", title: own.label, "data-method": own.method }, who(own)));
  for (const setting of data.settings) heads.append(make("th.setting", { scope: "col" }, setting));
  heads.append(make("th.actions", { scope: "col" }, make("span.sr", say("What to do with it"))));
  const lines = data.rows.map((row) =>
    make(
      "tr", { className: row.kind },
      nameCell(row, data.settings),
      ...row.ends.map((end, index) => make("td.number", { "data-method": data.methods[index].method }, ...(end === null ? ["–"] : [fixed(100 * end, 1), make("span.unit", language.percent)]))),
      ...row.settings.map((value) => make("td.setting", value)),
      actions(row),
    ),
  );
  const parts = [make("thead", heads), make("tbody", ...lines)];
  body.replaceChildren(table(say("Runs side by side"), ...parts), note);
  if (held) [...body.querySelectorAll("[aria-label]")].find((one) => one.getAttribute("aria-label") === held)?.focus();
};
cliptta.pictured("past", () => {
  const { images, labelled } = cliptta.batches.newest() ?? {};
  return images && labelled ? sayCount("Right after {count} image.", "Right after {count} images.", images) : "";
});
