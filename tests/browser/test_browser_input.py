"""What people give to the page: their own photos, and what can't work."""

import gradio_client
import pytest
from paths import SHARED
from PIL import Image, ImageDraw
from serving import result_of
from test_browser_run import PROGRESS, choose, done, set_number, small, step, wait_idle

pytestmark = pytest.mark.browser
QUERY = "?steps=2"
SHARED_PHOTOS = SHARED / "photos"
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def photos(tmp_path):
    """Three photos of a camera's size, drawn here, one of them with a name that tries to be markup."""
    paths = []
    for name, size, colour in (
        ("sun.jpg", (800, 600), "gold"),
        ("sea.png", (640, 480), "navy"),
        ("a&b.jpg", (90, 300), "red"),
    ):
        picture = Image.new("RGB", size, "skyblue")
        ImageDraw.Draw(picture).ellipse((20, 20, size[0] // 2, size[1] // 2), fill=colour)
        picture.save(tmp_path / name)
        paths.append(tmp_path / name)
    return paths


def give(page, paths):
    if page.input_value("#dataset input") == "Your images":
        page.click("#files button:has-text('Remove all')")
        page.wait_for_selector("#upload-note .note", state="detached")
    else:
        choose(page, "dataset", "Your images")
    page.wait_for_selector("#files input[type=file]", state="attached")
    page.set_input_files("#files input[type=file]", [str(path) for path in paths])
    page.wait_for_selector("#upload-note .note")


def readings(page):
    """File name → [(label, confidence), …] of every method."""
    return page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll('#gallery .tile')].map(tile => [
            tile.querySelector('.file').textContent,
            [...tile.querySelectorAll('dd')].map(dd => [
                dd.querySelector('b').textContent, dd.querySelector('.sure').textContent]),
        ]))"""
    )


def test_bad_class_names_are_one_sentence_and_the_session_goes_on(page):
    small(page, batch_size=8, batches=4)
    for names, words in (
        ("", "at least two class names"),
        ("cat", "nothing to choose between"),
        ("cat, dog, Cat", "appears twice"),
        ("cat, unicorn", "no class 'unicorn'"),
    ):
        page.fill("#class-names textarea", names)
        page.click("#step")
        page.wait_for_selector(f'#message [data-testid=message].error:has-text("{words}")')
        assert page.get_attribute("#message .messages", "role") == "alert"
        wait_idle(page)
    page.fill("#class-names textarea", "cat, dog, car")
    step(page)
    assert done(page) == 1
    assert page.locator("#message .error").count() == 0


def test_bad_numbers_and_bad_files_are_one_sentence(page, tmp_path):
    set_number(page, "batch-size", 9999)
    page.click("#step")
    page.wait_for_selector("#message .error:has-text('from 1 to 512')")
    set_number(page, "batch-size", 1)
    wait_idle(page)
    step(page)
    assert page.locator("#gallery .tile").count() == 1
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"nonsense")
    give(page, [bad])
    assert "bad.png" in page.inner_text("#upload-note")
    page.click("#step")
    page.wait_for_selector("#message .error:has-text('None of these files can be used')")


def test_own_photos_with_own_words_are_read(page, photos, tmp_path):
    bad = tmp_path / "broken.jpg"
    bad.write_bytes(photos[0].read_bytes()[:200])
    text = tmp_path / "notes.txt"
    text.write_text("not a picture")
    give(page, [*photos, bad, text])
    note = page.inner_text("#upload-note")
    assert "3 images ready" in note
    assert "broken.jpg" in note
    assert "notes.txt" in note
    page.fill("#class-names textarea", f"a yellow sun, the sea, {HOSTILE}")
    set_number(page, "batch-size", 16)
    page.evaluate("document.querySelector('[data-testid=progress]').textContent = ''")
    page.click("#run")
    page.wait_for_selector(f"{PROGRESS}:has-text('finished')")
    seen = readings(page)
    assert set(seen) == {"sun.jpg", "sea.png", "a&b.jpg"}
    for answers in seen.values():
        assert len(answers) == 3
        assert all(label in ("a yellow sun", "the sea", HOSTILE) for label, _ in answers)
        assert all(sure.endswith("%") for _, sure in answers)
    assert page.locator("#gallery img").count() == 0
    assert "no labels" in page.inner_text("#accuracy")
    assert "broken.jpg" in page.inner_text("#message")
    assert page.locator("#entropy .plot svg").count() > 0


def test_one_photo_is_a_batch_of_one(page, photos):
    give(page, photos[:1])
    page.fill("#class-names textarea", "sun, sea")
    step(page)
    assert list(readings(page)) == ["sun.jpg"]
    assert page.locator("#message .error").count() == 0


def test_real_photos_are_read(page):
    paths = sorted(SHARED_PHOTOS.glob("*.jpg"))[:6]
    if not paths:
        pytest.skip(f"no photos in {SHARED_PHOTOS.name}; the other tests draw their own")
    give(page, paths)
    page.fill("#class-names textarea", "cat, dog, guitar, airplane, bird, banana")
    step(page)
    assert set(readings(page)) == {path.name for path in paths}


def test_programs_can_run_it_too(server):
    client = gradio_client.Client(server, verbose=False)
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(endpoints) == {"/run"}
    job = client.submit(corruption="fog", batch_size=8, batches=2, adaptation={"steps": 2}, api_name="/run")
    result = result_of(job)
    assert result["batch"] == 2
    assert len(job.outputs()) == 2
    assert set(result["methods"]) == {"zero-shot", "tent", "cliptta"}
    with pytest.raises(Exception, match="must be one of"):
        client.predict(dataset="folder:/etc", api_name="/run")
