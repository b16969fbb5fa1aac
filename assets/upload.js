// The place for a visitor's own files (cliptta_demo/page/layout/own_widgets.py): files, folders, archives, videos.
const IMAGES = /\.(jpe?g|jpe|jfif|png|webp|bmp|gif|tiff?)$/i;
const VIDEOS = /\.(mp4|m4v|mov|webm|mkv)$/i;
const TABLES = /\.(csv|tsv)$/i;
const AT_ONCE = 4; // uploads

// Pictures of the visitor's own files until a run has its own; of archives and videos this page has none.
let pictures = []; // {name, address}
let chosenHere = false;
let before; // the batch that was on show when the last of them came
const given = (cliptta.given = {
  /** Those to show in the place of this batch. */
  insteadOf: (batch) => (chosenHere && (!batch || batch === before) ? pictures : []),
  choose(own) {
    chosenHere = own;
    document.body.classList.toggle("own-images", own);
    redraw("words");
  },
  add(files) {
    before = cliptta.batches.newest();
    pictures.push(...files.map(([file, name]) => ({ name, address: URL.createObjectURL(file) })));
    redraw("words");
  },
  clear() {
    for (const { address } of pictures.splice(0)) URL.revokeObjectURL(address);
    redraw("words");
  },
});
const PATIENCE = 120_000; // milliseconds until files can be added again without an answer
const hidden = (path) => path.split("/").some((part) => part.startsWith(".") || part === "__MACOSX");

/** All files below a dropped entry, as [file, relative path]. */
async function walk(entry, found, most) {
  if (found.length > most) return;
  if (entry.isFile) {
    const file = await new Promise((done, fail) => entry.file(done, fail));
    found.push([file, entry.fullPath.replace(/^\//, "")]);
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((done, fail) => reader.readEntries(done, fail)); // at most 100 at a time
    if (!some.length) return;
    for (const inner of some) await walk(inner, found, most);
  }
}

async function dropped(transfer, most) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => [file, file.name]);
  const found = [];
  for (const entry of entries) await walk(entry, found, most);
  return found;
}

const chosen = (input) => [...input.files].map((file) => [file, file.webkitRelativePath || file.name]);

cliptta.uploader = function (element, props, watch, trigger) {
  const zone = element.querySelector(".drop");
  const limits = Object.fromEntries(Object.entries(zone.dataset).map(([name, value]) => [name, Number(value)]));
  const status = zone.querySelector(".status");
  const every = zone.querySelector(".every input");
  const [files, folder] = zone.querySelectorAll("input[type=file]");
  const [chooseFiles, chooseFolder, clear] = zone.querySelectorAll("button");
  let busy = false;
  let said = "";
  let patience = 0;
  // The server counts by it what one visitor sends.
  const token = crypto.getRandomValues(new Uint32Array(4)).join("-");

  const value = () => read(props.value);

  function draw() {
    const { images, frames = 0 } = value();
    status.textContent = said;
    zone.classList.toggle("busy", busy);
    for (const one of [chooseFiles, chooseFolder, clear, every]) one.disabled = busy;
    clear.hidden = images === undefined;
    every.parentElement.hidden = !frames;
  }

  /** How far apart the frames of a video are that are taken. */
  const gap = () => Math.round(Math.min(Math.max(Number(every.value) || 1, 1), Number(every.max)));

  function tell(news) {
    busy = true;
    clearTimeout(patience);
    patience = setTimeout(() => {
      busy = false; // no answer: a full queue, say
      draw();
    }, PATIENCE);
    props.value = JSON.stringify({ ...value(), every: gap(), ...news });
    setTimeout(() => trigger(news.clear ? "clear" : "upload"), 0); // once the new value is known to the page
  }

  /** The same, and what is said until the answer comes, and then. */
  function telling(words, news, then = "") {
    said = words;
    tell(news);
    draw();
    said = then;
  }

  /** What the server answers to a file: its path, or what is in its way. */
  async function send(file) {
    try {
      const address = new URL("images", document.baseURI);
      return await (await fetch(address, { method: "POST", headers: { "X-Visitor": token }, body: file })).json();
    } catch (error) {
      return {};
    }
  }

  async function take(pairs) {
    if (busy || !pairs.length) return;
    const left = [];
    let others = 0;
    const wanted = pairs.filter(([file, path]) => {
      if (hidden(path)) return false;
      const archive = /\.zip$/i.test(path);
      const video = VIDEOS.test(path);
      if (path.includes("/") && !IMAGES.test(path) && !TABLES.test(path) && !archive && !video) {
        others += 1;
        return false;
      }
      const most = archive ? limits.archive : video ? limits.video : limits.image;
      if (file.size > most) left.push(say("{name} is over {most} MB and was left out", { name: file.name, most: Math.round(most / 2 ** 20) }));
      return file.size <= most;
    });
    if (others) left.push(sayCount("{count} other file passed over", "{count} other files passed over", others));
    if (wanted.length > limits.files) {
      const numbers = { most: limits.files, all: wanted.length };
      left.push(say("only the first {most} of {all} files were taken; a zip can hold more", numbers));
      wanted.length = limits.files;
    }
    busy = true;
    const added = [];
    let next = 0;
    let done = 0;
    const lane = async () => {
      while (next < wanted.length) {
        const index = next++;
        const [file, path] = wanted[index];
        const { path: place, detail = "" } = await send(file);
        if (place) added[index] = { path: place, name: path };
        else {
          const reason = detail.replace(/\.$/, ""); // the server's own words
          if (reason && !left.includes(reason)) left.unshift(reason);
          left.push(say("{name} could not be sent", { name: file.name }));
        }
        done += 1;
        said = say("Sending {done} of {all}…", { done, all: wanted.length });
        draw();
      }
    };
    said = sayCount("Sending {count} file…", "Sending {count} files…", wanted.length);
    draw();
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    const sentences = left.slice(0, 3).join(". ");
    if (left.length > 3) said = say("{sentences}, and {more} more.", { sentences, more: left.length - 3 });
    else said = sentences && `${sentences}.`;
    busy = false;
    const arrived = added.filter(Boolean);
    given.add(wanted.filter(([, path], index) => added[index] && IMAGES.test(path)));
    if (arrived.length) telling(say("Reading the images…"), { added: arrived }, said);
    else draw();
  }

  chooseFiles.onclick = () => files.click();
  chooseFolder.onclick = () => folder.click();
  every.addEventListener("change", () => {
    every.value = gap();
    telling(say("Reading the video…"), { added: [] });
  });
  clear.onclick = () => {
    given.clear();
    telling("", { added: [], clear: true });
  };
  for (const input of [files, folder]) {
    input.addEventListener("change", () => {
      take(chosen(input));
      input.value = ""; // the same files can be chosen again
    });
  }
  const over = (event) => zone.classList.toggle("over", event.type === "dragover" || zone.contains(event.relatedTarget));
  zone.addEventListener("dragleave", over);
  for (const kind of ["dragover", "drop"]) zone.addEventListener(kind, (event) => event.preventDefault() || over(event));
  zone.addEventListener("drop", async (event) => take(await dropped(event.dataTransfer, limits.files)));
  watch("value", () => {
    busy = Boolean(value().added || value().clear); // the page's answer holds neither
    draw();
  });
  draw();
};
