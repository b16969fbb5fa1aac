// What every panel shares: its language, mounting, colours of the theme, small DOM helpers.
const { kinds } = cliptta;
const figures = {}; // a panel's name → what makes a figure (plots.js) of its numbers
const absent = {}; // a panel's name → whether it has no place on the page with these numbers

let language = window.clipttaLanguage || { code: "en", direction: "ltr", decimal: ".", group: ",", percent: "%", words: {} };
let mirrored, arrow; // an arrow leads from before to after
function speak(next = language) {
  window.clipttaLanguage = language = next;
  mirrored = language.direction === "rtl";
  arrow = mirrored ? "←" : "→";
  Object.assign(document.documentElement, { lang: language.code, dir: language.direction });
}
speak();
const filled = (words, values) => words.replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);

/** A text in the page's language, `{name}` filled from `values`: a literal, for cliptta_demo.languages.gather to find. */
const say = (text, values = {}) => filled(language.words[text] ?? text, values);

/** The same for a text that counts: `{count}` decides between the two. */
const sayCount = (one, several, count, values = {}) =>
  filled(language.words[one]?.[language.forms[count < 100 ? count : 100 + (count % 100)]] ?? (count === 1 ? one : several), { count: grouped(count), ...values });

/** A number with the language's marks, from how the rest of the program writes it. */
const marked = (number) => number.replace(/[.,%]/g, (mark) => ({ ".": language.decimal, ",": language.group, "%": language.percent })[mark]);
const grouped = (count) => marked(count.toLocaleString("en"));

/** A number with so many digits, as the rest of the program writes it: a tie goes to the even digit. */
function fixed(value, digits) {
  const exact = value.toFixed(digits + 25);
  return marked(/[02468]\.?50{24}$/.test(exact) ? exact.slice(0, -25).replace(/\.$/, "") : value.toFixed(digits));
}
const FEW = 20; // images: a share of fewer is told as a number of them
const percent = (share, digits = 0) => `${fixed(100 * share, digits)}${language.percent}`;

const signed = (value) => `${value < 0 ? "−" : "+"}${fixed(Math.abs(value), 1)}`;
/** A method's lead over zero-shot in points, and two standard errors of that, from what it fixed and broke. */
const leadOf = ({ seen, fixed: better, broken }) => [100 * (better - broken), 200 * Math.sqrt(better + broken)].map((sum) => sum / seen);

const capital = (words) => `${words.charAt(0).toUpperCase()}${words.slice(1)}`;

/** What there is to tell of each method, behind its name. */
const each = (methods, tell) => methods.map((own) => `${own.label} ${tell(own)}`).join(", ");

/** An element, "tag.class.class", with its parts: properties, or attributes where it has no such property, as plain
 * objects; all else are children, where lists are laid out and nothing adds nothing. Text is always textContent. */
function make(words, ...parts) {
  const [tag, ...classes] = words.split(".");
  const element = document.createElement(tag);
  if (tag === "button") element.type = tag;
  element.classList.add(...classes);
  for (const part of parts.flat()) {
    if (part?.constructor !== Object) element.append(part ?? "");
    else for (const [name, value] of Object.entries(part)) name in element ? (element[name] = value) : element.setAttribute(name, value);
  }
  return element;
}

/** An element of an SVG drawing, with its attributes and text. */
function drawn(tag, attributes, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  return element;
}

/** Gives an element the colour of a method, from its `mark`: symbol and colour by their names in the style sheet. */
function tinted({ colour }, element) {
  element.style.setProperty("--own", `var(--m-${colour})`);
  element.style.setProperty("--own-t", `var(--m-${colour}-t)`);
  return element;
}

/** Its marker. */
const marker = (mark) => tinted(mark, make(`i.marker.${mark.symbol}`, { ariaHidden: "true" }));

/** A method's marker and name. */
const who = (entry) => [marker(entry.mark), make("span", entry.label)];

/** Its name in a sentence, in its colour. */
const named = (own, reference) => tinted(own.mark, make("span.own", { "data-method": own.method }, reference && language.code !== "de" ? own.label.toLowerCase() : own.label));

/** Words with elements in the places of their names. */
function told(text, parts) {
  return text.split(/\{(\w+)\}/).map((piece, index) => (index % 2 ? parts[piece] : piece));
}

const find = (selector) => document.querySelector(selector);
/** Gives an element the focus, if there is one; nothing scrolls. */
const focusOn = (element) => element?.focus({ preventScroll: true });

/** The element that holds the page: the one thing of Gradio's own that the scripts look for. */
const root = () => find(".gradio-container") || document.body;

/** A list that the browser keeps under a name, and what keeps one; in a frame it may keep nothing. */
function recalled(name, keeper = "localStorage") {
  try {
    const found = JSON.parse(window[keeper].getItem(name));
    return Array.isArray(found) ? found : [];
  } catch (error) {
    return [];
  }
}
function keepList(name, list, keeper = "localStorage") {
  try {
    window[keeper].setItem(name, JSON.stringify(list));
  } catch (error) {} // it lasts as long as the page, then
}

/** The value of the style sheet's variable `--name` (`--m-name` for a method's colour) under the present theme. */
function colour(name) {
  const style = getComputedStyle(root());
  return (style.getPropertyValue(`--m-${name}`) || style.getPropertyValue(`--${name}`)).trim() || "#888";
}

/** Other words in the place of a panel's title and sentence, or its own again. */
function retitle(body, words = []) {
  body.closest(".panel").querySelectorAll("header h2:not(:has(button)), header .title, header .sentence").forEach((place, index) => {
    place.usual ??= place.textContent;
    const text = words[index] ?? place.usual;
    if (place.textContent !== text) place.textContent = text;
  });
}

/** Says in a panel what will come there; without a text, takes that away. */
function emptied(body, text) {
  body.querySelector(".empty")?.remove();
  body.classList.toggle("is-empty", Boolean(text));
  if (text) body.append(make("p.empty", text));
}

/** Buttons of which one is pressed; `entries`: value and content of each; `choose` gets the value of the next. */
function choices(label, entries, chosen, choose) {
  const group = make("div.choices", { role: "group", "aria-label": label });
  for (const [value, ...content] of entries) {
    const onclick = () => {
      for (const other of group.children) other.ariaPressed = other === button;
      choose(value);
    };
    const button = make("button", { onclick, "data-value": value, "aria-pressed": value === chosen }, ...content);
    group.append(button);
  }
  return group;
}

/** Buttons that lead through what there is; `steps`: name, text, label and work of each, or an element between them. */
const stepper = (label, ...steps) =>
  make("div.stepper", { role: "group", "aria-label": label }, steps.map((step) => {
    if (!Array.isArray(step)) return step;
    const [name, text, title, onclick] = step;
    return make(`button.${name}`, { onclick, title, "aria-label": title }, text);
  }));

/** A table in a box that scrolls; `label` says what it shows. */
const table = (label, ...parts) =>
  make("div.scroll", { tabIndex: 0, role: "region", "aria-label": label }, make("table", ...parts));

/** The head of a column whose press sorts by it; `way`: 1 or −1 where the table is, upwards or downwards. */
function sortHead(title, way, onclick) {
  const arrow = make("span.arrow", { ariaHidden: "true" }, way ? (way > 0 ? "▲" : "▼") : "");
  const sorted = way ? (way > 0 ? "ascending" : "descending") : "none";
  return make("th", { scope: "col", "aria-sort": sorted }, make("button", { onclick }, make("span", title), arrow));
}

/** Gives an object a text in the page's language wherever it is read: models, and what is kept, know the English one. */
function inWords(holder, name) {
  const own = holder[name];
  let shown, spoken;
  const get = () => {
    const word = (text) => language.words[text] ?? text;
    if (spoken !== language) [shown, spoken] = [Array.isArray(own) ? own.map(word) : word(own), language];
    return shown;
  };
  Object.defineProperty(holder, name, { get, enumerable: true });
}

/** Names are translated as they are read: of classes and of methods. */
function worded(_, value) {
  if (Array.isArray(value?.classes) && typeof value.classes[0] === "string") {
    value.asked = value.classes; // as the model is
    inWords(value, "classes");
  }
  if (value?.mark && typeof value.label === "string") inWords(value, "label");
  return value;
}

/** JSON text as what it says; nothing where there is none, or no JSON. */
function read(text) {
  try {
    return JSON.parse(text || "{}", worded);
  } catch (error) {
    console.error("This can't be read:", text, error);
    return {};
  }
}

/** Keeps one child of `holder` for each item, in order: made, and taken away through `leave`, only where it has to be. */
function keepPlaces(holder, items, id, make, leave = () => {}) {
  const wanted = new Set(items.map(id));
  for (const child of [...holder.children].filter(({ dataset }) => !wanted.has(dataset.id))) {
    leave(child);
    child.remove();
  }
  return items.map((item, index) => {
    const place = [...holder.children].find((child) => child.dataset.id === id(item)) ?? make(item);
    place.dataset.id = id(item);
    // Moving a node would end a drag in it.
    if (holder.children[index] !== place) holder.insertBefore(place, holder.children[index] || null);
    return place;
  });
}

/** Lights parts of the page up, by their ids with blanks between, until others are; in a lesson the whole column of each. */
function lightUp(ids) {
  for (const lit of document.querySelectorAll(".lit")) lit.classList.remove("lit");
  const panels = ids.split(" ").map((id) => document.getElementById(id)).filter(Boolean);
  if (!panels.length) return;
  cliptta.show(panels[0].closest(".depth")?.id ?? "watch");
  const lesson = document.body.matches(".in-lesson");
  for (const panel of panels) ((lesson && panel.closest(".depth > *")) || panel).classList.add("lit");
  if (!lesson) panels[0].scrollIntoView({ block: "nearest" });
}

const mounted = new Set();
const SELDOM = 2000; // figures are dear to draw: out of sight, only every two seconds
const NEAR = "300px"; // beyond its edge, all is drawn as if it were in sight
const schedules = {}; // kind → what draws each panel of it anew
const arrivals = {}; // kind → who wants to know every value that comes, drawn or not

/** Called once per panel: draws its value now, whenever it changes, and when the theme does. */
function mount(kind, element, props, watch) {
  speak(); // Gradio, which starts after this script, has set its own
  const depth = element.closest(".depth");
  depth?.setAttribute("role", "tabpanel"); // which Gradio can't say
  depth?.setAttribute("aria-labelledby", `tab-${depth.id}`);
  const body = element.querySelector(".body");
  let waiting = false;
  let known = null;
  let data = {};
  const arrive = () => {
    if (props.value === known) return;
    known = props.value;
    data = read(props.value);
    arrivals[kind]?.(data);
  };
  const draw = () => {
    waiting = false;
    later = clearTimeout(later);
    arrive();
    element.hidden = Boolean(absent[kind]?.(data));
    kinds[kind](body, data);
  };
  let near = true;
  let later;
  // Several updates within a frame are one drawing; a page in the background waits until it is seen.
  const unseen = () => depth?.checkVisibility?.() === false;
  const schedule = () => {
    if (waiting) return;
    waiting = true;
    if (unseen()) return; // it draws when its tab is opened
    if (near || element.hidden) requestAnimationFrame(draw);
    else later = setTimeout(draw, SELDOM);
  };
  const watchSight = (entries) => {
    near = entries.at(-1).isIntersecting;
    if (!near || !later) return;
    clearTimeout(later);
    requestAnimationFrame(draw);
  };
  if (kind === "plot" || figures[kind]) new IntersectionObserver(watchSight, { rootMargin: NEAR }).observe(element);
  watch("value", () => {
    if (arrivals[kind]) arrive();
    schedule();
  });
  mounted.add(Object.assign(schedule, { now: draw, catchUp: () => waiting && !unseen() && draw() }));
  (schedules[kind] ??= []).push(schedule);
  draw();
}

/** Draws the panels of these kinds again. */
const redraw = (...kinds) => kinds.forEach((kind) => schedules[kind]?.forEach((schedule) => schedule()));

/** Draws at once what waits to be drawn. */
const catchUp = () => mounted.forEach((schedule) => schedule.catchUp());

/** Draws all panels again, with the values that they have. */
const drawAnew = () => mounted.forEach((schedule) => schedule());

// What is called from elsewhere. The scripts behind this one, each a block in its scope, know all names of it.
Object.assign(cliptta, { absent, arrivals, catchUp, drawAnew, figures, language: () => language, make, marker, mount, say, speakIn: speak });
