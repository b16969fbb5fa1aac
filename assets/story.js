// The story (cliptta_demo/page/panels/story.py): sentences joined to the batch's numbers, losses term by term.
(function () {
  const cliptta = window.cliptta;
  const { make, say } = cliptta;

  const number = ([text, id]) =>
    make("button", { type: "button", className: "number", textContent: text, title: say("Show where"), onclick: () => cliptta.lightUp(id) });

  // A comma stays with its number: a button lets a line break on either side.
  const stop = (part) => (typeof part === "string" && part.match(/^[.,;:]/)?.[0]) || "";
  const line = (parts) =>
    parts.map((part, index) => {
      if (typeof part === "string") return index ? part.slice(stop(part).length) : part;
      return make("span", { className: "whole" }, number(part), stop(parts[index + 1]));
    });

  function loss({ says, terms, sum, mark, ...who }) {
    const values = terms.map(([name, value, meaning]) =>
      make("div", { title: meaning }, make("dt", { textContent: name }), make("dd", { textContent: value })),
    );
    if (sum) values.push(make("div", { className: "sum" }, make("dt", { textContent: say("sum") }), make("dd", { textContent: sum })));
    const place = make("section", { title: says }, make("h3", {}, ...cliptta.who({ ...who, mark })), make("dl", {}, ...values));
    place.style.setProperty("--own", `var(--m-${mark.colour})`);
    return place;
  }

  cliptta.kinds.story = function (body, data) {
    if (!body.querySelector(".story")) body.append(make("div", { className: "story" }));
    const holder = body.querySelector(".story");
    const { sentences = [], losses = [] } = data;
    body.querySelector(".empty")?.remove();
    if (data.empty) body.append(cliptta.emptyNote(data.empty));
    holder.hidden = Boolean(data.empty);
    const words = JSON.stringify(sentences);
    if (holder.dataset.words !== words) {
      holder.dataset.words = words;
      holder.querySelector("ol")?.remove();
      const lines = sentences.map((parts) => make("li", {}, make("p", {}, ...line(parts))));
      if (lines.length) holder.prepend(make("ol", {}, ...lines));
    }
    holder.querySelector(".losses")?.remove();
    holder.querySelector(".when")?.remove();
    const when = losses.length ? say("The loss at {when}", data) : say("No method of this run has a loss: they adapt without steps.");
    if (!data.empty) holder.append(make("h4", { className: "when", textContent: when }), make("div", { className: "losses" }, ...losses.map(loss)));
  };
})();
