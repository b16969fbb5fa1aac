// Keys, focus and screen readers: what a visit without a mouse or without a screen needs beside what Gradio does.

/** Says each new value of a hidden line, once. Called for the element that keeps it. */
cliptta.speak = function (element, props, watch) {
  const line = element.querySelector("[role=status]");
  watch("value", () => {
    if (line.textContent !== props.value) line.textContent = props.value;
  });
};

// Tab leaves a list of choices. Gradio opens it again, whose answer to any key comes after the field has lost the
// focus; and a list that scrolls is a stop of its own to a browser.
window.addEventListener(
  "keydown",
  (event) => {
    if (event.key !== "Tab" || !event.target.matches?.("[role=combobox]")) return;
    document.getElementById(event.target.getAttribute("aria-controls"))?.setAttribute("tabindex", "-1");
    event.stopPropagation();
  },
  true,
);

// Not by its address, which would leave the page where it has settings in its own.
document.addEventListener("click", (event) => {
  if (!event.target.matches?.(".skip")) return;
  event.preventDefault();
  find("#run").focus();
});

// Run is disabled while it works, and Pause while nothing does: the focus goes to whichever can be pressed.
let held = null; // the button of the two that has the focus, or had it until it was disabled
const pair = () => [find("#run"), find("#pause")];
document.addEventListener("focusin", (event) => {
  held = pair().includes(event.target) ? event.target : null;
});
document.addEventListener("pointerdown", (event) => {
  if (!event.target.closest?.("#run, #pause")) held = null;
});
new MutationObserver(() => {
  if (!held?.disabled) return;
  focusOn(pair().find((button) => !button.disabled));
}).observe(document, { subtree: true, attributes: true, attributeFilter: ["disabled"] });

/** Leads to a field, in the drawer perhaps. */
cliptta.lead = function (place) {
  const field = find(place);
  if (!field) return;
  if (field.closest("#sidebar")) cliptta.showSettings(true);
  field.scrollIntoView({ block: "center" });
  field.focus();
};
// A button in a sentence leads to the field it speaks of.
document.addEventListener("click", (event) => cliptta.lead(event.target.closest?.("[data-shows]")?.dataset.shows || null));

// On Watch space runs and pauses, the right arrow steps, wherever they have no other meaning.
document.addEventListener("keydown", (event) => {
  const free = event.target === document.body && document.body.dataset.depth === "watch" && !event.ctrlKey && !event.metaKey && !event.altKey;
  if (!free || ![" ", "ArrowRight"].includes(event.key)) return;
  const button = event.key === " " ? pair().find((one) => !one.disabled) : find("#step:enabled");
  if (!button) return;
  event.preventDefault(); // nothing scrolls
  button.click();
});

// What a button does that is not to be tried out, said beforehand.
document.addEventListener("mouseover", (event) => {
  const button = event.target.closest?.("#start-over");
  if (button) button.title = say("Drops the results and what the methods have learnt; settings and images stay");
});
