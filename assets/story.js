// The story (cliptta_demo/page/panels/loss.py): sentences joined to the batch's numbers, losses term by term.

/** The parts of a loss by their names in the engine: how they are called, and what they ask for. */
const TERMS = (cliptta.lossTerms = {
  entropy: [say("entropy"), say("Asks each image for a surer answer, whatever the others say.")],
  contrastive: [say("contrastive"), say("Asks each image to fit its captions better than the rest of the batch's.")],
  regulariser: [say("regulariser"), say("Asks the batch to spread over the classes: minus the entropy of its mean prediction, weighted.")],
  oce: [say("oce"), say("Asks for ID scores of known images and strangers that lie apart.")],
  "memory contrastive": [say("memory contrastive"), say("The contrastive term once more, on images of the memory.")],
  "memory regulariser": [say("memory regulariser"), say("The regulariser once more, on images of the memory.")],
  "entropy nearby": [say("entropy nearby"), say("The entropy at the worst weights close by, so that a flat valley is found.")],
  strangers: [say("strangers"), say("Asks for undecided answers where an image looks like a stranger.")],
  redundancy: [say("redundancy"), say("Asks the features for less of what they all share.")],
  representation: [say("representation"), say("Asks features to lie near others of the same answer and away from the rest.")],
  prediction: [say("prediction"), say("Asks predictions to agree with those of images that look alike.")],
  replay: [say("replay"), say("Asks for surer answers on the images of the memory.")],
  teacher: [say("teacher"), say("Asks for the answers of a slower copy of the model.")],
  "entropy of the mean": [say("entropy of the mean"), say("Asks an image's most certain crops to agree on one answer.")],
  reward: [say("reward"), say("Asks for answers that another CLIP finds fitting.")],
});

const used = (told) => [say("{part} of {whole}", { part: told.used, whole: told.classes }), "answers"];

/** How CLIPTTA works, in three sentences with a batch's numbers, each words or [a number, the panel that shows it]. */
function sentences({ told, alone }) {
  if (!told) return [];
  const numbers = {
    method: told.label,
    size: String(told.size),
    used: used(told),
    own: [percent(told.own), "matrix"],
    entropy: [fixed(told.entropy, 2), "matrix"],
    most: fixed(Math.log(told.size), 2),
    alone: used(alone ?? told),
  };
  const texts = [
    say("{method} first gives each image its likeliest caption: the {size} images of this batch use {used} captions."),
    say(
      "Then each image chooses among all {size} captions of its batch, as CLIP learnt in training. It gives its own caption {own}, and is as undecided as a row entropy of {entropy} says, of {most} at most: the contrastive term.",
    ),
    alone
      ? say("TENT asks each image alone to be surer, and nothing holds its batch together: its answers use {alone} captions. CLIPTTA's loss would rise if all joined one crowd.")
      : say("So the batch holds together: while its captions differ, an image that joins the crowd fits its own caption less, and the loss rises."),
  ];
  return texts.map((text) => {
    const parts = [""];
    text.split(/\{(\w+)\}/).forEach((words, index) => {
      const part = index % 2 ? numbers[words] : words;
      if (typeof part === "string" && typeof parts.at(-1) === "string") parts[parts.length - 1] += part;
      else parts.push(part);
    });
    return parts;
  });
}

const number = ([text, id]) =>
  make("button.number", { title: say("Show where"), onclick: () => show(id) }, text);

function show(id) {
  document.querySelector("#story header button").click();
  lightUp(id);
}

// A comma stays with its number: a button lets a line break on either side.
const stop = (part) => (typeof part === "string" && part.match(/^[.,;:]/)?.[0]) || "";
const line = (parts) =>
  parts.map((part, index) => {
    if (typeof part === "string") return index ? part.slice(stop(part).length) : part;
    return make("span.whole", number(part), stop(parts[index + 1]));
  });

function loss(own) {
  const value = (number) => make("dd", fixed(number, 2).replace("-", "−"));
  const values = Object.entries(own.terms).map(([term, number]) => {
    const [name, meaning] = TERMS[term] ?? [term, ""];
    return make("div", { title: meaning }, make("dt", name), value(number));
  });
  const sum = Object.values(own.terms).reduce((one, other) => one + other, 0);
  if (values.length > 1) values.push(make("div.sum", make("dt", say("sum")), value(sum)));
  return tinted(own.mark, make("section", { title: own.sentence }, make("h3", who(own)), make("dl", ...values)));
}

function heading({ losses, step, batch }) {
  if (!losses.length) return say("No method of this run has a loss: they adapt without steps.");
  const when = step === null ? say("the last step of batch {batch}", { batch }) : say("step {step} of batch {batch}", { step, batch });
  return say("The loss at {when}", { when });
}

kinds.story = function (body, data) {
  cliptta.instead(body, say("as a picture"), false);
  emptied(body, data.losses ? "" : say("The terms of each loss appear here, with their values at each step."));
  if (!body.querySelector(".story")) body.append(make("div.story", make("ol"), make("h3.when"), make("div.losses")));
  const story = body.querySelector(".story");
  story.hidden = !data.losses;
  if (!data.losses) return;
  const told = sentences(data);
  const words = JSON.stringify(told);
  const [list, when, losses] = story.children;
  if (story.dataset.words !== words) list.replaceChildren(...told.map((parts) => make("li", ...line(parts)))); // keeps the focus
  story.dataset.words = words;
  when.textContent = heading(data);
  losses.replaceChildren(...data.losses.map(loss));
};
