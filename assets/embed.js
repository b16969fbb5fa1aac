// A part of the page, for slides and notebooks: ?view=words&hide=sentence&type=large. docs/teaching.md has the words.
const VIEWS = {
  words: ["words"],
  chart: ["accuracy"],
  spread: ["entropy"],
  curves: ["accuracy", "entropy"],
  answers: ["answers"],
  scores: ["scores"],
  schedule: ["strip"],
  triangles: ["toy"],
  matrix: ["matrix"],
  loss: ["story"],
  gallery: ["gallery"],
  gain: ["gain"],
  sure: ["reliability"],
  ranking: ["ranking"],
};
const OLD = { images: "words", predictions: "answers", strangers: "scores", all: "gallery", cards: "sentence" };
const HIDDEN = {
  title: "#top, .colophon",
  settings: "#knobs > :not(#run, #pause, #step, #start-over), #settings, #model-line, #your-images",
  lessons: "#lessons-open, #lesson",
  sentence: "#lead",
  controls: "#knobs",
};
const query = new URLSearchParams(window.location.search);
const named = (name) => (query.get(name) || "").split(",").map((word) => OLD[word] ?? word);
const shown = named("view").flatMap((word) => VIEWS[word] || []);
const unasked = shown.length ? ["title", "settings", "lessons"].filter((word) => !named("show").includes(word)) : [];
const hides = [...named("hide"), ...unasked].filter((word) => HIDDEN[word]);
const rules = hides.map((word) => `${HIDDEN[word]} { display: none !important; }`);
if (shown.length) {
  const places = shown.map((id) => `#${id}`).join();
  document.documentElement.classList.add("embed", ...hides.map((word) => `no-${word}`)); // print.css
  for (const id of shown) delete absent[id]; // it says what will come
  rules.push(`body .depth:not(:has(${places})), .depth > :not(${places}, :has(${places})), #middle > :not(${places}), nav[role=tablist] { display: none !important; }`);
  // All that holds a part grows to the frame, and no further.
  rules.push(`body:not(#x) :is(${places}, :has(${places}), :is(${places}) :is(.body, :has(.body))) { display: flex !important; flex: 1 1 0 !important; flex-flow: column nowrap; align-items: stretch; min-height: 0 !important; }`);
}
if (query.get("type") === "large") document.documentElement.classList.add("large");
if (rules.length) document.head.append(make("style", rules.join("\n")));
