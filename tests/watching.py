"""What a visitor does on the page in a real browser, and what can be seen there."""

from pathlib import Path

from PIL import Image
from serving import wait_for_streams

PROGRESS = "[data-testid=progress]"

# Finds the page's visible texts, one node of it after the other, and says where one stands.
TEXTS = """
  const shown = (element) => element.checkVisibility({ visibilityProperty: true });
  const place = (element) => {
    const around = element.closest("[id]");
    const kind = element.getAttribute("class") ?? "";
    return `#${around?.id ?? ""} ${element.tagName.toLowerCase()}.${kind.replaceAll(" ", ".")}`;
  };
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const spoken = walker.currentNode.data.trim() && !element.closest("script, style, template");
    if (spoken && shown(element)) texts.push(walker.currentNode);
  }
  const found = [];
"""

# What ends beyond the page, its button, or whatever cuts what it holds; and buttons that lie over one another. An
# ellipsis is meant, and so are a part that scrolls and what is only read aloud.
CUT = f"""() => {{{TEXTS}
  const edges = "body, button, label, summary, h1, h2, h3, h4, th, td, .panel";
  const range = document.createRange();
  const page = document.scrollingElement;
  if (page.scrollWidth > innerWidth) found.push(["the page", page.scrollWidth - innerWidth, "beyond the window"]);
  for (const text of texts) {{
    range.selectNodeContents(text);
    const box = range.getBoundingClientRect();
    if (!box.width || text.parentElement.closest("svg, .sr-only, .unseen")) continue;
    for (let around = text.parentElement; around; around = around.parentElement) {{
      const style = getComputedStyle(around);
      const meant = style.textOverflow === "ellipsis" || style.clipPath === "inset(50%)";
      if (meant || /auto|scroll/.test(style.overflowX)) break;
      const ends = around.clientWidth && (around.matches(edges) || style.overflowX !== "visible");
      const {{ left, right }} = around.getBoundingClientRect();
      const beyond = Math.round(Math.max(left - box.left, box.right - right));
      if (!ends || beyond <= 1) continue;
      found.push([text.data.trim(), beyond, `beyond ${{place(around)}}`]);
      break;
    }}
  }}
  const buttons = [...document.querySelectorAll("button")].filter((one) => one.clientWidth && shown(one));
  for (const [index, one] of buttons.entries()) {{
    const mine = one.getBoundingClientRect();
    for (const other of buttons.slice(index + 1)) {{
      const its = other.getBoundingClientRect();
      const across = Math.round(Math.min(mine.right, its.right) - Math.max(mine.left, its.left));
      const down = Math.min(mine.bottom, its.bottom) - Math.max(mine.top, its.top);
      const together = one.closest(".block, .row") === other.closest(".block, .row");
      if (together && across > 1 && down > 1) found.push([one.textContent, across, `over ${{other.textContent}}`]);
    }}
  }}
  return found;
}}"""


def show_settings(page, show=True):
    """Opens the drawer, or closes it."""
    page.evaluate("show => cliptta.showSettings(show)", show)


def set_number(page, name, value):
    """Fills a field of the drawer, which is closed again where it was."""
    field = f"#{name} input[type=number]"
    closed = not page.is_visible(field)
    if closed:
        show_settings(page)
    page.fill(field, str(value))
    page.press(field, "Tab")
    if closed:
        show_settings(page, False)


def choose(page, name, label):
    page.click(f"#{name} input")
    page.click(f'[role=option]:has-text("{label}")')


def corrupt(page, name):
    page.click("#corruption .more")
    page.click(f"#corruption .floating [value={name}]")


def knobs(page):
    """What the page's own knobs stand at: corruption, severity, learning rate."""
    return page.evaluate(
        """() => [
            document.querySelector('#corruption .floating [aria-pressed=true]').value,
            document.querySelector('#severity :checked').value,
            document.querySelector('#learning-rate b').textContent,
        ]"""
    )


def show(page, depth):
    page.click(f"#tab-{depth}")


def enlarge(page, name):
    """A picture of *Explore* in place of all."""
    show(page, "explore")
    if page.locator("#explore.one").count():
        page.click("#explore .is-large .back")
    page.click(f"#{name} .title")
    page.wait_for_selector(f"#explore .is-large:is(#{name}, :has(> #{name}))")


def export(page, kind):
    """Presses an entry of the menu of exports."""
    page.click("#export")
    page.click(f"#save-{kind}")


def open_lesson(page, key):
    page.click("#lessons-open")
    page.click(f"#lesson-{key}")
    page.wait_for_selector(f".lesson[data-lesson={key}]")


def small(page, batch_size=16, batches=30):
    set_number(page, "batch-size", batch_size)
    set_number(page, "batches", batches)


def wait_done(page, count):
    page.wait_for_function(
        "count => Number(document.querySelector('[data-testid=progress] b')?.textContent) >= count", arg=count
    )


def wait_idle(page):
    """The last run has ended, and Gradio has heard of it."""
    page.wait_for_selector("#step:not([disabled])", state="attached")  # a lesson has its own buttons
    wait_for_streams(page)


def done(page):
    return int(page.inner_text(f"{PROGRESS} b"))


def step(page):
    """Presses Step and waits for its end; a batch may be done before its beginning can be seen."""
    page.evaluate("document.querySelector('[data-testid=progress]').textContent = ''")
    page.click("#step")
    page.wait_for_function("/paused|finished/.test(document.querySelector('[data-testid=progress]').textContent)")
    wait_idle(page)


def ends(page):
    """Each method's accuracy as the end of its line has it, in %."""
    ends = page.locator("#accuracy .end")
    return dict(ends.evaluate_all("all => all.map(e => [e.dataset.method, Number(e.querySelector('b').textContent)])"))


def picture(page):
    """Everything displayed that a run decides; Explore draws when it is shown."""
    page.wait_for_function("() => ['accuracy', 'entropy'].every(id => document.querySelector(`#${id} .plot`)?.data)")
    page.evaluate("['explore', document.body.dataset.depth].forEach(depth => cliptta.show(depth, false))")
    return page.evaluate(
        """() => ({
            sentence: document.querySelector('#sentence').textContent,
            ends: [...document.querySelectorAll('.end :is(.number, .who > b)')].map(part => part.textContent),
            curves: ['accuracy', 'entropy'].map(
                id => document.querySelector(`#${id} .plot`).data.filter(t => t.meta !== 'behind').map(t => t.y)
            ),
            words: [...document.querySelectorAll('#words .tile')].map(tile => tile.textContent),
            answers: document.querySelector('#answers .body').innerHTML,
            scores: [...document.querySelectorAll('#scores .plot')].map(plot => plot.data.map(t => [t.x, t.y])),
            images: ['.title', '.tiles', '[data-group=filter]'].map(
                part => document.querySelector(`#gallery ${part}`).innerHTML
            ),
        })"""
    )


def draw(path: Path, colour: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (60, 48), colour).save(path, "PNG")
    return path


def open_uploader(page) -> None:
    """*Your images* leads to where files are chosen, with the focus there."""
    page.click("#tab-watch")
    page.click("#your-images")
    page.wait_for_function("() => document.activeElement.closest('#files')")


def remove_all(page) -> None:
    open_uploader(page)
    page.click("#files button:has-text('Remove all')")
    page.wait_for_selector("#upload-note .note", state="detached")


def noted(page, words: str) -> None:
    page.wait_for_selector(f"#upload-note .note:has-text('{words}')")


def finish(page) -> None:
    page.evaluate("document.querySelector('[data-testid=progress]').textContent = ''")
    page.click("#run")
    page.wait_for_selector(f"{PROGRESS}:has-text('finished')")


def look(page, depth: str) -> None:
    page.click(f"#tab-{depth}")
    page.evaluate("cliptta.catchUp()")
