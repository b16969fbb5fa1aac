// The top of the page: its depths, the menu of lessons, the theme; and the drawer of all settings.
const DEPTHS = ["watch", "why", "explore"];
const asked = () => (DEPTHS.includes(location.hash.slice(1)) ? location.hash.slice(1) : DEPTHS[0]);

/** Shows one depth, and draws what waited for it. */
cliptta.show = function (depth, told = true) {
  document.body.dataset.depth = depth;
  for (const tab of document.querySelectorAll("[role=tab]")) {
    const here = tab.id === `tab-${depth}`;
    tab.ariaSelected = here;
    tab.tabIndex = here ? 0 : -1;
  }
  if (told && asked() !== depth) history.replaceState(history.state, "", depth === DEPTHS[0] ? location.pathname + location.search : `#${depth}`);
  catchUp();
};
document.body.dataset.depth = asked();

cliptta.depths = function (element) {
  const tabs = [...element.querySelectorAll("[role=tab]")];
  const open = (tab) => {
    cliptta.show(tab.getAttribute("aria-controls"));
    focusOn(tab);
  };
  for (const tab of tabs) tab.addEventListener("click", () => open(tab));
  element.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !tabs.includes(event.target)) return;
    event.preventDefault();
    open(tabs[(tabs.indexOf(event.target) + (mirrored ? -step : step) + tabs.length) % tabs.length]);
  });
  addEventListener("hashchange", () => cliptta.show(asked(), false));
  cliptta.show(asked(), false);
  cliptta.lessons();
};

/** The menu of lessons, once both its button, in the top (not in what is painted first), and what it opens are there. */
cliptta.lessons = function () {
  const [button, menu] = ["#lessons-open", "#lessons"].map((place) => find(`gradio-app ${place}`));
  if (!button || !menu || menu.popover) return;
  cliptta.menu(button, menu, () => {
    for (const one of menu.querySelectorAll("button")) one.toggleAttribute("data-done", cliptta.isDone(one.id.replace("lesson-", "")));
    menu.querySelector("button").focus();
  });
  menu.addEventListener("click", (event) => {
    if (!event.target.closest("button")) return;
    button.dataset.used = "yes"; // the lesson gets the focus
    menu.hidePopover();
  });
};

/** Escape folds the knobs, unless it closes a list or a menu of theirs. */
function foldedByEscape(knobs, name, fold, button) {
  knobs.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape" || !knobs.matches(name) || knobs.querySelector(":popover-open, input[aria-expanded=true]")) return;
    fold(false);
    button.focus();
  });
}

/** On a phone the knobs are a sheet, which Run closes. */
cliptta.sheet = function (element) {
  const button = element.querySelector("button");
  const knobs = element.closest("#knobs");
  const fold = (open) => {
    knobs.classList.toggle("open", open);
    button.ariaExpanded = open;
    button.textContent = open ? say("Close") : say("Knobs");
  };
  button.addEventListener("click", () => fold(!knobs.classList.contains("open")));
  document.addEventListener("click", (event) => event.target.closest?.("#run") && fold(false));
  foldedByEscape(knobs, ".open", fold, button);
  fold(false);
};

/** What the form asks for, in a line that unfolds the knobs over what lies below, until one looks elsewhere. */
kinds.formLine = function (body, data) {
  const knobs = body.closest("#knobs");
  const fold = (open) => {
    knobs.classList.toggle("unfolded", open);
    if (open) focusOn(knobs.querySelector(".thumbs [aria-pressed=true]"));
  };
  if (!body.firstChild) {
    body.append(make("p"), make("button", { onclick: () => fold(true) }, say("change")));
    document.addEventListener("pointerdown", ({ target }) => target.closest("#knobs, .floating, .options") || fold(false));
    foldedByEscape(knobs, ".unfolded", fold, body.lastChild);
  }
  if (!data.methods) return body.firstChild.replaceChildren(); // the form makes no sense yet
  const thumb = find("#corruption [aria-pressed=true] .thumb")?.cloneNode();
  thumb?.style.setProperty("--sheet", getComputedStyle(find("#corruption .thumbs")).getPropertyValue("--sheet"));
  const methods = data.methods.map((method) => make("span.who", who(method)));
  body.firstChild.replaceChildren(...[thumb, make("b", data.shift), ...data.said.map((text) => make("span", text)), ...methods].filter(Boolean));
};

/** The head of the drawer: closes it, and finds settings by their words. */
cliptta.drawer = function (element) {
  const drawer = element.closest("#sidebar");
  drawer.setAttribute("role", "dialog");
  drawer.ariaLabel = say("All settings");
  const [title, close, find] = ["h2", ".close", ".find"].map((selector) => element.querySelector(selector));
  title.textContent = drawer.ariaLabel;
  Object.assign(close, { textContent: "✕", ariaLabel: say("Close"), onclick: () => cliptta.showSettings(false) });
  Object.assign(find, { placeholder: say("Find a setting"), ariaLabel: say("Find a setting") });
  find.addEventListener("input", () => {
    const words = find.value.trim().toLowerCase();
    for (const block of document.querySelectorAll("#sidebar .fieldset .block:not(:has(.block))")) {
      block.classList.toggle("is-elsewhere", Boolean(words) && !block.textContent.toLowerCase().includes(words));
    }
  });
};

const opens = "#settings, [data-shows], #your-images";
const isOpen = () => document.body.classList.contains("settings-open");
let opener = null; // what had the focus, which it gets back

/** Opens or closes the drawer, with the focus, unless that has gone elsewhere. */
cliptta.showSettings = function (show = !isOpen(), back = true) {
  if (show && !isOpen()) opener = document.activeElement;
  document.body.classList.toggle("settings-open", show);
  const button = find("#settings");
  button.setAttribute("aria-expanded", show);
  if (show) focusOn(find("#sidebar .find"));
  else if (back) focusOn(opener?.matches("button") && opener.isConnected ? opener : button);
};
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && isOpen() && !event.target.matches?.("[aria-expanded=true]")) cliptta.showSettings(false);
});
for (const kind of ["pointerdown", "focusin"]) {
  document.addEventListener(kind, ({ target }) => isOpen() && !target.closest(`#sidebar, .bubble, dialog, ${opens}`) && cliptta.showSettings(false, false));
}
