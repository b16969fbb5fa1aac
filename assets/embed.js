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
const HIGH = { title: 52, controls: 72, sentence: 118 }; // pixels, of those above a part
const query = new URLSearchParams(window.location.search);
const named = (name) => (query.get(name) || "").split(",").map((word) => OLD[word] ?? word);
const rules = named("hide").filter((word) => HIDDEN[word]).map((word) => `${HIDDEN[word]} { display: none !important; }`);
if (named("hide").includes("controls")) rules.push(".gradio-container.gradio-container .main.app { padding-bottom: 8px !important; }"); // room for them
const shown = named("view").flatMap((word) => VIEWS[word] || []);
if (shown.length) {
  const places = shown.map((id) => `#${id}`).join();
  document.documentElement.classList.add("embed"); // print.css
  const above = Object.keys(HIGH).map((word) => (named("hide").includes(word) ? 0 : HIGH[word])).reduce((sum, high) => sum + high);
  document.documentElement.style.setProperty("--room", `calc(100dvh - ${above}px)`);
  for (const id of shown) delete absent[id]; // it says what will come
  rules.push(`.depth:not(:has(${places})), .depth > :not(${places}, :has(${places})), #middle > :not(${places}), nav[role=tablist] { display: none !important; }`);
  rules.push(`body:not(#x) :is(${places}, :has(${places})) { display: flex !important; flex-flow: column nowrap; align-items: stretch !important; flex: 1 1 auto; }`);
}
if (query.get("type") === "large") document.documentElement.classList.add("large");
if (rules.length) document.head.append(make("style", rules.join("\n")));
