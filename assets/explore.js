// Explore: pictures, each with a finding, whose titles enlarge them; what is pointed at is lit in all of them.
const grid = () => find("#explore");
const pictures = []; // their names
let gain = {};
let agrees = () => 0; // a method's share of zero-shot's answers
arrivals.gain = (data) => {
  gain = data;
  redraw("headline");
};
arrivals.accuracy = ({ methods }) => {
  agrees = (name) => methods?.find(({ method }) => method === name)?.last ?? 0;
};

/** Shows one picture in place of all, or all again; its title has the focus then. */
function enlarge(panel) {
  const before = grid().querySelector(".is-large");
  const title = (panel ?? before).querySelector(".title");
  before?.classList.remove("is-large");
  panel?.closest("#explore > *").classList.add("is-large");
  grid().classList.toggle("one", Boolean(panel));
  title.ariaExpanded = Boolean(panel);
  redraw(...pictures);
  title.focus();
}
document.addEventListener("keydown", ({ key, defaultPrevented }) => {
  if (key !== "Escape" || defaultPrevented || !grid()?.matches(".one") || document.body.dataset.depth !== "explore") return;
  if (!find(":popover-open, dialog[open], .settings-open, .embed")) enlarge(null);
});

/** Gives a panel's title its button, once, and its finding a place. */
function frame(panel) {
  const title = panel.querySelector("h2");
  if (title.firstElementChild) return;
  const press = (name, text) => make(`button.${name}`, { onclick: () => enlarge(panel.closest(".is-large") ? null : panel) }, text);
  title.replaceChildren(Object.assign(press("title", title.textContent), { ariaExpanded: "false" }));
  title.after(press("back", say("All pictures")), make("p.finding"));
  if (!document.documentElement.matches(".embed")) return;
  panel.closest("#explore > *").classList.add("is-large"); // a part alone
  grid().classList.add("one");
}

/** Makes a panel a picture; `finding`: what its numbers say, in words or elements, unless it does so itself. */
cliptta.pictured = function (name, finding) {
  const draw = kinds[name];
  pictures.push(name);
  kinds[name] = function (body, data) {
    const panel = body.closest(".panel");
    if (panel.querySelector("h2")) frame(panel);
    if (finding) panel.querySelector(".finding")?.replaceChildren(...[finding(data) ?? ""].flat());
    draw(body, data);
    dim();
  };
};
addEventListener("resize", () => redraw(...pictures));

/** A list of choices whose value is the component's. */
cliptta.list = function (element, props, trigger) {
  const list = element.querySelector("select");
  list.onchange = () => {
    props.value = list.value;
    trigger("change");
  };
};

// ---- who gains how much, and takes how long

/** Zero-shot, who gains most, and the first other that adapts, with whose time it is compared; and words on that. */
function cast() {
  const reference = cliptta.batches.newest()?.reference;
  const zero = gain.methods?.find(({ method }) => method === reference);
  const others = zero ? gain.methods.filter((own) => own !== zero) : [];
  const best = zero?.accuracy === null ? others.at(-1) : [...others].sort((one, other) => other.accuracy - one.accuracy)[0];
  const other = others.find((own) => own !== best) ?? zero;
  if (!best) return { zero };
  const times = best.milliseconds / other.milliseconds;
  return { zero, best, about: { method: named(best), other: named(other, other === zero), times: fixed(times, times < 9.95 ? 1 : 0) } };
}

cliptta.pace = function () {
  const { best, about } = cast();
  return best ? told(say("{method} takes {times} times as long as {other}."), about) : "";
};

kinds.headline = function (body) {
  const { zero, best, about } = cast();
  const words = () => {
    if (!best) return [zero ? say("Zero-shot alone gains nothing: add a method.") : say("What does each method gain, and what does it cost?")];
    const { beside } = best;
    if (!beside) return told(say("{method} keeps {share} of zero-shot's answers, at {times} times the time of {other}."), { ...about, share: percent(agrees(best.method)) });
    const [points, noise] = leadOf(beside);
    Object.assign(about, { points: fixed(Math.abs(points), 1), noise: fixed(noise, 1) });
    if (points > noise) return told(say("{method} gains {points} points, at {times} times the time of {other}."), about);
    if (points < -noise) return told(say("Every method loses; {method} loses least, {points} points."), about);
    return told(say("No method gains more than chance: {method} {points} ± {noise} points."), { ...about, points: signed(points) });
  };
  body.replaceChildren(...words());
};

// ---- what is pointed at is lit everywhere

let lit = {};
cliptta.lit = () => lit;

/** Dims in all pictures what is of another method, image or batch than is lit. */
function dim() {
  const wanted = Object.entries({ ...lit, batch: cliptta.batches.shown() }).filter(([, value]) => value != null);
  for (const place of grid()?.querySelectorAll("[data-method], [data-image], [data-batch]") ?? []) {
    place.classList.toggle("dim", wanted.some(([name, value]) => place.dataset[name] !== undefined && place.dataset[name] !== String(value)));
  }
}

/** Lights a method by its name, an image of the batch by its number, or both; without any, all. */
cliptta.light = function (method, image) {
  const changed = method !== lit.method;
  if (!changed && image === lit.image) return;
  lit = { method, image };
  dim();
  if (grid().matches(".one")) return;
  redraw("results");
  if (changed) redraw("gallery");
};
let pointed; // batch
for (const kind of ["pointerover", "focusin"]) {
  document.addEventListener(kind, ({ target }) => {
    if (!target.closest) return;
    const [method, image, batch] = ["method", "image", "batch"].map((name) => target.closest(`#explore [data-${name}]`)?.dataset[name]);
    cliptta.light(method, image);
    if (batch !== pointed) cliptta.batches.point(batch ? Number(batch) : null);
    pointed = batch;
  });
}
