// Choosing the methods (cliptta_demo/page/layout/own_widgets.py): the chosen ones as chips, all of them behind a button.
const NAMED = 3; // methods whose chips have room for a name,
const LETTERS = 22; // of all together

const nameOf = (box) => box.closest(".method").querySelector("b").textContent;

cliptta.picker = function (element, props, watch, trigger, server) {
  const picker = element.querySelector(".picker");
  const list = picker.querySelector(".chosen");
  const all = picker.querySelector(".floating");
  const boxes = [...picker.querySelectorAll("input")];
  const [first] = boxes; // the yardstick, which always runs
  const most = Number(picker.dataset.most);
  const more = make("button", { className: "chip more", textContent: "+", ariaLabel: say("All methods") });
  let looked = null; // the method whose chip was pressed
  list.append(more);
  cliptta.menu(more, all, () => {
    const box = looked ?? boxes.find((other) => !other.disabled);
    looked = null;
    box?.closest(".method").scrollIntoView({ block: "nearest" });
    focusOn(box);
  });

  function chip(box, mark, named) {
    const label = nameOf(box);
    const onclick = () => {
      looked = box;
      more.click();
    };
    const chip = make("button", { className: "chip", title: label, ariaLabel: label, onclick }, marker(mark));
    if (named) chip.append(label);
    return chip;
  }

  let drawing = 0;
  async function draw() {
    const mine = ++drawing;
    const chosen = new Set(props.value || []);
    for (const box of boxes) box.checked = box === first || chosen.has(box.value);
    const checked = boxes.filter((box) => box.checked);
    const letters = checked.reduce((sum, box) => sum + nameOf(box).length, 0);
    const named = checked.length <= NAMED && letters <= LETTERS;
    for (const box of boxes) box.disabled = box === first || (checked.length >= most && !box.checked);
    const full = say("All {most} places are taken: take one out first.", { most });
    all.querySelector("[role=status]").textContent = checked.length < most ? "" : full;
    picker.querySelector(".knob-name b").textContent = !named ? say("{count} of {all}", { count: checked.length, all: boxes.length }) : "";
    const marks = await server.marks_of(checked.map((box) => box.value)); // two that like one colour get two
    if (mine === drawing) list.replaceChildren(...checked.map((box) => chip(box, marks[box.value], named)), more);
  }

  picker.addEventListener("change", () => {
    props.value = boxes.filter((box) => box.checked).map((box) => box.value);
    draw();
    trigger("input");
    trigger("change");
  });
  watch("value", draw);
  draw();
};
