"""Weights saved on the page are loaded on it again, by a visitor's own hands."""

import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page
from test_browser_run import small, step

pytestmark = pytest.mark.browser
QUERY = "?steps=1&methods=cliptta"


def load(page: Page, file: Path) -> None:
    with page.expect_file_chooser() as asking:
        page.click("#load-weights")
    asking.value.set_files(file)


def test_saved_weights_are_loaded_and_run(page: Page, tmp_path: Path) -> None:
    small(page, batch_size=4, batches=1)
    step(page)
    with page.expect_download() as coming:
        page.click("#save-weights")
    with zipfile.ZipFile(coming.value.path()) as archive:
        file = Path(archive.extract("cliptta.safetensors", tmp_path))
    load(page, file)
    page.wait_for_function("document.querySelector('#backbone input').value.startsWith('uploaded:tiny:cliptta:')")
    step(page)
    page.wait_for_function("document.querySelector('.model-line').textContent.includes('after cliptta')")
    file.write_bytes(b"nothing")
    load(page, file)
    page.wait_for_selector("text=This is no file of weights that a run has saved.")
