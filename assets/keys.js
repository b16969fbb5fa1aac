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
  document.querySelector("#run").focus();
});

// Run is disabled while it works, and Pause while nothing does: the focus goes to whichever can be pressed.
let held = null; // the button of the two that has the focus, or had it until it was disabled
const pair = () => [document.querySelector("#run"), document.querySelector("#pause")];
document.addEventListener("focusin", (event) => {
  held = pair().includes(event.target) ? event.target : null;
});
document.addEventListener("pointerdown", (event) => {
  if (!event.target.closest?.("#run, #pause")) held = null;
});
new MutationObserver(() => {
  if (!held?.disabled) return;
  pair().find((button) => !button.disabled)?.focus({ preventScroll: true });
}).observe(document, { subtree: true, attributes: true, attributeFilter: ["disabled"] });

// A button in a sentence that leads to the field it speaks of.
document.addEventListener("click", (event) => {
  const field = document.querySelector(event.target.closest?.("[data-shows]")?.dataset.shows || null);
  if (!field) return;
  if (getComputedStyle(settings()).display !== "none") cliptta.showSettings(true);
  field.scrollIntoView({ block: "center" });
  field.focus();
});

// Space runs and pauses, the right arrow steps, wherever they have no other meaning.
document.addEventListener("keydown", (event) => {
  const free = event.target === document.body && !event.ctrlKey && !event.metaKey && !event.altKey;
  if (!free || ![" ", "ArrowRight"].includes(event.key)) return;
  const button = event.key === " " ? pair().find((one) => !one.disabled) : document.querySelector("#step:enabled");
  if (!button) return;
  event.preventDefault(); // nothing scrolls
  button.click();
});

// What a button does that is not to be tried out, said beforehand.
document.addEventListener("mouseover", (event) => {
  const button = event.target.closest?.("#start-over");
  if (button) button.title = say("Drops the results and what the methods have learnt; settings and images stay");
});

// On a phone the settings are a sheet over the page.
const settings = () => document.querySelector("#settings");
cliptta.showSettings = function (show = !document.body.classList.contains("settings-open")) {
  document.body.classList.toggle("settings-open", show);
  settings().setAttribute("aria-expanded", show);
  const sheet = document.querySelector("#sidebar");
  sheet.tabIndex = -1;
  if (show) sheet.focus({ preventScroll: true });
  else settings().focus({ preventScroll: true });
};
document.addEventListener("keydown", (event) => {
  const open = document.body.classList.contains("settings-open");
  if (event.key === "Escape" && open && !event.target.matches?.("[aria-expanded=true]")) cliptta.showSettings(false);
});
