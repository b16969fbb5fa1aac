// The rows of classes on Watch: their squares or bars, and the images that they light.

/** The squares, `high` of them on one another, or bars, of one class and method, from left to right: right, wrong, missed. */
cliptta.shapes = function (row, x, y, { pitch, squares, high }) {
  const parts = [];
  let before = 0;
  for (const [kind, edge] of [["right", 0], ["wrong", 0], ["missed", 0.5]]) { // hollow: its line lies within
    if (!squares && row[kind]) {
      const [from, wide] = [x + before * pitch, row[kind] * pitch];
      parts.push(drawn("rect", { class: kind, x: from, y: y - 10, width: Math.max(1, wide), height: 20 }));
    }
    for (let index = before; squares && index < before + row[kind]; index += 1) {
      const [left, top] = [x + Math.floor(index / high) * pitch, y + ((index % high) - high / 2) * pitch];
      parts.push(drawn("rect", { class: kind, x: left + edge, y: top + edge, width: pitch - 1 - 2 * edge, height: pitch - 1 - 2 * edge }));
    }
    before += row[kind];
  }
  return parts;
};

/** Lights the images of these classes, by truth or by answer. */
function light(kinds = "") {
  const wanted = new Set(kinds.split(" ").filter(Boolean));
  for (const place of document.querySelectorAll(".saying .tile[data-kinds]")) {
    place.classList.toggle("dim", wanted.size > 0 && !place.dataset.kinds.split(" ").some((kind) => wanted.has(kind)));
  }
}

/** Rows that light their images, by pointer or by ↑ ↓. */
cliptta.lightable = function (picture) {
  const rows = [...picture.querySelectorAll(".row")];
  const lit = (picture.lit = (at) => {
    rows.forEach((row, index) => row.classList.toggle("lit", index === at));
    light(rows[at]?.dataset.kinds);
    picture.ariaDescription = rows[at]?.querySelector("title").textContent ?? "";
  });
  picture.addEventListener("pointerover", ({ target }) => lit(rows.indexOf(target.closest(".row"))));
  picture.addEventListener("pointerleave", () => lit());
  picture.addEventListener("blur", () => lit());
  picture.addEventListener("keydown", (event) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = rows.findIndex((row) => row.matches(".lit"));
    lit(Math.min(rows.length - 1, Math.max(0, at + step)));
    picture.querySelector(".lit").scrollIntoView({ block: "nearest" });
  });
};
