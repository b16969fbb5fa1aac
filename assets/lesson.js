// The open lesson (cliptta_demo/page/panels/lesson.py): a column beside the stage. It asks, runs, judges and explains;
// guesses are made on the stage (guesses.js). Guesses and answers stay in this browser.
const DONE = "cliptta-lessons"; // in the browser's storage: keys of the lessons that are done
// Of a run that is not the lesson's own, by the outcome's state.
const STATES = () => ({
  part: say("The run has stopped on its way: press Continue to see how it ends."),
  other: say("This run has other settings than the lesson."),
});
// What a run says of a claim: a sign and its words.
const CLAIMS = () => ({
  holds: ["✓", say("So it is in this run")],
  noise: ["≈", say("Within the noise of so few images in this run")],
  fails: ["✗", say("Not in this run")],
});
// How it is guessed.
const HOW = () => ({
  number: say("Drag the mark on the chart, or press ↑ and ↓."),
  method: say("Press its name, or ↑ and ↓."),
  class: say("Press its row, or ↑ and ↓."),
  image: say("Press the image."),
});
const MANY = 5; // steps; of more, those not at hand take a line each

let data = null; // the open lesson, null for none
let step = 0;
let guesses = {}; // step's id → value
let outcome = null; // of the lesson's own run, since it was opened
let tried = {}; // index of a try → its verdict
let trying = null; // the try whose run is on show
let place = null; // the column's element

const asks = () => (data ? data.steps.filter((one) => one.kind === "ask") : []);
const running = () => find("#run")?.disabled;
const press = (id) => find(id)?.click();

/** A guess in words. */
function said(ask) {
  const guess = guesses[ask.id];
  if (guess === undefined) return "";
  if (ask.by === "number") return marked(`${guess}%`);
  if (ask.by === "image") return say("image {number}", { number: guess + 1 });
  return ask.by === "class" ? guess : ask.choices.find(({ value }) => value === guess)?.label ?? "";
}

/** `[whether it was right, verdict, the same in brief]` of one question, from the run's answer; right is null without a guess. */
function verdict(ask) {
  const answer = outcome.answers[ask.id];
  const guess = guesses[ask.id];
  if (guess === undefined) return [null, answer.words, answer.brief];
  const off = ask.by === "number" ? guess - answer.truth : 0;
  const right = ask.by === "number" ? Math.abs(off) <= answer.margin : answer.right.includes(guess);
  const about = { guess: said(ask), off: Math.abs(off).toFixed(0) };
  let told = say("You said {guess}.", about);
  if (off && !right) told = off > 0 ? say("You said {guess}, {off} points too high.", about) : say("You said {guess}, {off} points too low.", about);
  const brief = right ? answer.brief : say("{answer}; you said {guess}", { answer: answer.brief, ...about });
  return [right, right && !off ? answer.words : `${told} ${answer.words}`, brief];
}

const sign = (right) => (right === null ? null : make("b", { "data-right": right }, right ? "✓ " : "✗ "));

/** Once the run is done, the answers join those of before. */
function record() {
  const found = asks().filter((ask) => guesses[ask.id] !== undefined);
  const when = new Date().toISOString();
  const kept = (ask) => ({ guess: said(ask), right: verdict(ask)[0], truth: outcome.answers[ask.id].words });
  cliptta.answers.add(found.map((ask) => ({ when, lesson: data.title, question: ask.text, ...kept(ask) })));
}

// ---- what is done

const done = new Set(recalled(DONE));

function tick() {
  if (done.has(data.key) || data.steps[step + 1] || (data.run && !outcome)) return;
  done.add(data.key);
  keepList(DONE, [...done]);
}

/** Whether a lesson is done, for the menu (top.js). */
cliptta.isDone = (key) => done.has(key);

// ---- what the stage asks for (guesses.js)

/** The question at hand, while it can be answered. */
cliptta.asked = function () {
  const ask = data?.steps[step];
  if (ask?.kind !== "ask" || outcome || running()) return null;
  return { ask, value: guesses[ask.id], give: (value) => guess(ask, value), onward: next };
};
cliptta.classes = () => data?.plan?.classes ?? [];

/** What an empty stage waits for: the lesson's run. */
cliptta.plan = () => data?.plan ?? null;
/** Whether the first images of the lesson's run may stand where none has begun. */
cliptta.previews = () => Boolean(data) && trying === null;

/** The guesses about what is shown: the lesson's own run, or nothing yet. */
cliptta.guesses = function () {
  const shown = find(".run-line")?.dataset.link ?? data?.run;
  const known = data && shown === data.run && trying === null ? asks().filter((ask) => guesses[ask.id] !== undefined) : [];
  return known.map((ask) => ({ ask, value: guesses[ask.id], words: said(ask) }));
};

function guess(ask, value) {
  guesses[ask.id] = value;
  cliptta.guessed();
  draw();
}

// ---- from step to step

function go(to) {
  step = to;
  draw();
  look();
}

/** What the stage offers to press or to drag. */
const open = () => {
  document.body.dataset.asks = cliptta.asked()?.ask.by ?? "";
  cliptta.overlay();
  redraw("words");
};
const look = () => {
  lightUp(data.steps[step].panel);
  open();
};

/** Whether the run is what comes next: the last question stands, and nothing has answered. */
const starts = () => data.run && !outcome && data.steps[step].kind === "ask" && data.steps[step + 1]?.kind !== "ask";

function next() {
  if (starts()) return press(running() ? "#pause" : "#run");
  if (data.steps[step + 1]) return go(step + 1);
  press(data.next ? `#lesson-${data.next}` : "#leave");
}

function tryOut(index) {
  cliptta.tried = String(index); // which the server is told
  trying = index;
  press("#what-if");
}

// ---- the column

const button = (text, onclick, more = {}, ...parts) => make("button", { onclick, ...more }, text, ...parts);

/** A text in which what is claimed of the run is marked with what this run says of it. */
function claimed(text) {
  const parts = [];
  let rest = text;
  for (const [sentence, state] of outcome?.claims || []) {
    const at = rest.indexOf(sentence);
    if (at < 0) continue;
    const [sign, words] = CLAIMS()[state];
    const mark = make("mark", { title: words, "data-state": state }, sentence);
    parts.push(rest.slice(0, at), mark, make("small", { "aria-label": words, role: "img" }, ` ${sign}`));
    rest = rest.slice(at + sentence.length);
  }
  return [...parts, rest];
}

/** `[what leads, what is told, what can be pressed]` of the step at hand. */
function body(now) {
  if (now.kind === "told") return [null, claimed(now.text), DOORS[now.panel]?.() ?? []];
  if (now.kind === "ask") {
    if (outcome) return [[sign(verdict(now)[0]), verdict(now)[1]], claimed(now.why), []];
    const ways = now.by === "way" ? now.choices : [];
    const way = ({ value, label }) => button(label, () => guess(now, value), { className: "choice", disabled: running(), ariaPressed: guesses[now.id] === value });
    return [[now.text], running() ? [say("It runs: watch the curves.")] : [HOW()[now.by] ?? ""], ways.map(way)];
  }
  const found = tried[now.index];
  const pressed = button(now.button, () => tryOut(now.index), { className: found ? "choice" : "choice primary", disabled: running() });
  return [[found?.words ?? now.text], [found?.more ?? ""], [pressed]];
}

// What stands elsewhere on the page, and opens from here.
const DOORS = {
  files: () => [button(say("Add photos"), () => press("#your-images"), { className: "choice primary" })],
  camera: () => [button(say("Open the camera"), () => press("#your-camera"), { className: "choice primary" })],
};

/** A step that is not at hand: its name, and what came of it in brief. */
function brief(one) {
  if (one.kind === "told") return [one.text, null];
  if (one.kind === "change") return [say("Change one thing: {change}", { change: one.brief }), tried[one.index]?.words];
  return [one.brief, outcome ? [sign(verdict(one)[0]), verdict(one)[2]] : said(one)];
}

function stepPlace(one, index) {
  const about = { ariaLabel: say("Step {number}", { number: index + 1 }), "data-key": `step-${index}`, onclick: () => go(index) };
  const number = button(String(index + 1), about.onclick, about);
  if (index !== step) {
    const [name, came] = brief(one);
    return make("li", number, make("span.name", name), came ? make("span.came", came) : null);
  }
  const [lead, text, pressed] = body(one);
  pressed.forEach((each, at) => (each.dataset.key = `press-${at}`));
  const parts = [lead ? make("h3", lead) : null, text.some(Boolean) ? make("p", text) : null, pressed.length ? make("div.press", pressed) : null];
  return make("li.now", { ariaCurrent: "step" }, number, make("div", parts));
}

/** Steps that are in the column: what is told of a run is not before it. */
const shown = () => data.steps.map((one, index) => [one, index]).filter(([one]) => !data.run || outcome || one.kind === "ask");

function feet() {
  const begin = starts();
  const state = data.outcome.state;
  const other = state === "other" && !running() && !outcome;
  const guess = begin && data.steps[step].by !== "way" ? said(data.steps[step]) : "";
  let words = data.steps[step + 1] ? say("Next") : data.next ? say("Next lesson") : say("Finish");
  if (begin) words = running() ? say("Pause") : state === "part" ? say("Continue") : guess ? say("Run with {guess}", { guess }) : say("Run");
  const waits = data.steps[step].kind === "change" && !tried[data.steps[step].index];
  const about = { className: waits ? "next" : "next primary", "data-starts": Boolean(begin) && !running(), "data-key": "next" };
  const again = () => press(`#lesson-${data.key}`);
  const parts = [other ? button(say("Start again"), again, about) : button(words, next, about)];
  if (step) parts.push(button(say("Back"), () => go(step - 1), { className: "back", "data-key": "back" }));
  const close = { className: "close", ariaLabel: say("Leave the lesson"), "data-key": "close" };
  return [...parts, button(say("Leave"), () => press("#leave"), close)];
}

/** What is kept of all lessons, at the end of one. */
function answered() {
  if (data.steps[step + 1] || !cliptta.answers.count()) return [];
  const forget = () => {
    cliptta.answers.forget();
    draw();
  };
  const about = { className: "small" };
  return [button(say("Save my answers"), cliptta.answers.save, about), button(say("Forget them"), forget, about)];
}

function draw() {
  place.hidden = !data;
  document.body.classList.toggle("in-lesson", Boolean(data));
  if (!data) return delete document.body.dataset.asks;
  tick();
  const key = place.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  place.dataset.lesson = data.key;
  place.classList.toggle("many", shown().length > MANY);
  place.setAttribute("aria-label", say("Lesson {number}: {title}", data));
  const at = say("step {number} of {count}", { number: step + 1, count: data.steps.length });
  place.querySelector(".where").replaceChildren(say("Lesson {number} of {count}", data), make("span.at", ` · ${at}`));
  place.querySelector("h2").textContent = data.title;
  const list = place.querySelector("ol");
  const steps = shown().map(([one, index]) => stepPlace(one, index));
  const later = (text) => steps.push(make("li", make("span", String(steps.length + 1)), make("span.name", text)));
  if (steps.length < data.steps.length) {
    later(say("Run, and see"));
    if (data.steps.at(-1).kind === "change") later(say("Change one thing"));
  }
  list.replaceChildren(...steps);
  const state = STATES()[data.outcome.state];
  if (state && !running() && !outcome) list.append(make("li", make("p.state", state)));
  place.querySelector(".go").replaceChildren(...feet(), ...answered());
  const line = [data.title, list.querySelector(".now div").innerText].join(". ");
  const told = place.querySelector(".say");
  if (told.textContent !== line) told.textContent = line; // what is said already is not said again
  if (key) focusOn(place.querySelector(`[data-key="${key}"]:enabled`) ?? place);
}

function arrive(value) {
  const came = value ? read(value) : null;
  const opened = came && (came.opened || came.key !== data?.key);
  data = came;
  if (!came || opened) [guesses, outcome, tried, trying, step] = [{}, null, {}, null, 0];
  const answers = came?.outcome.state === "done" && !outcome;
  if (answers) {
    outcome = came.outcome;
    record();
    step = 0; // its verdict
  }
  if (came?.outcome.state === "done") trying = null;
  if (came?.outcome.state === "changed") tried[came.outcome.index] = came.outcome;
  draw();
  if (data) look();
  else lightUp("");
  if (!came) cliptta.overlay();
  if (opened && find("#lessons-open")?.dataset.used) focusOn(place);
}

/** Called once for the column's element. */
cliptta.lesson = function (element, props, watch) {
  place = element.querySelector(".lesson");
  watch("value", () => arrive(props.value));
  let was = false;
  const turned = () => {
    if (!data || was === running()) return;
    was = running();
    draw();
    open();
  };
  new MutationObserver(turned).observe(document, { subtree: true, attributes: true, attributeFilter: ["disabled"] });
  arrive(props.value);
};
