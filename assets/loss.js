// The batch as the loss sees it: each image against each caption of the batch, on a canvas.

/** Bright is what fits, in every theme: a canvas has the colours of the dark one, its own over the ground. */
function paint(canvas, { cells, mark, size }) {
  canvas.width = canvas.height = size;
  const context = canvas.getContext("2d");
  context.fillStyle = getComputedStyle(canvas).getPropertyValue(`--m-${mark.colour}`);
  Array.from(atob(cells), (letter, index) => {
    context.globalAlpha = letter.charCodeAt(0) / 255;
    context.fillRect(index % size, Math.floor(index / size), 1, 1);
  });
}

/** A button in a panel's head that puts another panel in its place. */
cliptta.instead = function (body, label, show) {
  const header = body.closest(".panel").querySelector("header");
  if (!header || header.querySelector("button")) return;
  const onclick = () => {
    const why = find("#why");
    why.classList.toggle("numbers", show);
    focusOn(why.querySelector(show ? "#story header button" : "#matrix header button"));
  };
  header.append(make("button.toggle", { onclick }, label));
};

kinds.matrix = function (body, { methods = [] }) {
  cliptta.instead(body, say("in numbers"), true);
  emptied(body, methods.length ? "" : say("The batch as the contrastive loss sees it."));
  body.classList.toggle("many", methods.length > 3);
  const figures = methods.map((own) => {
    const told = { ...own, own: fixed(100 * own.own, 0), entropy: fixed(own.entropy, 2), most: fixed(Math.log(own.size), 2) };
    const alt = say("{label}: image by pseudo-caption matrix. {used} of {classes} captions in use · row entropy {entropy} of {most} · own caption {own} %.", told);
    const canvas = make("canvas.dark", { role: "img", ariaLabel: alt });
    const facts = make("p.reading", say("{used} of {classes} captions", told), make("br"), say("own caption {own} %", told));
    return tinted(own.mark, make("figure.matrix", canvas, make("figcaption", make("h3", who(own)), facts)));
  });
  body.querySelector(".matrices")?.remove();
  body.append(make("div.matrices", figures));
  figures.forEach(({ firstChild }, index) => paint(firstChild, methods[index]));
};
