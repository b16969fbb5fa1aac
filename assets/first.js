// Stands inside what is seen first (cliptta_demo/page/server/first_paint.py), and takes it away when the page has come.
(function () {
  const LONGEST = 20_000; // milliseconds from Gradio's first sign of life; then whatever it has to say is shown
  const first = document.getElementById("first-paint");
  const theme = new URLSearchParams(window.location.search).get("__theme");
  const dark = theme === "dark" || (theme !== "light" && window.matchMedia("(prefers-color-scheme: dark)").matches);
  document.body.classList.toggle("dark", dark); // as Gradio will

  /** All is drawn by the page's own scripts, which are here before Gradio's. */
  function draw() {
    const told = first.querySelector("script[type='application/json']");
    if (!told || !window.cliptta) return;
    const { gallery, ...figures } = JSON.parse(told.textContent);
    window.cliptta.arrivals.gallery(gallery);
    for (const name of [...Object.keys(figures), "sentence", "words", "answers"]) {
      window.cliptta.kinds[name](first.querySelector(`#${name} .body`), figures[name]);
    }
  }
  first.querySelector("script[src]")?.addEventListener("load", draw);
  first.draw = draw; // called where the last place stands: whichever comes later draws

  let late = null;
  const comes = new MutationObserver(() => {
    if (document.querySelector("gradio-app #accuracy .body > *")) end();
    else if (document.querySelector("gradio-app > *")) late ??= setTimeout(end, LONGEST);
  });
  function end() {
    clearTimeout(late);
    comes.disconnect();
    first.remove();
  }
  comes.observe(document.body, { childList: true, subtree: true });

  // The clock of Gradio's own loading screen goes on for ever once that has gone, sixty times a second. It shows tenths.
  const CLOCK = /^\(\)\s*=>\s*\{\s*\w+\(\w+,\s*\(performance\.now\(\)\s*-/;
  const frame = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (call) => (CLOCK.test(call) ? setTimeout(call, 100) : frame(call));
})();
