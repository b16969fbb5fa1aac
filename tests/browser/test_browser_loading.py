"""A page that opens with its owner's model and data, and what a visitor can do while another model is on its way."""

import json
import signal
import time
from collections.abc import Iterator
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import gradio_client
import httpx
import pytest
from checkpoints import SMALL, weights
from hub_stand_in import Repository, serve_hub
from hub_tables import ANIMALS, table
from playwright.sync_api import Browser, Page
from serving import PATIENCE, be_patient, result_of, serve_process, wait_drawn, watch_streams
from test_browser_batches import wait_shown
from watching import (
    PROGRESS,
    ends,
    enlarge,
    knobs,
    open_lesson,
    picture,
    set_number,
    show,
    show_settings,
    small,
    step,
    wait_idle,
)

pytestmark = pytest.mark.browser
OPENING = {"backbone": "hf-hub:zoo/clip", "dataset": "hf:zoo/animals"}
KEPT = "What you see stays until it has loaded"


@pytest.fixture(scope="module")
def story(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A server whose owner has set what it opens with, its hub, and a visitor."""
    config = {"model_cfg": SMALL, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.25] * 3}}
    files = {"open_clip_config.json": json.dumps(config).encode(), "open_clip_model.safetensors": weights(SMALL)}
    repositories = {("model", name): Repository(files, {"license": "mit"}) for name in ("zoo/clip", "zoo/slow")}
    for name, times in {"animals": 20, "many": 1500}.items():
        pictures = {"data/test-0.parquet": table([0, 1, 2] * times, names=ANIMALS)}
        repositories["dataset", f"zoo/{name}"] = Repository(pictures)
    with (
        serve_hub(repositories) as hub,
        serve_process(
            HF_ENDPOINT=hub.address,
            HF_HOME=str(tmp_path_factory.mktemp("home")),
            HF_HUB_OFFLINE="0",
            **{f"CLIPTTA_{name.upper()}": value for name, value in OPENING.items()},
        ) as (address, process, log),
    ):
        page = browser.new_page(viewport={"width": 1440, "height": 1400})
        be_patient(page)
        watch_streams(page)
        page.goto(address)
        wait_drawn(page)
        yield SimpleNamespace(page=page, hub=hub, address=address, process=process, log=log)
        page.close()


def says(page: Page, place: str, words: str) -> None:
    page.wait_for_function(
        "([place, words]) => document.querySelector(place)?.innerText.includes(words)", arg=[place, words]
    )


def type_backbone(page: Page, name: str) -> None:
    show_settings(page)
    page.fill("#backbone input", name)
    page.keyboard.press("Enter")
    says(page, "#backbone-note", KEPT)


def learning_rate(page: Page, value: str) -> None:
    page.wait_for_function("value => document.querySelector('#learning-rate b').textContent === value", arg=value)


def test_the_page_opens_with_what_its_owner_has_set(story: SimpleNamespace) -> None:
    page = story.page
    assert page.inner_text(PROGRESS) == "Ready: hf-hub:zoo/clip on zoo/animals. Press Run."
    for panel in ("accuracy", "entropy", "story"):
        assert page.text_content(f"#{panel} .empty")  # in place of a plot
    assert page.inner_text("#answers .hint").startswith("Which classes")
    assert page.input_value("#dataset input") == "zoo/animals"
    assert knobs(page)[0] == "none"
    assert not page.is_visible("#twelve-classes")
    while OPENING["backbone"] not in httpx.get(f"{story.address}/health").json()["loaded_backbones"]:
        page.wait_for_timeout(100)  # the server loads it by itself
    small(page, batch_size=8, batches=1)
    step(page)
    assert len(ends(page)) == 3
    assert page.locator("#message .note").count() == 0
    page.click("#share")
    page.wait_for_selector(".link-note:not([hidden])")
    query = parse_qs(urlsplit(page.input_value(".link-note input")).query)
    assert query["backbone"] == [OPENING["backbone"]]
    assert query["dataset"] == ["hf:zoo/animals"]
    page.click("#start-over")
    says(page, "#message", "starts from the source model")
    assert page.input_value("#backbone input") == OPENING["backbone"]
    open_lesson(page, "photos")  # lessons are made for the built-in model
    page.wait_for_function("() => document.querySelector('#backbone input').value.startsWith('Tiny CLIP')")
    assert page.input_value("#dataset input") == "Your images"


def test_while_a_model_loads_all_else_goes_on_and_giving_it_up_puts_the_form_back(story: SimpleNamespace) -> None:
    page, hub = story.page, story.hub
    wait_idle(page)  # a stream that opens while the page is left never tells of its end
    page.goto(f"{story.address}/?batch_size=8&batches=3&steps=2&seed=3")  # means what it means everywhere
    says(page, "#message", "This link's experiment is in the form")
    assert page.input_value("#backbone input").startswith("Tiny CLIP")
    page.click("#run")
    says(page, PROGRESS, "finished")
    wait_idle(page)
    before = picture(page)
    hub.bytes_per_second = 200_000
    type_backbone(page, "hf-hub:zoo/slow")
    says(page, "#backbone-note", "size on Run")
    learning_rate(page, "0.0001")
    show_settings(page, False)
    page.click("#run")
    says(page, PROGRESS, "Downloading")
    hub.stalled = True  # however long the rest takes here
    says(page, "#run", "Loading…")
    assert page.is_disabled("#step")
    assert picture(page) == before
    page.click("#accuracy .earlier")
    wait_shown(page, "batch 2 of 3")
    enlarge(page, "results")
    page.wait_for_selector("#results .body tbody tr")
    show(page, "watch")
    set_number(page, "seed", 7)
    other = gradio_client.Client(story.address, verbose=False)
    job = other.submit(batches=1, batch_size=4, adaptation={"steps": 1}, api_name="/run")
    assert result_of(job)["batches"] == 1  # somebody else's run, with the package's experiment
    says(page, PROGRESS, "zoo/slow")
    page.click("#pause:has-text('Cancel')")
    says(page, "#message", "Loading hf-hub:zoo/slow was cancelled. The form is back at Tiny CLIP (built in)")
    hub.stalled, hub.bytes_per_second = False, None
    assert page.input_value("#backbone input").startswith("Tiny CLIP")
    learning_rate(page, "0.0014")
    assert page.input_value("#seed input") == "7"  # what else was changed stays
    page.wait_for_selector("#run:has-text('Run again')")
    says(page, PROGRESS, "finished")
    assert picture(page)["curves"] == before["curves"]


def test_a_model_or_data_that_fails_is_put_back_and_one_that_comes_begins_anew(story: SimpleNamespace) -> None:
    page = story.page
    wait_idle(page)
    before = picture(page)["curves"]
    type_backbone(page, "hf-hub:zoo/gone")
    show_settings(page, False)
    page.click("#run")
    says(page, "#message", "The hub has no zoo/gone")
    says(page, "#message", "The form is back at Tiny CLIP (built in)")
    assert page.input_value("#backbone input").startswith("Tiny CLIP")
    page.click("#dataset input")
    page.get_by_role("option", name="CIFAR-10", exact=True).click()
    page.wait_for_function("() => document.querySelector('#class-names textarea').value.startsWith('airplane, auto')")
    wait_idle(page)
    page.click("#run")
    says(page, "#message", "The hub has no uoft-cs/cifar10")
    says(page, "#message", "The form is back at Built-in pictures")
    page.wait_for_function("() => document.querySelector('#class-names textarea').value.startsWith('cat, dog')")
    assert knobs(page)[0] == "impulse_noise"
    assert picture(page)["curves"] == before
    wait_idle(page)
    type_backbone(page, "hf-hub:zoo/slow")
    wait_idle(page)
    show_settings(page, False)
    page.click("#run")
    page.wait_for_function(
        "before => document.querySelector('[data-testid=progress]').textContent.includes('finished')"
        " && JSON.stringify(document.querySelector('#accuracy .plot').data"
        ".find(trace => trace.meta !== 'behind').y) !== before",
        arg=json.dumps(before[0][0], separators=(",", ":")),
    )
    page.wait_for_function(f"() => !document.querySelector('#backbone-note').innerText.includes('{KEPT}')")
    says(page, "#backbone-note", "MIT")
    says(page, "#backbone-note", "kept here")
    story.log.seek(0)
    assert b"Traceback" not in story.log.read()


def test_told_to_stop_in_the_middle_of_a_download_the_server_waits_for_nothing(story: SimpleNamespace) -> None:
    """Over Xet, whose client has threads of its own."""
    hub, process = story.hub, story.process
    hub.xet, hub.bytes_per_second = True, 10_000
    visitor = gradio_client.Client(story.address, verbose=False)
    visitor.submit(dataset="hf:zoo/many", batches=1, api_name="/run")
    while not hub.sending:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0
    story.log.seek(0)
    lines = [json.loads(line) for line in story.log.read().decode().splitlines() if line.startswith("{")]
    assert [line["event"] for line in lines if not line["event"].startswith("run-")][-2:] == ["stopping", "stopped"]
