"""Widgets that scripts of ours look after: the picker of methods, the place for a visitor's files, the camera."""

import html
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from itertools import groupby
from typing import Any

import gradio as gr

from cliptta_demo.backend.data.video import MOST_EVERY, USUAL_EVERY
from cliptta_demo.backend.hub.downloads import megabytes
from cliptta_demo.backend.methods.recorded import Measured, measured
from cliptta_demo.backend.methods.registry import FAMILIES, METHODS, REFERENCE, looks
from cliptta_demo.backend.models.class_names import display_name
from cliptta_demo.backend.models.loading import tuned_adaptation
from cliptta_demo.backend.run.arrivals import times_zero_shot
from cliptta_demo.backend.run.window import OVERLAYS
from cliptta_demo.backend.settings import RunSettings
from cliptta_demo.languages import localised, say
from cliptta_demo.limits import LIMITS
from cliptta_demo.page.form.fields import form_of
from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.layout.wires import QUIET, Wires
from cliptta_demo.page.panels.declare import entries, to_json
from cliptta_demo.page.panels.panel import scripted
from cliptta_demo.page.runs.camera import WINDOW, Camera, Cameras
from cliptta_demo.page.runs.host import words_of
from cliptta_demo.page.words.defaults import DEFAULTS

LARGEST_SIDE = 448  # pixels of a frame that is sent; twice the model's, where that is less


def build_picker(chosen: Sequence[str]) -> gr.HTML:
    """Its value is the list of the chosen methods' names."""
    work = "window.cliptta.picker(element, props, watch, trigger, server);"
    return scripted("methods", _picker(), work, list(chosen), server_functions=[marks_of], elem_classes="knob")


def marks_of(names: Any) -> dict[str, dict[str, str]]:
    """How methods are drawn side by side, by name: no two of them alike."""
    known = [name for name in names if name in METHODS] if isinstance(names, list) else []
    return {name: look.mark for name, look in looks(dict.fromkeys(known)).items()}


def _picker() -> str:
    order = list(FAMILIES)
    kinds = sorted(METHODS.values(), key=lambda kind: order.index(kind.family) if kind.family in order else len(order))
    families = "".join(
        f"<fieldset><legend>{html.escape(say(FAMILIES.get(family) or family.capitalize()))}</legend>"
        f"{''.join(map(_row, group))}</fieldset>"
        for family, group in groupby(kinds, key=lambda kind: kind.family)
    )
    hint = say(
        "Zero-shot always runs: it is the yardstick. “+10” is ten points above it, on average over fifteen "
        "corruptions, each method at its own rate. “10 ×” is ten times its work on a batch."
    )
    return (
        f'<div class="picker" data-most="{LIMITS.max_methods}"><p class="knob-name">{say("Methods")} <b></b></p>'
        f'<div class="chosen" role="group" aria-label="{say("Methods of the run")}"></div>'
        f'<div class="floating"><p class="hint">{hint}</p><p role="status"></p>{families}</div></div>'
    )


def _row(kind: Any) -> str:
    adaptation = tuned_adaptation(DEFAULTS.backbone)
    settings = RunSettings(methods=(kind.name,), stream=DEFAULTS.stream, adaptation=adaptation)
    times, about = times_zero_shot(kind.name, settings, len(DEFAULTS.class_names)), f"about-{kind.name}"
    cost = say("{} ×").format(localised(f"{times:,.0f}" if times >= 2 else f"{times:.2g}"))
    told = say("Work on a batch, as a multiple of zero-shot's, with the settings that the page opens with")
    gain = _gain(measured()[kind.name]) if kind.name in measured() else ""
    locked = " disabled checked" if kind.name == REFERENCE else ""
    return (
        f'<div class="method" style="--own: var(--m-{kind.colour})">'
        f'<label><input type="checkbox" value="{html.escape(kind.name)}" aria-describedby="{about}"{locked}>'
        f'<i class="marker {kind.symbol}" aria-hidden="true"></i><b>{html.escape(kind.label)}</b></label>'
        f'{gain}<span class="cost" title="{told}">{cost}</span>'
        f'<p id="{about}">{html.escape(kind.sentence)} <span>{html.escape(kind.paper[-4:])}</span></p></div>'
    )


def _gain(found: Measured) -> str:
    kind = {1: "gained", -1: "lost", 0: "level"}[found.told]
    points = localised(f"{found.gain:+.1f}".replace("-", "−"))
    about = say(
        "Points of accuracy over zero-shot, ± {margin} (95 %): the built-in model, fifteen corruptions at severities 3 "
        "and 5, pictures and CIFAR-10, {images} images of each, each method at the rate and steps chosen for it",
        margin=localised(f"{found.margin:.1f}"),
        images=found.images,
    )
    return f'<span class="gain {kind}" title="{about}">{points}</span>'


def _uploader() -> str:
    every = f'<input type="number" min="1" max="{MOST_EVERY}" value="{USUAL_EVERY}">'
    labels = say(
        "Labels are optional: folder names, or a <code>labels.csv</code> with the columns <code>file,label</code>. "
        "With them, accuracy is shown. Of a video (MP4, WebM or GIF) frames are taken, in their order."
    )
    minutes, hours = math.ceil(LIMITS.leave_seconds / 60) + 1, LIMITS.session_minutes / 60
    about = {"minutes": minutes, "hours": localised(f"{hours:.2g}")}
    leaving = say(
        "Deleted within {minutes} minutes of your leaving this page; after {hours} hours at the latest.", **about
    )
    return f"""
<div class="drop" role="group" aria-label="{html.escape(say("Your images"))}"
     data-files="{LIMITS.drop_files}" data-image="{LIMITS.images.max_bytes}"
     data-archive="{LIMITS.archives.max_archive_bytes}" data-video="{LIMITS.videos.max_bytes}">
  <p class="call">{say("Drop images, folders, a zip or a video")}</p>
  <div class="choose">
    <button type="button">{say("Choose files")}</button>
    <button type="button">{say("Choose a folder")}</button>
    <button type="button" hidden>{say("Remove all")}</button>
  </div>
  <label class="every" hidden>{say("One frame of every {number}", number=every)}</label>
  <p class="status" role="status"></p>
  <input type="file" multiple hidden
    aria-label="{html.escape(say("Image files, zip archives, videos or a table of labels"))}">
  <input type="file" webkitdirectory hidden aria-label="{html.escape(say("A folder of images"))}">
</div>
<p class="hint">{labels}</p>
<p class="hint">{leaving}</p>
"""


def build_uploader() -> gr.HTML:
    """Its value is JSON text, see :func:`session.uploads.read_news`.

    ``gr.File`` takes files or a folder, not both, and forgets where in the folder a file was, which is its label.
    """
    return scripted("files", _uploader(), "window.cliptta.uploader(element, props, watch, trigger);")


def _camera() -> str:
    about = say(
        "Each frame is named by the form's methods, among its class names. They learn from it and the {count} before "
        "it, one step a frame. Frames go to this server and are forgotten when they leave that window.",
        count=WINDOW - 1,
    )
    truth = say("What is really there? Press it or its number, and accuracy appears; again, or 0, for nothing.")
    overlays = html.escape(json.dumps({name: say(label) for name, label in OVERLAYS.items()}))
    return f"""
<section class="panel camera" hidden data-overlays="{overlays}">
  <header><h2>{say("Your camera")}</h2><button type="button" class="close">{say("Close")}</button></header>
  <p class="sentence">{about}</p>
  <div class="body">
    <div>
      <div class="scene"><video muted playsinline aria-label="{html.escape(say("Your camera's picture"))}"></video>
        <figure class="seen"><img alt="{html.escape(say("What the methods see"))}">
        <figcaption>{say("what they see")}</figcaption></figure></div>
      <div class="tools">
        <button type="button" class="go">{say("Start")}</button>
        <span class="tool paces">{say("Frames a second")}</span>
        <span class="tool overlays">{say("Lay over it")}</span>
        <label class="strength">{say("strength")} <input type="range" min="1" max="5" value="3"></label>
      </div>
      <p class="status" role="status"></p>
    </div>
    <div class="answers"></div>
    <div>
      <p class="truth-line">{truth}</p>
      <div class="truths" role="group" aria-label="{html.escape(say("What is really there"))}"></div>
    </div>
  </div>
</section>
"""


def build_camera() -> dict[str, Any]:
    """The panel's parts by name; it stays hidden until the button is pressed."""
    panel = scripted("camera", _camera(), "window.cliptta.camera.mount(element, props, watch);")
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
        **QUIET | {"concurrency_limit": 4},
    )


def start_camera(cameras: Cameras, form: Mapping[str, Any], key: str) -> Iterator[dict[str, Any]]:
    """What the panel's script is told: ``{"words"}`` while this visitor's camera is got ready, then ``{"token", "side",
    "classes", "methods", "reference"}``, or ``{"error"}``.
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
