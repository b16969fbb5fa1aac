// A part of the page, for slides and notebooks: ?view=words&hide=settings,title&type=large. docs/teaching.md has the words.
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
  loss: ["story", "matrix", "toy"],
  gallery: ["gallery"],
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
const rules = named("hide").filter((word) => HIDDEN[word]).map((word) => `${HIDDEN[word]} { display: none !important; }`);
const shown = named("view").flatMap((word) => VIEWS[word] || []);
if (shown.length) {
  const places = shown.map((id) => `#${id}`).join();
  rules.push(`.depth { grid-template: none / minmax(0, 1fr) !important; gap: 16px !important; } .depth:has(${places}) { display: grid !important; } .depth:not(:has(${places})) { display: none !important; }`);
  rules.push(`.depth > :not(${places}, :has(${places})), #middle > :not(${places}), nav[role=tablist] { display: none !important; }`);
}
if (query.get("type") === "large") document.documentElement.classList.add("large");
if (rules.length) document.head.append(make("style", rules.join("\n")));
