// What each loss asks for (cliptta_demo/page/panels/loss.py): sentences with a batch's numbers, losses term by term.

/** How CLIPTTA works, in three sentences. */
function sentences({ told, alone }) {
  if (!told) return [];
  const used = ({ used, classes }) => say("{part} of {whole}", { part: used, whole: classes });
  const numbers = {
    ...told,
    method: told.label,
    used: used(told),
    own: percent(told.own),
    entropy: fixed(told.entropy, 2),
    most: fixed(Math.log(told.size), 2),
    alone: used(alone ?? told),
  };
  return [
    say("{method} first gives each image its likeliest caption: the {size} images of this batch use {used} captions.", numbers),
    say(
      "Then each image chooses among all {size} captions of its batch, as CLIP learnt in training. It gives its own caption {own}, and is as undecided as a row entropy of {entropy} says, of {most} at most: the contrastive term.",
      numbers,
    ),
    alone
      ? say("TENT asks each image alone to be surer, and nothing holds its batch together: its answers use {alone} captions. CLIPTTA's loss would rise if all joined one crowd.", numbers)
      : say("So the batch holds together: while its captions differ, an image that joins the crowd fits its own caption less, and the loss rises."),
  ];
}

function loss(own, called) {
  const row = (name, value, about) => make("div", about, make("dt", name), make("dd", fixed(value, 2).replace("-", "−")));
  const terms = Object.entries(own.terms);
  const rows = terms.map(([term, value]) => row(called[term]?.[0] ?? term, value, { title: called[term]?.[1] ?? "" }));
  if (rows.length > 1) rows.push(row(say("sum"), terms.reduce((sum, [, value]) => sum + value, 0), { className: "sum" }));
  return tinted(own.mark, make("section.loss", { title: own.sentence }, make("h3", who(own)), make("dl", rows)));
}

function heading({ losses, step, batch }) {
  if (!losses.length) return say("No method of this run has a loss: they adapt without steps.");
  const when = step === null ? say("the last step of batch {batch}", { batch }) : say("step {step} of batch {batch}", { step, batch });
  return say("The loss at {when}", { when });
}

kinds.story = function (body, data) {
  cliptta.instead(body, say("as a picture"), false);
  emptied(body, data.losses ? "" : say("The terms of each loss appear here, with their values at each step."));
  if (!data.losses) return;
  const told = sentences(data).map((text) => make("p.facts", text));
  body.replaceChildren(make("div.story", told, make("h3.when", heading(data)), data.losses.map((own) => loss(own, data.called))));
};
