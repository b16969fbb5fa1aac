"""A widget for each of the form's fields: the knobs above the stage, all others in a drawer."""

import html
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import gradio as gr

from cliptta_demo.backend.data.catalog import picture_class_names
from cliptta_demo.backend.declare import Setting
from cliptta_demo.backend.hub.downloads import megabytes
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.models.offered import BACKBONES
from cliptta_demo.languages import ENGLISH, Text, language, say
from cliptta_demo.limits import LIMITS
from cliptta_demo.page.form import fields as form
from cliptta_demo.page.form.fields import FORM, class_text_and_corruption, fields, in_group, is_hub_choice
from cliptta_demo.page.form.reading import readable
from cliptta_demo.page.layout.backbone_note import backbone_note_html, gpu_advice, words_note_html, words_offer
from cliptta_demo.page.layout.knobs import turning_knobs
from cliptta_demo.page.layout.own_widgets import build_picker, build_uploader
from cliptta_demo.page.layout.wires import QUIET, pill, place
from cliptta_demo.page.panels.heads import message_html
from cliptta_demo.page.panels.panel import scripted
from cliptta_demo.page.runs.machine import Machine
from cliptta_demo.page.words.defaults import DEFAULTS, UPLOAD

BUTTONS = 4  # choices that are all shown; more of them are a list that opens
DRAWER = (
    '<div class="drawer-head"><h2></h2><button type="button" class="close"></button></div>'
    '<input type="search" class="find">'
)


def build_knobs(values: Mapping[str, Any]) -> dict[str, Any]:
    """The widgets above the stage: images, corruption, severity, learning rate, methods."""
    about = {"value": values["dataset"], "label": say("Images"), "info": images_note(values["dataset"]) or _typing()}
    about |= {"allow_custom_value": form.takes_typed(), "elem_id": "dataset", "elem_classes": "knob"}
    made: dict[str, Any] = {"dataset": gr.Dropdown(form.dataset_choices(), **about)}
    return made | turning_knobs(values) | {"methods": build_picker(values["methods"])}


def build_sidebar(
    values: Mapping[str, Any], device: str, machine: Machine, made: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """All widgets beside the knobs, ``made``, inside the present layout; those of fields, in their order, and others.

    Number fields carry no limits of their own: Gradio's refusal doesn't name the field, :mod:`.reading`'s does.
    """
    parts: dict[str, Any] = {}
    dataset, backbone, recipe = values["dataset"], values["backbone"], readable(values)
    scripted("drawer-head", DRAWER, "window.cliptta.drawer(element);")
    parts["restore"] = pill(say("Restore defaults"), "restore", visible=False)
    with _group(say("Images")):
        parts["files"] = build_uploader()
        parts["upload_note"] = place(message_html(), "upload-note")
        parts["propose"] = offer("", elem_id="propose")
        about = {"info": class_names_help(dataset), "lines": 2, "max_lines": 8, "elem_id": "class-names"}
        made["class_names"] = gr.Textbox(values["class_names"], label=say("Class names"), **about)
        made |= build_widgets(in_group("images"), values)
        made["strangers_by_label"].visible = dataset == UPLOAD
        parts["words_note"] = place(words_note_html(recipe), "words-note")
        parts["words_offer"] = offer(words_offer(machine, recipe), elem_id="words-offer")
        with gr.Row(elem_classes="shortcuts", visible=_has_pictures(dataset)) as shortcuts:
            twelve = gr.Button(say("Twelve classes"), size="sm", elem_id="twelve-classes")
            every = gr.Button(say("All {count}", count=len(picture_class_names())), size="sm", elem_id="all-classes")
        made["backbone"] = gr.Dropdown(
            [(entry.label, name) for name, entry in BACKBONES.items()],
            value=backbone,
            label=say("Backbone"),
            allow_custom_value=True,  # any tag of open_clip, any model of the hub; checked on the server
            elem_id="backbone",
        )
        parts["gpu_advice"] = offer(gpu_advice(backbone, device), elem_id="gpu-advice")
        parts["backbone_note"] = place(backbone_note_html(machine, backbone, recipe, backbone), "backbone-note")
        with gr.Row(elem_classes="shortcuts"):
            parts["load_weights"] = pill(say("Load adapted weights"), "load-weights")
        words = say("One a line, {} for the class name. Empty: the backbone's own.")
        about = {"info": words, "lines": 1, "max_lines": 6, "elem_id": "templates"}
        made["templates"] = gr.Textbox(values["templates"], label=say("Prompt templates"), **about)
    first, *rest = in_group("schedule")
    with _group(say("Stream")):
        for names in (in_group("stream"), [first], rest, ["ramp"]):
            made |= build_widgets(names, values)
    with _group(say("Strangers")):
        made |= build_widgets(["ood_share"], values)
        about = {"label": say("OOD source"), "elem_id": "ood-source"}
        made["ood_source"] = gr.Dropdown(form.stranger_choices(), value=values["ood_source"], **about)
    with _group(say("Adapting")):
        made |= build_widgets([name for name in in_group("advanced") if name not in made], values)
    groups: dict[str, gr.Group] = {}  # method → its own settings, where it has some
    for method in METHODS:
        if names := [name for name in fields() if name not in FORM and name.split(".")[0] == method]:
            title = say("{method}'s own", method=METHODS[method].label)
            with _group(title, visible=method in values["methods"]) as groups[method]:
                made |= build_widgets(names, values)
    made = {name: made[name] for name in fields()}

    # What the widgets do to one another; no run is touched here.
    data, strangers, methods, names = (made[name] for name in ("dataset", "ood_source", "methods", "class_names"))
    # A visitor's own choice; a link brings its own class names.
    data.focus(None, data, None, js="(name) => { window.cliptta.looked = name; }")
    anew = "(name) => name === window.cliptta.looked ? null : (window.cliptta.looked = name)"
    data.input(take_data, data, [names, made["corruption"]], js=anew, **QUIET)
    data.select(None, data, None, js=f"(name) => name === '{UPLOAD}' && window.cliptta.lead('#files button')")
    data.change(fit_widgets, data, [data, names, made["strangers_by_label"], shortcuts], **QUIET)
    data.change(None, data, None, js=f"(name) => window.cliptta.given.choose(name === '{UPLOAD}')")
    strangers.change(lambda name: gr.Dropdown(info=images_note(name)), strangers, strangers, **QUIET)
    twelve.click(lambda: DEFAULTS.class_text, None, names, **QUIET)
    every.click(lambda: ", ".join(picture_class_names()), None, names, **QUIET)
    if groups:
        methods.change(
            lambda chosen: {group: gr.Group(visible=method in chosen) for method, group in groups.items()},
            methods,
            list(groups.values()),
            **QUIET,
        )
    return made, parts


def take_data(dataset: str | None) -> Any:
    """What choosing a data set puts into the form; nothing where the list is left as it was, which is an input too."""
    return (gr.skip(), gr.skip()) if dataset is None else class_text_and_corruption(dataset)


def offer(words: str, **about: Any) -> gr.Button:
    """A button that proposes what the words say; hidden where there are none."""
    return gr.Button(words, visible=bool(words), size="sm", min_width=0, elem_classes="offer", **about)


@contextmanager
def _group(title: str, **about: Any) -> Iterator[gr.Group]:
    with gr.Group(elem_classes="fieldset", **about) as group:
        gr.HTML(f"<h3>{html.escape(title)}</h3>", apply_default_css=False)
        yield group


def build_widgets(names: Sequence[str], values: Mapping[str, Any]) -> dict[str, gr.components.Component]:
    """The widgets of declared settings; plain whole numbers share the first row."""
    settings = {name: fields()[name].setting for name in names}
    narrow = [name for name, item in settings.items() if item.kind is int and not item.slider]
    with gr.Row() if len(narrow) > 1 else nullcontext():
        made = {name: build_widget(name, settings[name], values[name]) for name in narrow}
    return made | {name: build_widget(name, item, values[name]) for name, item in settings.items() if name not in made}


def build_widget(name: str, setting: Setting, value: Any) -> gr.components.Component:
    """As a setting's declaration has it."""
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


def fit_widgets(dataset: str) -> tuple[Any, ...]:
    """The widgets as they fit a data set."""
    own = dataset == UPLOAD
    return (
        gr.Dropdown(info=images_note(dataset) or _typing()),
        gr.Textbox(info=class_names_help(dataset)),
        gr.Checkbox(visible=own),
        gr.Row(visible=_has_pictures(dataset)),
    )


def _has_pictures(dataset: str) -> bool:
    return dataset != UPLOAD and not is_hub_choice(dataset)


def images_note(name: Any) -> str:
    """What choosing these images or strangers costs; empty where it costs nothing."""
    preset = form.PAGE_PRESETS.get(name) if isinstance(name, str) else None
    if preset is not None:
        return say("{size} from the Hugging Face hub, once.", size=megabytes(preset.megabytes * 1e6))
    most = megabytes(LIMITS.download_megabytes * 1e6)
    return say("Fetched from the hub once; at most {size}.", size=most) if form.is_typed(name) else ""


def _typing() -> str:
    words = Text("Or type one of the Hugging Face hub: hf:ORGANISATION/NAME, NAME:SPLIT or NAME?domain=sketch.")
    return say(words) if form.takes_typed() else ""


def class_names_help(dataset: str) -> str:
    """What to write as class names of these images."""
    asked = say(
        "The model reads English, and is asked these words; the page shows those that it knows in your language."
    )
    return _names_help(dataset) + ("" if language().code == ENGLISH else f" {asked}")


def _names_help(dataset: str) -> str:
    if dataset == UPLOAD:
        return say("Any words. The built-in model has met these in photos; new words are marked below.")
    if is_hub_choice(dataset):
        return say("Some of the data set's own names, or empty for all of them; “cat = kitten” renames.")
    return say("Commas or lines. For built-in pictures, “cat = kitten” shows cats and calls them kittens.")
