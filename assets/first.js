// Stands inside what is seen first (cliptta_demo/page/server/first_paint.py), and takes it away when the page has come.
(function () {
  const LONGEST = 20_000; // milliseconds from Gradio's first sign of life; then whatever it has to say is shown
  const first = document.getElementById("first-paint");
  const theme = new URLSearchParams(window.location.search).get("__theme");
  const dark = theme === "dark" || (theme !== "light" && window.matchMedia("(prefers-color-scheme: dark)").matches);
  document.body.classList.toggle("dark", dark); // as Gradio will

  let late = null;
  const comes = new MutationObserver(() => {
    if (document.querySelector("#accuracy .body > *")) end();
    else if (document.querySelector("gradio-app > *")) late ??= setTimeout(end, LONGEST);
  });
  function end() {
    clearTimeout(late);
    comes.disconnect();
    first.remove();
  }
  comes.observe(document.body, { childList: true, subtree: true });
})();
