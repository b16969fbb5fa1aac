"""Names that try to be markup, code or formulas, in a real browser: shown as text everywhere, run nowhere."""

import csv
import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from test_browser_run import PROGRESS

from cliptta_demo.page.layout.results_panel import SHOW

pytestmark = pytest.mark.browser
QUERY = "?dataset=upload&batches=1&steps=2"
ATTACK = "<img src=x onerror=window.hacked=1>"
CLASSES = (
    ATTACK,
    '<a href="javascript:window.hacked=2">press here</a>',
    "<b>bold</b> & <i>more</i> &lt",
    "<svg onload=window.hacked=3>",
    "=HYPERLINK(1)",
    "@SUM(A1)",
    "{{7*7}} ${7*7} %{x}",
    "كلب",
    "👩‍🚀",
)
FILES = (
    f"{ATTACK}.png",
    "=1+1.png",
    "+2.png",
    "-3.png",
    "@x.png",
    "<script>window.hacked=4<script>.png",
    "\u202egnp.exe.png",
    '"><iframe src=about:blank>.png',
)
# Elements that only a name turned into markup would have made.
INJECTED = (
    "img[src=x], iframe[src='about:blank'], [onerror], [onload], a[href^='javascript'], #stage a *, .plot b, .plot i"
)


def png(colour: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (24, 24), colour).save(file, "PNG")
    return file.getvalue()


def untouched(page) -> None:
    assert page.evaluate("window.hacked") is None
    assert page.locator(INJECTED).count() == 0


def shown(text: str) -> str:
    """What is left of a name: nothing that turns the text."""
    return text.replace("\u202e", "")


def give(page, files: dict[str, bytes], words: str) -> str:
    payload = [{"name": name, "mimeType": "image/png", "buffer": data} for name, data in files.items()]
    page.set_input_files("#files input[multiple]:not([webkitdirectory])", payload)
    page.wait_for_selector(f"#upload-note .note:has-text('{words}')")
    return page.inner_text("#upload-note")


def run(page) -> None:
    page.evaluate("document.querySelector('[data-testid=progress]').textContent = ''")
    page.click("#run")
    page.wait_for_selector(f"{PROGRESS}:has-text('finished')")
    if page.inner_text("#show-table") == SHOW:
        page.click("#show-table")
    page.wait_for_selector("#results tbody tr")


def saved_rows(page) -> list[dict[str, str]]:
    with page.expect_download() as saved:
        page.click("#save-csv")
    return list(csv.DictReader(io.StringIO(Path(saved.value.path()).read_text(encoding="utf-8-sig"))))


def formulas(rows: list[dict[str, str]]) -> list[str]:
    """Cells of text that a spreadsheet would run; a number may be negative."""
    texts = [row[name] for row in rows for name in row if name in ("file", "truth") or "prediction" in name]
    return [text for text in texts if text.lstrip().startswith(("=", "+", "-", "@"))]


def test_hostile_names_inside_a_zip_become_labels_and_stay_text(page) -> None:
    page.wait_for_selector("#message:has-text('add yours')")
    members = {f"{ATTACK}/1.png": "red", "=cmd()/2.png": "blue", "../../+up/3.png": "gold", f"x/{ATTACK}.png": "gray"}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, colour in members.items():
            archive.writestr(name, png(colour))
        archive.writestr(f"{ATTACK}.zip", b"PK")
        archive.writestr("labels.csv", f"file,label\n3.png,@{ATTACK}\ngone{ATTACK}.png,y\n")
    note = give(page, {f"a{ATTACK}.zip": file.getvalue()}, "4 images ready, all with labels of 4 classes")
    assert f"{ATTACK}.zip is an archive inside a{ATTACK}.zip" in note
    assert f"“gone{ATTACK}.png”" in note
    assert set(page.input_value("#class-names textarea").split(", ")) == {ATTACK, "=cmd()", f"@{ATTACK}", "x"}
    run(page)
    untouched(page)
    assert f"@{ATTACK}" in page.inner_text("#results")
    rows = saved_rows(page)
    assert {row["truth"] for row in rows} == {ATTACK, "'=cmd()", f"'@{ATTACK}", "x"}
    assert formulas(rows) == []


def test_hostile_class_and_file_names_are_text_in_every_panel(page) -> None:
    page.click("#files button:has-text('Remove all')")
    page.wait_for_selector("#upload-note .note", state="detached")
    given = {name: png(colour) for name, colour in zip(FILES, ("red", "blue", "gold", "gray") * 2, strict=True)}
    note = give(page, {**given, f"bad {ATTACK}.png": b"no image"}, f"{len(FILES)} images ready")
    assert f"bad {ATTACK}.png" in note
    page.fill("#class-names textarea", "\n".join(CLASSES))
    run(page)
    untouched(page)
    tiles = page.locator("#gallery .file").all_inner_texts()
    assert sorted(tiles) == sorted(map(shown, FILES))
    page.wait_for_function(
        "names => names.every(name => document.querySelector('#results').innerText.includes(name))",
        arg=[shown(name) for name in FILES],
    )
    page.locator("#histogram").scroll_into_view_if_needed()
    page.wait_for_selector("#histogram .xtick text", state="attached")
    ticks = page.evaluate("[...document.querySelectorAll('#histogram .xtick text')].map(text => text.textContent)")
    short = {name if len(name) <= 16 else f"{name[:9].rstrip()}…{name[-6:].lstrip()}" for name in CLASSES}
    assert short == set(ticks)  # letter by letter, tags and entities too
    for name in ("tent", "cliptta"):
        bars = page.locator(f"#histogram [data-id=histogram-{name}] .plot .points path")
        heights = bars.evaluate_all("bars => bars.map(bar => bar.getBoundingClientRect().height)")
        bars.nth(heights.index(max(heights))).hover(force=True)  # a class without predictions has nothing to point at
        untouched(page)
    page.hover("#gallery .tile >> nth=0")
    page.hover("#matrix canvas >> nth=0")
    rows = saved_rows(page)
    assert len(rows) == len(FILES)
    assert formulas(rows) == []
    assert {row["file"].lstrip("'") for row in rows} == {shown(name) for name in FILES}
    untouched(page)
