// A part of the page, for slides and notebooks: ?view=curves&hide=settings,title&type=large. docs/teaching.md has the words.
const VIEWS = {
  curves: ["accuracy", "entropy"],
  images: ["glimpse"],
  all: ["gallery"],
  predictions: ["histogram"],
  loss: ["story", "matrix", "toy"],
  strangers: ["scores"],
  schedule: ["strip"],
};
const HIDDEN = {
  title: "#masthead, #model-line, footer, .colophon, #words",
  settings: "#sidebar, #settings",
  lessons: "#lessons, #lesson-box",
  cards: "#cards",
  controls: "#controls",
};
const asked = new URLSearchParams(window.location.search);
const words = (name) => (asked.get(name) || "").split(",").filter(Boolean);
const rules = words("hide").filter((word) => HIDDEN[word]).map((word) => `${HIDDEN[word]} { display: none !important; }`);
if (words("hide").includes("settings")) rules.push("#page { grid-template-columns: minmax(0, 1fr) !important; }");
const shown = words("view").flatMap((word) => VIEWS[word] || []);
if (shown.length) {
  const named = shown.map((id) => `#${id}`).join();
  rules.push(`#stage :is(.block:has(.panel), #results-panel, #sweep-panel):not(${named}) { display: none !important; }`);
  rules.push(`.pair:not(:has(${named})), #words { display: none !important; }`);
}
if (asked.get("type") === "large") rules.push("html { font-size: 125%; }");
if (rules.length) document.head.append(make("style", rules.join("\n")));
