// One card per method: accuracy, gain over zero-shot, what it fixed and broke (cliptta_demo/page/panels/heads.py).

/** Words that stand back; `more` shows when they are pointed at. */
const quiet = (textContent, more) => make("span.quiet", { ...(more && { title: more }) }, textContent);
const numberOf = (number, unit) => [number, make("small", unit)];
const shareOf = (part, whole) => (whole < FEW ? say("{part} of {whole}", { part, whole }) : percent(part / whole));

/** The lead over zero-shot, an arrow where it is more than chance, grey with its margin where it is not. */
function gain({ seen, fixed: better, broken }) {
  if (!better && !broken) return [quiet(say("same as zero-shot"))];
  const points = (100 * (better - broken)) / seen;
  const size = fixed(Math.abs(points), 1);
  const changed = better + broken;
  if ((better - broken) ** 2 <= 4 * changed) {
    const sign = points > 0 ? "+" : points < 0 ? "−" : "";
    const margin = fixed((200 * Math.sqrt(changed)) / seen, 1);
    const about = say(
      "Within the noise of so few images: {changed} of {seen} came out differently, and chance alone often gives such a difference (two standard errors, McNemar).",
      { changed, seen },
    );
    return [quiet(say("{gain} ± {margin} points vs zero-shot", { gain: `${sign}${size}`, margin }), about)];
  }
  const [sign, className] = points > 0 ? ["▲ +", "up"] : ["▼ −", "down"];
  return [make("span", { className }, say("{gain} points", { gain: `${sign}${size}` })), " ", quiet(say("vs zero-shot"))];
}

function fixedAndBroken({ fixed: better, was_wrong, broken, was_right }) {
  const title = say("Of zero-shot's wrong images, those now right; of its right images, those now wrong");
  const shares = { fixed: shareOf(better, was_wrong), broke: shareOf(broken, was_right) };
  return make("span", { title }, say("fixed {fixed} · broke {broke}", shares));
}

/** Number, gain and details of a method: without labels, mean confidence and how many predictions it changed. */
function told(own, { begun, working, reference, images }) {
  const now = own.at_work === null ? "" : say("batch at work: {accuracy}", { accuracy: percent(own.at_work) });
  if (!begun) return [["–"], [quiet(working ? say("first batch") : say("press Run"))], now];
  const yardstick = own.method === reference;
  if (own.accuracy === null) {
    const changed = [`${say("{part} of {whole}", { part: own.changed, whole: images })} `, quiet(say("predictions changed"))];
    return [numberOf(fixed(100 * own.confidence, 0), say("% sure")), yardstick ? [quiet(say("mean confidence; no labels given"))] : changed, now];
  }
  const lead = yardstick ? [quiet(say("accuracy without adapting"))] : gain(own.beside);
  return [numberOf(fixed(100 * own.accuracy, 1), "%"), lead, now || (yardstick ? "" : fixedAndBroken(own.beside))];
}

function sparkline(values) {
  if (values.length < 2) return drawn("svg", { class: "spark", "aria-hidden": "true" });
  const svg = drawn("svg", { class: "spark", viewBox: "0 0 100 30", preserveAspectRatio: "none", "aria-hidden": "true" });
  const step = 100 / (values.length - 1);
  svg.append(drawn("polyline", { points: values.map((value, index) => `${fixed(index * step, 1)},${fixed(28 - 26 * value, 1)}`).join(" ") }));
  return svg;
}

function card(own, data) {
  const [number, lead, details] = told(own, data);
  const place = make(
    "article.card", { "data-method": own.method },
    make("h3", { title: own.sentence }, marker(own.mark), own.label),
    make("p.number", ...number),
    make("p.gain", ...lead),
    make("p.details", details || "\u00a0"),
    sparkline(own.spark),
  );
  return tinted(own.mark, place);
}

kinds.cards = function (body, data) {
  body.replaceChildren(...(data.methods ?? []).map((own) => card(own, data)));
  cliptta.drawBeside?.();
};
