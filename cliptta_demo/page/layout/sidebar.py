"""The sidebar: a widget for each of the form's fields. Those of declared settings are made from their declarations."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import gradio as gr

from cliptta_demo.backend.data.catalog import picture_class_names
from cliptta_demo.backend.declare import Setting
from cliptta_demo.backend.hub.downloads import megabytes
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.models.offered import BACKBONES
from cliptta_demo.languages import Text, say
from cliptta_demo.limits import LIMITS
from cliptta_demo.page.form.fields import (
    FORM,
    PAGE_PRESETS,
    class_text_and_corruption,
    dataset_choices,
    fields,
    in_group,
    is_hub_choice,
    is_typed,
    stranger_choices,
    takes_typed,
)
from cliptta_demo.page.form.reading import readable
from cliptta_demo.page.framework.guard import RAW
from cliptta_demo.page.layout.backbone_note import backbone_note_html, gpu_advice, words_note_html, words_offer
from cliptta_demo.page.layout.picker import build_picker
from cliptta_demo.page.layout.uploader import build_uploader, show_uploader
from cliptta_demo.page.panels.heads import message_html
from cliptta_demo.page.panels.panel import scripts
from cliptta_demo.page.runs.cost import estimate_html
from cliptta_demo.page.runs.machine import Machine
from cliptta_demo.page.words.defaults import DEFAULTS, UPLOAD
from cliptta_demo.page.words.texts import HELP

STREAM, ADVANCED = Text("Stream"), Text("Advanced")  # the folds
BUTTONS = 4  # choices that are all shown; more of them are a list that opens
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "concurrency_limit": None, **RAW}


def build_sidebar(values: Mapping[str, Any], device: str, machine: Machine) -> tuple[dict[str, Any], dict[str, Any]]:
    """Builds the widgets inside the present layout, with these values; ``device``: where runs work.

    Number fields carry no limits of their own: Gradio's refusal doesn't name the field, :mod:`.reading`'s does.

    Returns:
        The fields' widgets by their names, in the order of :func:`.fields.fields`; the other parts by theirs.
    """
    parts: dict[str, Any] = {}
    made: dict[str, Any] = {}
    recipe = readable(values)
    own, hub = values["dataset"] == UPLOAD, is_hub_choice(values["dataset"])
    with gr.Group(elem_classes="fieldset"):
        gr.HTML(f"<h2>{say('Images')}</h2>", apply_default_css=False)
        made["dataset"] = gr.Dropdown(
            dataset_choices(),
            value=values["dataset"],
            label=say("Data"),
            info=images_note(values["dataset"]) or _typing(),
            allow_custom_value=takes_typed(),
            elem_id="dataset",
        )
        parts["files"] = build_uploader(scripts(), own)
        parts["upload_note"] = gr.HTML(message_html(), apply_default_css=False, elem_id="upload-note")
        parts["propose"] = _offer("", "propose")
        made["class_names"] = gr.Textbox(
            values["class_names"],
            label=say("Class names"),
            info=class_names_help(values["dataset"]),
            lines=3,
            max_lines=8,
            elem_id="class-names",
        )
        made |= build_widgets(in_group("images"), values)
        made["strangers_by_label"].visible = own
        parts["words_note"] = gr.HTML(words_note_html(recipe), apply_default_css=False, elem_id="words-note")
        parts["words_offer"] = _offer(words_offer(machine, recipe), "words-offer")
        with gr.Row(elem_classes="shortcuts"):
            pictures = not own and not hub
            twelve = gr.Button(say("Twelve classes"), size="sm", elem_id="twelve-classes", visible=pictures)
            words = say("All {count}", count=len(picture_class_names()))
            every = gr.Button(words, size="sm", elem_id="all-classes", visible=pictures)
    with gr.Group(elem_classes="fieldset"):
        gr.HTML(f"<h2>{say('Shift')}</h2>", apply_default_css=False)
        made |= build_widgets(in_group("shift"), values)
        made["ood_source"] = gr.Dropdown(
            stranger_choices(), value=values["ood_source"], label=say("OOD source"), elem_id="ood-source"
        )
    with gr.Group(elem_classes="fieldset"):
        gr.HTML(f"<h2>{say('Methods')}</h2>", apply_default_css=False)
        made["methods"] = build_picker(values["methods"])
        made["backbone"] = gr.Dropdown(
            [(entry.label, name) for name, entry in BACKBONES.items()],
            value=values["backbone"],
            label=say("Backbone"),
            allow_custom_value=True,  # any tag of open_clip, any model of the hub; checked on the server
            elem_id="backbone",
        )
        with gr.Row(elem_classes="shortcuts"):
            parts["load_weights"] = gr.Button(
                say("Load adapted weights"), size="sm", elem_id="load-weights", min_width=0
            )
        parts["gpu_advice"] = _offer(gpu_advice(values["backbone"], device), "gpu-advice")
        note = backbone_note_html(machine, values["backbone"], recipe, values["backbone"])
        parts["backbone_note"] = gr.HTML(note, apply_default_css=False, elem_id="backbone-note")
        parts["estimate"] = gr.HTML(estimate_html(machine), apply_default_css=False, elem_id="estimate")
    with gr.Accordion(say(STREAM), open=False, elem_id="stream-fold") as parts["stream_fold"]:
        first, *rest = in_group("schedule")
        for names in ([first], rest, in_group("stream")):
            made |= build_widgets(names, values)
    with gr.Accordion(say(ADVANCED), open=False, elem_id="advanced") as parts["advanced_fold"]:
        made |= build_widgets(in_group("advanced"), values)
        groups: dict[str, gr.Group] = {}
        for method, names in _own_fields().items():
            with gr.Group(visible=method in values["methods"], elem_classes="fieldset") as groups[method]:
                gr.HTML(f"<h2>{METHODS[method].label}</h2>", apply_default_css=False)
                made |= build_widgets(names, values)
        made["templates"] = gr.Textbox(
            values["templates"],
            label=say("Prompt templates"),
            info=say(HELP["templates"]),
            lines=2,
            max_lines=6,
            elem_id="templates",
        )
    parts["restore"] = gr.Button(say("Restore defaults"), size="sm", visible=False, elem_id="restore", min_width=0)
    made = {name: made[name] for name in fields()}
    _connect(made, parts["files"], twelve, every)
    if groups:
        made["methods"].change(
            lambda chosen: {group: gr.Group(visible=method in chosen) for method, group in groups.items()},
            made["methods"],
            list(groups.values()),
            **QUIET,
        )
    return made, parts


def _offer(advice: str, name: str) -> gr.Button:
    return gr.Button(advice, size="sm", visible=bool(advice), elem_id=name, elem_classes="offer", min_width=0)


def _own_fields() -> dict[str, list[str]]:
    """Method → the fields of its own settings, where it has some."""
    names = [name for name in fields() if name not in FORM]
    return {method: own for method in METHODS if (own := [name for name in names if name.split(".")[0] == method])}


def build_widgets(names: Sequence[str], values: Mapping[str, Any]) -> dict[str, gr.components.Component]:
    """The widgets of declared settings; plain whole numbers share the first row."""
    settings = {name: fields()[name].setting for name in names}
    narrow = [name for name, item in settings.items() if item.kind is int and not item.slider]
    made: dict[str, gr.components.Component] = {}
    with gr.Row() if len(narrow) > 1 else nullcontext():
        made |= {name: build_widget(name, settings[name], values[name]) for name in narrow}
    return made | {name: build_widget(name, item, values[name]) for name, item in settings.items() if name not in made}


def build_widget(name: str, setting: Setting, value: Any) -> gr.components.Component:
    """The widget of one setting."""
    about = {"label": setting.label, "info": setting.help or None, "elem_id": name.replace("_", "-").replace(".", "-")}
    if setting.kind is bool:
        return gr.Checkbox(value, **about)
    if setting.kind is str:
        kind = gr.Dropdown if callable(setting.choices) or len(setting.options) > BUTTONS else gr.Radio
        return kind([(label, word) for word, label in setting.options.items()], value=value, **about)
    if setting.slider:
        return gr.Slider(setting.low, setting.high, value, step=setting.step, buttons=[], **about)
    if setting.kind is int:
        return gr.Number(value, precision=0, min_width=80, **about)
    return gr.Number(value, step=setting.step, **about)


def _connect(widgets: dict[str, Any], files: gr.HTML, twelve: gr.Button, every: gr.Button) -> None:
    """What the widgets do to one another; no run is touched here."""
    widgets["dataset"].input(  # a visitor's own choice; a link brings its own class names
        class_text_and_corruption, widgets["dataset"], [widgets["class_names"], widgets["corruption"]], **QUIET
    )
    shown = [widgets["dataset"], files, widgets["class_names"], widgets["strangers_by_label"]]
    widgets["dataset"].change(fit_widgets, widgets["dataset"], [*shown, twelve, every], **QUIET)
    widgets["ood_source"].change(
        lambda name: gr.Dropdown(info=images_note(name)), widgets["ood_source"], widgets["ood_source"], **QUIET
    )
    twelve.click(lambda: DEFAULTS.class_text, None, widgets["class_names"], **QUIET)
    every.click(lambda: ", ".join(picture_class_names()), None, widgets["class_names"], **QUIET)


def fit_widgets(dataset: str) -> tuple[Any, ...]:
    """The widgets that fit a data set: files, shortcuts for built-in pictures, and what to know of each."""
    own, hub = dataset == UPLOAD, is_hub_choice(dataset)
    return (
        gr.Dropdown(info=images_note(dataset) or _typing()),
        show_uploader(own),
        gr.Textbox(info=class_names_help(dataset)),
        gr.Checkbox(visible=own),
        gr.Button(visible=not own and not hub),
        gr.Button(visible=not own and not hub),
    )


def images_note(name: Any) -> str:
    """What choosing these images or strangers costs; empty where it costs nothing."""
    preset = PAGE_PRESETS.get(name) if isinstance(name, str) else None
    if preset is not None:
        return say("{size} from the Hugging Face hub, once.", size=megabytes(preset.megabytes * 1e6))
    most = megabytes(LIMITS.download_megabytes * 1e6)
    return say("Fetched from the hub once; at most {size}.", size=most) if is_typed(name) else ""


def _typing() -> str:
    """That another name can be typed, where it can."""
    return say(HELP["dataset"]) if takes_typed() else ""


def class_names_help(dataset: str) -> str:
    """What to write as class names of these images."""
    hub = "class_names_hub" if is_hub_choice(dataset) else "class_names"
    return say(HELP["class_names_upload" if dataset == UPLOAD else hub])
