// What the theme, and paper, ask for: all is drawn again in their colours.
let dark = null;
const themeChanged = () => {
  const now = document.body.classList.contains("dark");
  if (now !== dark) drawAnew();
  dark = now;
};
new MutationObserver(themeChanged).observe(document.body, { attributes: true, attributeFilter: ["class"] });
themeChanged();

// On paper all is light and as wide as the paper, drawings too.
let wasDark = false;
const paint = (inDark, onPaper) => {
  document.body.classList.toggle("dark", inDark);
  document.body.classList.toggle("paper", onPaper);
  for (const schedule of mounted) schedule.now();
  for (const plot of document.querySelectorAll(".js-plotly-plot")) {
    if (!plot.clientWidth) continue;
    window.Plotly.relayout(plot, { autosize: true });
    plot.ends?.();
  }
};
window.addEventListener("beforeprint", () => {
  wasDark = document.body.classList.contains("dark");
  paint(false, true);
});
window.addEventListener("afterprint", () => paint(wasDark, false));
