"""A video in a real browser: frames in their order, no truth needed; other frames at a touch of a number."""

import pytest
from hostile_files import film
from test_browser_images import finish, noted

pytestmark = pytest.mark.browser
QUERY = "?dataset=upload&steps=1"


def test_a_video_is_a_stream_of_frames_in_order(page, tmp_path):
    clip = tmp_path / "clip.webm"
    clip.write_bytes(film("webm", 60))
    page.set_input_files("#files input[type=file]", [str(clip)])
    noted(page, "6 frames ready, in their order")
    page.click("#stream-fold > button")
    assert page.input_value("#order input") == "As given"
    page.fill("#files .every input", "3")
    page.press("#files .every input", "Enter")
    noted(page, "20 frames ready, in their order")
    assert page.input_value("#batches input") == "2"
    page.fill("#class-names textarea", "a red thing, a green thing")
    finish(page)
    names = page.locator("#gallery .file").all_inner_texts()
    assert names == [f"clip.webm 0:0{index // 10}.{10 * index % 100:02}" for index in range(16, 20)]  # the last batch
    assert page.inner_text("#accuracy h2") == "Agreement with zero-shot"
    assert page.locator("#accuracy .plot svg").count() > 0
    assert "% sure" in page.inner_text("#cards")
    assert page.locator("#gallery [data-group=filter] [data-value=same], [data-value=changed]").count() > 0
