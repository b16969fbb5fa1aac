// Eight images, three classes: two losses move the same predictions, in triangles whose corners are certain.
const CORNERS = [[150, 24], [20, 249], [280, 249]];
const PLACES = [[150, 15, "middle"], [0, 272, "start"], [300, 272, "end"]];
const NAMES = () => [say("cat"), say("dog"), say("car")];
const PRESETS = () => [say("all lean one way"), say("one against many"), say("mixed")];
const STEPS = 60;
const PACE = 45; // milliseconds a step
const KEYS = { ArrowLeft: [-8, 0], ArrowRight: [8, 0], ArrowUp: [0, -8], ArrowDown: [0, 8] };
const still = matchMedia("(prefers-reduced-motion: reduce)");

const place = (point) => [0, 1].map((axis) => point.reduce((sum, share, kind) => sum + share * CORNERS[kind][axis], 0));
const written = (point) => place(point).map((value) => value.toFixed(1)).join();
const counts = (points) => NAMES().map((_, kind) => points.filter((point) => point.indexOf(Math.max(...point)) === kind).length);
const listed = (counts) => NAMES().map((name, kind) => `${counts[kind]} ${name}`);

/** Position in the drawing → three probabilities, inside the triangle. */
function probabilities(x, y) {
  const [[x0, y0], [x1, y1], [x2]] = CORNERS; // the lower two at one height
  const a = (y1 - y) / (y1 - y0);
  const b = (x2 - x + a * (x0 - x2)) / (x2 - x1);
  const inside = [a, b, 1 - a - b].map((value) => Math.max(value, 0.005));
  return inside.map((value) => value / (inside[0] + inside[1] + inside[2]));
}

/** What a loss makes of the points, in words. */
function outcome(own, path) {
  const terms = cliptta.termsInWords(own);
  const [before, ends] = [path[0], path.at(-1)].map(counts);
  const far = path.at(-1).flatMap((point, index) => point.map((share, kind) => share - path[0][index][kind]));
  if (!terms) return say("no loss: nothing moves");
  if (Math.max(...far) < 0.02) return say("{terms}: with one caption for all, they stand still", { terms });
  const used = (each) => each.filter(Boolean).length;
  if (used(ends) === 1) return say("{terms}: all eight end as {name}", { terms, name: NAMES()[ends.findIndex(Boolean)] });
  if (used(ends) === used(before)) return `${terms}: ${listed(ends).filter((_, kind) => ends[kind]).join(", ")}`;
  return say("{terms}: they part", { terms });
}

function build(body, batches) {
  let points = batches[0];
  let frame = 0;
  let playing = 0;
  let chosen = 0; // the point that the arrow keys move
  const slider = make("input", { type: "range", max: STEPS, ariaLabel: say("Step"), oninput: () => stop(Number(slider.value)) });
  const step = make("output");

  function side() {
    const svg = drawn("svg", { viewBox: "0 0 300 276", role: "application", tabindex: 0 });
    const edges = [[0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]].map((edge) => `M${written([1 / 3, 1 / 3, 1 / 3])}L${written(edge)}`);
    svg.append(
      drawn("polygon", { points: CORNERS.join(" "), class: "ground" }),
      drawn("path", { class: "border", d: edges.join("") }),
      ...PLACES.map(([x, y, anchor]) => drawn("text", { x, y, "text-anchor": anchor })),
      drawn("g", {}),
    );
    svg.addEventListener("pointerdown", drag);
    svg.addEventListener("keydown", press);
    const [name, words] = [make("h3"), make("p")];
    return { svg, name, words, figure: make("figure.triangle", svg, make("figcaption", name, words)) };
  }

  function drawSide({ svg, name, words, figure, terms, path }) {
    const own = cliptta.methodOf(terms);
    const layer = (draw) => points.map((point, index) => draw(index, ...place(point)));
    const dot = (kind, r) => (index, cx, cy) => drawn("circle", { cx, cy, r, class: index === chosen ? `${kind} chosen` : kind, "data-index": index });
    svg.querySelector("g").replaceChildren(
      ...layer((index) => drawn("polyline", { class: "trail", points: path.slice(0, frame + 1).map((position) => written(position[index])).join(" ") })),
      ...layer(dot("start", 4)),
      ...(frame ? layer((index) => drawn("path", { class: "end", d: cliptta.symbols[own?.mark.symbol ?? "circle"], transform: `translate(${written(path[frame][index])}) scale(1.4)` })) : []),
      ...layer(dot("reach", 12)),
    );
    const now = counts(path[frame]);
    svg.querySelectorAll("text").forEach((text, kind) => (text.textContent = `${NAMES()[kind]} ${now[kind]}`));
    const label = own?.label ?? say("your loss");
    svg.ariaLabel = `${label}: ${listed(now).join(", ")}`;
    svg.setAttribute("aria-description", say("Arrow keys move point {point} of {all}, space takes the next.", { point: chosen + 1, all: points.length }));
    figure.classList.toggle("none", !own);
    if (own) tinted(own.mark, figure);
    name.replaceChildren(...(own ? who(own) : [label]));
    words.textContent = outcome(terms, path);
  }

  function draw(at = frame) {
    frame = at;
    sides.forEach(drawSide);
    slider.value = frame;
    slider.style.setProperty("--share", `${(100 * frame) / STEPS}%`);
    step.textContent = say("step {step} of {steps}", { step: frame, steps: STEPS });
  }

  function stop(at) {
    cancelAnimationFrame(playing);
    draw(at);
  }

  function compute(next = points) {
    points = next;
    [{ entropy: 1 }, { ...cliptta.chosenTerms }].forEach((terms, index) => Object.assign(sides[index], { terms, path: cliptta.descent(points, terms, STEPS) }));
  }

  function play() {
    stop(still.matches ? STEPS : 0);
    let began = 0;
    const tick = (now) => {
      began ||= now; // a frame's time, which may lie before the press
      draw(Math.min(Math.floor((now - began) / PACE), STEPS));
      if (frame < STEPS) playing = requestAnimationFrame(tick);
    };
    if (!frame) playing = requestAnimationFrame(tick);
  }

  const begin = (next) => play(compute(next));

  /** Puts a point's beginning elsewhere; where it ends follows at once. */
  function put(index, x, y) {
    chosen = index;
    compute(points.map((point, other) => (other === index ? probabilities(x, y) : point)));
    stop(STEPS);
  }

  function press(event) {
    const way = KEYS[event.key];
    if (!way && event.key !== " ") return;
    event.preventDefault();
    const [x, y] = place(points[chosen]);
    if (way) return put(chosen, x + way[0], y + way[1]);
    chosen = (chosen + 1) % points.length;
    draw();
  }

  function drag(event) {
    const { index } = event.target.dataset;
    if (!index) return;
    event.preventDefault();
    const svg = event.currentTarget;
    svg.setPointerCapture(event.pointerId);
    svg.onpointermove = ({ clientX, clientY }) => {
      const { x, y } = new DOMPoint(clientX, clientY).matrixTransform(svg.getScreenCTM().inverse());
      put(Number(index), x, y);
    };
    svg.onlostpointercapture = () => (svg.onpointermove = null);
  }

  const sides = [side(), side()];
  const presets = choices(say("Where they begin"), PRESETS().map((name, index) => [index, name]), 0, (index) => begin(batches[index]));
  body.append(
    make("div.triangles", sides.map(({ figure }) => figure)),
    make("div.toy-bar", make("button.play", { onclick: play }, `▶ ${say("Play")}`), slider, step, presets),
  );
  compute();
  draw();
  const arrive = ([{ isIntersecting }], observer) => isIntersecting && play(observer.disconnect());
  new IntersectionObserver(arrive, { threshold: 0.5 }).observe(sides[0].svg);
  return begin;
}

kinds.toy = function (body, data) {
  if (!cliptta.methodOf({ entropy: 1 })) return; // the names have not come yet
  const terms = JSON.stringify(cliptta.chosenTerms);
  if (!body.begin) body.begin = build(body, data.batches.map((batch) => batch.map(([a, b]) => [a, b, 1 - a - b])));
  else if (body.terms !== terms) body.begin();
  body.terms = terms;
};
