// Words of the field: where one stands in a text, pointing at it, a tap or Enter shows its sentence from the glossary.
const PLACES = ".masthead > p, .sentence:not(summary *), .facts, .footnote, .matrix .reading, .lesson p, #sidebar .block [class*=info]:not(span)";
const SOON = 300; // milliseconds that a pointer rests before a sentence comes or goes

let words = null; // word → the glossary's entry
let pattern = null;

function readGlossary() {
  if (words) return true;
  const entries = [...document.querySelectorAll("#glossary [data-words]")];
  if (!entries.length) return false;
  words = new Map(entries.flatMap((entry) => entry.dataset.words.split("|").map((word) => [word, entry])));
  const longestFirst = [...words.keys()].sort((one, other) => other.length - one.length);
  const plain = longestFirst.map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  const apart = /^(zh|ja)/.test(language.code) ? "" : "[\\p{L}\\p{M}\\p{N}_-]"; // they part no words
  pattern = new RegExp(apart ? `(?<!${apart})(${plain.join("|")})(?!${apart})` : `(${plain.join("|")})`, "gu");
  return true;
}

/** Marks each word once in the texts of a place, and once in a panel. */
function mark(place) {
  const around = place.closest(".panel") || place;
  const seen = new Set([...around.querySelectorAll(".term")].map((term) => find(term.getAttribute("href"))));
  const walker = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) if (!walker.currentNode.parentElement.closest("a, button")) texts.push(walker.currentNode);
  for (const text of texts) {
    const parts = [];
    let from = 0;
    for (const { 0: word, index } of text.data.matchAll(pattern)) {
      const entry = words.get(word);
      if (seen.has(entry)) continue;
      seen.add(entry);
      const term = make("a.term", { href: `#${entry.id}`, "aria-expanded": false }, word);
      parts.push(text.data.slice(from, index), term);
      from = index + word.length;
    }
    if (parts.length) text.replaceWith(...parts, text.data.slice(from));
  }
}

const done = new WeakMap(); // place → its text and first node when it was marked
let waiting = 0;
function pass() {
  waiting = 0;
  if (!readGlossary()) return;
  for (const place of document.querySelectorAll(PLACES)) {
    const text = place.textContent;
    const known = done.get(place);
    if (known?.text === text && known.first === place.firstChild) continue;
    mark(place);
    done.set(place, { text, first: place.firstChild });
  }
}
new MutationObserver(() => {
  waiting = waiting || setTimeout(pass, 200);
}).observe(document, { subtree: true, childList: true, characterData: true });

const bubble = make("div.bubble", { popover: "auto", role: "status" });
let shown = null; // the word whose sentence is shown
let timer = 0;

function show(term) {
  const entry = find(term.getAttribute("href"));
  if (!bubble.isConnected) root().append(bubble);
  const all = make("a", { href: "#glossary", onclick: toGlossary }, say("All words"));
  bubble.replaceChildren(make("b", entry.children[0].textContent), make("p", entry.children[1].textContent), all);
  bubble.showPopover();
  const at = term.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = bubble;
  const below = at.bottom + 6 + height < window.innerHeight;
  const left = mirrored ? at.right - width : at.left;
  bubble.style.left = `${Math.max(8, Math.min(left, window.innerWidth - width - 8))}px`;
  bubble.style.top = `${below ? at.bottom + 6 : Math.max(8, at.top - height - 6)}px`;
  shown = term;
  term.setAttribute("aria-expanded", true);
}

function toGlossary(event) {
  event.preventDefault();
  bubble.hidePopover();
  const glossary = find("#glossary details");
  cliptta.showSettings(true);
  glossary.open = true;
  glossary.scrollIntoView({ block: "center" });
  focusOn(glossary.querySelector("summary"));
}

bubble.addEventListener("toggle", (event) => {
  if (event.newState === "open") return;
  shown?.setAttribute("aria-expanded", false);
  shown = null;
});

document.addEventListener("click", (event) => {
  const term = event.target.closest?.("a.term");
  if (!term) return;
  event.preventDefault();
  clearTimeout(timer);
  show(term);
});
// Not on touch, where a tap sends these, too.
const rest = (event, work) => {
  if (event.pointerType !== "mouse" || !event.target.closest?.("a.term, .bubble")) return;
  clearTimeout(timer);
  timer = setTimeout(work, SOON, event.target.closest("a.term"));
};
document.addEventListener("pointerover", (event) => rest(event, (term) => term && show(term)));
document.addEventListener("pointerout", (event) => rest(event, () => bubble.isConnected && bubble.hidePopover()));
