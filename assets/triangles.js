// Eight images and three classes: two losses move the same predictions, in triangles whose corners are certain.
const CORNERS = [[150, 24], [20, 249], [280, 249]];
const NAMES = [say("cat"), say("dog"), say("car")];
const LEANING = [
  [0.5, 0.3, 0.2], [0.44, 0.36, 0.2], [0.46, 0.2, 0.34], [0.6, 0.22, 0.18],
  [0.42, 0.3, 0.28], [0.52, 0.14, 0.34], [0.55, 0.33, 0.12], [0.4, 0.37, 0.23],
];
const ALONE = [
  [0.5, 0.3, 0.2], [0.46, 0.34, 0.2], [0.48, 0.22, 0.3], [0.58, 0.24, 0.18],
  [0.44, 0.32, 0.24], [0.36, 0.42, 0.22], [0.54, 0.2, 0.26], [0.47, 0.27, 0.26],
];
const MIXED = [
  [0.56, 0.3, 0.14], [0.44, 0.38, 0.18], [0.5, 0.16, 0.34], [0.26, 0.5, 0.24],
  [0.38, 0.46, 0.16], [0.16, 0.52, 0.32], [0.22, 0.26, 0.52], [0.14, 0.34, 0.52],
];
const PRESETS = [[say("all lean one way"), LEANING], [say("one against many"), ALONE], [say("mixed"), MIXED]];
const SYMBOLS = { square: "M-5-5H5V5H-5z", diamond: "M0-7 7 0 0 7-7 0z", hexagon: "M0-6.5 5.5-3v6L0 6.5-5.5 3v-6z", circle: "M-5 0a5 5 0 1 0 10 0 5 5 0 1 0-10 0" };
const STEPS = 60;
const PACE = 45; // milliseconds a step
const KEYS = { ArrowLeft: [-8, 0], ArrowRight: [8, 0], ArrowUp: [0, -8], ArrowDown: [0, 8] };
const TENT = { objective: "entropy", regulariser: 0, memory: 0 };
const still = matchMedia("(prefers-reduced-motion: reduce)");

const place = ([a, b, c]) => [0, 1].map((axis) => a * CORNERS[0][axis] + b * CORNERS[1][axis] + c * CORNERS[2][axis]);
const written = (point) => place(point).map((value) => value.toFixed(1)).join();
const kindOf = (point) => point.indexOf(Math.max(...point));
const counts = (points) => NAMES.map((_, kind) => points.filter((point) => kindOf(point) === kind).length);

/** Position in the drawing → three probabilities, inside the triangle. */
function probabilities(x, y) {
  const [[x0, y0], [x1, y1], [x2, y2]] = CORNERS;
  const area = (y1 - y2) * (x0 - x2) + (x2 - x1) * (y0 - y2);
  const a = ((y1 - y2) * (x - x2) + (x2 - x1) * (y - y2)) / area;
  const b = ((y2 - y0) * (x - x2) + (x0 - x2) * (y - y2)) / area;
  const inside = [a, b, 1 - a - b].map((value) => Math.max(value, 0.005));
  const sum = inside.reduce((total, value) => total + value, 0);
  return inside.map((value) => value / sum);
}

/** What a loss makes of the points, in words. */
function outcome(terms, path) {
  const [start, end] = [path[0], path.at(-1)];
  const words = { terms: cliptta.termsInWords(terms) };
  if (!terms.objective && !terms.regulariser) return say("no loss: nothing moves");
  const moved = end.some((point, index) => point.some((value, kind) => Math.abs(value - start[index][kind]) > 0.02));
  if (!moved) return say("{terms}: with one caption for all, they stand still", words);
  const ends = counts(end);
  const [many, before] = [ends, counts(start)].map((own) => own.filter(Boolean).length);
  if (many === 1) return say("{terms}: all eight end as {name}", { ...words, name: NAMES[kindOf(end[0])] });
  if (many === before) return `${words.terms}: ${NAMES.map((name, kind) => ends[kind] && `${ends[kind]} ${name}`).filter(Boolean).join(", ")}`;
  const unsure = end.some((point) => Math.max(...point) < 0.6);
  return unsure ? say("{terms}: they part, and stay unsure", words) : say("{terms}: they part", words);
}

function triangle() {
  const svg = drawn("svg", { viewBox: "0 0 300 276", role: "application", tabindex: 0 });
  const centre = written([1 / 3, 1 / 3, 1 / 3]);
  svg.append(
    drawn("polygon", { points: CORNERS.map((corner) => corner.join()).join(" "), class: "ground" }),
    ...[[0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]].map((edge) => drawn("polyline", { class: "border", points: `${centre} ${written(edge)}` })),
    ...CORNERS.map(([x, y], kind) => drawn("text", { x, y: kind ? y + 21 : y - 9, "text-anchor": "middle" })),
    drawn("g", {}),
  );
  return { svg, name: make("h3"), words: make("p") };
}

function build(body) {
  let points = LEANING;
  let frame = 0;
  let playing = 0;
  let chosen = 0; // the point that the arrow keys move
  const sides = [triangle(), triangle()];
  const slider = make("input", { type: "range", max: STEPS, ariaLabel: say("Step"), oninput: () => draw(stop(Number(slider.value))) });
  const step = make("output");

  function drawSide({ svg, name, words, figure, terms, path }) {
    const own = cliptta.methodOf(terms);
    const at = path[frame];
    const parts = points.flatMap((_, index) => {
      const trail = path.slice(0, frame + 1).map((position) => written(position[index]));
      const [x, y] = place(points[index]);
      const about = { cx: x.toFixed(1), cy: y.toFixed(1), "data-index": index };
      return [
        drawn("polyline", { points: trail.join(" "), class: "trail" }),
        drawn("circle", { ...about, r: 4, class: index === chosen ? "start chosen" : "start" }),
        frame ? drawn("path", { d: SYMBOLS[own?.mark.symbol] ?? SYMBOLS.circle, transform: `translate(${written(at[index])})`, class: "end" }) : null,
        drawn("circle", { ...about, r: 12, class: "reach" }),
      ].filter(Boolean);
    });
    const layer = { trail: 0, start: 1, end: 2, reach: 3 };
    parts.sort((one, other) => layer[one.getAttribute("class").split(" ")[0]] - layer[other.getAttribute("class").split(" ")[0]]);
    svg.querySelector("g").replaceChildren(...parts);
    const now = counts(at);
    svg.querySelectorAll("text").forEach((text, kind) => (text.textContent = `${NAMES[kind]} ${now[kind]}`));
    const label = own?.label ?? say("your loss");
    svg.setAttribute("aria-label", `${label}: ${NAMES.map((each, kind) => `${now[kind]} ${each}`).join(", ")}`);
    svg.setAttribute("aria-description", say("Arrow keys move point {point} of {all}, space takes the next.", { point: chosen + 1, all: points.length }));
    figure.classList.toggle("none", !own);
    if (own) tinted(own.mark, figure);
    name.replaceChildren(...(own ? who(own) : [label]));
    words.textContent = outcome(terms, path);
  }

  function draw() {
    sides.forEach(drawSide);
    slider.value = frame;
    slider.style.setProperty("--share", `${(100 * frame) / STEPS}%`);
    step.textContent = say("step {step} of {steps}", { step: frame, steps: STEPS });
  }

  function stop(at) {
    cancelAnimationFrame(playing);
    playing = 0;
    frame = at;
  }

  function compute() {
    [TENT, cliptta.chosenTerms].forEach((terms, index) => Object.assign(sides[index], { terms: { ...terms }, path: cliptta.descent(points, terms, STEPS) }));
  }

  function play() {
    stop(still.matches ? STEPS : 0);
    draw();
    if (still.matches) return;
    let began = 0;
    const tick = (now) => {
      began ||= now; // a frame's time, which may lie before the press
      frame = Math.min(Math.floor((now - began) / PACE), STEPS);
      draw();
      playing = frame < STEPS ? requestAnimationFrame(tick) : 0;
    };
    playing = requestAnimationFrame(tick);
  }

  function begin(next = points) {
    points = next;
    compute();
    play();
  }

  /** Puts a point's beginning elsewhere; where it ends follows at once. */
  function put(index, x, y) {
    chosen = index;
    points = points.map((point, other) => (other === index ? probabilities(x, y) : point));
    compute();
    draw(stop(STEPS));
  }

  function press(event) {
    const way = KEYS[event.key];
    if (way) {
      const [x, y] = place(points[chosen]);
      put(chosen, x + way[0], y + way[1]);
    } else if (event.key === " ") {
      chosen = (chosen + 1) % points.length;
      draw();
    } else return;
    event.preventDefault();
  }

  function drag(event) {
    const index = event.target.dataset?.index;
    if (index === undefined) return;
    event.preventDefault();
    const svg = event.currentTarget;
    svg.setPointerCapture(event.pointerId);
    const move = (moved) => {
      const { x, y } = new DOMPoint(moved.clientX, moved.clientY).matrixTransform(svg.getScreenCTM().inverse());
      put(Number(index), x, y);
    };
    const ended = new AbortController();
    svg.addEventListener("pointermove", move, { signal: ended.signal });
    for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => ended.abort(), { signal: ended.signal });
  }

  for (const side of sides) {
    side.svg.addEventListener("pointerdown", drag);
    side.svg.addEventListener("keydown", press);
    side.figure = make("figure.triangle", side.svg, make("figcaption", side.name, side.words));
  }
  const presets = choices(say("Where they begin"), PRESETS.map(([name], index) => [index, name]), 0, (index) => begin(PRESETS[index][1]));
  const bar = make("div.toy-bar", make("button.play", { onclick: play }, say("Play")), slider, step, presets);
  body.replaceChildren(make("div.triangles", sides.map(({ figure }) => figure)), bar);
  compute();
  draw();
  new IntersectionObserver((entries, observer) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    play();
  }).observe(bar);
  return begin;
}

kinds.toy = function (body) {
  if (!cliptta.ablated()) return;
  const now = JSON.stringify(cliptta.chosenTerms);
  if (!body.begin) body.begin = build(body);
  else if (body.terms !== now) body.begin();
  body.terms = now;
};
