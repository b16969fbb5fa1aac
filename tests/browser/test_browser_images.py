"""A person's own images in a real browser: folders, archives, labels, the table, files to save, what is left after."""

import csv
import io
import json
import time
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from serving import PATIENCE
from test_browser_run import PROGRESS

pytestmark = pytest.mark.browser
QUERY = "?dataset=upload&steps=2"
HOSTILE = "=<img src=x onerror=alert(1)>.png"


def draw(path: Path, colour: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (60, 48), colour).save(path, "PNG")
    return path


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """A folder with a sub-folder for each class, and what systems leave in folders."""
    for index in range(3):
        draw(tmp_path / "pets" / "cat" / f"{index}.png", "orange")
        draw(tmp_path / "pets" / "polar_bear" / f"{index}.png", "white")
    (tmp_path / "pets" / ".DS_Store").write_bytes(b"x")
    (tmp_path / "pets" / "readme.txt").write_text("about")
    return tmp_path / "pets"


def remove_all(page) -> None:
    page.click("#files button:has-text('Remove all')")
    page.wait_for_selector("#upload-note .note", state="detached")


def noted(page, words: str) -> None:
    page.wait_for_selector(f"#upload-note .note:has-text('{words}')")


def finish(page) -> None:
    page.evaluate("document.querySelector('[data-testid=progress]').textContent = ''")
    page.click("#run")
    page.wait_for_selector(f"{PROGRESS}:has-text('finished')")


def drop(page, path: Path) -> None:
    """Drops a file or folder of this machine, as from a file manager."""
    box = page.locator("#files .drop").bounding_box()
    tools = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        at = {"x": box["x"] + 30, "y": box["y"] + 20}
        tools.send("Input.dispatchDragEvent", {"type": kind, **at, "data": data})


def test_a_chosen_folder_brings_labels_accuracy_table_and_files(page, pets):
    page.set_input_files("#files input[webkitdirectory]", str(pets))
    noted(page, "6 images ready, all with labels of 2 classes")
    assert page.input_value("#class-names textarea") == "cat, polar_bear"
    assert "1 other file passed over" in page.inner_text("#files .status")
    finish(page)
    assert "%" in page.inner_text("#cards [data-method=cliptta] .number")
    assert "sure" not in page.inner_text("#cards")
    names = page.locator("#gallery .file").all_inner_texts()
    assert sorted(names) == [f"{label}/{index}.png" for label in ("cat", "polar_bear") for index in range(3)]

    assert page.locator("#results tbody tr").count() == 0
    page.click("#show-table")
    page.wait_for_selector("#results tbody tr")
    assert page.locator("#results tbody tr").count() == 6
    heads = page.locator("#results thead tr:nth-child(2) th").all_inner_texts()
    assert heads[:4] == ["#", "file", "batch", "truth"]
    column = f"tr => tr.querySelectorAll('td')[{heads.index('confidence')}].textContent"
    values = f"() => [...document.querySelectorAll('#results tbody tr')].map({column}).map(parseFloat)"
    page.locator("#results thead button", has_text="confidence").first.press("Enter")
    assert page.evaluate(values) == sorted(page.evaluate(values), reverse=True)
    assert page.evaluate("document.activeElement.textContent").startswith("confidence")
    page.keyboard.press("Enter")
    assert page.evaluate(values) == sorted(page.evaluate(values))
    assert page.locator("#results th[aria-sort=ascending]").count() == 1

    with page.expect_download() as saved:
        page.click("#save-csv")
    rows = list(csv.DictReader(io.StringIO(Path(saved.value.path()).read_text(encoding="utf-8-sig"))))
    assert sorted(row["file"] for row in rows) == sorted(names)
    assert {row["truth"] for row in rows} == {"cat", "polar bear"}
    with page.expect_download() as saved:
        page.click("#save-json")
    result = json.loads(Path(saved.value.path()).read_text())
    shown = float(page.inner_text("#cards [data-method=cliptta] .number").rstrip("%"))
    assert 100 * result["methods"]["cliptta"]["accuracy"] == pytest.approx(shown, abs=0.06)
    assert result["link"].startswith("?dataset=upload")


def test_a_zip_with_a_table_and_hostile_names(page, pets, tmp_path):
    remove_all(page)
    path = tmp_path / "mine.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(pets / "cat" / "0.png", HOSTILE)
        archive.write(pets / "cat" / "1.png", "../../up.png")
        archive.writestr("labels.csv", f"file;label\n{HOSTILE};fox\nup.png;owl\ngone.png;owl\n")
        archive.writestr("more.zip", b"PK")
    drop(page, path)
    noted(page, "2 images ready, all with labels of 2 classes")
    note = page.inner_text("#upload-note")
    assert "more.zip is an archive inside mine.zip" in note
    assert "“gone.png”" in note
    page.fill("#class-names textarea", "fox, hare")  # the visitor's own words: owl is none of them
    finish(page)
    assert "1 image has a label outside the class names (“owl”)" in page.inner_text("#message")
    page.wait_for_function("name => document.querySelector('#results').innerText.includes(name)", arg=HOSTILE)
    assert page.locator("#results img, #gallery img").count() == 0
    with page.expect_download() as saved:
        page.click("#save-csv")
    assert f"'{HOSTILE}" in Path(saved.value.path()).read_text(encoding="utf-8-sig")
    remove_all(page)
    drop(page, pets)  # a folder, with its paths
    noted(page, "6 images ready, all with labels of 2 classes")
    assert page.input_value("#class-names textarea") == "fox, hare"


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
    wait_stored(uploads, 0)  # whoever was here before has left
    page.set_input_files("#files input[webkitdirectory]", str(pets))
    noted(page, "6 images ready")
    other = visit(query="?dataset=upload&class_names=cat,polar+bear")
    other.wait_for_selector("#message:has-text('add yours')")
    other.click("#step")
    other.wait_for_selector("#message .error:has-text('None of your images is here')")
    other.set_input_files("#files input[webkitdirectory]", str(pets))
    noted(other, "6 images ready")
    wait_stored(uploads, 12)  # the very same images, but each visitor has their own files
    page.close()
    wait_stored(uploads, 6)
    other.close()
    wait_stored(uploads, 0)
