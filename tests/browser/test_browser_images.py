"""A person's own images in a real browser: folders, archives, videos, labels, the table, files to save, what is left.

Names that try to be markup, code or formulas are shown as text everywhere, and run nowhere.
"""

import csv
import io
import json
import time
import zipfile
from pathlib import Path

import pytest
from hostile_files import film
from PIL import Image
from serving import PATIENCE
from watching import draw, enlarge, export, finish, look, noted, open_uploader, remove_all

pytestmark = pytest.mark.browser
QUERY = "?dataset=upload&steps=2"
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


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """A folder with a sub-folder for each class, and what systems leave in folders."""
    for index in range(3):
        draw(tmp_path / "pets" / "cat" / f"{index}.png", "orange")
        draw(tmp_path / "pets" / "polar_bear" / f"{index}.png", "white")
    (tmp_path / "pets" / ".DS_Store").write_bytes(b"x")
    (tmp_path / "pets" / "readme.txt").write_text("about")
    return tmp_path / "pets"


def show_table(page):
    enlarge(page, "results")
    page.wait_for_selector("#results .body tbody tr")


def saved_rows(page) -> list[dict[str, str]]:
    with page.expect_download() as saved:
        export(page, "csv")
    return list(csv.DictReader(io.StringIO(Path(saved.value.path()).read_text(encoding="utf-8-sig"))))


def drop(page, path: Path) -> None:
    """Drops a file or folder of this machine, as from a file manager."""
    box = page.locator("#files .drop").bounding_box()
    tools = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        at = {"x": box["x"] + 30, "y": box["y"] + 20}
        tools.send("Input.dispatchDragEvent", {"type": kind, **at, "data": data})


def test_a_chosen_folder_brings_labels_accuracy_table_and_files(page, pets):
    open_uploader(page)
    page.set_input_files("#files input[webkitdirectory]", str(pets))
    noted(page, "6 images ready, all with labels of 2 classes")
    seen = page.locator("#words .tile .picture[style*='blob:']")  # before any run
    assert seen.count() == 6
    assert page.inner_text("#words .sentence") == "6 of 6 images"
    assert page.input_value("#class-names textarea") == "cat, polar_bear"
    assert "1 other file passed over" in page.inner_text("#files .status")
    finish(page)
    assert seen.count() == 0
    assert set(page.locator("#words .truth").all_inner_texts()) == {"cat", "polar bear"}
    share = page.inner_text("#accuracy .end[data-method=cliptta] .number b")
    assert page.locator("#accuracy .beside").count() == 0  # the example is no last run of theirs
    assert page.inner_text("#accuracy .footnote") == ""
    look(page, "explore")
    assert "0 of 0" not in page.inner_text("#explore")
    enlarge(page, "gallery")
    names = page.locator("#gallery .file").all_inner_texts()
    assert sorted(names) == [f"{label}/{index}.png" for label in ("cat", "polar_bear") for index in range(3)]

    assert page.locator("#results .body tbody tr").count() == 4  # the first of them, small
    show_table(page)
    assert page.locator("#results .body tbody tr").count() == 6
    heads = page.locator("#results .body thead tr:nth-child(2) th").all_inner_texts()
    assert heads[:4] == ["#", "file", "batch", "truth"]
    column = f"tr => tr.querySelectorAll('td')[{heads.index('confidence')}].textContent"
    values = f"() => [...document.querySelectorAll('#results .body tbody tr')].map({column}).map(parseFloat)"
    page.locator("#results thead button", has_text="confidence").first.press("Enter")
    assert page.evaluate(values) == sorted(page.evaluate(values), reverse=True)
    assert page.evaluate("document.activeElement.textContent").startswith("confidence")
    page.keyboard.press("Enter")
    assert page.evaluate(values) == sorted(page.evaluate(values))
    assert page.locator("#results th[aria-sort=ascending]").count() == 1

    rows = saved_rows(page)
    assert sorted(row["file"] for row in rows) == sorted(names)
    assert {row["truth"] for row in rows} == {"cat", "polar bear"}
    with page.expect_download() as saved:
        export(page, "json")
    result = json.loads(Path(saved.value.path()).read_text())
    assert 100 * result["methods"]["cliptta"]["accuracy"] == pytest.approx(float(share), abs=0.06)
    assert result["link"].startswith("?dataset=upload")


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


def formulas(rows: list[dict[str, str]]) -> list[str]:
    """Cells of text that a spreadsheet would run; a number may be negative."""
    texts = [row[name] for row in rows for name in row if name in ("file", "truth") or "prediction" in name]
    return [text for text in texts if text.lstrip().startswith(("=", "+", "-", "@"))]


def test_hostile_names_inside_a_zip_become_labels_and_stay_text(page) -> None:
    remove_all(page)
    page.fill("#class-names textarea", "")
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
    finish(page)
    show_table(page)
    untouched(page)
    assert f"@{ATTACK}" in page.inner_text("#results")
    rows = saved_rows(page)
    assert {row["truth"] for row in rows} == {ATTACK, "'=cmd()", f"'@{ATTACK}", "x"}
    assert formulas(rows) == []


def test_hostile_class_and_file_names_are_text_in_every_panel(page) -> None:
    remove_all(page)
    given = {name: png(colour) for name, colour in zip(FILES, ("red", "blue", "gold", "gray") * 2, strict=True)}
    note = give(page, {**given, f"bad {ATTACK}.png": b"no image"}, f"{len(FILES)} images ready")
    assert f"bad {ATTACK}.png" in note
    page.fill("#class-names textarea", "\n".join(CLASSES))
    finish(page)
    show_table(page)
    untouched(page)
    enlarge(page, "gallery")
    tiles = page.locator("#gallery .file").all_inner_texts()
    assert sorted(tiles) == sorted(map(shown, FILES))
    page.hover("#gallery .tile >> nth=0")
    enlarge(page, "results")
    page.wait_for_function(
        "names => names.every(name => document.querySelector('#results').innerText.includes(name))",
        arg=[shown(name) for name in FILES],
    )
    rows = saved_rows(page)
    assert len(rows) == len(FILES)
    assert formulas(rows) == []
    assert {row["file"].lstrip("'") for row in rows} == {shown(name) for name in FILES}
    look(page, "why")
    page.hover("#matrix canvas >> nth=0")
    untouched(page)
    look(page, "watch")
    assert set(page.locator("#words .truth").all_inner_texts()) == {shown(name) for name in FILES}
    assert page.locator("#answers .row title").all_text_contents() == list(
        CLASSES
    )  # letter by letter, tags and entities too
    page.hover("#answers .row >> nth=0")
    untouched(page)


def test_a_video_is_a_stream_of_frames_in_order(page, tmp_path):
    remove_all(page)
    (tmp_path / "clip.webm").write_bytes(film("webm", 60))
    page.set_input_files("#files input[type=file]", [str(tmp_path / "clip.webm")])
    noted(page, "6 frames ready, in their order")
    assert page.input_value("#order input") == "As given"
    page.fill("#files .every input", "3")
    page.press("#files .every input", "Enter")
    noted(page, "20 frames ready, in their order")
    assert page.input_value("#batches input") == "2"
    page.fill("#class-names textarea", "a red thing, a green thing")
    finish(page)
    assert page.inner_text("#accuracy h2") == "Agrees with zero-shot"
    assert page.locator("#accuracy .plot svg").count() > 0
    assert page.locator("#accuracy .end").count() == 2  # zero-shot agrees with itself
    assert "Nobody can say who is right" in page.inner_text("#accuracy")
    assert "of zero-shot's 4 answers" in page.inner_text("#sentence")
    assert page.locator("#words .word.right, #words .hollow, #words .tick, #answers :is(.wrong, .missed)").count() == 0
    enlarge(page, "gallery")
    names = page.locator("#gallery .file").all_inner_texts()
    assert names == [f"clip.webm 0:0{index // 10}.{10 * index % 100:02}" for index in range(16, 20)]  # the last batch
    assert "true class" not in page.inner_text("#gallery")
    assert "0 of 0" not in page.inner_text("#explore")
    assert page.locator("#gallery [data-group=filter] [data-value=same], [data-value=changed]").count() > 0


def stored(folder: Path) -> int:
    """Images of visitors on the server's disk."""
    return len(list(folder.glob("cliptta-*/*")))


def wait_stored(folder: Path, count: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while stored(folder) != count and time.monotonic() < deadline:
        time.sleep(0.1)
    assert stored(folder) == count


def test_images_are_their_owners_and_gone_when_that_one_has_left(page, visit, uploads, pets):
    remove_all(page)
    assert page.locator("#words .picture[style*='blob:']").count() == 0
    wait_stored(uploads, 0)  # whoever was here before has left
    drop(page, pets)  # with its paths
    noted(page, "6 images ready")
    other = visit(query="?dataset=upload&class_names=cat,polar+bear")
    other.wait_for_selector("#message:has-text('add yours')")
    other.click("#step")
    other.wait_for_selector("#message .error:has-text('None of your images is here')")
    open_uploader(other)
    other.set_input_files("#files input[webkitdirectory]", str(pets))
    noted(other, "6 images ready")
    wait_stored(uploads, 12)  # the very same images, but each visitor has their own files
    page.close()
    wait_stored(uploads, 6)
    other.close()
    wait_stored(uploads, 0)
