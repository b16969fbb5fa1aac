// Knobs (cliptta_demo/page/layout/knobs.py): corruption as pictures of one image, severity, the rate on a scale of
// tens. The server writes what there is to choose; here it is chosen. Menus float, and close when one looks elsewhere.
const NEIGHBOURS = 3; // corruptions shown beside "none" and the chosen one

/** Draws a knob's value now and at every change; returns what gives it another. */
function turned({ props, watch, trigger }, draw) {
  watch("value", draw);
  draw();
  return (value) => {
    if (value === props.value) return;
    props.value = value;
    draw();
    trigger("input");
    trigger("change");
  };
}

/** A button that opens what floats below it; the browser closes it again, by Escape or a press beside it. */
cliptta.menu = function (button, floating, opened = () => {}) {
  Object.assign(floating, { popover: "auto", role: "dialog", ariaLabel: button.ariaLabel ?? button.textContent });
  button.ariaHasPopup = "dialog";
  button.ariaExpanded = "false";
  button.addEventListener("click", () => floating.togglePopover());
  floating.addEventListener("toggle", ({ newState }) => {
    button.ariaExpanded = newState === "open";
    if (newState !== "open") {
      if (document.activeElement === document.body) focusOn(button);
      return;
    }
    const { left, right, bottom } = button.getBoundingClientRect();
    const { offsetWidth: wide, offsetHeight: high } = floating;
    const { clientWidth, clientHeight } = document.documentElement;
    const within = (at, most) => Math.max(8, Math.min(at, most - 8));
    floating.style.left = `${within(mirrored ? right - wide : left, clientWidth - wide) + scrollX}px`;
    floating.style.top = `${within(bottom + 8, clientHeight - high) + scrollY}px`;
    opened();
  });
};

cliptta.corruption = function (element, props, watch, trigger) {
  const row = element.querySelector(".thumbs");
  const all = element.querySelector(".floating");
  const options = [...all.querySelectorAll("button")];
  const shown = element.querySelector(".knob-name b");
  cliptta.menu(row.querySelector(".more"), all, () => all.querySelector("[aria-pressed=true]")?.focus());
  const choose = turned({ props, watch, trigger }, () => {
    const chosen = options.find(({ value }) => value === props.value);
    for (const option of options) option.ariaPressed = option === chosen;
    shown.textContent = chosen?.textContent ?? props.value;
    const pictures = options.filter((option) => option.querySelector(".thumb"));
    const at = Math.max(0, pictures.indexOf(chosen));
    const others = pictures.slice(1).filter((option) => option !== chosen);
    const from = Math.min(Math.max(0, at - 1), others.length - NEIGHBOURS);
    const kept = new Set([pictures[0], chosen, ...others.slice(from, from + NEIGHBOURS)]);
    const thumbs = pictures.filter((option) => kept.has(option)).map((option) => {
      const name = option.textContent;
      const button = make("button", { value: option.value, title: name, ariaLabel: name, ariaPressed: option === chosen }, option.querySelector(".thumb").cloneNode());
      return button;
    });
    const focused = document.activeElement?.closest(".thumbs") === row ? document.activeElement.value : null;
    row.querySelectorAll("button:not(.more)").forEach((button) => button.remove());
    row.prepend(...thumbs);
    if (focused) thumbs.find(({ value }) => value === focused)?.focus();
  });
  element.addEventListener("click", (event) => {
    const button = event.target.closest("button:not(.more)");
    if (!button) return;
    choose(button.value);
    if (all.contains(button)) all.hidePopover();
  });
};

cliptta.severity = function (element, props, watch, trigger) {
  const buttons = [...element.querySelectorAll("input")];
  const choose = turned({ props, watch, trigger }, () => {
    for (const button of buttons) button.checked = Number(button.value) === props.value;
    document.documentElement.style.setProperty("--severity", props.value); // of the pictures of corruptions
  });
  element.addEventListener("change", (event) => choose(Number(event.target.value)));
};

cliptta.rate = function (element, props, watch, trigger) {
  const slider = element.querySelector("input");
  const shown = element.querySelector(".knob-name b");
  const choose = turned({ props, watch, trigger }, () => {
    const words = String(Number(Number(props.value).toPrecision(6)));
    shown.textContent = words;
    slider.setAttribute("aria-valuetext", words);
    const at = props.value > 0 ? Math.log10(props.value) : Number(slider.min);
    slider.value = at;
    const share = (at - slider.min) / (slider.max - slider.min);
    slider.style.setProperty("--share", `${100 * Math.min(1, Math.max(0, share))}%`);
  });
  slider.addEventListener("input", () => choose(Number((10 ** slider.value).toPrecision(2))));
};
