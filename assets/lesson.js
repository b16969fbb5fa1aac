// The stepper of the open lesson (cliptta_demo/page/panels/lesson.py): predict, run, see, explain, change one thing.
// Guesses and answers stay in this browser.
const STEPS = { ask: say("Predict"), see: say("See"), told: say("Explain"), change: say("Change one thing") };
// Before the lesson's own run is done: what the run shown is, by the outcome's state.
const STATES = {
  none: say("Press Run: your guesses will stand beside what happens."),
  part: say("The run has stopped on its way: press Continue to see how it ends."),
  other: say("This run has other settings than the lesson. Open the lesson again for its own."),
  changed: say("This run has the lesson's one change. Open the lesson again for its own run."),
};
// What a run says of a claim: a sign and its words.
const CLAIMS = {
  holds: ["✓", say("So it is in this run")],
  noise: ["≈", say("Within the noise of so few images in this run")],
  fails: ["✗", say("Not in this run")],
};
const FEW = 6; // choices that are buttons; more are a list

let data = null; // the open lesson, null for none
let step = 0;
let guesses = {}; // step's id → value
let outcome = null; // of the lesson's own run, since it was opened
let changed = ""; // what came of the change
let place = null; // the stepper's element

const asks = () => (data ? data.steps.filter((one) => one.kind === "ask") : []);

/** A guess in words. */
function said(ask) {
  const guess = guesses[ask.id];
  if (guess === undefined) return "";
  return ask.slider ? `${guess}%` : ask.choices.find((choice) => choice.value === guess)?.label || "";
}

/** [sign, sentence, whether it was right] of one question, from the run's answer. */
function verdict(ask) {
  const answer = outcome?.answers?.[ask.id];
  const guess = guesses[ask.id];
  if (!answer) return null;
  if (guess === undefined) return ["–", answer.words, null];
  const off = ask.slider ? guess - answer.truth : 0;
  const right = ask.slider ? Math.abs(off) <= answer.margin : answer.right.includes(guess);
  const about = { guess: said(ask), off: Math.abs(off).toFixed(0) };
  let more = say("You said {guess}.", about);
  if (off && !right) more = off > 0 ? say("You said {guess}, {off} points too high.", about) : say("You said {guess}, {off} points too low.", about);
  return [right ? "✓" : "✗", right && !ask.slider ? answer.words : `${answer.words} ${more}`, right];
}

/** Once the run is done, the answers join those of before. */
function record() {
  const found = asks().filter((ask) => guesses[ask.id] !== undefined);
  const when = new Date().toISOString();
  const kept = (ask) => ({ guess: said(ask), right: verdict(ask)[2], truth: outcome.answers[ask.id].words });
  cliptta.answers.add(found.map((ask) => ({ when, lesson: data.title, question: ask.text, ...kept(ask) })));
}

// ---- the guess beside the truth

/** The questions whose guesses are about what is shown: the lesson's own run, or nothing yet. */
const guessed = () => {
  const shown = document.querySelector(".run-line")?.dataset.link ?? data?.run;
  return data && shown === data.run ? asks().filter((ask) => guesses[ask.id] !== undefined) : [];
};

cliptta.beside.push((method) =>
  guessed()
    .filter((ask) => ask.marks.card && (ask.marks.method || guesses[ask.id]) === method)
    .map((ask) => filled(ask.marks.card, { guess: said(ask) }))
    .join(" · "),
);

/** The marks of guesses in a figure: a line across the accuracies. */
cliptta.overlays.push((figure) => {
  const marks = guessed();
  if (!marks.length || !figure.facets?.length) return figure;
  const facets = figure.facets.map((facet) => {
    const shapes = [...(facet.layout.shapes || [])];
    const annotations = [...(facet.layout.annotations || [])];
    for (const ask of facet.id === "accuracy" ? marks.filter((one) => one.marks.line) : []) {
      const y = guesses[ask.id] / 100;
      const color = `@${ask.marks.colour}`;
      shapes.push({ ...cliptta.level(y), line: { color, width: 1.5, dash: "longdash" } });
      annotations.push({ ...cliptta.levelLabel(y, filled(ask.marks.line, { guess: said(ask) })), font: { color } });
    }
    return { ...facet, layout: { ...facet.layout, shapes, annotations } };
  });
  return { ...figure, facets };
});

/** The classes that were guessed, and what marks them among the answers. */
cliptta.guessedClasses = () => new Map(guessed().filter((ask) => ask.marks.bar).map((ask) => [guesses[ask.id], ask.marks.bar]));

// ---- the stepper

const running = () => document.querySelector("#run")?.disabled;
const press = (id) => document.querySelector(id)?.click();

function tryOut(index) {
  cliptta.tried = String(index); // which the server is told
  press("#what-if");
}

function go(to) {
  step = to;
  draw();
  lightUp(data.steps[step].panel);
}

function guess(ask, value) {
  guesses[ask.id] = value;
  cliptta.overlay();
  draw();
}

function next() {
  const now = data.steps[step];
  const after = data.steps[step + 1];
  if (!after) return data.next ? press(`#lesson-${data.next}`) : press("#leave");
  if (now.kind === "ask" && after.kind === "see" && !outcome && !running()) press("#run");
  go(step + 1);
}

const button = (text, onclick, more, ...parts) => make("button", { onclick, ...more }, text, ...parts);

/** How an answer is given; once the run has answered, none is changed. */
function choices(ask) {
  const disabled = Boolean(outcome);
  if (ask.slider) {
    const value = guesses[ask.id] ?? 50;
    const shown = make("output", said(ask) || "–");
    const oninput = () => {
      guesses[ask.id] = Number(range.value);
      shown.textContent = said(ask);
      cliptta.overlay();
    };
    const range = make("input", { type: "range", value, disabled, "aria-label": ask.text, oninput });
    return [make("label.guess", make("span", ask.slider), range, shown)];
  }
  if (ask.choices.length > FEW) {
    const options = [{ value: "", label: say("Choose…") }, ...ask.choices].map(({ value, label }) => make("option", { value }, label));
    const onchange = (event) => guess(ask, event.target.value || undefined);
    const list = make("select", { disabled, "aria-label": ask.text, onchange }, ...options);
    list.value = guesses[ask.id] ?? "";
    return [list];
  }
  return ask.choices.map((choice) => {
    const about = { className: "choice", disabled, ariaPressed: guesses[ask.id] === choice.value };
    return button("", () => guess(ask, choice.value), about, choice.mark ? who(choice) : make("span", choice.label));
  });
}

function results() {
  const runs = say("It runs: watch the curves. Your guesses are drawn beside them.");
  if (!outcome) return [make("span", running() ? runs : STATES[data.outcome.state])];
  return asks().map((ask) => {
    const [sign, sentence, right] = verdict(ask);
    return make("span.verdict", { "data-right": right }, make("b", sign), ` ${sentence} `);
  });
}

/** A text in which what is claimed of the run is marked with what this run says of it. */
function claimed(text) {
  const parts = [];
  let rest = text;
  for (const [sentence, state] of outcome?.claims || []) {
    const at = rest.indexOf(sentence);
    if (at < 0) continue;
    const [sign, words] = CLAIMS[state];
    const mark = make("mark", { title: words, "data-state": state }, sentence);
    parts.push(rest.slice(0, at), mark, make("small", { "aria-label": words, role: "img" }, ` ${sign}`));
    rest = rest.slice(at + sentence.length);
  }
  return [...parts, rest];
}

function body(now) {
  if (now.kind === "ask") return [[now.text], choices(now)];
  if (now.kind === "see") return [results(), []];
  if (now.kind === "told") return [claimed(now.text), []];
  const pressed = button(now.button, () => tryOut(now.index), { className: "choice", disabled: running() });
  const kept = cliptta.answers.count() > 0;
  const save = kept ? button(say("Save my answers"), cliptta.answers.save, { className: "small" }) : null;
  const drop = kept ? button(say("Forget them"), forget, { className: "small" }) : null;
  return [[changed ? `${changed}.` : now.text], [pressed, save, drop].filter(Boolean)];
}

function forget() {
  cliptta.answers.forget();
  draw();
  place.querySelector(".next").focus();
}

function draw() {
  place.hidden = place.previousElementSibling.hidden = !data;
  document.body.classList.toggle("in-lesson", Boolean(data));
  if (!data) return;
  place.dataset.lesson = data.key;
  place.setAttribute("aria-label", say("Lesson {number}: {title}", data));
  place.querySelector("h2").replaceChildren(make("span", data.number), data.title);
  place.previousElementSibling.textContent = `${say("Set by this lesson:")} ${data.sets || say("the settings that the page comes with")}`;
  const numbers = place.querySelector("ol");
  numbers.replaceChildren(
    ...data.steps.map((one, index) => {
      const name = STEPS[one.kind];
      const about = { title: name, ariaLabel: say("Step {number}: {name}", { number: index + 1, name }), ariaCurrent: index === step ? "step" : null };
      return make("li", button(index + 1, () => go(index), about));
    }),
  );
  const now = data.steps[step];
  const [text, answer] = body(now);
  const told = place.querySelector(".say");
  const line = make("p", ...text);
  const html = line.innerHTML; // what is said already is not said again
  if (told.dataset.text !== html) told.replaceChildren(...line.childNodes);
  told.dataset.text = html;
  const answers = place.querySelector(".answer");
  if (!answers.contains(document.activeElement) || !answers.querySelector("input, select") || answers.dataset.step !== String(step)) {
    const at = [...answers.querySelectorAll("button")].indexOf(document.activeElement);
    answers.replaceChildren(...answer);
    if (at >= 0 && answers.dataset.step === String(step)) answers.querySelectorAll("button")[at]?.focus({ preventScroll: true });
    answers.dataset.step = step;
  }
  const after = data.steps[step + 1];
  const starts = now.kind === "ask" && after?.kind === "see" && !outcome && !running();
  const onward = place.querySelector(".next");
  onward.textContent = starts ? say("Run") : after ? say("Next") : data.next ? say("Next lesson") : say("Finish");
  onward.classList.toggle("primary", starts);
}

function arrive(value) {
  const came = value ? read(value) : null;
  const opened = came && (came.opened || came.key !== data?.key);
  data = came;
  if (!came || opened) {
    guesses = {};
    outcome = null;
    changed = "";
    step = 0;
  }
  const answered = came?.outcome.state === "done" && !outcome;
  if (answered) {
    outcome = came.outcome;
    record();
    if (data.steps[step].kind === "ask") step = Math.max(0, data.steps.findIndex((one) => one.kind === "see"));
  }
  if (came?.outcome.state === "changed") changed = came.outcome.words;
  draw();
  cliptta.overlay();
  const look = () => data && lightUp(data.steps[step].panel);
  if (opened || answered) look();
  // While the page is being loaded, its parts still grow.
  if (opened && document.readyState !== "complete") window.addEventListener("load", look, { once: true });
  if (!came) lightUp("");
}

/** Called once for the stepper's element. */
cliptta.lesson = function (element, props, watch) {
  place = element.querySelector(".lesson");
  place.querySelector(".next").addEventListener("click", next);
  const close = place.querySelector(".close");
  Object.assign(close, { textContent: say("Close"), ariaLabel: say("Close the lesson"), onclick: () => press("#leave") });
  place.querySelector("ol").ariaLabel = say("Steps of the lesson");
  watch("value", () => arrive(props.value));
  const run = document.querySelector("#run");
  if (run) new MutationObserver(() => data && draw()).observe(run, { attributes: true, attributeFilter: ["disabled"] });
  arrive(props.value);
};
