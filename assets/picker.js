// Choosing the methods (cliptta_demo/page/layout/own_widgets.py): the chosen ones as a row of names, all of them behind a button.

cliptta.picker = function (element, props, watch, trigger, server) {
  const picker = element.querySelector(".picker");
  const list = picker.querySelector(".chosen");
  const boxes = [...picker.querySelectorAll("input")];
  const [first] = boxes; // the yardstick, which always runs
  const most = Number(picker.dataset.most);

  function chip(box, mark) {
    const name = box.closest(".method").querySelector("b").textContent;
    const children = who({ mark, label: name });
    if (box !== first) {
      const out = { ariaLabel: say("Leave out {name}", { name }), onclick: () => leave(box) };
      children.push(make("button", out, "×"));
    }
    return make("li", ...children);
  }

  let drawing = 0;
  async function draw() {
    const mine = ++drawing;
    const chosen = new Set(props.value || []);
    for (const box of boxes) box.checked = box === first || chosen.has(box.value);
    const checked = boxes.filter((box) => box.checked);
    for (const box of boxes) box.disabled = box === first || (checked.length >= most && !box.checked);
    picker.querySelector("small").textContent = checked.length < most ? say("{count} of {most}", { count: checked.length, most }) : say("all {most} places taken", { most });
    const marks = await server.marks_of(checked.map((box) => box.value)); // two that like one colour get two
    if (mine === drawing) list.replaceChildren(...checked.map((box) => chip(box, marks[box.value])));
  }

  function tell() {
    props.value = boxes.filter((box) => box.checked).map((box) => box.value);
    draw();
    trigger("input");
    trigger("change");
  }

  function leave(box) {
    box.checked = false;
    tell();
    picker.querySelector("summary").focus(); // the button that had the focus is gone
  }

  picker.addEventListener("change", tell);
  watch("value", draw);
  draw();
};
