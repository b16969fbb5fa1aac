// Guesses on the pictures of the stage: a number by its mark on the chart, a method by its name, a class by its row, an
// image by itself. What is asked and what was guessed is the lesson's (lesson.js).
const STEPS = { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10, Home: -100, End: 100 };

/** `{ask, value, give, onward}` of the question at hand, null for none. */
const asked = (by) => {
  const now = cliptta.asked?.();
  return now && (!by || now.ask.by === by) ? now : null;
};

// ---- a number, and a method: on the chart that waits for its lines

const within = (value) => Math.max(0, Math.min(100, Math.round(value)));

/** The mark that is dragged; it moves by itself, without drawing the chart anew. */
function hand(facet, { ask, value }, at, margin) {
  const wide = margin.r - 24;
  const label = make("span.value", { style: `width:${wide}px` }, make("b"), make("span.told"));
  const knob = make("span.knob", make("i.up"), marker(ask.mark), make("i.down"));
  const style = `inset-inline:${margin.l}px ${margin.r}px`;
  const about = { style, tabIndex: 0, role: "slider", "aria-label": ask.brief, "aria-valuemin": 0, "aria-valuemax": 100 };
  const place = tinted(ask.mark, make("div.hand", about, knob, label));
  place.show = (guess) => {
    place.style.top = `${at((guess ?? 50) / 100)}px`;
    place.classList.toggle("given", guess !== undefined);
    place.setAttribute("aria-valuenow", guess ?? 50);
    place.setAttribute("aria-valuetext", guess === undefined ? say("no guess yet") : `${guess} %`);
    label.firstChild.replaceChildren(String(guess ?? "?"), make("small", "%"));
    label.lastChild.textContent = guess === undefined ? say("drag me") : say("your guess");
  };
  place.show(value);
  const drag = ({ clientY }) => {
    const { top } = facet.getBoundingClientRect();
    asked().give(within((100 * (at(0) - (clientY - top))) / (at(0) - at(1))));
  };
  place.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    place.setPointerCapture(event.pointerId);
    focusOn(place);
    drag(event);
  });
  place.addEventListener("pointermove", (event) => place.hasPointerCapture(event.pointerId) && drag(event));
  return place;
}

const chosen = () => {
  const now = asked("method");
  return now ? now.value : undefined;
};

/** The methods in the place where their lines will end; where one is asked for, each is a button. */
function names(methods, margin) {
  const now = asked("method");
  const label = now ? now.ask.brief : say("Methods");
  const entry = (own) => {
    const told = cliptta.beside.map((words) => words(own.method)).filter(Boolean).join(" · ");
    const parts = [...who(own), told ? make("small", told) : null];
    if (!now) return tinted(own.mark, make("span.choice", parts));
    const about = { "data-method": own.method, ariaPressed: chosen() === own.method, onclick: () => now.give(own.method) };
    return tinted(own.mark, make("button.choice", about, parts));
  };
  return make("div.names", { style: `width:${margin.r}px`, role: "group", "aria-label": label }, methods.map(entry));
}

/** What stands over a chart that waits for its run. */
cliptta.atRest = function (facet, { facets: [{ id, layout }], legend }) {
  const held = facet.querySelector(".names :focus")?.dataset.method;
  facet.querySelector(".names")?.remove();
  const before = facet.querySelector(".hand");
  const focused = before && before === document.activeElement;
  before?.remove();
  if (id !== "accuracy" || !legend.length || !layout.waits) return;
  const { margin, yaxis } = layout;
  const plot = facet.querySelector(".plot");
  const inside = plot.clientHeight - margin.t - margin.b;
  const now = asked("number");
  if (now) {
    const place = hand(facet, now, (value) => plot.offsetTop + margin.t + inside * (1 - value / yaxis.range[1]), margin);
    facet.append(place);
    if (focused) focusOn(place);
  } else {
    const place = names(legend, margin);
    facet.append(place);
    if (held) focusOn(place.querySelector(`[data-method="${held}"]`));
  }
};

/** The guess has changed: moves the mark, or draws anew what it stands in. */
cliptta.guessed = function () {
  const now = asked("number");
  if (now) for (const place of document.querySelectorAll(".hand")) place.show(now.value);
  else cliptta.overlay();
  redraw("words");
};

// ---- a class, and an image

const classOf = (row) => (row && !row.matches(".others") ? cliptta.classes?.()[Number(row.dataset.kinds)] : undefined);

window.addEventListener(
  "click",
  (event) => {
    const row = asked("class") && classOf(event.target.closest?.("#answers .row"));
    if (row) asked().give(row);
    const tile = asked("image") && event.target.closest?.("#words .tile[data-index]");
    if (!tile) return;
    event.stopPropagation(); // it would be enlarged
    asked().give(Number(tile.dataset.index));
  },
  true,
);

document.addEventListener("keydown", (event) => {
  const rows = event.target.closest?.("#answers .rows");
  const name = rows && ["Enter", " "].includes(event.key) && asked("class") && classOf(rows.querySelector(".row.lit"));
  if (name) {
    event.preventDefault();
    asked().give(name);
  }
  // ↑ ↓ guess where the lesson has the focus, and on the mark.
  const step = STEPS[event.key];
  if (!step || !event.target.closest?.(".lesson, .hand") || event.target.matches("input")) return;
  const now = asked();
  const ways = { number: null, method: now?.ask.choices?.map(({ value }) => value), class: cliptta.classes?.() };
  if (!now || !(now.ask.by in ways)) return;
  event.preventDefault();
  if (now.ask.by === "number") return now.give(within((now.value ?? 50) + step));
  const all = ways[now.ask.by];
  const at = now.value === undefined ? (step > 0 ? all.length : -1) : all.indexOf(now.value);
  now.give(all[Math.max(0, Math.min(all.length - 1, at - Math.sign(step)))]); // from the top downwards
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches?.(".hand")) asked()?.onward();
});

// ---- the guess beside the truth

/** The marks of guesses in a figure: a line across the accuracies, whose scale holds it. */
cliptta.overlays.push((figure) => {
  const marks = (cliptta.guesses?.() ?? []).filter(({ ask }) => ask.marks.line);
  if (!marks.length || !figure.facets?.length) return figure;
  const facets = figure.facets.map((facet) => {
    if (facet.id !== "accuracy" || facet.layout.waits) return facet;
    const layout = { ...facet.layout, shapes: [...(facet.layout.shapes || [])], annotations: [...(facet.layout.annotations || [])] };
    for (const { ask, value, words } of marks) {
      const y = value / 100;
      const color = `@${ask.mark.colour}`;
      layout.shapes.push({ ...cliptta.level(y), line: { color, width: 1.5, dash: "longdash" } });
      layout.annotations.push({ ...cliptta.levelLabel(y, filled(ask.marks.line, { guess: words })), font: { color } });
      if (y > layout.yaxis.range[1]) layout.yaxis = { ...layout.yaxis, ...cliptta.fifths([y], " %") };
    }
    return { ...facet, layout };
  });
  return { ...figure, facets };
});

cliptta.beside.push((method) =>
  (cliptta.guesses?.() ?? [])
    .filter(({ ask, value }) => ask.marks.card && (ask.marks.method || value) === method)
    .map(({ ask, words }) => filled(ask.marks.card, { guess: words }))
    .join(" · "),
);

/** The classes that were guessed, and what marks them among the answers. */
cliptta.guessedClasses = () => new Map((cliptta.guesses?.() ?? []).filter(({ ask }) => ask.marks.bar).map(({ ask, value }) => [value, ask.marks.bar]));

/** The image that was guessed, of the first batch; -1 for none. */
cliptta.guessedImage = () => (cliptta.guesses?.() ?? []).find(({ ask }) => ask.by === "image")?.value ?? -1;
