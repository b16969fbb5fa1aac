"""What people give to the form: saved weights, and what can't work, which is a sentence after which all goes on."""

import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page
from watching import choose, done, export, set_number, show, show_settings, small, step, wait_idle

pytestmark = pytest.mark.browser
QUERY = "?steps=1&methods=cliptta"


def load(page: Page, file: Path) -> None:
    show_settings(page)
    with page.expect_file_chooser() as asking:
        page.click("#load-weights")
    asking.value.set_files(file)
    show_settings(page, False)


def test_saved_weights_are_loaded_and_run(page: Page, tmp_path: Path) -> None:
    small(page, batch_size=4, batches=1)
    step(page)
    show(page, "explore")
    with page.expect_download() as coming:
        export(page, "weights")
    with zipfile.ZipFile(coming.value.path()) as archive:
        file = Path(archive.extract("cliptta.safetensors", tmp_path))
    show(page, "watch")
    load(page, file)
    page.wait_for_function("document.querySelector('#backbone input').value.startsWith('uploaded:tiny:cliptta:')")
    step(page)
    page.wait_for_function("document.querySelector('#model-line').textContent.includes('after cliptta')")
    file.write_bytes(b"nothing")
    load(page, file)
    page.wait_for_selector("text=This is no file of weights that a run has saved.")


def test_what_can_not_work_is_one_sentence_and_the_session_goes_on(page: Page, tmp_path: Path) -> None:
    show_settings(page)
    page.fill("#class-names textarea", "cat, unicorn")
    show_settings(page, False)
    page.click("#step")
    page.wait_for_selector("#message [data-testid=message].error:has-text(\"no class 'unicorn'\")")
    assert page.get_attribute("#message .messages", "role") == "alert"
    show_settings(page)
    page.fill("#class-names textarea", "cat, dog, car")
    show_settings(page, False)
    set_number(page, "batch-size", 9999)
    wait_idle(page)
    page.click("#step")
    page.wait_for_selector("#message .error:has-text('from 1 to 512')")
    set_number(page, "batch-size", 1)
    wait_idle(page)
    step(page)
    assert done(page) == page.locator("#words .tile").count() == 1
    assert page.locator("#message .error").count() == 0
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"nonsense")
    choose(page, "dataset", "Your images")
    page.wait_for_selector("#files input[type=file]", state="attached")
    page.set_input_files("#files input[type=file]", str(bad))
    page.wait_for_selector("#upload-note .note:has-text('bad.png')")
    page.click("#step")
    page.wait_for_selector("#message .error:has-text('None of these files can be used')")
