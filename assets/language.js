// The menu of languages. A page changes its own in place: its run, its form and its answers stay.
const CHOICE = "cliptta-language"; // the cookie that keeps it (cliptta_demo/page/framework/visitor_language.py)

/** Every text that stands on the page in the words of `before`, in those of `after`. */
function exchange(before, after) {
  const [known, capitals] = [new Map(), new Map()];
  const filled = []; // [what a filled text looks like, the names of its places, its words in the other language]
  const learn = (old, young) => {
    if (!old || old === young) return;
    const [, ...places] = old.split(/\{(\w*)[^}]*\}/);
    if (!places.length) return known.set(old, young) && capitals.set(capital(old), capital(young));
    const pattern = old.split(/\{\w*[^}]*\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("(.+?)");
    if (/\p{L}{2}/u.test(pattern)) filled.push([new RegExp(`^${pattern}$`, "su"), places.filter((_, index) => index % 2 === 0), young]);
  };
  for (const text of Object.keys({ ...before.words, ...after.words })) {
    const [olds, youngs] = [before, after].map((one) => [one.words[text] ?? text].flat());
    olds.forEach((old, form) => learn(old, youngs[Math.min(form, youngs.length - 1)]));
  }
  const other = (text) => {
    const [, start, words, end] = /^(\s*)(.*?)(\s*)$/s.exec(text);
    if (!words) return text;
    const whole = known.get(words) ?? capitals.get(words);
    if (whole) return `${start}${whole}${end}`;
    if (words.includes(" · ")) return start + words.split(" · ").map(other).join(" · ") + end;
    for (const [pattern, places, young] of filled) {
      const [, ...values] = pattern.exec(words) ?? [];
      if (values.length) return start + young.replace(/\{(\w*)[^}]*\}/g, (_, name) => other(values[places.indexOf(name)] ?? "")) + end;
    }
    return text;
  };
  for (const place of document.querySelectorAll("header h2, header .sentence")) if (place.usual) place.usual = other(place.usual);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const text = node.parentElement.closest("script, style, textarea") ? node.data : other(node.data);
    if (text !== node.data) node.data = text;
  }
  for (const name of ["aria-label", "aria-description", "title", "alt", "placeholder", "data-waits"]) {
    for (const element of document.body.querySelectorAll(`[${name}]`)) {
      const text = other(element.getAttribute(name));
      if (text !== element.getAttribute(name)) element.setAttribute(name, text);
    }
  }
}

const wordsOf = async (code) => (await fetch(`words/${code}`)).json();

/** The menu: a list of languages, each by its own name. `trigger` has the server say anew what it had said. */
cliptta.languages = function (element, trigger) {
  const list = element.querySelector("select");
  list.value = cliptta.language().code;
  list.addEventListener("change", async () => {
    const [before, after] = await Promise.all([cliptta.language().code, list.value].map(wordsOf));
    document.cookie = `${CHOICE}=${after.code}; path=/; max-age=31536000; SameSite=Lax`;
    const address = new URL(location.href);
    if (address.searchParams.has("lang")) {
      address.searchParams.set("lang", after.code);
      history.replaceState(history.state, "", address);
    }
    cliptta.speakIn(after);
    exchange(before, after);
    cliptta.drawAnew();
    const running = () => find("#run:disabled"); // a run goes on in the words it began with
    const atItsEnd = () => (running() ? setTimeout(atItsEnd, 500) : (exchange(before, after), trigger("click")));
    trigger("click");
    if (running()) atItsEnd();
  });
};
