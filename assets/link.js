// Addresses: the link of an experiment, the run of a server that has gone, and a form that is still being filled.
const loopback = /^(localhost|127\..*|\[::1\])$/.test(location.hostname);

/** Puts the address of the experiment into the address bar, and shows it: the field that it stands in.
 * `others`: where the network has the server, which this machine alone calls so. */
function showLink(query, others) {
  const address = new URL(window.location.href);
  const kept = [...address.searchParams].filter(([name]) => name.startsWith("__")); // Gradio's own, such as the theme
  address.hash = "";
  address.search = new URLSearchParams([...kept, ...new URLSearchParams(query)]).toString();
  window.history.replaceState(null, "", address);
  address.search = query; // the friend keeps their own theme
  const note = find("#link-note .link-note");
  const field = note.querySelector("input");
  const all = [...(others ?? []), location.hostname].map((host) => Object.assign(new URL(address), { hostname: host }));
  field.value = all[0].href;
  const rest = all.slice(1).map(({ origin }) => origin).join(", ");
  let more = rest && say("It opens in your network. This server is also at {addresses}.", { addresses: rest });
  if (!rest && others && loopback) more = say("Only this machine can open it: the server listens on loopback alone, or has no network.");
  note.querySelector("small").textContent = more;
  note.hidden = false;
  note.querySelector("span").textContent = say("Copy this link");
  return field;
}

/** The same, and puts it into the clipboard. */
cliptta.copyLink = async function (told) {
  const [query, ...others] = told.split("\n");
  if (!query) return; // the form has an error, which the message tells
  const field = showLink(query, others);
  // A frame or a plain http page may not write to the clipboard.
  const copied = await navigator.clipboard?.writeText(field.value).then(() => true, () => false);
  if (!copied) field.select();
  if (copied || document.execCommand("copy")) field.parentElement.querySelector("span").textContent = say("Link copied");
};

// A run is its server's. When another one has come in its place Gradio opens the page anew, which then asks for the run
// that it showed: this tab keeps which one that was, and whose.
const SHOWN = "cliptta-run";
const server = () => find("meta[name=cliptta-server]")?.content;
window.addEventListener("pagehide", () => {
  const line = find("#lead:not(:has(.example)) .run-line");
  keepList(SHOWN, line ? [server(), location.href, `?${line.dataset.link}`] : [], "sessionStorage");
});

/** The query of the run that this tab has lost with its server; empty where there is none. */
const lostRun = (cliptta.lostRun = function () {
  const [whose, address, query] = recalled(SHOWN, "sessionStorage");
  return address === location.href && whose !== server() ? query : "";
});

// An address, or a lost run, fills the form. Whoever presses before it has means what that says: the press waits for it.
let opening = window.location.search.length > 1 || lostRun() !== "";
let pressed = null;
window.addEventListener(
  "click",
  (event) => {
    const button = opening && event.target.closest?.("#run, #step");
    if (!button) return;
    event.stopPropagation();
    pressed = button;
  },
  true,
);
cliptta.opened = () => {
  if (lostRun()) showLink(lostRun());
  opening = false;
  pressed?.click();
  pressed = null;
};
