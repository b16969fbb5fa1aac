// Watch: the sentence of the batch on show, what each method says of its first images, and where all its answers go.
const { shapes, lightable } = cliptta; // rows.js
const WORDS = 15; // images that have room on a wide page; the style sheet leaves out what doesn't fit
const ROWS = 12; // classes that have a row of their own
const LONGEST = 10; // letters of a class beside its row
const LEAST = 4; // pixels of a square; smaller ones are bars
const MOST = 128; // images of a batch; of more, bars too
const COLLAPSED = 0.6; // of a batch's answers in one class

let preview = null; // of a lesson's run: its first images, before there are answers
arrivals.words = function (data) {
  preview = data.tiles ? data : null;
  redraw("answers");
};
const onShow = () => cliptta.batches.gallery(cliptta.batches.newest()) ?? (cliptta.previews?.() ? preview : null);
const methodsOf = (data) => Object.values(data.methods);
const sizeOf = (data) => data.tiles.length;
/** Of each image that counts: the labelled ones, of a batch without labels all. */
const known = (data) => data.tiles.map(({ truth }, index) => [truth, index]).filter(([truth]) => (data.labelled ? truth >= 0 : truth !== -1));

/** What a method calls an image, and whether that is right: null where nobody knows. */
function answer(data, own, index) {
  const { truth } = data.tiles[index];
  const outside = truth === -1 && own.status[index] === "left-out";
  const text = outside ? say("stranger") : data.classes[own.predicted[index]];
  return { text, right: truth === -2 ? null : truth === -1 ? outside : truth === own.predicted[index] };
}

cliptta.answer = answer;
// ---- what each says

function word(data, own, index) {
  const { text, right } = answer(data, own, index);
  const mark = marker(own.mark);
  mark.classList.toggle("hollow", right === false);
  const tick = right && data.tiles[index].truth >= 0 ? make("span.tick", "✓") : null;
  const about = { title: `${own.label}: ${text}` };
  return tinted(own.mark, make(right ? "span.word.right" : "span.word", about, mark, make("span.sr", `${own.label}: `), make("bdi", text), tick));
}

function tile(data, index) {
  const { truth, name } = data.tiles[index];
  const text = truth === -1 ? say("stranger") : data.classes[truth] ?? name;
  const title = make(truth < -1 ? "b.truth.file" : truth < 0 ? "b.truth.stranger" : "b.truth", { title: text }, make("bdi", text));
  const words = make("span.words", methodsOf(data).map((own) => word(data, own, index)));
  const about = { "data-index": index, "data-kinds": [truth, ...methodsOf(data).map((own) => own.predicted[index])].join(" ") };
  if (!methodsOf(data).length && document.body.dataset.asks !== "image") return make("div.tile", about, cliptta.picture(data, index), title);
  const guessed = data.batch === 1 && cliptta.guessedImage?.() === index;
  return make(guessed ? "button.tile.guessed" : "button.tile", about, cliptta.picture(data, index), title, words);
}

/** A file of the visitor's, before the run. */
const thumbnail = ({ name, address }) =>
  make("div.tile", make("i.picture", { style: `background: center / cover url("${address}")` }), make("b.truth.file", { title: name }, make("bdi", name.split("/").at(-1))));

/** The way through the images of a batch that has more than there is room for. */
function pager(body) {
  const go = (way) => () => {
    body.from += way * body.shown;
    kinds.words(body);
  };
  return stepper(say("Images of the batch"), ["earlier", "‹", say("Images before"), go(-1)], ["later", "›", say("Next images"), go(1)]);
}

cliptta.onShow = onShow;
kinds.words = function (body) {
  const data = onShow();
  const files = cliptta.given?.insteadOf(cliptta.batches.newest()) ?? [];
  const batch = !files.length && data?.tiles ? data : null;
  const count = batch ? sizeOf(batch) : files.length;
  body.from = Math.max(0, body.from < count ? body.from : 0);
  const indices = Array.from({ length: count || WORDS }, (_, index) => index);
  const place = (index) => (batch ? tile(batch, index) : count ? thumbnail(files[index]) : make("i.tile.waits", make("i.picture")));
  const grid = make("div.saying", indices.slice(body.from, body.from + WORDS).map(place));
  if (batch) {
    grid.classList.toggle("many", methodsOf(batch).length > 3);
    const { seen } = cliptta.addresses(batch);
    if (seen) grid.style.setProperty("--sheet", `url("${seen}")`);
    grid.addEventListener("click", (event) => {
      const chosen = event.target.closest(".tile");
      if (chosen && methodsOf(batch).length) cliptta.enlarge(batch, Number(chosen.dataset.index), indices);
    });
  }
  const focused = body.querySelector(".tile:focus")?.dataset.index;
  body.style.minHeight = count ? "" : `${body.offsetHeight}px`; // a run that begins moves nothing
  body.replaceChildren(grid);
  if (focused) focusOn(body.querySelector(`[data-index="${focused}"]`));
  const shown = (body.shown = [...grid.children].filter((child) => child.offsetParent).length || Math.min(WORDS, count));
  const header = body.closest(".panel").querySelector("header");
  if (!header.querySelector(".stepper")) header.append(pager(body));
  const [earlier, later] = header.querySelectorAll(".stepper button");
  earlier.parentElement.hidden = shown >= count;
  earlier.disabled = !body.from;
  later.disabled = body.from + shown >= count;
  const range = body.from ? `${body.from + 1}–${body.from + shown}` : shown;
  header.querySelector(".sentence").textContent = count ? sayCount("{shown} of {count} image", "{shown} of {count} images", count, { shown: range }) : "";
};

// ---- where the answers go

/** Of each class: answers that are right, wrong, and its images that went elsewhere; all count as right without labels. */
function counts(data, own) {
  const rows = data.classes.map(() => ({ right: 0, wrong: 0, missed: 0 }));
  for (const [truth, index] of known(data)) {
    const kind = own.predicted?.[index]; // nothing yet, before the run
    if (kind === undefined) {
      rows[truth].missed += 1;
      continue;
    }
    const right = truth < 0 || truth === kind;
    rows[kind][right ? "right" : "wrong"] += 1;
    if (!right) rows[truth].missed += 1;
  }
  return rows;
}

const total = ({ right, wrong }) => right + wrong;
const added = (one, other) => ({ right: one.right + other.right, wrong: one.wrong + other.wrong, missed: one.missed + other.missed });

/** The classes that get a row, in their order; of many the largest of any method first, and the others together. */
function rowsOf(data, tables, whole, most) {
  const all = data.classes.map((name, kind) => ({ name, kinds: [kind] }));
  if (all.length <= most) return all;
  const size = ({ kinds: [kind] }) => Math.max(...tables.map((table) => total(table[kind])));
  all.sort((one, other) => size(other) - size(one));
  if (whole) return all;
  const others = all.splice(most - 1).flatMap(({ kinds }) => kinds);
  return [...all, { name: say("{count} others", { count: others.length }), kinds: others, others: true }];
}

function columnHead(own, rows, x, wide, many, all) {
  const used = rows.filter((row) => total(row)).length;
  const about = { title: own.label, style: `inset-inline-start:${x}px;max-width:${wide - 2}px` };
  const name = make("span.name", marker(own.mark), make(many ? "span.sr" : "span", own.label));
  return tinted(own.mark, make("div.column", about, name, own.predicted ? make("span", make("b.count", used), all ? make("small", ` ${all}`) : "") : null));
}

kinds.answers = function (body) {
  const data = onShow();
  if (!data?.tiles) return body.replaceChildren(make("p.hint", say("Which classes each method answers, and which it forgets.")));
  const methods = data.waits ?? methodsOf(data);
  const tables = methods.map((own) => counts(data, own));
  const fits = Math.max(3, Math.min(ROWS, Math.floor(answersHigh(body) / 26)));
  const rows = rowsOf(data, tables, body.whole, fits);
  const guesses = cliptta.guessedClasses?.() ?? new Map();
  const wide = body.clientWidth || 372;
  const big = document.documentElement.matches(".large");
  const names = Math.max(62, 20 + (big ? 8.5 : 7.5) * Math.max(...rows.map(({ name }) => Math.min(LONGEST, name.length))));
  const column = (wide - names) / methods.length;
  const narrow = methods.length > 3;
  const head = narrow ? 50 : big ? 64 : 60;
  const rowHigh = Math.max(26, answersHigh(body) / fits);
  const high = rowHigh * rows.length;
  const merged = rows.map(({ kinds }) => tables.map((table) => kinds.map((kind) => table[kind]).reduce(added)));
  const longest = sizeOf(data); // one class may take all
  const stacked = (high) => ({ high, pitch: Math.min(28 / high, (rowHigh - 5) / high, (column - 34) / Math.ceil(longest / high)) });
  const most = stacked(3).pitch > 7 ? stacked(3) : stacked(5);
  const squares = most.pitch >= LEAST && longest <= MOST;
  const size = squares ? most : { high: 1, pitch: (column - (narrow ? 8 : 34)) / longest };
  const svg = drawn("svg", { width: wide, height: high, role: "img", "aria-label": spokenAnswers(data) });
  methods.forEach((own, at) => {
    const group = tinted(own.mark, drawn("g", {}));
    const x = names + at * column;
    group.append(drawn("line", { class: "axis", x1: x - 3, x2: x - 3, y1: 0, y2: high }));
    const top = Math.max(...merged.map((cells) => total(cells[at])));
    merged.forEach((cells, index) => {
      const [cell, y] = [cells[at], (index + 0.5) * rowHigh];
      group.append(...shapes(cell, x, y, { squares, ...size }));
      if (narrow || !top || total(cell) !== top || merged.findIndex((row) => total(row[at]) === top) !== index) return;
      const end = Math.ceil((total(cell) + cell.missed) / size.high) * size.pitch;
      group.append(drawn("text", { class: "largest", x: x + end + 4, y: y + 4 }, String(top)));
    });
    svg.append(group);
  });
  rows.forEach(({ name, kinds, others }, index) => {
    const row = drawn("g", { class: `row${others ? " others" : ""}${guesses.has(name) ? " guessed" : ""}`, "data-kinds": kinds.join(" ") });
    row.append(
      drawn("rect", { class: "reach", x: 0, y: index * rowHigh, width: wide, height: rowHigh }),
      drawn("text", { class: "name", x: names - 12, y: (index + 0.5) * rowHigh + 4, "text-anchor": "end" }, `${guesses.has(name) ? "▸ " : ""}${name.length > LONGEST ? `${name.slice(0, LONGEST - 1)}…` : name}`),
      drawn("title", {}, name),
    );
    svg.append(row);
  });
  const heads = make("div.columns", { style: `height:${head}px` });
  const all = say("of {count}", { count: data.classes.length });
  const slim = column < 84; // in a lesson: no room for names
  const brief = narrow || slim || big || data.classes.length > 99; // no room for it in each column
  retitle(body, brief ? [undefined, say("classes in use, of {count}", { count: data.classes.length })] : []);
  heads.append(...methods.map((own, at) => columnHead(own, tables[at], names + at * column - 3, column, narrow || slim, brief ? "" : all)));
  const left = sizeOf(data) - known(data).length;
  const note = data.waits ? say("A square is one image, in its true class.") : data.labelled ? say("Full: right. Pale: wrong. Hollow: called something else.") : say("A square is one image.");
  const guess = [...guesses].map(([name, words]) => `▸ ${name}: ${words}.`);
  if (data.classes.length > fits) {
    const label = body.whole ? say("The largest classes") : say("All {count} classes", { count: data.classes.length });
    const onclick = () => {
      body.whole = !body.whole;
      kinds.answers(body);
      focusOn(body.querySelector(".toggle"));
    };
    guess.push(make("button.toggle", { onclick, "aria-expanded": Boolean(body.whole) }, label));
  }
  const about = left ? `${say("The {count} known.", { count: known(data).length })} ${note}` : note;
  const held = body.querySelector(".rows:focus");
  const at = [...body.querySelectorAll(".row")].findIndex((row) => row.matches(".lit"));
  const picture = make("div.rows", { style: `max-height:${answersHigh(body)}px`, tabIndex: 0, role: "group", ariaLabel: say("Classes: ↑ ↓ light the images of one") }, svg);
  body.replaceChildren(heads, picture, make("p.hint", about, ...guess.flatMap((part) => [" ", part])));
  const over = framed() ? body.scrollHeight - body.clientHeight : 0;
  if (over > 0 && !body.over) { // the words below take more than a line
    body.over = over;
    kinds.answers(body);
    return void (body.over = 0);
  }
  lightable(picture);
  if (held) focusOn(picture);
  if (at >= 0) picture.lit(at);
};

/** Pixels that the rows may take: fewer in a low window. */
const framed = () => document.documentElement.matches(".embed") || document.body.matches(".in-lesson");
const answersHigh = (body) => (framed() ? body.clientHeight - 88 * cliptta.type - (body.over || 0) : matchMedia(document.documentElement.matches(".large") ? "(max-height: 899px)" : "(max-height: 739px)").matches ? 312 : matchMedia("(min-width: 1680px) and (min-height: 900px)").matches ? 480 : 396);

/** How many classes a method answers; the one it answers most often, and how often. */
function crowd(data, own) {
  const sizes = data.classes.map(() => 0);
  for (const [, index] of known(data)) sizes[own.predicted[index]] += 1;
  const most = Math.max(...sizes);
  return { used: sizes.filter(Boolean).length, name: data.classes[sizes.indexOf(most)], most };
}

function spokenAnswers(data) {
  if (data.waits) return say("Nothing has been answered yet.");
  const about = (own) => ({ method: own.label, classes: data.classes.length, ...crowd(data, own) });
  return methodsOf(data).map((own) => say("{method} uses {used} of {classes} classes, most often “{name}”: {most}.", about(own))).join(" ");
}

// ---- the sentence

const rightOf = (data, own) => known(data).filter(([truth, index]) => truth === own.predicted[index]).length;

/** The sentence of a batch: who calls everything one name, and how many each gets right. */
function sentence(data) {
  const size = known(data).length;
  const zero = data.methods[data.reference];
  const others = methodsOf(data).filter((own) => own !== zero);
  const fallen = others.map((own) => ({ own, ...crowd(data, own) })).filter(({ most }) => most >= COLLAPSED * size);
  const parts = data.batches > 1 ? [make("span.batch", `${say("Batch {batch}:", { batch: data.batch })} `)] : [];
  const worst = fallen.sort((one, other) => other.most - one.most)[0];
  const called = ({ own, most, name }) => ({ method: named(own), count: most, size, name: make("bdi", name) });
  if (worst) {
    const all = say("{method} calls all {size} images “{name}”.");
    parts.push(...told(worst.most === size ? all : say("{method} calls {count} of {size} images “{name}”."), called(worst)), " ");
  }
  if (scores && data.batch === cliptta.batches.newest()?.batch) return [...(worst ? parts : []), ...apart(data.reference)];
  if (!data.labelled) {
    const moved = others.filter((own) => own !== worst?.own).at(-1);
    const count = moved?.predicted.filter((kind, index) => kind !== zero.predicted[index]).length;
    if (moved) parts.push(...told(say("{method} changes {count} of {other}'s {size} answers."), { method: named(moved), other: named(zero, true), count, size }));
    return moved || worst ? parts : parts.concat(told(say("{method} calls {count} of {size} images “{name}”."), called({ own: zero, ...crowd(data, zero) })));
  }
  const standing = [...others.filter((own) => own !== worst?.own).sort((one, other) => rightOf(data, other) - rightOf(data, one)), zero];
  const [first, ...rest] = standing.slice(0, 1).concat(standing.length > 1 ? [zero] : []);
  const about = { method: named(first), count: rightOf(data, first), size };
  parts.push(...told(worst ? say("{method} gets {count} right") : say("{method} gets {count} of {size} images right"), about));
  for (const own of rest) parts.push(...told(say(", {method} {count}"), { method: named(own, true), count: rightOf(data, own) }));
  parts.push(".");
  return parts;
}

/** Which method missed most batches of a stream that does not wait, if one did. */
function missed(data) {
  const [own] = methodsOf(data).sort((one, other) => other.missed.length - one.missed.length);
  const count = own.missed.length;
  return count ? [" ", ...told(say("{method} missed {count} of {batches} batches."), { method: named(own), count, batches: data.batch })] : [];
}

let scores = null; // of images known and strange, of the run shown
arrivals.scores = function (data) {
  scores = data.methods?.some(({ auroc }) => auroc !== null) ? data : null;
  document.body.classList.toggle("has-strangers", Boolean(data.methods?.length));
  redraw("accuracy", "sentence");
};

/** Who tells strangers apart best, over the stream so far. */
function apart(reference) {
  const ranked = scores.methods.filter(({ auroc }) => auroc !== null).sort((one, other) => other.auroc - one.auroc);
  const [best] = ranked;
  const next = best.method === reference ? ranked[1] : ranked.find(({ method }) => method === reference);
  const about = (own) => ({ method: named(own, own.method === reference && own !== best), share: fixed(100 * own.auroc, 0) });
  const text = say("{method} tells strangers apart best: AUROC {share} %");
  return [...told(text, about(best)), ...(next ? told(say(", {method} {share}"), about(next)) : []), "."];
}

kinds.sentence = function (body) {
  const data = onShow();
  body.classList.remove("long");
  body.replaceChildren(...(data?.tiles && !data.waits ? [...sentence(data), ...missed(data)] : [body.dataset.waits]));
  const { minHeight } = getComputedStyle(body); // its room: what needs more is smaller, and moves nothing
  body.classList.toggle("long", body.offsetHeight > parseFloat(minHeight) + 1);
};
addEventListener("resize", () => redraw("words", "answers", "sentence")); // a phone is turned
