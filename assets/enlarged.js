// One image of a batch, large: clean beside shifted, and the five likeliest classes of every method.

const dialog = make("dialog.enlarged", { "aria-label": say("An image of the batch") });
let data = null;
let index = 0;
let order = []; // the images that the arrow keys go through

function likeliest(name) {
  const method = data.methods[name];
  const rows = method.likeliest[index].map((kind, rank) => {
    const share = method.likelihoods[index][rank];
    const bar = make("i.bar", { style: `width:${share}%` });
    const right = kind === data.tiles[index].truth ? " ✓" : "";
    return make("li", make("span", make("bdi", data.classes[kind]), right), make("b", `${share} %`), bar);
  });
  return tinted(method.mark, make("section", make("h3", who(method)), make("ol", ...rows)));
}

/** The image of a batch that was looked at last; at first the first. */
cliptta.imageLookedAt = () => index;

function draw() {
  redraw("path");
  const addresses = cliptta.addresses(data);
  const pictures = [[say("as the models saw it"), addresses.seen], [say("before the corruption"), addresses.clean]].filter(([, address]) => address);
  const frames = pictures.map(([words, address]) => {
    const face = cliptta.picture(data, index);
    face.style.backgroundImage = `url("${address}")`;
    return make("figure", face, make("figcaption", words));
  });
  const at = order.indexOf(index);
  const go = (text, label, step) =>
    make("button", { onclick: () => move(step), disabled: order[at + step] === undefined, "aria-label": label }, text);
  const close = make("button", { onclick: () => dialog.close() }, say("Close"));
  const head = make("h2", cliptta.about(data, index).join(" · ") || say("Image {number}", { number: index + 1 }));
  const bar = make("div.bar-of-buttons", go("‹", say("Image before"), -1), go("›", say("Next image"), 1), close);
  dialog.replaceChildren(
    make("header", head, bar),
    make("div.frames", ...frames),
    make("div.answers", ...Object.keys(data.methods).map(likeliest)),
  );
  return close;
}

function move(step) {
  const next = order[order.indexOf(index) + step];
  if (next === undefined) return;
  index = next;
  draw();
  dialog.querySelectorAll(".bar-of-buttons button")[step > 0 ? 1 : 0].focus();
}

dialog.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step) return;
  event.preventDefault();
  move(mirrored ? -step : step);
});
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // beside it

/** Shows an image of the gallery's data; `through`: which ones follow one another. */
cliptta.enlarge = function (batch, one, through) {
  [data, index, order] = [batch, one, through];
  if (!data.tiles[index] || !cliptta.addresses(data).seen) return;
  if (!dialog.isConnected) root().append(dialog);
  const close = draw();
  dialog.showModal();
  close.focus();
};
