"""The sidebar: every setting of the experiment as a widget, in the order of :class:`.reading.FormValues`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from cliptta_demo.backend.data.catalog import picture_class_names
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.methods.scores import ID_SCORES
from cliptta_demo.backend.settings import AdaptationSettings
from cliptta_demo.page.defaults import DEFAULTS, UPLOAD, corruption_choices
from cliptta_demo.page.form.backbone_note import backbone_note_html, gpu_advice
from cliptta_demo.page.form.choices import (
    HUB,
    backbone_choices,
    class_text_and_corruption,
    dataset_choices,
    images_note,
    is_hub_choice,
    stranger_choices,
)
from cliptta_demo.page.form.cost import estimate_html
from cliptta_demo.page.form.reading import ADAPTATION_FIELDS, FIELDS, FormValues
from cliptta_demo.page.form.uploader import build_uploader, show_uploader
from cliptta_demo.page.panels.cards import message_html
from cliptta_demo.page.panels.panel import scripts
from cliptta_demo.page.server.guard import RAW
from cliptta_demo.page.texts import HELP


@dataclass(frozen=True)
class Sidebar:
    """The widgets by the name of their setting, and the few that are not settings."""

    widgets: dict[str, gr.components.Component]
    upload_note: gr.HTML
    estimate: gr.HTML
    backbone_note: gr.HTML
    advice: gr.Button

    @property
    def inputs(self) -> list[gr.components.Component]:
        """All settings, in the order of ``FIELDS``."""
        return [self.widgets[name] for name in FIELDS]


def build_sidebar(values: FormValues, device: str) -> Sidebar:
    """Builds the widgets inside the present layout, with these values; ``device``: where runs work.

    Number fields carry no limits of their own: Gradio's refusal doesn't name the field, :mod:`.reading`'s does.
    """
    made: dict[str, Any] = {}
    own, hub = values.dataset == UPLOAD, is_hub_choice(values.dataset)
    with gr.Group(elem_classes="fieldset"):
        gr.HTML("<h2>Images</h2>", apply_default_css=False)
        made["dataset"] = gr.Dropdown(
            dataset_choices(), value=values.dataset, label="Data", info=images_note(values.dataset), elem_id="dataset"
        )
        made["hub_dataset"] = gr.Textbox(
            values.hub_dataset,
            label="Name on the hub",
            info=HELP["hub_dataset"],
            placeholder="ORGANISATION/NAME",
            max_length=200,
            visible=values.dataset == HUB,
            elem_id="hub-dataset",
        )
        made["files"] = build_uploader(scripts(), own)
        upload_note = gr.HTML(message_html(), apply_default_css=False, elem_id="upload-note")
        made["class_names"] = gr.Textbox(
            values.class_names,
            label="Class names",
            info=class_names_help(values.dataset),
            lines=3,
            max_lines=8,
            elem_id="class-names",
        )
        with gr.Row(elem_classes="shortcuts"):
            pictures = not own and not hub
            twelve = gr.Button("Twelve classes", size="sm", elem_id="twelve-classes", visible=pictures)
            every = gr.Button(f"All {len(picture_class_names())}", size="sm", elem_id="all-classes", visible=pictures)
    with gr.Group(elem_classes="fieldset"):
        gr.HTML("<h2>Shift</h2>", apply_default_css=False)
        made["corruption"] = gr.Dropdown(
            corruption_choices(),
            value=values.corruption,
            label="Corruption",
            info=HELP["corruption"],
            elem_id="corruption",
        )
        made["severity"] = gr.Slider(1, 5, values.severity, step=1, label="Severity", elem_id="severity", buttons=[])
        made["ramp"] = gr.Checkbox(values.ramp, label="Ramp up", info=HELP["ramp"], elem_id="ramp")
        made["ood_share"] = gr.Slider(
            0,
            0.9,
            values.ood_share,
            step=0.05,
            label="OOD share",
            info=HELP["ood_share"],
            elem_id="ood-share",
            buttons=[],
        )
        made["ood_source"] = gr.Dropdown(
            stranger_choices(), value=values.ood_source, label="OOD source", elem_id="ood-source"
        )
    with gr.Group(elem_classes="fieldset"):
        gr.HTML("<h2>Methods</h2>", apply_default_css=False)
        made["methods"] = gr.CheckboxGroup(
            [(kind.label, name) for name, kind in METHODS.items()],
            value=list(values.methods),
            label="Compare",
            info=HELP["methods"],
            elem_id="methods",
        )
        made["backbone"] = gr.Dropdown(
            backbone_choices(),
            value=values.backbone,
            label="Backbone",
            allow_custom_value=True,  # any tag of open_clip, any model of the hub; checked on the server
            elem_id="backbone",
        )
        advice = gpu_advice(values.backbone, device)
        advice = gr.Button(advice, size="sm", visible=bool(advice), elem_id="gpu-advice", min_width=0)
        note = backbone_note_html(values, values.backbone)
        note = gr.HTML(note, apply_default_css=False, elem_id="backbone-note")
    with gr.Group(elem_classes="fieldset"):
        gr.HTML("<h2>Stream</h2>", apply_default_css=False)
        with gr.Row():
            made["batch_size"] = _whole_number(values.batch_size, "Batch size", "batch-size")
            made["batches"] = _whole_number(values.batches, "Batches", "batches")
            made["seed"] = _whole_number(values.seed, "Seed", "seed")
        made["order"] = gr.Radio(
            [("Shuffled", "shuffled"), ("Sorted by class", "sorted")],
            value=values.order,
            label="Order",
            info=HELP["order"],
            elem_id="order",
        )
        estimate = gr.HTML(estimate_html(), apply_default_css=False, elem_id="estimate")
    made.update(_advanced(values))
    sidebar = Sidebar({name: made[name] for name in FIELDS}, upload_note, estimate, note, advice)
    _connect(sidebar, twelve, every)
    return sidebar


def _advanced(values: FormValues) -> dict[str, Any]:
    made: dict[str, Any] = {}
    with gr.Accordion("Advanced", open=False, elem_id="advanced"):
        made["learning_rate"] = gr.Number(
            values.learning_rate, label="Learning rate", info=HELP["learning_rate"], step=0.0001
        )
        made["steps"] = gr.Slider(1, 50, values.steps, step=1, label="Steps per batch", info=HELP["steps"], buttons=[])
        made["regulariser_weight"] = _number(values, "regulariser_weight", "λ_reg, CLIPTTA's regulariser")
        made["tent_regulariser_weight"] = _number(values, "tent_regulariser_weight", "λ_reg for TENT")
        made["memory_shots"] = gr.Slider(
            0, 64, values.memory_shots, step=1, label="Memory shots per class", info=HELP["memory_shots"], buttons=[]
        )
        made["oce_weight"] = _number(values, "oce_weight", "λ_oce, weight of OCE")
        made["oce_gamma"] = _number(values, "oce_gamma", "γ")
        made["score"] = gr.Dropdown(list(ID_SCORES), value=values.score, label="ID score")
        made["templates"] = gr.Textbox(
            "", label="Prompt templates", info=HELP["templates"], lines=2, max_lines=6, elem_id="templates"
        )
        made["symmetric"] = gr.Checkbox(values.symmetric, label="Symmetric loss", info=HELP["symmetric"])
    return made


def _whole_number(value: int, label: str, elem_id: str) -> gr.Number:
    return gr.Number(value, label=label, precision=0, min_width=80, elem_id=elem_id)


def _number(values: FormValues, name: str, label: str) -> gr.Number:
    return gr.Number(getattr(values, name), label=label, info=HELP[name], step=0.001)


def _connect(sidebar: Sidebar, twelve: gr.Button, every: gr.Button) -> None:
    """What the widgets do to one another; no run is touched here."""
    widgets = sidebar.widgets
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "concurrency_limit": None, **RAW}
    widgets["dataset"].input(  # a visitor's own choice; a link brings its own class names
        class_text_and_corruption, widgets["dataset"], [widgets["class_names"], widgets["corruption"]], **quiet
    )
    shown = [widgets[name] for name in ("dataset", "hub_dataset", "files", "class_names")]
    widgets["dataset"].change(fit_widgets, widgets["dataset"], [*shown, twelve, every], **quiet)
    widgets["ood_source"].input(
        lambda name: gr.Dropdown(info=images_note(name)), widgets["ood_source"], widgets["ood_source"], **quiet
    )
    twelve.click(lambda: DEFAULTS.class_text, None, widgets["class_names"], **quiet)
    every.click(lambda: ", ".join(picture_class_names()), None, widgets["class_names"], **quiet)


def fit_widgets(dataset: str) -> tuple[Any, ...]:
    """The widgets that fit a data set: a name, files, shortcuts for built-in pictures, and what to know of each."""
    own, hub = dataset == UPLOAD, is_hub_choice(dataset)
    return (
        gr.Dropdown(info=images_note(dataset)),
        gr.Textbox(visible=dataset == HUB),
        show_uploader(own),
        gr.Textbox(info=class_names_help(dataset)),
        gr.Button(visible=not own and not hub),
        gr.Button(visible=not own and not hub),
    )


def class_names_help(dataset: str) -> str:
    """What to write as class names of these images."""
    return HELP[
        "class_names_upload" if dataset == UPLOAD else "class_names_hub" if is_hub_choice(dataset) else "class_names"
    ]


def adaptation_updates(adaptation: AdaptationSettings) -> list[Any]:
    """Values of the Advanced fold, in the order of ``ADAPTATION_FIELDS``."""
    return [getattr(adaptation, name) for name in ADAPTATION_FIELDS]
