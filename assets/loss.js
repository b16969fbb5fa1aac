// Inside the loss: the batch matrix on a canvas, and the three-class toy with points to drag.

/** "#rrggbb" → [r, g, b]. */
const rgb = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));

function paint(canvas, matrix, size) {
  canvas.width = canvas.height = size;
  const cells = Uint8Array.from(atob(matrix.cells), (letter) => letter.charCodeAt(0));
  const [low, high] = ["grid", matrix.mark.colour].map((name) => rgb(colour(name)));
  const context = canvas.getContext("2d");
  const image = context.createImageData(size, size);
  cells.forEach((cell, index) => {
    const mixed = low.map((value, channel) => value + (cell / 255) * (high[channel] - value));
    image.data.set([...mixed, 255], 4 * index);
  });
  context.putImageData(image, 0, 0);
}

/** The class of a row, and where one ends and the next begins. */
const nameOf = ({ rows, classes }, row) => classes[rows[row]] ?? (rows[row] === -1 ? say("stranger") : say("image"));
const bordersOf = ({ rows }) => rows.map((_, row) => row).filter((row) => row && rows[row] !== rows[row - 1]);

const factsOf = ({ used, entropy, own }, { rows, classes }) =>
  say("{used} of {classes} captions in use · row entropy {entropy} of {most} · own caption {own}", {
    used,
    classes: classes.length,
    entropy: fixed(entropy, 2),
    most: fixed(Math.log(rows.length), 2),
    own: percent(own),
  });

function matrixPlace() {
  const canvas = make("canvas", { role: "img" });
  const reading = make("p.reading");
  const frame = make("div.frame", canvas, make("div.lines", { ariaHidden: "true" }));
  const place = make("figure.matrix", make("h3"), frame, reading);
  canvas.addEventListener("pointermove", (event) => {
    const { data, matrix: own } = place;
    const box = canvas.getBoundingClientRect();
    const size = data.rows.length;
    const at = (part) => Math.floor(part * size);
    const [row, column] = [at((event.clientY - box.top) / box.height), at((event.clientX - box.left) / box.width)];
    if (Math.min(row, column) < 0 || Math.max(row, column) >= size) return;
    const share = (atob(own.cells).charCodeAt(row * size + column) / 255) ** 2;
    const cell = { group: nameOf(data, row), caption: data.classes[own.captions[column]], share: Math.round(100 * share) };
    reading.textContent = say("row: {group} · column: “{caption}” · {share} % of the row's best fit", cell);
  });
  canvas.addEventListener("pointerleave", () => {
    reading.textContent = factsOf(place.matrix, place.data);
  });
  return place;
}

kinds.matrix = function (body, data) {
  if (!body.querySelector(".matrices")) body.append(make("div.matrices"));
  const matrices = data.methods || [];
  emptied(body, matrices.length ? "" : say("The batch as the contrastive loss sees it."));
  const places = keepPlaces(body.querySelector(".matrices"), matrices, (matrix) => matrix.method, matrixPlace);
  matrices.forEach((matrix, index) => {
    const place = places[index];
    const facts = factsOf(matrix, data);
    Object.assign(place, { data, matrix });
    tinted(matrix.mark, place).querySelector("h3").replaceChildren(...who(matrix));
    const canvas = place.querySelector("canvas");
    canvas.setAttribute("aria-label", say("{label}: image by pseudo-caption matrix. {facts}.", { label: matrix.label, facts }));
    paint(canvas, matrix, data.rows.length);
    place.querySelector(".lines").replaceChildren(
      ...bordersOf(data).flatMap((row) => {
        const at = `${(100 * row) / data.rows.length}%`;
        const across = make("i", { style: `top:${at};left:0;right:0;height:1px` });
        return [across, make("i", { style: `left:${at};top:0;bottom:0;width:1px` })];
      }),
    );
    place.querySelector(".reading").textContent = facts;
  });
};

// The toy: corners of the triangle are the three classes, a point is one image's prediction.
const SIDE = 300;
const CORNERS = [[150, 24], [24, 242], [276, 242]];
const NAMES = [say("cat"), say("dog"), say("car")];
const LEANING = [
  [0.5, 0.3, 0.2], [0.44, 0.36, 0.2], [0.46, 0.2, 0.34], [0.6, 0.22, 0.18],
  [0.42, 0.3, 0.28], [0.52, 0.14, 0.34], [0.55, 0.33, 0.12], [0.4, 0.37, 0.23],
];
const ALONE = [
  [0.5, 0.3, 0.2], [0.46, 0.34, 0.2], [0.48, 0.22, 0.3],
  [0.58, 0.24, 0.18], [0.44, 0.32, 0.24], [0.36, 0.42, 0.22],
];
const MIXED = [
  [0.56, 0.3, 0.14], [0.44, 0.38, 0.18], [0.5, 0.16, 0.34], [0.26, 0.5, 0.24], [0.38, 0.46, 0.16],
  [0.16, 0.52, 0.32], [0.22, 0.26, 0.52], [0.36, 0.18, 0.46], [0.14, 0.34, 0.52],
];
const PRESETS = [[say("All lean one way"), LEANING], [say("One against many"), ALONE], [say("A mixed batch"), MIXED]];
const place = ([a, b, c]) => [0, 1].map((axis) => a * CORNERS[0][axis] + b * CORNERS[1][axis] + c * CORNERS[2][axis]);

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

const TRAIL = 9; // steps that an arrow stands for
const KEYS = { ArrowLeft: [-8, 0], ArrowRight: [8, 0], ArrowUp: [0, -8], ArrowDown: [0, 8] };

cliptta.toy = function (element, props, server) {
  const body = element.querySelector(".body");
  let points = LEANING.map((point) => [...point]);
  let paths = null;
  let frame = 0;
  let playing = 0;
  let asked = 0;
  let chosen = 0; // the point that the arrow keys move
  const note = make("p.footnote", { role: "status" });
  const triangles = JSON.parse(props.value).map(({ method, label, mark }) => {
    const svg = drawn("svg", { viewBox: `0 0 ${SIDE} 268`, role: "application", tabindex: 0 });
    const figure = make("figure.triangle", make("h3", who({ label, mark })), svg);
    return { method, label, svg, figure: tinted(mark, figure) };
  });

  function draw() {
    for (const { method, label, svg } of triangles) {
      const path = paths?.[method];
      const parts = [
        drawn("polygon", { points: CORNERS.map((corner) => corner.join()).join(" "), class: "ground" }),
        ...CORNERS.map((corner, index) => {
          const [x, y] = [corner[0], index ? corner[1] + 18 : corner[1] - 8];
          return drawn("text", { x, y, "text-anchor": "middle" }, NAMES[index]);
        }),
      ];
      points.forEach((point, index) => {
        const at = path ? path[Math.min(frame, path.length - 1)][index] : point;
        if (path) {
          const trail = path.slice(frame, frame + TRAIL).map((position) => place(position[index]));
          const line = trail.map((position) => position.map((value) => value.toFixed(1)).join()).join(" ");
          const far = Math.hypot(...[0, 1].map((axis) => trail.at(-1)[axis] - trail[0][axis])) > 4;
          parts.push(drawn("polyline", { points: line, class: "trail", "marker-end": far ? `url(#tip-${method})` : "" }));
        }
        const [x, y] = place(at);
        const own = index === chosen ? "point chosen" : "point";
        parts.push(drawn("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: 6.5, class: own, "data-index": index }));
      });
      const tip = drawn("marker", { id: `tip-${method}`, viewBox: "0 0 8 8", refX: 5, refY: 4, markerWidth: 5, markerHeight: 5, orient: "auto" });
      tip.append(drawn("path", { d: "M0 0 8 4 0 8z", class: "tip" }));
      svg.replaceChildren(tip, ...parts);
      svg.setAttribute("aria-label", `${label}: ${describe(method)}`);
      const which = { point: chosen + 1, all: points.length };
      svg.setAttribute("aria-description", say("Arrow keys move point {point} of {all}, space takes the next.", which));
    }
  }

  function describe(method) {
    const last = paths?.[method]?.[Math.min(frame, paths[method].length - 1)] || points;
    const count = (kind) => last.filter((row) => row.indexOf(Math.max(...row)) === kind).length;
    return NAMES.map((name, kind) => `${count(kind)} ${name}`).join(", ");
  }

  async function ask() {
    const number = ++asked;
    const answer = await server.toy({ points, steps: 60 });
    if (number !== asked) return; // a newer question is on its way
    note.textContent = answer.error || "";
    paths = answer.error ? null : answer;
    draw();
  }

  function stop() {
    cancelAnimationFrame(playing);
    playing = frame = 0;
  }

  function start(next) {
    stop();
    points = next;
    paths = null;
    draw();
    ask();
  }

  function play() {
    if (!paths) return;
    stop();
    let began = 0;
    const tick = (now) => {
      began ||= now; // a frame's time, which may lie before the press
      const last = paths ? Object.values(paths)[0].length - 1 : 0;
      frame = Math.min(Math.floor((now - began) / 45), last);
      draw();
      playing = frame < last ? requestAnimationFrame(tick) : 0;
    };
    playing = requestAnimationFrame(tick);
  }

  let waiting = 0;
  function put(index, x, y) {
    stop();
    chosen = index;
    points[index] = probabilities(x, y);
    paths = null;
    draw();
    clearTimeout(waiting);
    waiting = setTimeout(ask, 80);
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
    stop();
    const move = (moved) => {
      const box = svg.getBoundingClientRect();
      const scale = SIDE / box.width;
      put(Number(index), (moved.clientX - box.left) * scale, (moved.clientY - box.top) * scale);
    };
    const ended = new AbortController();
    svg.addEventListener("pointermove", move, { signal: ended.signal });
    for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => ended.abort(), { signal: ended.signal });
  }

  const bar = make(
    "div.toy-bar",
    make("button.primary", { onclick: play }, say("Follow the arrows")),
    PRESETS.map(([name, preset]) => make("button", { onclick: () => start(preset.map((point) => [...point])) }, name)),
  );
  for (const { svg } of triangles) {
    svg.addEventListener("pointerdown", drag);
    svg.addEventListener("keydown", press);
  }
  body.append(bar, make("div.triangles", triangles.map(({ figure }) => figure)), note);
  draw();
  // The first question waits until somebody looks: a page full of visitors asks nothing at once.
  new IntersectionObserver((entries, observer) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    ask();
  }).observe(body);
};
