"""The panel of the camera: what its script draws in, and what happens on the server when the button is pressed."""

import html
import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import gradio as gr

from cliptta_demo.backend.hub.downloads import megabytes
from cliptta_demo.backend.models.class_names import display_name
from cliptta_demo.backend.run.experiment import REFERENCE
from cliptta_demo.backend.run.window import OVERLAYS
from cliptta_demo.languages import Text, say
from cliptta_demo.page.form.fields import form_of
from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.framework.guard import RAW
from cliptta_demo.page.layout.results_panel import PRIVATE
from cliptta_demo.page.layout.wires import Wires
from cliptta_demo.page.panels.declare import entries, to_json
from cliptta_demo.page.panels.panel import scripted
from cliptta_demo.page.runs.camera import WINDOW, Camera, Cameras
from cliptta_demo.page.runs.host import words_of

LARGEST_SIDE = 448  # pixels of a frame that is sent; twice the model's, where that is less
ABOUT = Text(
    "Each frame is named by the form's methods, among its class names. They learn from it and the {count} before it, "
    "one step a frame. Frames go to this server and are forgotten when they leave that window."
)
TRUTH = Text("What is really there? Click it or press its number, and accuracy appears; again, or 0, for nothing.")


def _template() -> str:
    overlays = html.escape(json.dumps({name: say(label) for name, label in OVERLAYS.items()}))
    return f"""
<section class="panel camera" hidden data-overlays="{overlays}">
  <header><h2>{say("Your camera")}</h2><button type="button" class="close">{say("Close")}</button>
  <p class="sentence">{ABOUT.format(count=WINDOW - 1)}</p></header>
  <div class="body">
    <div>
      <div class="scene"><video muted playsinline aria-label="{html.escape(say("Your camera's picture"))}"></video>
        <figure class="seen"><img alt="{html.escape(say("What the methods see"))}">
        <figcaption>{say("what they see")}</figcaption></figure></div>
      <p class="status" role="status"></p>
    </div>
    <div>
      <div class="answers"></div>
      <div class="tools">
        <button type="button" class="go">{say("Start")}</button>
        <span class="tool overlays">{say("Lay over it")}</span>
        <label class="strength">{say("strength")} <input type="range" min="1" max="5" value="3"></label>
        <span class="tool paces">{say("Frames a second")}</span>
      </div>
      <p class="truth-line">{TRUTH}</p>
      <div class="truths" role="group" aria-label="{html.escape(say("What is really there"))}"></div>
    </div>
  </div>
</section>
"""


def build_camera() -> dict[str, Any]:
    """The panel's parts by name; it stays hidden until the button is pressed."""
    panel = scripted("camera", _template(), "window.cliptta.camera.mount(element, props, watch);")
    return {"camera": panel, "camera_asked": gr.Textbox(visible=False)}


def connect_camera(wires: Wires) -> None:
    """What the button calls."""
    parts, host = wires.parts, wires.host

    def begin(request: gr.Request, asked: Any, *values: Any) -> Iterator[Any]:
        if asked != "start":  # the script has stopped the camera, or says why there is none
            yield gr.skip()
            return
        key = wires.key_of(request)
        with host.runs.answer(start_camera(host.cameras, form_of(values), key), f"{key} camera") as updates:
            for update in updates:
                yield to_json(update)

    parts["your_camera"].click(
        begin,
        [parts["camera_asked"], *wires.inputs],
        parts["camera"],
        js="(asked, ...form) => [window.cliptta.camera.press(), ...form]",
        concurrency_limit=4,
        **RAW,
        **PRIVATE,
    )


def start_camera(cameras: Cameras, form: Mapping[str, Any], key: str) -> Iterator[dict[str, Any]]:
    """What the panel's script is told: ``{"words"}`` while the camera is got ready, then ``{"token", "side", "classes",
    "methods", "reference"}``, or ``{"error"}``.

    Args:
        key: names the visitor.
    """
    try:
        with closing(cameras.begin(read_form(form), key)) as looks_of_it:
            for look in looks_of_it:
                yield _about(look) if isinstance(look, Camera) else {"words": _progress(look)}
    except Exception as error:
        yield {"error": words_of(error)}


def _progress(look: Any) -> str:
    if look.download is not None:
        done, total = megabytes(look.download.done), megabytes(look.download.total)
        return say("Downloading the model: {done} of {total}.", done=done, total=total)
    done, total = look.prompts
    return say("Reading the class names: {done} of {total} captions.", done=done, total=total)


def _about(camera: Camera) -> dict[str, Any]:
    experiment = camera.experiment
    return {
        "token": camera.token,
        "side": min(2 * experiment.backbone.info.image_size, LARGEST_SIDE),
        "classes": [display_name(name) for name in experiment.class_names],
        "methods": entries(experiment.settings.methods),
        "reference": REFERENCE,
    }
