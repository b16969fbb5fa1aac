// The batch as the loss sees it: each image against each caption of the batch, on a canvas.

/** Bright is what fits, in every theme: a canvas has the colours of the dark one, its own over the ground. */
function paint(canvas, matrix, size) {
  canvas.width = canvas.height = size;
  const context = canvas.getContext("2d");
  context.fillStyle = getComputedStyle(canvas).getPropertyValue(`--m-${matrix.mark.colour}`);
  Array.from(atob(matrix.cells), (letter, index) => {
    context.globalAlpha = letter.charCodeAt(0) / 255;
    context.fillRect(index % size, Math.floor(index / size), 1, 1);
  });
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

/** Of them what stands beside a matrix. */
const briefly = ({ used, own }, { classes }) => [
  make("span", say("{used} of {classes} captions", { used, classes: classes.length })),
  make("span", say("own caption {share} %", { share: fixed(100 * own, 0) })),
];

function matrixPlace() {
  const canvas = make("canvas", { role: "img" });
  const reading = make("p.reading");
  const frame = make("div.frame.dark", canvas, make("div.lines", { ariaHidden: "true" }));
  const place = make("figure.matrix", frame, make("figcaption", make("h3"), reading));
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
  canvas.addEventListener("pointerleave", () => reading.replaceChildren(...briefly(place.matrix, place.data)));
  return place;
}

/** A button in a panel's head that puts another panel in its place. */
cliptta.instead = function (body, label, show) {
  const header = body.closest(".panel").querySelector("header");
  if (!header || header.querySelector("button")) return;
  const onclick = () => {
    const why = document.querySelector("#why");
    why.classList.toggle("numbers", show);
    why.querySelector(show ? "#story header button" : "#matrix header button").focus({ preventScroll: true });
  };
  header.append(" ", make("button.toggle", { onclick }, label));
};

kinds.matrix = function (body, data) {
  cliptta.instead(body, say("in numbers"), true);
  if (!body.querySelector(".matrices")) body.append(make("div.matrices"));
  const matrices = data.methods || [];
  body.classList.toggle("many", matrices.length > 3);
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
    const line = (side, row) => make("i", { style: `${side}:${(100 * row) / data.rows.length}%` });
    place.querySelector(".lines").replaceChildren(...bordersOf(data).flatMap((row) => [line("top", row), line("left", row)]));
    place.querySelector(".reading").replaceChildren(...briefly(matrix, data));
  });
};
