"""A person's own images in a real browser: folders, archives, labels, the table, files to save, what is left after."""

from __future__ import annotations

import csv
import io
import json
import time
import zipfile
from pathlib import Path

import gradio as gr
import pytest
from PIL import Image
from serving import PATIENCE
from test_browser_run import PROGRESS, choose

from cliptta_demo.page.layout import build_demo
from cliptta_demo.page.panels.panel import STYLES, static_files, stylesheet
from cliptta_demo.page.session import leaving

pytestmark = pytest.mark.browser
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


def open_own(page) -> None:
    choose(page, "dataset", "Your images")
    page.wait_for_selector("#files .drop")


def noted(page, words: str) -> None:
    page.wait_for_selector(f"#upload-note .note:has-text('{words}')")


def finish(page) -> None:
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


def test_a_chosen_folder_brings_labels_accuracy_table_and_files(visit, pets):
    page = visit()
    open_own(page)
    page.set_input_files("#files input[webkitdirectory]", str(pets))
    noted(page, "6 images ready, all with labels of 2 classes")
    assert page.input_value("#class-names textarea") == "cat, polar_bear"
    assert "1 other file passed over" in page.inner_text("#files .status")
    finish(page)
    assert "%" in page.inner_text("[data-testid=accuracy-cliptta]")
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
    shown = float(page.inner_text("[data-testid=accuracy-cliptta]").rstrip("%"))
    assert 100 * result["methods"]["cliptta"]["accuracy"] == pytest.approx(shown, abs=0.06)
    assert result["link"].startswith("?dataset=upload")


def test_a_zip_with_a_table_and_hostile_names(visit, pets, tmp_path):
    path = tmp_path / "mine.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(pets / "cat" / "0.png", HOSTILE)
        archive.write(pets / "cat" / "1.png", "../../up.png")
        archive.writestr("labels.csv", f"file;label\n{HOSTILE};fox\nup.png;owl\ngone.png;owl\n")
        archive.writestr("more.zip", b"PK")
    page = visit()
    open_own(page)
    drop(page, path)
    noted(page, "2 images ready, all with labels of 2 classes")
    note = page.inner_text("#upload-note")
    assert "more.zip is an archive inside mine.zip" in note
    assert "“gone.png”" in note
    page.fill("#class-names textarea", "fox, hare")  # the visitor's own words: owl is none of them
    finish(page)
    assert "1 image has a label outside the class names (“owl”)" in page.inner_text("#message")
    page.click("#show-table")
    page.wait_for_selector("#results tbody tr")
    assert HOSTILE in page.inner_text("#results")
    assert page.locator("#results img, #gallery img").count() == 0
    with page.expect_download() as saved:
        page.click("#save-csv")
    assert f"'{HOSTILE}" in Path(saved.value.path()).read_text(encoding="utf-8-sig")
    page.click("#files button:has-text('Remove all')")
    page.wait_for_selector("#upload-note .note", state="detached")
    drop(page, pets)  # a folder, with its paths
    noted(page, "6 images ready, all with labels of 2 classes")
    assert page.input_value("#class-names textarea") == "fox, hare"
    page.click("#files button:has-text('Remove all')")
    page.wait_for_selector("#upload-note .note", state="detached")
    page.click("#step")
    page.wait_for_selector("#message .error:has-text('No image was given')")


@pytest.fixture
def short_grace(tmp_path, monkeypatch):
    """A server in this process that waits half a second before it forgets who left; its address and upload folder."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(cache))
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
    monkeypatch.setattr(leaving, "GRACE", 0.5)
    gr.set_static_paths(static_files())
    demo = build_demo()
    head = "".join(stylesheet(path) for path in STYLES)
    demo.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, head=head, ssr_mode=False)
    yield demo, cache
    demo.close()


def stored(cache: Path) -> list[Path]:
    return [path for path in cache.rglob("*") if path.is_file()]


def test_the_images_are_gone_when_their_owner_has_left(browser, short_grace, pets):
    demo, cache = short_grace
    pages = [browser.new_page(), browser.new_page()]
    for page in pages:
        page.goto(demo.local_url)
        page.wait_for_selector("#gallery .body > *", state="attached")
        open_own(page)
        page.set_input_files("#files input[webkitdirectory]", str(pets))
        noted(page, "6 images ready")
    assert len(stored(cache)) == 12  # the very same images, but each visitor has their own files
    sessions = [key for key, state in demo.state_holder.session_data.items() if state.state_data]
    assert len(sessions) == 2
    pages[0].close()
    deadline = time.monotonic() + PATIENCE
    while len(stored(cache)) > 6 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(stored(cache)) == 6
    assert sum(key in demo.state_holder.session_data for key in sessions) == 1
    pages[1].close()
    while stored(cache) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert stored(cache) == []
