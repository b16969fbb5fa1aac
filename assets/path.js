// The way of one image to its caption, to the loss of its batch, and back to the weights.
const arrow = (text = "") => make("i.arrow", text && make("small", text));
const box = (title, about) => make("div.box", make("b", title), make("span", about));

let told = {}; // what the story knows of it
arrivals.story = (data) => {
  told = data;
  redraw("path");
};

kinds.path = function (body) {
  const { learner, steps, caption } = told;
  const data = cliptta.batches.gallery(cliptta.batches.newest());
  if (!data?.tiles || !caption) return emptied(body, say("An image of the batch, on its way to the loss and back."));
  const own = data.methods[learner] ?? Object.values(data.methods).at(-1);
  const index = Math.min(cliptta.imageLookedAt(), data.tiles.length - 1);
  const face = cliptta.picture(data, index);
  const { seen } = cliptta.addresses(data);
  if (seen) face.style.backgroundImage = `url("${seen}")`;
  const shares = own.likeliest[index].slice(0, 3).map((kind, rank) => {
    const share = own.likelihoods[index][rank];
    return make("li", make("bdi", caption.replace("{}", data.asked[kind])), make("i.bar", { style: `width:${0.8 * share}px` }), make("span", `${share} %`));
  });
  const likeliest = data.classes[own.predicted[index]];
  const captions = make("div.captions", make("h3", say("{count} captions", { count: data.classes.length }), make("small", own.label)), make("ol", shares));
  const parts = [face, arrow(), box(say("image encoder"), say("weights move")), arrow(), captions, arrow(say("likeliest")), make(likeliest.length > 10 ? "b.word.long" : "b.word", make("bdi", likeliest))];
  const back = sayCount("Backwards, once a batch: only scale and shift of the normalisation layers change.", "Backwards, {count} times a batch: only scale and shift of the normalisation layers change.", steps);
  if (data.methods[learner]) {
    parts.push(arrow(), box(say("loss of {count} images", { count: data.tiles.length }), say("no label needed")), make("p.hint", back), make("i.back"));
  } else parts.push(make("p.hint", say("No method of this run learns from a batch.")));
  emptied(body);
  body.replaceChildren(tinted(own.mark, make("div.way", parts)));
};
