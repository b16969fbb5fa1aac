// The schedule (cliptta_demo/page/panels/strip.py): blocks of shifts, classes, strangers, a marker; a table by shift.

const SAID = 6; // shifts that are named in the sentence

const nameOf = ({ names }, shift) => capital(names[shift]);

/** The strip in words, for those who can't see it and where there is little to see. */
function sentence(plan) {
  const groups = [];
  let first = 1;
  for (const [key, , length] of plan.shifts) {
    const last = first + length - 1;
    if (groups.at(-1)?.key === key) groups.at(-1).last = last;
    else groups.push({ key, shift: nameOf(plan, key), first, last });
    first += length;
  }
  const words = groups.map(({ shift, first, last }) =>
    last > first ? say("{shift} in batches {first} to {last}", { shift, first, last }) : say("{shift} in batch {number}", { shift, number: first }),
  );
  if (words.length === 1 && plan.batches > 1) words[0] = say("{shift} in all {batches} batches", { shift: groups[0].shift, batches: plan.batches });
  else if (words.length > SAID) words.splice(SAID, words.length, say("then {number} more", { number: words.length - SAID }));
  const levels = plan.shifts.map(([, level]) => level);
  const [low, high] = [Math.min(...levels), Math.max(...levels)];
  if (high) words.push(low === high ? say("severity {severity}", { severity: high }) : say("severity {low} to {high}", { low, high }));
  if (plan.pace) words.push(say("an image every {pace} ms", { pace: plan.pace }));
  const { order, concentration: number } = plan;
  words.push(number === null ? order : say("{order}, concentration {number}", { order, number }));
  const share = percent(plan.strangers);
  if (plan.strangers) words.push(plan.bursts.length ? say("{share} strangers in bursts", { share }) : say("{share} strangers", { share }));
  const text = `${words.join("; ")}.`;
  return plan.later ? say("Next run: {plan}", { plan: text }) : text;
}

function shifts(data) {
  const row = make("div.shifts");
  let first = 0;
  for (const [shift, level, length] of data.shifts) {
    const name = nameOf(data, shift);
    const shown = level ? say("{name}, severity {level}", { name, level }) : name;
    const place = { batch: first + 1, last: first + length };
    const batches = length > 1 ? say("batches {batch} to {last}", place) : say("batch {batch}", place);
    const fill = make("i", { style: `height:${20 * level || 100}%` });
    row.append(make("div", { title: `${shown}: ${batches}`, style: `flex-grow:${length}` }, fill, make("span", name)));
    first += length;
  }
  return row;
}

/** A row for each class: the darker, the more of a batch's images are of it. */
function classes(rows) {
  const canvas = make("canvas.classes", { width: rows[0].length, height: rows.length });
  const drawing = canvas.getContext("2d");
  drawing.fillStyle = colour("ink");
  rows.forEach((row, y) =>
    [...row].forEach((level, x) => {
      drawing.globalAlpha = Number(level) / 9;
      drawing.fillRect(x, y, 1, 1);
    }),
  );
  return canvas;
}

function strangers(shares) {
  const row = make("div.bursts");
  for (const share of shares) row.append(make("i", { style: `height:${100 * share}%` }));
  return row;
}

/** The lanes with the marker over them; built anew only where the plan is another. */
function picture(body, data, text) {
  const key = JSON.stringify([data.shifts, data.classes, data.bursts, document.body.className]);
  if (body.dataset.key !== key) {
    body.dataset.key = key;
    const lanes = make("div.lanes", { role: "img" });
    const lane = (name, content) =>
      lanes.append(make("div.lane", content), make("b", name));
    lane(say("shift"), shifts(data));
    if (data.classes.length) lane(say("classes"), classes(data.classes));
    if (data.bursts.length) lane(say("strangers"), strangers(data.bursts));
    body.replaceChildren(make("p.quiet"), lanes);
  }
  const { at } = data;
  const lanes = body.querySelector(".lanes");
  lanes.setAttribute("aria-label", at === null ? text : `${text} ${say("At batch {batch}.", { batch: at + 1 })}`);
  lanes.classList.toggle("is-marked", at !== null);
  lanes.style.setProperty("--at", at / data.batches);
  lanes.style.setProperty("--wide", 1 / data.batches);
}

kinds.strip = function (body, data) {
  const text = data?.shifts ? sentence(data) : "";
  if (text && (data.shifts.length > 1 || data.classes.length || data.bursts.length)) picture(body, data, text);
  else {
    delete body.dataset.key;
    body.replaceChildren(make("p.quiet"));
  }
  const line = body.querySelector(".quiet");
  Object.assign(line, { textContent: text, title: text });
  line.classList.toggle("later", Boolean(data?.later));
};

absent.shifts = ({ rows }) => !rows?.length;
kinds.shifts = function (body, { methods, rows }) {
  if (!rows?.length) return;
  const heads = [make("th", say("shift")), make("th", say("images")), ...methods.map((entry) => make("th", { scope: "col" }, who(entry)))];
  const lines = rows.map(({ shift, images, right }) => {
    const shares = right.map((count) => make("td", percent(count / images, 1), make("small", ` ${count}`)));
    return make("tr", make("th", { scope: "row" }, capital(shift)), make("td", images), ...shares);
  });
  body.replaceChildren(table(say("Accuracy under each shift"), make("thead", make("tr", heads)), make("tbody", lines)));
};
